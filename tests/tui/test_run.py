"""The run screen: a session is watched to its end, paused, directed, taken over, answered, signed and left, by keys alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.loop.house import LEAKY_SPLIT, USE_CASE, House, make_house
from tests.loop.steered import BEN, MODEL, scripted
from tests.tui.screens import LARGE, SMALL, Clock, drive, pane_text, press, say, screen, settled, until
from workbench.errors import Refusal, UsageError
from workbench.loop import session
from workbench.loop.control import instruction
from workbench.loop.drivers import NoCure, Question
from workbench.loop.drivers.answers import Answer
from workbench.loop.turn import Turn
from workbench.sessions.events import ChangeMade, Message
from workbench.sessions.reader import read_session
from workbench.sessions.writer import SessionWriter, written_by
from workbench.tui.app import RunApp
from workbench.tui.dialogs import Ask, Confirm, Keys
from workbench.tui.keys import RUN, SCREENS
from workbench.tui.review import ReviewScreen
from workbench.tui.run import RunScreen

SIZES = [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)]
HOSTILE = "\x1b]0;OWNED\x07[red]x[/foo] \u202eevil\u200b"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """What a skill waits for; let go at the end, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def run_app(house: House, *, resume: str = "", clock: Clock | None = None, **given: Any) -> tuple[RunApp, Clock]:
    """The screen on a new session, or on one that goes on."""
    first = (
        partial(session.resume, house.settings, resume, **given)
        if resume
        else partial(session.start, house.settings, USE_CASE, **{"driver": "scripted", **given})
    )
    time = clock or Clock()
    return RunApp(RunScreen(house.settings, first, who=BEN, key=house.key, clock=time)), time


def stands(app: RunApp, words: str) -> bool:
    """Whether the loop has stopped, and these words are in the status."""
    return not app.run_screen.runner.alive and words in app.said


def record(app: RunApp) -> list[Any]:
    directory = app.run_screen.runner.directory
    assert directory is not None
    return list(read_session(directory).events)


def acts(app: RunApp) -> list[str]:
    return [event.act for event in record(app) if isinstance(event, Message) and event.by == "person"]


async def leave(pilot: Pilot[None], app: RunApp, clock: Clock) -> None:
    await press(pilot, clock, "q", "q")
    await until(pilot, lambda: not app.is_running)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_session_is_watched_to_its_end(house: House, size: tuple[int, int]) -> None:
    app, clock = run_app(house)

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: stands(app, "nothing left to try"))
        shown = screen(app)
        for words in ("✗ build", "✓ diagnose", "✗ fix", "steps  ██", "of 60", "tokens ░", "$0.00 of"):
            assert words in shown, words
        assert "change try 1" in pane_text(app, "steps") and "✗ no-cure" in pane_text(app, "talk")
        assert "no gate has run yet" in pane_text(app, "gates")
        assert ("gates ━" in shown or "gates ─" in shown) == (size == LARGE), "beside the steps where there is room"
        assert all(len(row) <= size[0] for row in shown.split("\n"))
        await press(pilot, clock, "tab")
        assert "no gate has run yet" in screen(app)
        await press(pilot, clock, "q")
        assert app.is_running and "q again leaves" in app.said
        await press(pilot, clock, "q")
        await until(pilot, lambda: not app.is_running)

    with scripted():
        drive(app, steps, size)
    assert app.run_screen.runner.result is not None and app.run_screen.runner.result.outcome == "no-cure"


@pytest.mark.parametrize("size", SIZES)
def test_pausing_directing_and_going_on(house: House, hold: threading.Event, size: tuple[int, int]) -> None:
    app, clock = run_app(house)
    heard: list[tuple[str, ...]] = []

    def driver(turn: Turn) -> Answer:
        heard.append(tuple(turn.directions))
        return NoCure("no idea")

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "[▶ DIAGNOSE]" in screen(app))
        await until(pilot, lambda: "explain is at work" in app.said)
        await press(pilot, clock, "space", "d")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await say(pilot, clock, "try without weather")
        await until(pilot, lambda: "heard before the next node" in app.said)
        hold.set()
        await until(pilot, lambda: stands(app, "paused: Space goes on"))
        assert "‖ you" in screen(app) and not heard and app.run_screen.runner.directory is not None
        assert not written_by(app.run_screen.runner.directory), "a paused session blocks nobody"
        await press(pilot, clock, "space")
        await until(pilot, lambda: stands(app, "no idea"))
        await leave(pilot, app, clock)

    with scripted(driver, hold=("explain", hold)):
        drive(app, steps, size)
    assert heard == [("try without weather",)] and acts(app) == ["pause", "direct", "go-on"]


@pytest.mark.parametrize("size", SIZES)
def test_a_step_is_taken_over_edited_and_handed_back(house: House, hold: threading.Event, size: tuple[int, int]) -> None:
    app, clock = run_app(house)

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "explain is at work" in app.said)
        await press(pilot, clock, "T")
        assert acts(app) == [], "there is nothing to hand back"
        await press(pilot, clock, "t")
        hold.set()
        await until(pilot, lambda: stands(app, "T hands it back"))
        taken = app.run_screen.taken
        assert taken is not None
        place = house.settings.state / taken.place
        assert taken.place in app.said.replace("\n", "")
        await press(pilot, clock, "e")
        assert str(place) in app.said or "No editor is set" in app.said
        (place / MODEL).write_text("# by hand\n")
        await press(pilot, clock, "T")
        await until(pilot, lambda: app.run_screen.taken is None and stands(app, "nothing left to try"))
        assert "Ben (hand-back):" in pane_text(app, "talk")
        await leave(pilot, app, clock)

    with scripted(hold=("explain", hold)):
        drive(app, steps, size)
    made = [event for event in record(app) if isinstance(event, ChangeMade) and event.node == "take-over"]
    assert [(event.author["email"], event.author["agent"], event.files) for event in made] == [(BEN.email, False, [MODEL])]


@pytest.mark.parametrize("size", SIZES)
def test_a_question_is_answered_and_text_from_outside_stays_text(house: House, size: tuple[int, int]) -> None:
    app, clock = run_app(house)

    def driver(turn: Turn) -> Answer:
        turn.ctx.words(f"thinking {HOSTILE}\nmore")
        return NoCure(f"{turn.directions[-1]} {HOSTILE}") if turn.directions else Question(f"How many? {HOSTILE}")

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: stands(app, "Enter answers: How many?"))
        await press(pilot, clock, "enter")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await until(pilot, lambda: "How many?" in screen(app))
        await say(pilot, clock, "40")
        await until(pilot, lambda: stands(app, "40 "))
        shown = screen(app) + pane_text(app, "talk") + pane_text(app, "steps") + app.said
        assert "\\x1b]0;OWNED" in shown and "[red]x[/foo]" in shown
        assert not any(bad in shown for bad in ("\x1b", "\x07", "\u202e", "\u200b"))
        await leave(pilot, app, clock)

    with scripted(driver):
        drive(app, steps, size)
    assert acts(app) == ["answer"]


def waiting(place: Path) -> tuple[House, RunApp, Clock]:
    """The screen on a session of which a real change waits."""
    house = make_house(place, LEAKY_SPLIT)
    app, clock = run_app(house, resume=session.start(house.settings, USE_CASE).session)
    return house, app, clock


async def open_change(pilot: Pilot[None], app: RunApp, clock: Clock) -> ReviewScreen:
    await until(pilot, lambda: stands(app, "Enter opens it"))
    await press(pilot, clock, "enter")
    await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
    review = app.screen
    assert isinstance(review, ReviewScreen)
    await until(pilot, lambda: review.ready and review.opened is not None)
    return review


async def sign(pilot: Pilot[None], app: RunApp, clock: Clock, review: ReviewScreen) -> None:
    await press(pilot, clock, "S")
    await until(pilot, lambda: isinstance(app.screen, Confirm))
    await press(pilot, clock, "Y")
    await until(pilot, lambda: "✓ signed" in review.said)
    await press(pilot, clock, "q")
    await until(pilot, lambda: app.screen is app.run_screen)


@pytest.mark.slow
def test_a_change_is_sent_back_from_within_and_then_taken_over(tmp_path: Path) -> None:
    _, app, clock = waiting(tmp_path)

    async def steps(pilot: Pilot[None]) -> None:
        review = await open_change(pilot, app, clock)
        await press(pilot, clock, "q")
        await until(pilot, lambda: app.screen is app.run_screen and stands(app, "Enter opens it"))
        assert [event.kind for event in record(app)].count("resumed") == 1, "nobody signed, so nothing goes on"
        review = await open_change(pilot, app, clock)
        await press(pilot, clock, "r")
        await sign(pilot, app, clock, review)
        await until(pilot, lambda: stands(app, "request-changes"), 30)
        assert "✗ you" in screen(app) or "‖ you" in screen(app)
        await press(pilot, clock, "t")
        await until(pilot, lambda: stands(app, "T hands it back"), 30)
        await leave(pilot, app, clock)

    drive(app, steps, SMALL)
    assert app.run_screen.runner.result is not None and app.run_screen.runner.result.outcome == "taken-over"


@pytest.mark.slow
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_change_is_signed_from_within_and_the_loop_goes_on_to_its_release(tmp_path: Path, size: tuple[int, int]) -> None:
    _, app, clock = waiting(tmp_path)

    async def steps(pilot: Pilot[None]) -> None:
        review = await open_change(pilot, app, clock)
        await press(pilot, clock, "enter", *["ctrl+d"] * 8, "a")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        while isinstance(app.screen, Ask):
            await settled(pilot, clock)
            app.screen.query_one(Input).value = "an hour later"
            await press(pilot, clock, "enter")
        await until(pilot, lambda: "S signs" in review.said)
        await sign(pilot, app, clock, review)
        await until(pilot, lambda: stands(app, "released: version 1"), 120)
        assert "✓ you" in screen(app) and "✓ deploy" in screen(app)
        assert "✓ pass" in pane_text(app, "gates")
        await press(pilot, clock, "q")
        await until(pilot, lambda: not app.is_running)

    drive(app, steps, size)
    assert app.run_screen.runner.result is not None and app.run_screen.runner.result.outcome == "released"


def test_leaving_in_the_middle_keeps_a_session_that_another_screen_goes_on_with(house: House, hold: threading.Event) -> None:
    app, clock = run_app(house)

    async def go(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "explain is at work" in app.said)
        await press(pilot, clock, "ctrl+c")
        assert app.is_running and "leaving" in app.said
        hold.set()
        await until(pilot, lambda: not app.is_running)

    with scripted(hold=("explain", hold)):
        drive(app, go)
    runner = app.run_screen.runner
    assert runner.interrupted and runner.result is None and runner.directory is not None
    assert read_session(runner.directory).outcome is None and not written_by(runner.directory)
    again, later = run_app(house, resume=runner.directory.name)

    async def look(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: stands(again, "nothing left to try"))
        await leave(pilot, again, later)

    with scripted():
        drive(again, look)
    assert [event.kind for event in record(again)].count("started") == 1


def test_who_comes_second_is_told_who_runs_it_and_an_ended_session_is_refused(house: House) -> None:
    with scripted():
        stop = session.start(house.settings, USE_CASE, driver="scripted")
        with SessionWriter.resume(stop.directory):
            app, _ = run_app(house, resume=stop.session, instructions=[instruction("direct", "mine")])
            drive(app, lambda pilot: until(pilot, lambda: not app.is_running))
        assert isinstance(app.run_screen.runner.error, Refusal) and "process" in app.run_screen.runner.error.message
        session.resume(house.settings, stop.session, instructions=[instruction("stop")])
        ended, _ = run_app(house, resume=stop.session)
        drive(ended, lambda pilot: until(pilot, lambda: not ended.is_running))
    assert isinstance(ended.run_screen.runner.error, UsageError)


def test_ending_for_good_is_confirmed_with_another_key(house: House) -> None:
    app, clock = run_app(house)

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: stands(app, "nothing left to try"))
        await press(pilot, clock, "X")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "Y ends it" in screen(app)
        await press(pilot, clock, "escape", "X")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await press(pilot, clock, "Y")
        await until(pilot, lambda: stands(app, "ended by a person"))
        await press(pilot, clock, "d", "t", "q")
        await until(pilot, lambda: not app.is_running)

    with scripted():
        drive(app, steps)
    assert acts(app) == ["stop"]


def test_a_fault_beside_the_screen_is_said_on_it_and_can_be_tried_again(house: House) -> None:
    app, clock = run_app(house)
    faults = [RuntimeError("disk on [/fire]")]

    def driver(turn: Turn) -> Answer:
        if faults:
            raise faults.pop()
        return NoCure("no idea")

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: stands(app, "disk on [/fire]"))
        await press(pilot, clock, "space")
        await until(pilot, lambda: stands(app, "no idea"))
        await leave(pilot, app, clock)

    with scripted(driver):
        drive(app, steps)


@pytest.mark.parametrize("size", SIZES)
def test_every_key_is_explained_in_the_palette_and_means_the_same_on_every_screen(house: House, size: tuple[int, int]) -> None:
    app, clock = run_app(house)

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: stands(app, "nothing left to try"))
        assert {found.description.capitalize() for found in RUN} <= {found.title for found in app.get_system_commands(app.screen)}
        foot = screen(app).split("\n")[-1]
        assert len(foot.rstrip()) <= 80 and foot.split()[-2:] == ["q", "quit"]
        await press(pilot, clock, "question_mark")
        await until(pilot, lambda: isinstance(app.screen, Keys))
        await press(pilot, clock, "escape")
        await leave(pilot, app, clock)

    with scripted():
        drive(app, steps, size)
    assert all(found.id and found.tooltip and found.description for found in RUN)
    keys: dict[str, str] = {}
    for bindings in SCREENS.values():
        for found in bindings:
            for key in found.key.split(","):
                assert keys.setdefault(key, found.id or "") == found.id, f"{key} means two things"
