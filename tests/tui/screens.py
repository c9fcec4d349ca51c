"""Drives the review screen in tests: a clock that only the test moves, conditions instead of sleeps, the screen as text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot

from tests.reviews import Desk
from workbench.review import signoff
from workbench.settings import load_settings
from workbench.tui.app import ReviewApp
from workbench.tui.lines import LineList

SMALL, LARGE = (80, 24), (120, 40)
Steps = Callable[[Pilot[None]], Awaitable[None]]


class Clock:
    """Seconds; stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def review_app(desk: Desk, key: Path | None, *, select: str | None = None, color: bool = True) -> tuple[ReviewApp, Clock]:
    """The screen over the desk's repository, and its clock."""
    clock = Clock()
    return ReviewApp(load_settings(desk.repo.root, {}), key=key, select=select, color=color, clock=clock), clock


def drive(app: App[None], steps: Steps, size: tuple[int, int] = LARGE) -> None:
    """Runs the app headless and takes the steps; what goes wrong in it fails the test."""

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            if isinstance(app, ReviewApp):
                await until(pilot, lambda: bool(app.said) and app.ready)
            await steps(pilot)

    asyncio.run(run())


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for a condition; that long without it fails."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"this didn't come about on:\n{screen(pilot.app)}"
        await pilot.pause()


async def settled(pilot: Pilot[None], clock: Clock) -> None:
    """Lets everything that is under way happen, and more time pass than verdict keys rest."""
    await pilot.pause()
    clock.now += 1


async def press(pilot: Pilot[None], clock: Clock, *keys: str) -> None:
    """Presses keys as a person does: with time between them."""
    for key in keys:
        await settled(pilot, clock)
        await pilot.press(key)
    await pilot.pause()


async def say(pilot: Pilot[None], clock: Clock, text: str) -> None:
    """Types an answer and Enter."""
    await settled(pilot, clock)
    await pilot.press(*("space" if letter == " " else letter for letter in text))
    await press(pilot, clock, "enter")


def screen(app: App[None]) -> str:
    """What is on screen, as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def pane(app: App[None], name: str) -> LineList:
    """One of the lists."""
    return app.screen_stack[0].query_one(f"#{name}", LineList)


def pane_text(app: App[None], name: str) -> str:
    """All lines of a list."""
    return "\n".join(found.text for found in pane(app, name).lines)


def signed(desk: Desk, change: str) -> list[signoff.SignOff]:
    """The sign-offs recorded on a change."""
    return signoff.signoffs(desk.repo, change)[0]
