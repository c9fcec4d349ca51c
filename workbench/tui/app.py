"""The program around the screens: colors, the palette, and the review screen on its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from textual.app import App, SystemCommand
from textual.filter import Monochrome, NoColor
from textual.screen import Screen

from workbench.settings import Settings
from workbench.tui.desk import Opened
from workbench.tui.dialogs import Clock
from workbench.tui.keys import CSS, SCREENS
from workbench.tui.person import Person, person_of
from workbench.tui.review import ReviewScreen
from workbench.tui.run import RunScreen
from workbench.tui.runner import Runner

_PATIENCE = 60
"""Seconds in which a loop that was left has to say its next word."""


class Shell(App[None]):
    """An app whose colors are ours to decide and whose palette holds every key of the screen that is shown."""

    CSS = CSS
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, *, color: bool = True) -> None:
        super().__init__(ansi_color=None if color else True)
        # Textual asks only whether NO_COLOR exists, and answers with greys; here `color` alone decides, and False means none.
        self.no_color = not color
        self._filters = [found for found in self._filters if not isinstance(found, Monochrome | NoColor)]
        if not color:
            self._filters.append(NoColor())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key of the screen is in the palette, too."""
        yield from super().get_system_commands(screen)
        commands = getattr(screen, "commands", None)
        if commands is not None:
            yield from commands()


class ReviewApp(Shell):
    """The review screen and nothing else."""

    def __init__(
        self, settings: Settings, *, key: Path | None = None, select: str | None = None, color: bool = True,
        clock: Clock = time.monotonic, environment: Mapping[str, str] | None = None, person: Person | None = None,
    ) -> None:  # fmt: skip
        super().__init__(color=color)
        self.review = ReviewScreen(settings, key=key, select=select, clock=clock, environment=environment, person=person)

    def get_default_screen(self) -> Screen[None]:
        """The review screen."""
        return self.review

    @property
    def said(self) -> str:
        """The lines of status, as they are on screen."""
        return self.review.said

    @property
    def ready(self) -> bool:
        """Whether the change under the cursor is the one that is on screen."""
        return self.review.ready

    @property
    def opened(self) -> Opened | None:
        """The change whose diff and evidence are on screen."""
        return self.review.opened

    async def action_quit(self) -> None:
        """Textual's own way out, asked in the same way."""
        self.review.action_leave()


def run_review(
    settings: Settings, *, select: str | None = None, key: Path | None = None, color: bool = True,
    environment: Mapping[str, str] | None = None, preferences: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Opens the screen and returns when the reviewer leaves it.

    `key` is a private key file (default: the settings'); `environment` is what ssh-keygen may see, `preferences` the
    environment that says which editor, clipboard and keys the person has. Errors as `Repo.open`; ConfigError for their keys.
    """
    if key is None and settings.review.key:
        key = Path(settings.review.key)
    person = preferred(settings, preferences or {})
    ReviewApp(settings, key=key, select=select, color=color, environment=environment, person=person).run()


class RunApp(Shell):
    """The screen of a running session, and what it opens."""

    def __init__(self, run: RunScreen, *, color: bool = True) -> None:
        super().__init__(color=color)
        self.run_screen = run

    def get_default_screen(self) -> Screen[None]:
        """The run screen."""
        return self.run_screen

    @property
    def said(self) -> str:
        """The lines of status, as they are on screen."""
        return self.run_screen.said

    async def action_quit(self) -> None:
        """Textual's own way out, asked in the same way."""
        self.run_screen.action_leave()


def run_loop(screen: RunScreen, *, color: bool, report: Callable[[str], None]) -> Runner:
    """Opens the screen and returns when it is left, with how the loop stands; `report` gets what takes long after that."""
    RunApp(screen, color=color).run()
    screen.runner.leave()
    if not screen.runner.join(0.5):
        report("  the loop stops at its next word …")
        screen.runner.join(_PATIENCE)
    return screen.runner


def preferred(settings: Settings, environment: Mapping[str, str]) -> Person:
    """What the person at the screen prefers. Raises ConfigError for a file of keys that can't be used."""
    known = {name: {found.id or "": found.key for found in bindings} for name, bindings in SCREENS.items()}
    return person_of(environment, known, state=settings.state)
