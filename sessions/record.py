"""Records the golden sessions anew: real runs of the loop on a small use case, each in a workspace made for it.

    python sessions/record.py all          # every one, and the table in README.md
    python sessions/record.py renamed-column leaky-split-refused
    python sessions/record.py table        # the table alone

What a session refers to in git travels beside it (`objects.bundle`). The reviewer's key is made for one recording and thrown
away with its workspace. `scenes.py` says what each session shows. Not part of the package.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "tests" / "loop")]

import scenes  # noqa: E402

from workbench.errors import WorkbenchError  # noqa: E402
from workbench.replay import pack  # noqa: E402
from workbench.sessions.reader import HEADER, read_session  # noqa: E402

_TABLE = "<!-- the table below is written by record.py -->"


def record(name: str) -> Path:
    """Plays one scene in a fresh workspace and puts its session to `sessions/<name>`; the old one stays if that fails."""
    with tempfile.TemporaryDirectory(prefix="golden-") as place:
        stage = scenes.Stage(Path(place))
        directory = scenes.SCENES[name].play(stage)
        session = read_session(directory)
        session.check_blobs()
        pack(stage.house.settings, session, whole=True)
        shutil.rmtree(HERE / name, ignore_errors=True)
        shutil.copytree(directory, HERE / name)
    return HERE / name


def table() -> None:
    """Writes the table of what each golden session shows into the README."""
    rows = ["", "| session | what it shows | driver | how it ends | events |", "|---|---|---|---|---|"]
    for name, scene in sorted(scenes.SCENES.items()):
        if (HERE / name / HEADER).is_file():
            session = read_session(HERE / name)
            ends = session.outcome or "(no ending)"
            rows.append(f"| `{name}` | {scene.shows} | {session.header.driver} | {ends} | {len(session.events)} |")
    readme = HERE / "README.md"
    before = readme.read_text("utf-8").split(_TABLE)[0]
    readme.write_text(before.rstrip() + f"\n\n{_TABLE}\n" + "\n".join(rows) + "\n", "utf-8")


def main(wanted: list[str]) -> int:
    """Records what is asked for; 1 where a scene doesn't come out as it should."""
    names = sorted(scenes.SCENES) if wanted == ["all"] else [name for name in wanted if name != "table"]
    unknown = [name for name in names if name not in scenes.SCENES]
    if unknown or not wanted:
        print(f"There is no scene {', '.join(unknown) or '(none given)'}. There are: {', '.join(sorted(scenes.SCENES))}")
        return 2
    failed = 0
    for name in names:
        try:
            print(f"{name}: {read_session(record(name)).outcome or 'no ending'}", flush=True)
        except (AssertionError, WorkbenchError) as error:
            failed += 1
            print(f"{name}: not recorded: {error}", flush=True)
    if wanted in (["all"], ["table"]):
        table()
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
