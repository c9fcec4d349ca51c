"""`workbench review` on a terminal: the queue, a change's diff, the evidence; verdicts are drafted, then signed.

From 100 columns three panes stand side by side; below, one at a time (Enter in, Esc out, Tab through them). What the
reviewer has before them is in `desk.py`, how it is put into lines in `views.py` and `evidence.py`, how it is read in
`reading.py`; here are the queue and the decisions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.timer import Timer

from workbench.errors import UsageError, WorkbenchError
from workbench.repo import Repo
from workbench.review.index import Waiting
from workbench.review.signoff import SignOff, Verdict
from workbench.settings import Settings
from workbench.tui import views
from workbench.tui.desk import Desk, Opened
from workbench.tui.dialogs import Ask, Clock, Confirm
from workbench.tui.keys import DECIDING, REVIEW
from workbench.tui.lines import LineList, line
from workbench.tui.person import Person
from workbench.tui.reading import ReadingScreen
from workbench.visible import visible

_PAUSE = 0.05  # seconds that the queue's cursor has rested on a change before it is opened


class ReviewScreen(ReadingScreen):
    """The review screen. `key` is the reviewer's private key file; without one, drafts can be made but not signed."""

    TITLE = "workbench review"
    BINDINGS: ClassVar[list[BindingType]] = list(DECIDING)
    screen_keys: ClassVar[tuple[Binding, ...]] = tuple(REVIEW)
    deciding: ClassVar[frozenset[str]] = frozenset({"draft", "comment", "undo", "sign"})

    def __init__(
        self, settings: Settings, *, key: Path | None = None, select: str | None = None, clock: Clock = time.monotonic,
        environment: Mapping[str, str] | None = None, person: Person | None = None,
    ) -> None:  # fmt: skip
        desk = Desk(
            Repo.open(settings.root), settings.state / "drafts.json", key=key, environment=environment, state=settings.state
        )
        super().__init__(desk, clock=clock, person=person)
        self._select = select
        self._pause: Timer | None = None
        self._leaving = False
        self._said = ""

    # What is on screen -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Fills the queue and opens the selected or first change."""
        self._reload()
        if self._select:
            wanted = [i for i, queued in enumerate(self._desk.changes) if queued.id.startswith(self._select)]
            if wanted:
                self._lists["queue"].go(wanted[0])
            else:
                self._said = f"no change called {self._select} waits"
        self._open()

    def _under_cursor(self) -> Waiting | None:
        return self._desk.by_id.get(self._lists["queue"].key)

    def _reload(self) -> None:
        self._desk.reload()
        rows = views.queue_lines(self._desk.changes, self._desk.drafts, self._desk.signed)
        rows += [line(f"! {error.message}", "warning") for error in self._desk.problems]
        self._lists["queue"].show(rows, keep=True)

    @property
    def ready(self) -> bool:
        """Whether the change under the cursor is the one that is on screen."""
        queued, opened = self._under_cursor(), self.opened.queued if self.opened else None
        return (opened is None) if queued is None else opened is not None and opened.commit == queued.commit

    @work(exclusive=True, group="open", exit_on_error=False)
    async def _open(self) -> None:
        await self._show_change()

    async def _show_change(self) -> None:
        """Judges the change under the cursor beside the screen, and shows it if the cursor is still there."""
        queued = self._under_cursor()
        if queued is None:
            self.show(None)
        elif not self.ready:
            self._settle()
            try:
                opened = await asyncio.to_thread(self._desk.open, queued)
            except WorkbenchError as error:
                self.show(None)
                self.tell(f"✗ {error.message} {error.hint}")
                return
            if self._under_cursor() is not queued:
                return
            self._settle()
            self.show(opened)
        self.tell()

    def tell(self, said: str | None = None) -> None:
        """Two lines: where we are, and what was `said` last or else what stands between the draft and a signature."""
        self._said = self._said if said is None else said
        queued, first, second = self._under_cursor(), "the queue is empty", self._said
        if queued is not None:
            at = f"{self._lists['queue'].cursor + 1}/{len(self._desk.changes)} · {queued.id} · "
            first = at + visible(queued.title, limit=max(20, self.size.width - 24 - len(at)))
            if not self.ready:
                second = second or "reading it…"
            elif self.opened is not None:
                second = second or self._desk.state(self.opened, self.unseen())
        elif self._desk.changes:
            first = "no change is under the cursor"
        self.say(first, second)

    def passage(self) -> str:
        """In the queue, the change's id."""
        return self._lists["queue"].key if self._pane == "queue" else super().passage()

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Opens the change under the queue's cursor once it rests there; till then nothing can be decided."""
        if message.lines.id == "queue":
            self._said = ""
            self._settle()
            if self._pause:
                self._pause.stop()
            self._pause = self.set_timer(_PAUSE, self._open)

    def rests(self, action: str) -> bool:
        """Nothing is decided about what isn't on screen, and S rests until it may sign."""
        if self.opened is None or not self.ready:
            return True
        return action == "sign" and bool(self._desk.obstacle(self.opened, self.unseen()))

    def action_refresh(self) -> None:
        """Reads the queue again; the cursor stays on its change."""
        self._said = ""
        self._reload()
        self._open()

    # Deciding --------------------------------------------------------------------------------------------------------

    @work(exit_on_error=False)
    async def action_draft(self, verdict: Verdict) -> None:
        """Drafts a verdict and asks what the policy asks; nothing is recorded yet."""
        opened = self.opened
        if opened is None:
            return
        self._keep(partial(self._desk.draft, opened.queued, verdict))
        if verdict == "approve" and opened.questions:
            answers = self._desk.drafts[opened.queued.id].answers
            earlier = [answers.get(question, "") for question in opened.questions]
            given = await self.app.push_screen_wait(Ask(opened.questions, earlier, clock=self._clock))
            self._settle()
            if given is not None:
                self._keep(partial(self._desk.answer, opened.queued, opened.questions, given))

    @work(exit_on_error=False)
    async def action_comment(self) -> None:
        """A comment to the draft."""
        opened = self.opened
        draft = self._desk.drafts.get(opened.queued.id) if opened else None
        if opened is None or draft is None:
            self.tell("a comment belongs to a draft: first a approve, r request changes or x reject")
            return
        asked = Ask(["A comment; it is signed with your verdict."], [draft.comment], optional=True, clock=self._clock)
        given = await self.app.push_screen_wait(asked)
        self._settle()
        if given is not None:
            self._keep(partial(self._desk.comment, opened.queued, given[0]))

    def action_undo(self) -> None:
        """Takes the draft back."""
        if self.opened is not None and self.opened.queued.id in self._desk.drafts:
            self._keep(partial(self._desk.drafts.put, self.opened.queued.id, None))

    def _keep(self, change: Callable[[], None]) -> None:
        """Changes a draft, and shows it."""
        said = ""
        try:
            change()
        except WorkbenchError as error:
            said = f"! {error.message} {error.hint}"
        self._leaving = False
        self._reload()
        self._show_findings()
        self.tell(said)

    @work(exit_on_error=False)
    async def action_sign(self) -> None:
        """Signs the draft after its summary is confirmed with another key."""
        opened = self.opened
        if opened is None or self._desk.obstacle(opened, self.unseen()):
            return
        summary = views.summary(opened, self._desk.drafts[opened.queued.id], self._desk.identity(opened))
        confirmed = await self.app.push_screen_wait(Confirm(summary, self._clock))
        self._settle()
        if not confirmed:
            self.tell("not signed; the draft is kept")
            return
        self.tell("signing…")
        try:
            made = await self._signed(opened)
        except WorkbenchError as error:
            self.tell(f"✗ not signed: {error.message} {error.hint}")
            return
        self._keep(partial(self._desk.drafts.put, opened.queued.id, None))
        self.opened = None
        await self._show_change()
        then = f"run --resume {opened.queued.session}" if opened.queued.session else f"review apply {opened.queued.id}"
        drill = self._desk.drill(opened.queued)
        self.tell(f"✓ signed {made.id}: {made.payload.verdict}. " + (f"{drill}." if drill else f"Next: workbench {then}"))

    async def _signed(self, opened: Opened) -> SignOff:
        """Signs beside the screen; a key that asks for its passphrase gets the terminal for that."""
        try:
            return await asyncio.to_thread(self._desk.sign, opened)
        except WorkbenchError as error:
            if "passphrase" not in error.message or self.app.is_headless:
                raise
        try:
            with self.app.suspend():
                return self._desk.sign(opened, interactive=True)
        except SuspendNotSupported:
            raise UsageError("The key asks for its passphrase, and here it can't.", "load it into ssh-agent first") from None

    def action_leave(self) -> None:
        """Quits; with unsigned drafts it says so once."""
        if self._desk.drafts and not self._leaving:
            self._leaving = True
            count = len(self._desk.drafts)
            self.tell(f"{count} draft{'s are' if count > 1 else ' is'} not signed; kept for next time. q again quits.")
            return
        if self._pause:
            self._pause.stop()
        self.leave()
