"""The keys for looking closer: search, copy, two columns, editor, session; a person's own keys; what is drawn of a run."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.changesets import edited
from tests.reviews import SPLIT_EDIT, Desk, desk
from tests.tui.screens import LARGE, SMALL, drive, pane, pane_text, press, review_app, screen, settled, until
from tests.tui.test_showing import harmless
from workbench.changes import FileDiff
from workbench.changes.diff import DiffLine, Hunk
from workbench.changes.figures import Figures, FoldRows, SliceScore, Where
from workbench.errors import ConfigError, UsageError
from workbench.findings import Trace
from workbench.sessions import events
from workbench.sessions.header import SessionHeader
from workbench.sessions.writer import SessionWriter
from workbench.tui.app import ReviewApp
from workbench.tui.columns import column_lines
from workbench.tui.drawn import figure_lines
from workbench.tui.keys import REVIEW, SCREENS
from workbench.tui.outside import copied, looking
from workbench.tui.person import Person, person_of, read_keys
from workbench.tui.views import diff_lines

KNOWN = {name: {found.id or "": found.key for found in bindings} for name, bindings in SCREENS.items()}


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def mapped(here: Desk, person: Person) -> tuple[ReviewApp, object]:
    app, clock = review_app(here, here.ana)
    app.review._person = person
    return app, clock


# Search, copy, two columns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_search_goes_to_matches_in_the_focused_pane_and_around(here: Desk, size: tuple[int, int]) -> None:
    body = "".join(f"def step_{n}(x):\n    return x + {n}\n\n\n" for n in range(30)) + "NEEDLE = 1\nneedle = 2\n"
    here.propose({**SPLIT_EDIT, "pipelines/sales/more.py": body})
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "n")
        assert "nothing is searched for yet" in app.said
        await press(pilot, clock, "slash")
        await pilot.press(*"needle", "enter")
        await until(pilot, lambda: "/needle: 1 of 2" in app.said)
        diff = pane(app, "diff")
        assert "NEEDLE = 1" in diff.lines[diff.cursor].text and "NEEDLE = 1" in screen(app)
        await press(pilot, clock, "n")
        assert "needle = 2" in diff.lines[diff.cursor].text and "2 of 2" in app.said
        await press(pilot, clock, "n", "N")
        assert "needle = 2" in diff.lines[diff.cursor].text
        await press(pilot, clock, "slash")
        await pilot.press("ctrl+u", *"[/x", "enter")
        await until(pilot, lambda: "not in this pane" in app.said)
        assert not app.review._desk.drafts, "what is typed into the search is no key"

    drive(app, steps, size)


def test_what_is_copied_is_the_id_the_hunk_or_the_line(here: Desk, tmp_path: Path) -> None:
    change = here.propose(SPLIT_EDIT)
    written = tmp_path / "copied.txt"
    app, clock = mapped(here, Person(written=written))

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "y")
        assert written.read_text() == f"{change.id}\n" and str(written) in app.said.replace("\n", "")
        await press(pilot, clock, "enter", "right_square_bracket", "y")
        assert "- GAP = 3\n+ GAP = 5" in written.read_text() and "pipelines" not in written.read_text().splitlines()[0]
        await press(pilot, clock, "tab", "y")
        assert written.read_text() == "MEASURED BY WORKBENCH\n"

    drive(app, steps)


def test_the_clipboard_is_a_program_here_and_the_terminal_over_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "wl-copy"
    fake.write_text(f"#!/bin/sh\ncat > {tmp_path}/got\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    said: list[str] = []
    here = person_of({"WAYLAND_DISPLAY": "w", "HOME": str(tmp_path)}, KNOWN, state=tmp_path)
    assert "2 lines with wl-copy" in copied("a\nb", here, said.append) and (tmp_path / "got").read_text() == "a\nb"
    away = person_of({"WAYLAND_DISPLAY": "w", "SSH_CONNECTION": "x", "HOME": str(tmp_path)}, KNOWN, state=tmp_path)
    assert "OSC 52" in copied("c", away, said.append) and said == ["c"]
    fake.write_text("#!/bin/sh\nexit 1\n")
    assert "copied.txt" in copied("d", here, said.append) and (tmp_path / "copied.txt").read_text() == "d\n"


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_two_columns_show_both_sides_and_what_was_seen_counts(here: Desk, size: tuple[int, int]) -> None:
    here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "right_square_bracket", "s")
        row = next(found for found in pane(app, "diff").lines if "GAP = 3" in found.text)
        assert "- GAP = 3" in row.text and "│" in row.text and row.beside == "+ GAP = 5" and "+ GAP = 5" in screen(app)
        assert pane(app, "diff").key == "h0.0" and app.review.unseen() == 0
        await press(pilot, clock, "s")
        assert "│" not in pane_text(app, "diff")

    drive(app, steps, size)


texts = st.text(max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("+- "), texts), min_size=1, max_size=12), st.integers(24, 120),
)  # fmt: skip
def test_a_diff_loses_nothing_in_either_form(rows: list[tuple[str, str]], width: int) -> None:
    lines = tuple(DiffLine(mark, text, None if mark == "+" else 1, None if mark == "-" else 1) for mark, text in rows)
    diff = FileDiff("a[/]b.py", None, "modified", "100644", "100644", False, (Hunk(1, 1, 1, 1, lines),))
    one, two = diff_lines([diff]), column_lines([diff], width)
    assert all(harmless(f"{found.text}{found.beside}") for found in (*one, *two))
    half = max(10, (width - 3) // 2)
    assert all(cell_len(found.text) <= 2 * half + 3 and cell_len(found.beside) <= half for found in two if found.beside)
    hunk = [found for found in two if found.key == "h0.0"][1:]
    for mark, side in (("-", [row.text[:] for row in hunk]), ("+", [row.beside for row in hunk])):
        count = sum(one.startswith(f"{mark} ") for one in side)
        assert count >= sum(given_mark == mark for given_mark, _ in rows)


# The editor -----------------------------------------------------------------------------------------------------------


def test_an_editor_needs_a_file_and_a_terminal(here: Desk) -> None:
    here.propose(SPLIT_EDIT)
    app, clock = mapped(here, Person(editor="/bin/true"))

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "e")
        assert "on no file" in app.said
        await press(pilot, clock, "right_square_bracket", "e")
        assert "no editor can be opened from here" in app.said, "there is no terminal to hand over"

    drive(app, steps)


def test_what_an_editor_is_told_is_ours(tmp_path: Path) -> None:
    vim = tmp_path / "nvim"
    vim.write_text("#!/bin/sh\n")
    vim.chmod(0o755)
    command = looking(Person(editor=f"{vim} --clean"), tmp_path / "x", "a/-$(rm)\x1b;[2J.py", b"text", 7)
    assert command[1:-1] == ["--clean", "-R", "-n", "--cmd", "set nomodeline", "+7"]
    assert Path(command[-1]).name == "__rm____2J.py".lstrip("-") or set(Path(command[-1]).name) <= set("$_rm2J.py")
    assert stat.S_IMODE(Path(command[-1]).stat().st_mode) == 0o400
    for editor in ("", "no-such-editor-at-all", "'"):
        with pytest.raises(UsageError, match="editor"):
            looking(Person(editor=editor), tmp_path / "y", "a.py", b"", 1)


def test_without_an_editor_it_is_said_how_to_set_one(here: Desk) -> None:
    here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "right_square_bracket", "e")
        assert "VISUAL or EDITOR" in app.said

    drive(app, steps, SMALL)


# The session ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_b_goes_from_a_hunk_to_the_step_that_made_it(here: Desk, size: tuple[int, int]) -> None:
    change = here.propose(SPLIT_EDIT)
    header = SessionHeader(
        id="s1", use_case="sales", base=here.repo.resolve("HEAD"), driver="playbook", created="2026-01-01T00:00:00Z"
    )
    with SessionWriter.create(here.repo.root / ".workbench" / "sessions" / "s1", header) as writer:
        writer.append(events.event("message", step=1, by="driver", text="[/x] \x1b[2J looks \u202eleaky"))
        made = {
            "base": change.change.base,
            "result": change.change.result,
            "digest": change.digest,
            "files": ["pipelines/sales/split.py"],
        }
        writer.append(events.event("change", step=7, title="Widen the gap", **made))
        writer.close("waiting")
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "right_square_bracket", "b")
        assert "step 7 of s1 made this" in app.said and pane(app, "session").has_focus
        lines = pane(app, "session")
        assert lines.lines[lines.cursor].text.startswith("▶   7") and "← made" in pane_text(app, "session")
        assert harmless(pane_text(app, "session")) and "\\x1b[2J" in pane_text(app, "session")
        await press(pilot, clock, "tab")
        assert pane(app, "queue").has_focus

    drive(app, steps, size)


def test_a_session_that_is_not_there_or_is_broken_is_said(here: Desk) -> None:
    here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "b")
        assert "There is no session `s1`" in app.said and "There is no session" in pane_text(app, "session").replace("\n ", "")

    drive(app, steps, SMALL)


# A person's own keys --------------------------------------------------------------------------------------------------


def test_keys_of_ones_own_come_from_the_xdg_directory(here: Desk, tmp_path: Path) -> None:
    (tmp_path / "config" / "workbench").mkdir(parents=True)
    (tmp_path / "config" / "workbench" / "keys.toml").write_text('[keys]\nreject = "w"\nsearch = "ctrl+f,/"\n')
    person = person_of({"XDG_CONFIG_HOME": str(tmp_path / "config")}, KNOWN, state=tmp_path)
    assert person.keymap == {"reject": "w", "search": "ctrl+f,/"}
    here.propose(SPLIT_EDIT)
    app, clock = mapped(here, person)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "x")
        assert not app.review._desk.drafts and "w reject" in screen(app)
        await press(pilot, clock, "w")
        await until(pilot, lambda: len(app.review._desk.drafts) == 1)
        await press(pilot, clock, "question_mark")
        assert "w        draft: reject" in screen(app)

    drive(app, steps)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[keys]\nrejct = "w"\n', "no key called `rejct`"), ('[keys]\nreject = "a"\n', "would both be a"),
        ('[keys]\nreject = 7\n', "not mapped to a key"), ('[keys]\nreject = ""\n', "not mapped to a key"),
        ("keys = 3\n", "isn't a table"), ("[key]\n", "no table `key`"), ("[keys", "can't be read"),
        ('[keys]\nsign = "Y"\n', "`sign` can't be Y"), ('[keys]\nsearch = "?"\n', "would both be"),
    ],
)  # fmt: skip
def test_keys_that_cannot_be_are_refused_with_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"keys\.toml") as refused:
        read_keys(path, KNOWN)
    assert said in refused.value.message and refused.value.hint


def test_every_key_has_help_and_one_meaning() -> None:
    keys = [key for found in REVIEW for key in found.key.split(",")]
    assert len(set(keys)) == len(keys) and all(found.tooltip and found.id for found in REVIEW)


# What is drawn --------------------------------------------------------------------------------------------------------

counts = st.lists(st.integers(0, 9), min_size=48, max_size=48)


@settings(max_examples=40, deadline=None)
@given(counts, counts, st.integers(36, 110), st.text(max_size=20), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_figures_stay_inside_their_width_and_are_harmless(
    before: list[int], moved: list[int], width: int, name: str, value: float, noise: float
) -> None:
    rows = FoldRows(
        fold=1, side="training", begin="2024-01-01T00:00:00+00:00", end="2024-02-01T00:00:00+00:00", before=before,
        after=[b + m for b, m in zip(before, moved)], came=moved, went=[0] * 48,
        came_where=Where(later=sum(moved)), went_where=Where(),
    )  # fmt: skip
    trace = Trace(
        column=name, cutoff="2024-01-02T00:00:00+00:00", world="change", times=["2024-01-01T00:00:00+00:00"] * 9, made=4,
        with_future=[1.0 * n for n in range(9)], without_future=[2.0 * n for n in range(9)], state=["moved"] * 9,
    )  # fmt: skip
    score = SliceScore(column=name, value=name, rows=9, before=1.0, after=1.0 + value, noise=noise)
    lines = figure_lines(Figures(folds=[rows], values=[trace], error="error", slices=[score]), width)
    drawn = [found.text for found in lines]
    assert all(harmless(text) for text in drawn)
    # Only sentences may be longer: they are broken where they are shown.
    pictures = [text for text in drawn if set(text) & set("▁▂▃▄▅▆▇█┼┊") and "95 %" not in text]
    assert pictures and all(cell_len(text) <= width for text in pictures)
    assert ("+" in "".join(drawn)) or not sum(moved)
    word = "≈" if abs((1.0 + value) - 1.0) <= noise else "▲" if value > 0 else "▼"
    assert any(text.strip().startswith(word) for text in drawn)


def test_no_terminal_no_textual(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess

    change = here.propose(SPLIT_EDIT)
    told = [["list"], ["show", change.id], ["reject", change.id, "--key", str(here.ana), "--comment", "no"]]
    for words in told:
        argv = ["-C", str(here.repo.root), "review", *words, "--json"]
        code = f"import sys; from workbench.cli.main import main; code = main({argv!r});"
        done = subprocess.run(
            [sys.executable, "-c", code + "print('textual' in sys.modules, file=sys.stderr); sys.exit(code)"],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0 and done.stderr.strip().endswith("False"), done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "-C", str(here.repo.root), "review"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2 and "workbench review list" in done.stderr


def test_a_change_that_changes_only_words_is_shown_whole(here: Desk) -> None:
    here.queued(edited(here.repo, {"README.md": "# [@click=app.quit]other[/]\n"}))
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        assert "[@click=app.quit]other[/]" in pane_text(app, "diff")

    drive(app, steps)
