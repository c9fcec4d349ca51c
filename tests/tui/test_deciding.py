"""Drafting and signing on the screen: nothing is decided by accident, and what is signed is really recorded and valid."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.changesets import edited
from tests.reviews import MODEL_EDIT, SPLIT_EDIT, Desk, desk
from tests.tui.screens import LARGE, SMALL, drive, pane, pane_text, press, review_app, say, screen, settled, signed, until
from workbench.changes import Author
from workbench.review import queue, signoff
from workbench.tui.dialogs import Ask, Confirm

ANSWER = "two hours after the store closes"


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_an_approval_is_drafted_answered_and_signed_with_another_key(here: Desk, size: tuple[int, int]) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "a")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await until(pilot, lambda: "When is the label known?" in screen(app))
        await say(pilot, clock, ANSWER)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert "draft: ✓ approve · S signs" in app.said and not signed(here, change.id)
        await press(pilot, clock, "S")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await until(pilot, lambda: "Y signs this" in screen(app))
        assert change.digest[:30] in screen(app) and ANSWER in screen(app) and "ana@shop.example" in screen(app)
        await press(pilot, clock, "S", "a", "enter", "space", "y")
        assert isinstance(app.screen, Confirm) and not signed(here, change.id)
        await press(pilot, clock, "Y")
        await until(pilot, lambda: "✓ signed" in app.said)
        assert "[1 signed]" in pane_text(app, "queue") and "ana@shop.example as domain" in pane_text(app, "policy")
        assert "✓ nothing" in pane_text(app, "policy")

    drive(app, steps, size)
    queued = queue.get(here.repo, change.id)
    standing = signoff.valid(here.repo, queued, datetime.now(UTC))
    assert [given.payload.answers[0].answer for given in standing.approvals] == [ANSWER] and not standing.invalid
    assert signoff.unmet(queue.assess(here.repo, queued).decision, standing) == []


def test_rejecting_needs_no_answers_and_takes_a_comment(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.bo)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "x", "c")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await say(pilot, clock, "leaks")
        await press(pilot, clock, "S")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await press(pilot, clock, "Y")
        await until(pilot, lambda: "✓ signed" in app.said)

    drive(app, steps)
    said = signed(here, change.id)[0].payload
    assert (said.verdict, said.comment, said.reviewer) == ("reject", "leaks", "bo@shop.example")


def test_type_ahead_decides_nothing(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("x", "S", "Y", "r", "S", "Y")  # at once, before anybody can have read anything
        assert not app.review._desk.drafts and len(app.screen_stack) == 1
        clock.now += 0.39
        await pilot.press("x")  # a key that comes while things settle starts the time again
        clock.now += 0.39
        await pilot.press("x")
        assert not app.review._desk.drafts
        await press(pilot, clock, "x", "S")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("Y", "Y")
        clock.now += 0.39
        await pilot.press("Y")
        assert isinstance(app.screen, Confirm) and not signed(here, change.id)
        await press(pilot, clock, "escape")
        assert "not signed" in app.said and app.review._desk.drafts[change.id].verdict == "reject"

    drive(app, steps)
    assert signed(here, change.id) == []


def test_an_enter_typed_ahead_answers_nothing(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "a")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press("y", "e", "s", "enter")
        assert isinstance(app.screen, Ask)
        await press(pilot, clock, "tab")
        assert app.review._pane == "queue" and app.screen.query_one(Input).has_focus, "below a dialog nothing does anything"
        await press(pilot, clock, "backspace", "backspace", "backspace", "enter")
        assert isinstance(app.screen, Ask), "an empty answer is asked again"
        await press(pilot, clock, "escape")
        assert app.review._desk.drafts[change.id].answers == {} and "1 question to answer" in app.said
        await press(pilot, clock, "S")
        assert len(app.screen_stack) == 1

    drive(app, steps)


def test_moving_to_another_change_makes_the_verdict_keys_rest(here: Desk) -> None:
    here.propose(SPLIT_EDIT)
    second = here.propose({**SPLIT_EDIT, "README.md": "# other\n"})
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await settled(pilot, clock)
        await pilot.press("j", "x")
        assert not app.review._desk.drafts
        await until(pilot, lambda: app.opened is not None and app.opened.queued.id == pane(app, "queue").key)
        await pilot.press("x")
        assert not app.review._desk.drafts
        await press(pilot, clock, "x")
        await until(pilot, lambda: len(app.review._desk.drafts) == 1)

    drive(app, steps)
    assert second


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_sign_rests_until_all_of_the_diff_was_on_screen(here: Desk, size: tuple[int, int]) -> None:
    body = "".join(f"def step_{n}(x):\n    return x + {n}\n\n\n" for n in range(24))
    change = here.propose({**SPLIT_EDIT, "pipelines/sales/more.py": body})
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "a")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        for _ in queue.assess(here.repo, change).decision.requires.questions:
            await say(pilot, clock, ANSWER)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await press(pilot, clock, "G")  # the end alone is not all of it
        assert "of the diff not seen yet" in app.said
        await press(pilot, clock, "S")
        assert len(app.screen_stack) == 1 and app.review.check_action("sign", ()) is None
        await press(pilot, clock, "g")
        for _ in range(14):
            await press(pilot, clock, "ctrl+d")
        await until(pilot, lambda: "S signs" in app.said)
        await press(pilot, clock, "S")
        await until(pilot, lambda: isinstance(app.screen, Confirm))

    drive(app, steps, size)


def test_what_has_no_hunk_has_to_be_seen_too(here: Desk) -> None:
    many = {f"data/{n:03}.bin": b"\0" * n for n in range(1, 60)}
    here.queued(edited(here.repo, {**SPLIT_EDIT, **many}))
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "enter", "a", "escape")
        assert "parts of the diff not seen yet" in app.said

    drive(app, steps, SMALL)


def test_a_change_that_was_proposed_anew_is_not_signed(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "x")
        here.propose(SPLIT_EDIT, note=b"other evidence")
        await press(pilot, clock, "S")
        if isinstance(app.screen, Confirm):
            await press(pilot, clock, "Y")
        await until(pilot, lambda: "not signed" in app.said or not app.review._desk.drafts)
        await press(pilot, clock, "f5")
        assert not app.review._desk.drafts, "a draft belongs to one proposal"

    drive(app, steps)
    assert signed(here, change.id) == []


def test_without_a_key_drafts_are_made_and_the_reason_is_said(here: Desk, tmp_path: Path) -> None:
    here.propose(SPLIT_EDIT)
    (tmp_path / "not-a-key").write_text("hello\n")
    for key, why in [
        (None, "--key FILE or WORKBENCH_KEY"), (tmp_path / "gone", "is not there"),
        (tmp_path / "not-a-key", "is not an SSH private key"), (here.stranger, "not that of a reviewer"),
    ]:  # fmt: skip
        app, clock = review_app(here, key)

        async def steps(pilot: Pilot[None], app=app, clock=clock, why=why) -> None:  # type: ignore[no-untyped-def]
            await press(pilot, clock, "x")
            await until(pilot, lambda: "S rests" in app.said and why in app.said)
            await press(pilot, clock, "S")
            assert len(app.screen_stack) == 1

        drive(app, steps, SMALL)


def test_the_author_cannot_sign(here: Desk) -> None:
    here.propose(SPLIT_EDIT, author=Author(name="bo", email="bo@shop.example"))
    app, clock = review_app(here, here.bo)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "x", "S")
        assert "is the author of this change" in app.said and len(app.screen_stack) == 1

    drive(app, steps)


def test_a_key_that_stops_working_is_said_and_the_draft_is_kept(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "x", "S")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        here.ana.unlink()
        await press(pilot, clock, "Y")
        await until(pilot, lambda: "✗ not signed" in app.said)
        assert app.review._desk.drafts[change.id].verdict == "reject"

    drive(app, steps)
    assert signed(here, change.id) == []


def test_drafts_survive_a_restart_and_quitting_asks_once(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    app, clock = review_app(here, here.ana)

    async def draft(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "a")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await say(pilot, clock, ANSWER)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await press(pilot, clock, "q")
        assert app.is_running and "q again quits" in app.said
        await press(pilot, clock, "q")
        await until(pilot, lambda: not app.is_running)

    drive(app, draft)
    again, later = review_app(here, here.ana)

    async def look(pilot: Pilot[None]) -> None:
        assert "[✓ draft]" in pane_text(again, "queue") and ANSWER in pane_text(again, "policy")
        await press(pilot, later, "a")
        await until(pilot, lambda: isinstance(again.screen, Ask))
        assert again.screen.query_one(Input).value == ANSWER
        await press(pilot, later, "escape", "u")
        assert not again.review._desk.drafts and change.id not in again.review._desk.drafts
        await press(pilot, later, "q")
        await until(pilot, lambda: not again.is_running)

    drive(again, look)
    (here.repo.root / ".workbench" / "drafts.json").write_text('{"drafts": 7')
    third, _ = review_app(here, here.ana)
    assert not third.review._desk.drafts


def test_a_refresh_keeps_the_cursor_on_its_change(here: Desk) -> None:
    changes = [here.propose({**SPLIT_EDIT, "README.md": f"# {n}\n"}) for n in range(4)]
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        wanted = app.review._desk.changes[2].id
        await press(pilot, clock, "j", "j")
        await until(pilot, lambda: app.opened is not None and app.opened.queued.id == wanted)
        for n in range(10, 16):
            here.propose({**SPLIT_EDIT, "README.md": f"# {n}\n"})
        await press(pilot, clock, "f5")
        assert len(app.review._desk.changes) == 10 and pane(app, "queue").key == wanted
        assert app.said.startswith(f"{pane(app, 'queue').cursor + 1}/10 · {wanted}")
        here.repo.update_ref(queue.PREFIX + wanted, None, here.repo.refs(queue.PREFIX)[queue.PREFIX + wanted])
        row = pane(app, "queue").cursor
        await press(pilot, clock, "f5")
        assert pane(app, "queue").cursor == min(row, 8) and app.opened is not None
        assert app.opened.queued.id == pane(app, "queue").key != wanted

    drive(app, steps)
    assert len(changes) == 4


def test_a_change_needing_nobody_can_still_be_rejected(here: Desk) -> None:
    here.propose(MODEL_EDIT)
    app, clock = review_app(here, here.ana)

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, clock, "r")
        await until(pilot, lambda: "request changes" in app.said)

    drive(app, steps)
