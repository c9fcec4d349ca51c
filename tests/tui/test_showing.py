"""What the screen shows: everything, harmlessly, at both sizes; evidence that counts, and none that doesn't."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Static

from tests.changesets import OWNER, edited
from tests.report.examples import HOSTILE, SPAN, embargo, hostile, report
from tests.reviews import MAIN, SPLIT_EDIT, Desk, desk
from tests.tui.screens import LARGE, SMALL, drive, pane, pane_text, press, review_app, screen, settled, until
from workbench.changes import Author, Change, classify
from workbench.policy import load_policy
from workbench.report.text import draw
from workbench.review import apply, queue
from workbench.review.gates import GATES
from workbench.tui.keybar import KeyBar
from workbench.tui.keys import REVIEW
from workbench.tui.lines import Line, LineList, broken, line
from workbench.visible import Visible

NASTY = ["x[/foo]", "df['a'][/]", "[@click=app.quit]x[/]", "\x1b[2J\x1b]0;t\x07", "\u202egnp.exe", "a\u200bb", "[", "\\[", "\r\n"]


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def propose(here: Desk, change: Change, gates: bytes | None) -> queue.QueuedChange:
    """Queues a change with this gate report, as the loop does."""
    found = classify(here.repo, change)
    decision = load_policy(here.repo, change.base).decide(found.risks, author=change.author, use_cases=found.use_cases)
    return queue.propose(here.repo, change, found, decision, {GATES: gates} if gates is not None else {}, use_case="sales")


def audited(here: Desk, *findings: object, tree: str = "") -> queue.QueuedChange:
    """A split change with a whole audit report on `tree` (default: its result)."""
    change = edited(here.repo, SPLIT_EDIT, title="Widen the gap")
    told = report(*findings).model_copy(update={"tree": tree or change.result})  # type: ignore[arg-type]
    return propose(here, change, told.model_dump_json().encode())


def harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") for c in text.replace("\n", ""))


# Untrusted text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_text_from_outside_is_shown_and_obeyed_nowhere(here: Desk, size: tuple[int, int]) -> None:
    text = "\n".join([*NASTY, HOSTILE])
    for number, nasty in enumerate(("".join(NASTY), "".join(reversed(NASTY)))):
        edits = {**SPLIT_EDIT, f"pipelines/sales/n{number}.py": f"A = 1  # {nasty}\n", "notes [/x].txt": text}
        author = Author(name=f"bot{nasty}", email=f"{nasty}@x.example", agent=True)
        change = edited(here.repo, edits, author=author, title=f"{nasty} title").model_copy(update={"words": text})
        told = report(embargo(), hostile()).model_copy(update={"tree": change.result})
        propose(here, change, told.model_dump_json().encode())
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        for _ in range(2):
            for _ in range(4):
                await press(pilot, clock, "tab")
                assert harmless(screen(app)) and harmless(app.said)
            assert all(harmless(pane_text(app, name)) for name in ("queue", "diff", "evidence", "policy"))
            await press(pilot, clock, "j")
            await until(pilot, lambda: app.opened is not None and app.opened.queued.id == pane(app, "queue").key)
        await press(pilot, clock, "x", "S")
        await until(pilot, lambda: "Y signs this" in screen(app))
        assert harmless(screen(app))
        await press(pilot, clock, "escape", "c")
        await until(pilot, lambda: "A comment" in screen(app))

    drive(app, steps, size)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.integers(10, 40), st.sampled_from(["↳ ", "  "]))
def test_wrapping_loses_nothing_and_stays_inside(text: str, width: int, again: str) -> None:
    shown = line(text).text
    parts = broken(shown, width, again)
    assert harmless(shown) and all(cell_len(part) <= width for _, part in parts)
    ends = [begin for begin, _ in parts[1:]] + [len(shown)]
    assert [part.removeprefix("")[-(end - begin) :] if end > begin else "" for (begin, part), end in zip(parts, ends)] == [
        shown[begin:end] for (begin, _), end in zip(parts, ends)
    ]
    assert "".join(shown[begin:end] for (begin, _), end in zip(parts, ends)) == shown


# Nothing is hidden ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_no_part_of_a_long_or_wide_line_is_beyond_the_edge(here: Desk, size: tuple[int, int]) -> None:
    long = "rows = [" + ", ".join(f"{n:04}" for n in range(120)) + "]"
    wide = "# " + "漢字" * 90 + "end"
    here.queued(edited(here.repo, {**SPLIT_EDIT, "pipelines/sales/long.py": f"{long}\n{wide}\n"}))
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter")
        diff = pane(app, "diff")
        drawn = []
        for number in range(len(diff.lines)):
            diff.go(number)
            await pilot.pause()
            drawn.append(diff.render_line(number - int(diff.scroll_offset.y)).text)
        text = "".join(row[1:].rstrip().removeprefix("↳ ") for row in drawn).replace(" ", "")
        assert f"+{long}".replace(" ", "") in text and f"+{wide}".replace(" ", "") in text and "…" not in text

    drive(app, steps, size)


def test_a_title_cut_in_the_queue_says_so_and_stands_whole_in_the_evidence(here: Desk) -> None:
    title = "very long title " * 12 + "end"
    propose(here, edited(here.repo, SPLIT_EDIT, title=title), None)
    app, clock = review_app(here, None)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        assert "…" in screen(app)
        assert title in " ".join(part.strip() for part in pane_text(app, "evidence").split("\n"))

    drive(app, steps)


# Evidence -------------------------------------------------------------------------------------------------------------


def test_evidence_draws_spans_shows_cells_before_and_after_and_says_what_to_do(here: Desk) -> None:
    audited(here, embargo(), hostile())
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        text = pane_text(app, "evidence")
        picture = draw(SPAN, pane(app, "evidence")._laid)
        assert "\n".join(picture) in text
        assert (
            "on exactly this result" in text and "✗ split        fail  3 folds" in text and "– fit          not exercised" in text
        )
        assert "Labels are not known yet" in text and "→ Leave an embargo of 26h." in text
        assert "fold 1: a gap of 26h is needed" in text and "before  \\x1b[2J" in text and "after   \\x1b[2J" in text
        assert text.index("MEASURED") < text.index("RISKS") < text.index("AUTHOR'S OWN WORDS") < text.index("“Widen the gap”")
        await pilot.resize_terminal(150, 40)
        await until(pilot, lambda: pane_text(app, "evidence") != text)
        assert "\n".join(draw(SPAN, pane(app, "evidence")._laid)) in pane_text(app, "evidence")

    drive(app, steps)


@pytest.mark.parametrize("which", ["another tree", "no tree", "not JSON", "unknown field", "none"])
def test_only_a_report_on_exactly_this_result_counts(here: Desk, which: str) -> None:
    change = edited(here.repo, SPLIT_EDIT)
    whole = report(embargo()).model_copy(update={"tree": change.result})
    contents = {
        "another tree": whole.model_copy(update={"tree": change.base}).model_dump_json().encode(),
        "no tree": report(embargo()).model_dump_json().encode(), "not JSON": b"\xff{", "none": None,
        "unknown field": whole.model_dump_json().encode().replace(b'"format":1', b'"format":1,"verdict_by":"me"'),
    }  # fmt: skip
    propose(here, change, contents[which])
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        text = pane_text(app, "evidence")
        assert "! " in text and "on exactly this result" not in text and "Labels are not known yet" not in text
        assert "✗" in pane_text(app, "policy").split("WHAT THE POLICY ASKS")[0]

    drive(app, steps)


def test_the_policy_pane_says_what_is_missing_and_who_signed(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        assert "0 of 1 approvals as domain" in pane_text(app, "policy") and "nobody has signed yet" in pane_text(app, "policy")
        here.approve(change, here.bo)
        await press(pilot, clock, "j", "f5")
        assert "[1 signed]" in pane_text(app, "queue")

    drive(app, steps)
    again, _ = review_app(here, here.ana)

    async def look(pilot: Pilot[None]) -> None:
        text = pane_text(again, "policy")
        # That sign-off is dated long ago: it is shown with why it doesn't count.
        assert "doesn't count: it expired" in text and "0 of 1 approvals" in text

    drive(again, look)


# The queue itself -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_an_empty_queue(here: Desk, size: tuple[int, int]) -> None:
    app, clock = review_app(here, here.ana, select="abcdef")

    async def steps(pilot: Pilot[None]) -> None:
        assert "the queue is empty" in screen(app) and "no change called abcdef" in app.said
        await press(pilot, clock, *"jkaxrucSGg[]{}z?", "escape", "tab", "enter", "ctrl+d", "f5")
        assert "the queue is empty" in pane_text(app, "queue") and len(app.screen_stack) == 1

    drive(app, steps, size)


def test_entries_that_cannot_be_read_do_not_hide_the_others(here: Desk) -> None:
    good = here.propose(SPLIT_EDIT)
    broken = here.repo.commit(here.repo.write_tree(None, {"change.json": b"{"}), [], "x", author=OWNER, ref=None, expect=None)
    for name, found in (("aaaaaaaaaaaa", broken), ("bbbbbbbbbbbb", here.repo.store("blob", b"no commit"))):
        here.repo.update_ref(queue.PREFIX + name, found, None)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        assert good.id[:8] in pane_text(app, "queue") and pane_text(app, "queue").count("! ") == 2
        await press(pilot, clock, "j", "x")
        await until(pilot, lambda: app.opened is None)
        assert not app.review._desk.drafts
        await press(pilot, clock, "k")
        await until(pilot, lambda: app.opened is not None and app.opened.queued.id == good.id)

    drive(app, steps)


def test_a_change_that_cannot_be_judged_says_why_and_cannot_be_signed(here: Desk) -> None:
    policies = {"review_policies/splits.toml": '[[rule]]\nname = "x"\nwhen.kindz = ["split"]\n'}
    tree = here.repo.write_tree(here.repo.tree_of("HEAD"), {k: v.encode() for k, v in policies.items()})
    change = edited(here.repo, SPLIT_EDIT)
    found = classify(here.repo, change)
    decision = load_policy(here.repo, change.base).decide(found.risks, author=change.author)
    queue.propose(here.repo, change.model_copy(update={"base": tree}), found, decision, {})
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "x")
        await until(pilot, lambda: "can't be judged" in app.said)
        assert "kindz" in pane_text(app, "evidence") and app.review.check_action("sign", ()) is None

    drive(app, steps)


def test_what_was_applied_is_gone_after_a_refresh(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        here.approve(change)
        assessment = queue.assess(here.repo, change)
        apply.apply(here.repo, change.digest, target_ref=MAIN, gates=assessment.gates, now=change.proposed_at)
        await press(pilot, clock, "f5")
        assert "the queue is empty" in pane_text(app, "queue") and app.opened is None

    drive(app, steps)


# The screen as such ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_footer_fits_80_columns_and_panes_stand_as_said(here: Desk, size: tuple[int, int]) -> None:
    here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "x")
        bar = app.screen.query_one(KeyBar)
        await until(pilot, lambda: len(bar.shown) == 9)
        drawn = screen(app).split("\n")[-1]
        assert len(drawn.rstrip()) <= 80 and all(f"{key} {word}" in drawn for key, word, _, _ in bar.shown)
        shown = {name for name in ("queue", "diff", "evidence", "policy") if pane(app, name).display}
        assert shown == ({"queue"} if size == SMALL else {"queue", "diff", "evidence"})
        widths = [pane(app, name).outer_size.width for name in ("queue", "diff", "evidence") if pane(app, name).display]
        assert sum(widths) == size[0]
        await press(pilot, clock, "tab", "tab", "tab")
        assert pane(app, "policy").display and pane(app, "policy").has_focus and not pane(app, "evidence").display
        await press(pilot, clock, "escape", "z")
        assert pane(app, "queue").has_focus and not pane(app, "diff").display
        await press(pilot, clock, "question_mark")
        assert "sign the draft" in screen(app)
        await press(pilot, clock, *"j" * 24)
        assert "Verdict keys rest for 0.4 s" in screen(app)

    drive(app, steps, size)


def test_without_color_nothing_on_screen_has_one(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    audited(here, embargo())
    monkeypatch.setenv("NO_COLOR", "")  # empty: it doesn't count
    for color in (True, False):
        app, clock = review_app(here, here.ana, color=color)

        async def steps(pilot: Pilot[None], app=app, clock=clock, color=color) -> None:  # type: ignore[no-untyped-def]
            await press(pilot, clock, "x", "tab")
            strips = [strip.apply_filter(f, app.screen.background_colors[1])
                      for f in app._filters[-1:] for strip in app.screen._compositor.render_strips()]  # fmt: skip
            colors = {c for s in strips for seg in s if seg.style for c in (seg.style.color, seg.style.bgcolor) if c is not None}
            assert any(not found.is_default for found in colors) is color
            assert "✗ split        fail" in screen(app)

        drive(app, steps)


def test_every_key_has_an_id_a_word_and_a_palette_entry_and_can_be_remapped(here: Desk) -> None:
    ids = [found.id for found in REVIEW]
    assert None not in ids and len(set(ids)) == len(ids) and all(found.description for found in REVIEW)
    here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        titles = {found.title for found in app.get_system_commands(app.screen)}
        assert {found.description.capitalize() for found in REVIEW} <= titles
        app.set_keymap({"reject": "w"})
        await press(pilot, clock, "x")
        assert not app.review._desk.drafts
        await press(pilot, clock, "w")
        await until(pilot, lambda: len(app.review._desk.drafts) == 1)

    drive(app, steps)


def test_the_mouse_works(here: Desk) -> None:
    for n in range(3):
        here.propose({**SPLIT_EDIT, "README.md": f"# {n}\n"})
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        await pilot.click("#queue", offset=(5, 3))
        await until(pilot, lambda: app.opened is not None and app.opened.queued.id == app.review._desk.changes[2].id)
        await pilot.click("#evidence", offset=(5, 4))
        assert pane(app, "evidence").has_focus and pane(app, "evidence").cursor == 3

    drive(app, steps)


class Long(App[None]):
    """One list."""

    def compose(self) -> ComposeResult:
        yield LineList(id="queue", wrap="  ")
        yield Static("below")


def test_ten_thousand_lines_cost_what_twenty_do() -> None:
    app = Long()

    async def steps(pilot: Pilot[None]) -> None:
        found = pane(app, "queue")
        widgets = len(list(app.screen.walk_children()))
        drawn: list[int] = []
        plain = found.render_line

        def counted(y: int) -> Strip:
            drawn.append(y)
            return plain(y)

        found.render_line = counted  # type: ignore[method-assign]
        found.show([Line(Visible(f"{n} change {n} of a queue"), key=f"k{n}") for n in range(10_000)])
        await pilot.pause()
        assert len(list(app.screen.walk_children())) == widgets and 0 < len(drawn) <= 3 * LARGE[1]
        found.go(9_999)
        await pilot.pause()
        assert "9999 change" in screen(app) and len(drawn) <= 6 * LARGE[1] and len(found.seen) <= 2 * LARGE[1]
        found.show([Line(Visible(f"new {n}"), key=f"k{n}") for n in range(5_000, 10_000)], keep=True)
        await pilot.pause()
        assert found.key == "k9999" and "new 9999" in screen(app)

    drive(app, steps)
