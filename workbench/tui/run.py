"""`workbench run` on a terminal: the graph with the node that is live, budgets, steps, gates, what is said, and keys to steer.

The loop runs beside the screen (`runner.py`); the screen looks at what is on record and draws it (`course.py`). Every key does
what a command does, too: an instruction goes into the session's inbox, and the loop hears it before its next node.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from workbench.errors import UsageError, WorkbenchError
from workbench.loop import control, handover, session
from workbench.loop.control import Act, Inbox, Taken, instruction
from workbench.repo import Repo
from workbench.review import signoff
from workbench.sessions.reader import EVENTS, Session, read_session
from workbench.settings import Settings
from workbench.tui import course
from workbench.tui.dialogs import Ask, Clock, Confirm
from workbench.tui.keys import RUN, STEERING
from workbench.tui.lines import Line, LineList
from workbench.tui.outside import editing
from workbench.tui.panes import PanesScreen
from workbench.tui.person import Person
from workbench.tui.review import ReviewScreen
from workbench.tui.runner import Begin, Runner
from workbench.visible import visible

LOOKS = 0.1
"""Seconds between two looks at the record."""
_SIDES = ("gates", "talk")
_HELP = "d tells the driver what to try, t takes the step over, q leaves"


class RunScreen(PanesScreen):
    """A session while it runs. `first` starts or resumes it; `resume` makes what goes on with it later.

    `who` is the person at the screen, as the author of what they edit; `key` the private key that they review with.
    """

    TITLE = "workbench run"
    BINDINGS: ClassVar[list[BindingType]] = list(STEERING)
    panes: ClassVar[tuple[str, ...]] = ("steps", *_SIDES)
    wraps: ClassVar[Mapping[str, str]] = {"steps": "           ↳ ", "gates": "  ", "talk": "  "}
    screen_keys: ClassVar[tuple[Binding, ...]] = tuple(RUN)
    deciding: ClassVar[frozenset[str]] = frozenset({"take_over", "hand_back", "stop"})

    def __init__(
        self, settings: Settings, first: Begin, *, who: control.Person, key: Path | None = None, clock: Clock = time.monotonic,
        environment: Mapping[str, str] | None = None, person: Person | None = None, secrets: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(clock=clock, person=person)
        self.runner = Runner()
        self._settings, self._first, self._who, self._secrets = settings, first, who, secrets
        self._reviewer = {"key": key, "environment": environment}
        self._head = Static(id="course", markup=False)
        self.session: Session | None = None
        self._drawn: tuple[object, ...] = ()
        self._filled: dict[str, object] = {}
        self._at = ("", 0)
        self._side = _SIDES[0]
        self._said = ""
        self._follows = True
        self._leaving = 0

    # What is on screen -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The graph and the budgets, then panes, status and keys."""
        yield self._head
        yield from super().compose()

    def begin(self) -> None:
        """Lets the loop run."""
        self._go(self._first)
        self.set_interval(LOOKS, self.look)
        self.look()

    def beside(self) -> tuple[str, ...]:
        """The steps and one other pane."""
        self._side = self._pane if self._pane in _SIDES else self._side
        return ("steps", self._side)

    @property
    def now(self) -> course.Now:
        """The loop at this moment."""
        runner = self.runner
        if runner.alive:
            return course.Now(runner.node, runner.step, tuple(runner.said), runner.words)
        return course.Now(waits=self.waits())

    def look(self) -> None:
        """Reads what is new on record and draws it."""
        runner, size = self.runner, self._recorded()
        fresh = (size, runner.count, runner.alive, int(self._clock()) if runner.alive else 0)
        if fresh == self._drawn:
            return
        if size and (self.session is None or not self._drawn or self._drawn[0] != size):
            try:
                assert runner.directory is not None
                self.session = read_session(runner.directory)
            except WorkbenchError as error:
                self.tell(f"✗ {error.message}")
        self._drawn = fresh
        at = (runner.node if runner.alive else "", runner.step)
        if at != self._at:  # what was said about the node before is over
            self._at, self._said = at, ""
        self._draw()

    def _recorded(self) -> int:
        directory = self.runner.directory
        try:
            return (directory / EVENTS).stat().st_size if directory else 0
        except FileNotFoundError:
            return 0

    def _draw(self) -> None:
        now, found = self.now, self.session
        rows = [*course.graph_lines(found, now), *course.budget_lines(found, now, datetime.now(UTC))]
        self._head.update(Content("\n".join(rows)))
        head = found.head if found else ""
        self._fill("gates", (head, now.node == "gate" and now.said), lambda: course.gate_lines(found, now))
        self._fill("talk", (head, now.words), lambda: course.talk_lines(found, now), follows=self._follows)
        self._fill("steps", (head, now.node, now.step, now.said), lambda: course.step_lines(found, now), follows=self._follows)
        self.tell()

    def _fill(self, name: str, holds: object, lines: Callable[[], Sequence[Line]], *, follows: bool = False) -> None:
        """Draws a pane anew where what it is made from is new; `follows` puts the cursor on its end."""
        pane = self._lists[name]
        if self._filled.get(name) != holds:
            self._filled[name] = holds
            pane.show(lines(), keep=True)
        if follows:
            pane.go(len(pane.lines) - 1)

    def tell(self, said: str | None = None) -> None:
        """Where the session stands, and what was said last or else what is going on or waited for."""
        self._said = self._said if said is None else said
        name = self.runner.directory.name if self.runner.directory else "a session begins"
        first = f"{name} · {self.session.header.driver}" if self.session else name
        first += f" · step {self.runner.step} {self.runner.node}" if self.runner.alive else f" · {self._outcome}"
        fits = len(first) <= self.size.width - 2
        self.say(visible(first, limit=None if fits else max(20, self.size.width - 24)), self._said or self._standing())

    @property
    def _outcome(self) -> str:
        if self.runner.result is not None:
            return self.runner.result.words
        return "stopped" if self.runner.error or self.runner.interrupted else "…"

    def _standing(self) -> str:
        if self.runner.alive:
            return next(reversed(self.runner.said), f"{self.runner.node} …")
        error = self.runner.error
        if isinstance(error, WorkbenchError):
            return f"✗ {error.message} {error.hint}"
        if error is not None:
            return f"✗ a fault of workbench itself: {error}; Space tries again, q leaves"
        return self.waits() or self._ended()

    def waits(self) -> str:
        """What the session waits for a person to do; empty where it runs or is over."""
        result, taken = self.runner.result, self.taken
        if self.runner.alive or result is None:
            return ""
        if taken is not None:
            return f"e edits {self._settings.state / taken.place}; T hands it back"
        if result.outcome == control.PAUSED:
            return "paused: Space goes on"
        if result.question is not None:
            return f"Enter answers: {result.question}"
        if result.outcome == "waiting":
            return f"change {result.change} waits for a sign-off: Enter opens it"
        return f"{_HELP} · {result.reason}" if result.outcome in control.HELPLESS else ""

    def _ended(self) -> str:
        result = self.runner.result
        if result is None:
            return "stopped; Space goes on, q leaves" if self.runner.interrupted else ""
        version = f": version {result.version}" if result.version else ""
        return f"{result.words}{version}{f': {result.reason}' if result.reason else ''}; q leaves"

    @property
    def taken(self) -> Taken | None:
        """The step that a person has in hand."""
        return control.taken_in(self.session) if self.session is not None else None

    def rests(self, action: str) -> bool:
        """What can't be done just now."""
        if action == "hand_back":
            return self.taken is None
        return self.over or (action == "take_over" and self.taken is not None)

    @property
    def over(self) -> bool:
        """Whether the session hears nothing any more."""
        result = self.runner.result
        return not self.runner.alive and result is not None and result.outcome not in control.WAITS | control.HELPLESS

    # The loop --------------------------------------------------------------------------------------------------------

    def _go(self, begin: Begin) -> None:
        self._said, self._leaving = "", 0
        self.runner.go(begin)
        self._wait()

    @work(exit_on_error=False, group="loop")
    async def _wait(self) -> None:
        """Until the loop has stopped; ended from outside, it lets the loop stop, too."""
        try:
            while self.runner.alive:
                await asyncio.sleep(LOOKS / 2)
        except asyncio.CancelledError:
            self.runner.leave()
            raise
        if self._leaving or self.runner.directory is None:
            self.leave()  # what went wrong before there was a session is said by the command
            return
        self.look()
        self._settle()

    def _goes_on(self, *given: control.Instruction) -> None:
        assert self.runner.directory is not None
        resume = partial(
            session.resume, self._settings, str(self.runner.directory), instructions=given, secrets=self._secrets
        )  # fmt: skip
        self._go(resume)

    def _instruct(self, act: Act, text: str = "", *, goes_on: bool) -> None:
        """Puts an instruction on disk; a loop that runs hears it, and one that waits goes on with it where that is meant."""
        if self.runner.directory is None:
            return
        try:
            given = instruction(act, text, person=self._who)
            if self.runner.alive or not goes_on:
                Inbox(self._settings.state, self.runner.directory.name).post(given)
                self.tell(f"{act} is on disk; heard before the next node")
            else:
                self._goes_on(given)
        except (WorkbenchError, OSError) as error:
            self.tell(f"✗ {error}")

    # Steering --------------------------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Pauses before the next node; goes on where it is paused or was stopped."""
        if self.runner.alive:
            self._instruct("pause", goes_on=False)
        elif self.over:
            self.tell("the session is over; q leaves")
        elif self.taken is not None:
            self.tell("the step is in your hands: T hands it back")
        else:
            self._goes_on()

    @work(exit_on_error=False)
    async def action_direct(self) -> None:
        """Asks what to tell the driver."""
        if not self.over:
            await self._ask("What shall it do? In your words, for instance: try without weather")

    async def _ask(self, question: str) -> None:
        given = await self.app.push_screen_wait(Ask([question], clock=self._clock))
        self._settle()
        if given:
            waits = self.runner.result is not None and self.runner.result.outcome != control.PAUSED and self.taken is None
            answers = self.runner.result is not None and self.runner.result.question is not None
            self._instruct("answer" if answers else "direct", given[0], goes_on=waits)

    def action_take_over(self) -> None:
        """The step is the person's: the loop stops before the next node, and makes a directory to edit in."""
        self._instruct("take-over", goes_on=True)

    def action_hand_back(self) -> None:
        """What was edited becomes a change by this person."""
        assert self.session is not None
        try:
            handover.hand_back(self._settings, self.session, self._who)
        except (WorkbenchError, OSError) as error:
            self.tell(f"✗ {error}")
            return
        if not self.runner.alive:
            self._goes_on()

    def action_edit(self) -> None:
        """The use case's files in the directory that was taken over, in the person's own editor."""
        if self.taken is None or self.session is None:
            self.tell("nothing is in your hands: t takes the step over")
            return
        place = self._settings.state / self.taken.place
        folder = place / "pipelines" / self.session.header.use_case
        files = sorted(str(path.relative_to(place)) for path in folder.glob("*") if path.suffix in (".py", ".toml"))
        try:
            command = editing(self._person, place, files)
            with self.app.suspend():
                code = subprocess.run(command, cwd=place, check=False).returncode
            self.tell(f"the editor ended with {code}; T hands it back" if code else "")
        except (UsageError, OSError) as error:
            self.tell(f"✗ {error} The files are in {place}")
        except SuspendNotSupported:
            self.tell(f"no editor can be opened from here; the files are in {place}")

    @work(exit_on_error=False)
    async def action_stop(self) -> None:
        """Ends the session for good, once that is confirmed."""
        name = self.runner.directory.name if self.runner.directory else ""
        summary = [f"End the session {name} for good.", "It can't be resumed then; what is on record stays."]
        confirmed = await self.app.push_screen_wait(Confirm(summary, self._clock, does="ends it"))
        self._settle()
        if confirmed:
            self._instruct("stop", goes_on=True)

    def action_enter(self) -> None:
        """Opens what waits: the change, or the question; else the next pane."""
        self._open()

    @work(exit_on_error=False)
    async def _open(self) -> None:
        result = None if self.runner.alive else self.runner.result
        if result is not None and result.question is not None and self.taken is None:
            await self._ask(result.question)
        elif result is not None and result.change is not None and result.outcome == "waiting":
            await self._review(result.change)
        else:
            self._focus_pane(self._side)

    async def _review(self, change: str) -> None:
        """The change in the review screen; once somebody has signed it there, the loop goes on."""
        before = await asyncio.to_thread(self._signed, change)
        screen = ReviewScreen(self._settings, select=change, clock=self._clock, person=self._person, **self._reviewer)  # type: ignore[arg-type]
        await self.app.push_screen_wait(screen)
        self._settle()
        if await asyncio.to_thread(self._signed, change) != before and not self.runner.alive:
            self._goes_on()

    def _signed(self, change: str) -> frozenset[str]:
        with Repo.open(self._settings.root) as repo:
            return frozenset(found.id for found in signoff.signoffs(repo, change)[0])

    def action_refresh(self) -> None:
        """Looks again whether somebody has decided elsewhere."""
        if not self.runner.alive and not self.over and self.taken is None:
            self._goes_on()

    # Moving and leaving ----------------------------------------------------------------------------------------------

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """The cursor on the last step follows what comes; moved up, it stays."""
        if message.lines.id == "steps" and message.lines.has_focus:
            self._follows = message.lines.cursor >= len(message.lines.lines) - 1

    def action_follow(self) -> None:
        """To the newest step, and on with it."""
        self._follows = True
        self._draw()

    def action_leave(self) -> None:
        """Leaves; as long as the session isn't over it asks once, and the session is kept."""
        if self.over or self._leaving:
            self.action_interrupt()
            return
        self._leaving = 1
        what = "the loop stops here" if self.runner.alive else "nothing is lost"
        self.tell(f"q again leaves: {what}, and the session can be resumed")

    def action_interrupt(self) -> None:
        """Leaves at once: the loop stops at its next word."""
        self._leaving = 2
        if self.runner.alive:
            self.runner.leave()
            self.tell("leaving: the loop stops at its next word …")
        else:
            self.leave()
