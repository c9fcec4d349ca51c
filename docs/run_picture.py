"""Makes docs/run.svg, the run screen, from the program itself: `python docs/run_picture.py` (under a minute).

A throw-away workspace with a small use case whose split leaks, a real loop on it with the playbook, a direction, and the screen
as it stands where the repaired split waits for a person. Times, ids and the session's name are those of that run.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from picture import NOW, TEAM, _Clock, _make_key, clean

from workbench.loop import session
from workbench.loop.control import Person, instruction
from workbench.repo import Repo
from workbench.settings import load_settings
from workbench.testing import USE_CASE, add_skills, make_workspace
from workbench.tui.app import RunApp
from workbench.tui.run import RunScreen

SOURCE = Path(__file__).resolve().parents[1]
PICTURE = Path(__file__).resolve().parent / "run.svg"
SIZE = (124, 34)
SKILLS = ("audit", "build", "explain", "migrate", "upgrade", "deleak", "resplit", "register", "promote")
LEAK = {"pipelines/visits/split.py": ('pd.Timedelta("25h")', 'pd.Timedelta("1h")')}
ANA = Person(name="Ana", email="ana@shop.example")


def make_leaky(root: Path, key: Path) -> None:
    """The small use case with a split whose last training labels aren't known in time, and a reviewer."""
    make_workspace(root, LEAK)
    add_skills(root, SOURCE / "skills", *SKILLS)
    shutil.copytree(SOURCE / "review_policies", root / "review_policies")
    (root / ".gitignore").write_text(".workbench/\n__pycache__/\n/data/\n", "utf-8")
    fields = {"name": ANA.name, "identity": ANA.email, "roles": ["domain"], "key": _make_key(key).strip()}
    entry = "[[reviewer]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    (root / "review_policies" / "reviewers.toml").write_text(entry, "utf-8")
    Repo.ensure(root)
    repo = Repo.open(root)
    repo.commit(repo.snapshot(root), [], "Visits", author=TEAM, ref="refs/heads/main", expect=None, at=NOW)


async def picture(root: Path) -> str:
    """The screen once the loop waits for a person, as SVG."""
    settings = load_settings(root, {})
    paused = await asyncio.to_thread(
        session.start, settings, USE_CASE, goal="keep the forecast honest", entered=partial(_say_at_gate, settings.state)
    )
    first = partial(session.resume, settings, paused.session)
    screen = RunScreen(settings, first, who=ANA, clock=_Clock())
    app = RunApp(screen, color=True)
    async with app.run_test(size=SIZE) as pilot:
        end = time.monotonic() + 300
        while screen.runner.alive or not screen.waits():
            if time.monotonic() > end:
                sys.exit(f"the loop didn't come to a person: {screen.said}")
            await pilot.pause(0.1)
        await pilot.pause(0.3)
        return clean(app.export_screenshot(title="workbench run"))


def _say_at_gate(state: Path, directory: Path, node: str, step: int) -> None:
    from workbench.loop.control import Inbox

    if node == "gate" and step < 4:
        inbox = Inbox(state, directory.name)
        inbox.post(instruction("direct", "keep two days for each test", person=ANA))
        inbox.post(instruction("pause", person=ANA))


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "workspace"
        make_leaky(root, Path(place) / "key")
        PICTURE.write_text(asyncio.run(picture(root)), "utf-8")
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    main()
