"""`workbench review` on a terminal: the queue, a change's diff, the evidence; verdicts are drafted, then signed.

From 100 columns the three panes stand side by side; below, one at a time (Enter in, Esc out, Tab through them). What the
reviewer has before them is in `desk.py`, how it is put into lines in `views.py` and `evidence.py`; here are panes and keys.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import DescendantFocus, Key, Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState

from workbench.errors import WorkbenchError
from workbench.repo import Repo
from workbench.review.queue import QueuedChange
from workbench.review.signoff import SignOff, Verdict
from workbench.settings import Settings
from workbench.tui import views
from workbench.tui.desk import Desk, Opened
from workbench.tui.dialogs import SETTLE_SECONDS, Ask, Clock, Confirm, Keys
from workbench.tui.evidence import evidence_lines
from workbench.tui.keys import BINDINGS, HELP, PANES, WIDE, WRAP
from workbench.tui.lines import LineList, line
from workbench.visible import visible

_PAUSE = 0.05  # seconds that the queue's cursor has rested on a change before it is opened
_OURS = frozenset(found.action.partition("(")[0] for found in BINDINGS)
_DECIDING = frozenset({"draft", "comment", "undo", "sign"})


class ReviewScreen(Screen[None]):
    """The review screen. `key` is the reviewer's private key file; without one, drafts can be made but not signed.

    `opened` is the change whose diff and evidence are on screen.
    """

    TITLE = "workbench review"
    BINDINGS: ClassVar[list[BindingType]] = list(BINDINGS)

    def __init__(
        self, settings: Settings, *, key: Path | None = None, select: str | None = None, clock: Clock = time.monotonic,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._desk = Desk(Repo.open(settings.root), settings.state / "drafts.json", key=key, environment=environment)
        self._clock = clock
        self._select = select
        self._seen: dict[str, set[tuple[int, int]]] = {}
        self.opened: Opened | None = None
        self._pause: Timer | None = None
        self._rest: Timer | None = None
        self._pane = "queue"
        self._zoomed = False
        self._leaving = False
        self._settles = 0.0
        self._said = ""
        self._lists = {name: LineList(id=name, wrap=WRAP.get(name, "")) for name in PANES}
        self._line = Static(id="status", markup=False)
        self._status = ""
        self._lit: tuple[bool | None, ...] = ()

    # What is on screen -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Panes, two lines of status, and the footer."""
        with Horizontal(id="panes"):
            yield from self._lists.values()
        yield self._line
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Fills the queue and opens the selected or first change."""
        for name in PANES:
            self._lists[name].border_title = name
        self._reload()
        if self._select:
            wanted = [i for i, queued in enumerate(self._desk.changes) if queued.id.startswith(self._select)]
            if wanted:
                self._lists["queue"].go(wanted[0])
            else:
                self._said = f"no change called {self._select} waits"
        self._show_change()
        self._arrange()
        self._lists["queue"].focus()

    def on_resize(self, event: Resize) -> None:
        """Three panes or one."""
        self._arrange()

    @property
    def said(self) -> str:
        """The lines of status, as they are on screen."""
        return self._status

    def _under_cursor(self) -> QueuedChange | None:
        wanted = self._lists["queue"].key
        return next((queued for queued in self._desk.changes if queued.id == wanted), None)

    def _reload(self) -> None:
        self._desk.reload()
        rows = views.queue_lines(self._desk.changes, self._desk.drafts, self._desk.signed)
        rows += [line(f"! {error.message}", "warning") for error in self._desk.problems]
        self._lists["queue"].show(rows, keep=True)

    def _show_change(self) -> None:
        queued = self._under_cursor()
        before = self.opened.queued if self.opened else None
        if queued is None:
            self.opened = None
            for name in PANES[1:]:
                self._lists[name].show([])
        elif before is None or (before.id, before.commit) != (queued.id, queued.commit):
            self._settle()
            self.opened = self._desk.open(queued)
            seen = self._seen.setdefault(queued.id, set())
            self._lists["diff"].show(views.diff_lines(self.opened.diffs), seen=seen)
            self._lists["diff"].border_title = f"diff: {views.extent(self.opened.diffs)}"
            self._show_findings()
        self._tell()

    def _show_findings(self) -> None:
        opened = self.opened
        if opened is None:
            return
        assessment, error = opened.assessment, opened.error
        if assessment is None:
            words = [line(f"✗ {error.message}", "bad"), line(f"→ {error.hint}")] if error else []
            self._lists["evidence"].show(words)
            self._lists["policy"].show(words)
            return
        self._lists["evidence"].show(lambda width: evidence_lines(opened.queued, assessment, opened.evidence, width))
        draft = self._desk.drafts.get(opened.queued.id)
        self._lists["policy"].show(views.policy_lines(opened.queued, assessment, opened.standing, draft))

    def _unseen(self) -> int:
        return sum(key[:1] in ("f", "h") for key in self._lists["diff"].unseen())

    def _tell(self, said: str | None = None) -> None:
        """Two lines: where we are, and what was `said` last or else what stands between the draft and a signature."""
        self._said = self._said if said is None else said
        opened, first, second = self.opened, "the queue is empty", self._said
        if opened:
            at = f"{self._lists['queue'].cursor + 1}/{len(self._desk.changes)} · {opened.queued.id} · "
            first = at + visible(opened.queued.change.title, limit=max(20, self.size.width - 24 - len(at)))
            second = second or self._desk.state(opened, self._unseen())
        self._status = f"{first}\n{visible(second)}"
        self._line.update(Content(self._status))
        self._show_keys()

    def _arrange(self) -> None:
        wide = self.size.width >= WIDE and not self._zoomed
        self.set_class(not wide, "narrow")
        beside = "policy" if self._pane == "policy" else "evidence"
        for name in PANES:
            self._lists[name].display = name in ("queue", "diff", beside) if wide else name == self._pane

    # Moving about ----------------------------------------------------------------------------------------------------

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Opens the change under the queue's cursor once it rests there; till then nothing can be decided."""
        if message.lines.id == "queue":
            self._said = ""
            self._settle()
            if self._pause:
                self._pause.stop()
            self._pause = self.set_timer(_PAUSE, self._show_change)

    def on_line_list_seen(self, message: LineList.Seen) -> None:
        """More of the diff was on screen: S may be free now."""
        if message.lines.id == "diff":
            self._tell()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The pane that has the focus, by key or by mouse."""
        if isinstance(event.widget, LineList) and event.widget.id:
            self._pane = event.widget.id
            self._settle()

    def _settle(self) -> None:
        self._settles = self._clock() + SETTLE_SECONDS
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(SETTLE_SECONDS + 0.02, self._show_keys)
        self._show_keys()

    def _show_keys(self) -> None:
        """Greys keys in the footer, or lights them; drawing it anew costs more than most keys do."""
        if not self.is_attached or not self.app.screen_stack:  # a timer may still fire while the screen goes away
            return
        now = tuple(self.check_action(name, ()) for name in sorted(_DECIDING))
        if now != self._lit:
            self._lit = now
            self.refresh_bindings()

    def on_key(self, event: Key) -> None:
        """A key that comes while things settle starts that time again, so that type-ahead never decides."""
        if self._clock() < self._settles:
            self._settle()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Below a dialog nothing does anything; verdict keys rest until the screen has stood still, S until it may sign."""
        if action in _OURS and self.app.screen is not self:
            return False
        if action in _DECIDING:
            resting = self._clock() < self._settles or self.opened is None or self.opened.queued != self._under_cursor()
            if resting or (action == "sign" and self._desk.obstacle(self.opened, self._unseen())):
                return None
        return True

    def _focus_pane(self, name: str) -> None:
        self._pane = name
        self._said = ""
        self._arrange()
        self._lists[name].focus()
        self._settle()
        self._tell()

    def action_move(self, by: int) -> None:
        """One line."""
        self._lists[self._pane].move(by)

    def action_end(self, which: int) -> None:
        """First or last line."""
        here = self._lists[self._pane]
        here.go(len(here.lines) - 1 if which > 0 else 0)

    def action_page(self, by: int) -> None:
        """Half a page."""
        here = self._lists[self._pane]
        here.move(by * max(1, here.size.height // 2))

    def action_part(self, by: int, kind: str) -> None:
        """Next or previous hunk or file of the diff."""
        if not self._lists["diff"].display:
            self._focus_pane("diff")
        self._lists["diff"].next_key(by, kind)

    def action_pane(self, name: str) -> None:
        """Into a pane; `next` and `previous` go around."""
        around = {"next": 1, "previous": -1}.get(name)
        self._focus_pane(PANES[(PANES.index(self._pane) + around) % len(PANES)] if around else name)

    def action_zoom(self) -> None:
        """The focused pane alone, or all again."""
        self._zoomed = not self._zoomed
        self._arrange()

    def action_refresh(self) -> None:
        """Reads the queue again; the cursor stays on its change."""
        self._said = ""
        self._reload()
        self._show_change()

    def action_keys(self) -> None:
        """The keys."""
        self.app.push_screen(Keys(HELP))

    def commands(self) -> Iterable[SystemCommand]:
        """Every key of ours, for the palette."""
        for found in BINDINGS:
            yield SystemCommand(found.description.capitalize(), f"key {found.key}", partial(self._run, found.action))

    def _run(self, action: str) -> None:
        self.run_worker(self.run_action(action), exit_on_error=False)

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
            self._tell("a comment belongs to a draft: first a approve, r request changes or x reject")
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
        self._tell(said)

    @work(exit_on_error=False)
    async def action_sign(self) -> None:
        """Signs the draft after its summary is confirmed with another key."""
        opened = self.opened
        if opened is None or self._desk.obstacle(opened, self._unseen()):
            return
        summary = views.summary(opened, self._desk.drafts[opened.queued.id], self._desk.identity(opened))
        confirmed = await self.app.push_screen_wait(Confirm(summary, self._clock))
        self._settle()
        if not confirmed:
            self._tell("not signed; the draft is kept")
            return
        self._tell("signing…")
        try:
            made = await self._signed(opened)
        except WorkbenchError as error:
            self._tell(f"✗ not signed: {error.message} {error.hint}")
            return
        self._keep(partial(self._desk.drafts.put, opened.queued.id, None))
        self.opened = None
        self._show_change()
        then = f"run --resume {opened.queued.session}" if opened.queued.session else f"review apply {opened.queued.id}"
        drill = self._desk.drill(opened.queued)
        self._tell(f"✓ signed {made.id}: {made.payload.verdict}. " + (f"{drill}." if drill else f"Next: workbench {then}"))

    async def _signed(self, opened: Opened) -> SignOff:
        """Signs beside the screen; a key that asks for its passphrase gets the terminal for that."""
        try:
            return await asyncio.to_thread(self._desk.sign, opened)
        except WorkbenchError as error:
            if "passphrase" not in error.message or self.app.is_headless:
                raise
        with self.app.suspend():
            return self._desk.sign(opened, interactive=True)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What goes wrong beside the screen is said on it."""
        if event.state is WorkerState.ERROR:
            self._tell(f"✗ a fault of workbench itself, nothing was signed: {event.worker.error}")

    def action_leave(self) -> None:
        """Quits; with unsigned drafts it says so once."""
        if self._desk.drafts and not self._leaving:
            self._leaving = True
            count = len(self._desk.drafts)
            self._tell(f"{count} draft{'s are' if count > 1 else ' is'} not signed; kept for next time. q again quits.")
            return
        self._drop_timers()
        if self.app.screen_stack[0] is self:
            self.app.exit()
        else:
            self.dismiss(None)

    def _drop_timers(self) -> None:
        for timer in (self._pause, self._rest):
            if timer:
                timer.stop()
