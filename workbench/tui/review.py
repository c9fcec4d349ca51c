"""`workbench review` on a terminal: the queue, a change's diff, the evidence; verdicts are drafted, then signed.

From 100 columns the three panes stand side by side; below, one at a time (Enter in, Esc out, Tab through them). It calls
the same functions as the command line and keeps nothing of its own but drafts, which survive a restart.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Key, Resize
from textual.widgets import Footer, Static

from workbench.changes import FileDiff, file_diffs
from workbench.errors import WorkbenchError
from workbench.repo import Repo
from workbench.review import queue, signoff
from workbench.review.queue import Assessment, QueuedChange
from workbench.settings import Settings
from workbench.tui import views
from workbench.tui.dialogs import SETTLE_SECONDS, AnswerQuestions, Confirm
from workbench.tui.lines import Line, LineList, line
from workbench.visible import visible

WIDE = 100
PANES = ("queue", "diff", "evidence", "policy")
HELP = [
    "j k ↑ ↓   move            g G  first, last       ^d ^u  half a page",
    "Enter     open a change   Esc  back              Tab    diff, evidence, policy",
    "[ ]       hunk            { }  file              z      one pane, three panes",
    "a         draft: approve  r    request changes   x      reject      u  undo draft",
    "S         sign the draft (asks once more, with another key)         q  quit",
    "Verdict keys rest for 0.4 s after the pane or the change under the cursor changed.",
]


class ReviewApp(App[None]):
    """The review screen. `key` is the reviewer's private key file; without one, drafts can be made but not signed."""

    CSS = """
    #panes { height: 1fr; }
    LineList { width: 1fr; border: round $surface-lighten-2; }
    LineList:focus { border: heavy $accent; }
    #queue { width: 34; }
    #status { height: 1; }
    .narrow #queue { width: 1fr; }
    #dialog { width: 90%; max-width: 100; height: auto; max-height: 90%; border: heavy $accent; padding: 1 2; }
    #dialog { background: $surface; }
    AnswerQuestions, Confirm { align: center middle; }
    """
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False, id="down"),
        Binding("k,up", "move(-1)", "up", show=False, id="up"),
        Binding("g,home", "first", "first", show=False, id="first"),
        Binding("G,end", "last", "last", show=False, id="last"),
        Binding("ctrl+d,pagedown", "page(1)", "page down", show=False, id="page-down"),
        Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, id="page-up"),
        Binding("right_square_bracket", "hunk(1)", "next hunk", show=False, id="next-hunk"),
        Binding("left_square_bracket", "hunk(-1)", "previous hunk", show=False, id="previous-hunk"),
        Binding("right_curly_bracket", "file(1)", "next file", show=False, id="next-file"),
        Binding("left_curly_bracket", "file(-1)", "previous file", show=False, id="previous-file"),
        Binding("enter", "open", "open", id="open"),
        Binding("escape", "to_queue", "back", show=False, id="back"),
        Binding("tab", "next_pane(1)", "pane", id="next-pane", priority=True),
        Binding("shift+tab", "next_pane(-1)", "pane", show=False, id="previous-pane", priority=True),
        Binding("a", "draft('approve')", "approve", id="approve"),
        Binding("r", "draft('request-changes')", "changes", id="request-changes"),
        Binding("x", "draft('reject')", "reject", id="reject"),
        Binding("u", "undo", "undo", id="undo"),
        Binding("S", "sign", "Sign", id="sign"),
        Binding("z", "zoom", "zoom", show=False, id="zoom"),
        Binding("question_mark", "help", "help", id="help"),
        Binding("q", "leave", "quit", id="quit"),
    ]

    def __init__(
        self,
        settings: Settings,
        *,
        key: Path | None = None,
        select: str | None = None,
        color: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._repo = Repo.open(settings.root)
        self._key = key
        self._color = color
        self._clock = clock
        self._select = select
        self._drafts_file = settings.state / "drafts.json"
        self._drafts: dict[str, str] = {}
        self._changes: list[QueuedChange] = []
        self._diffs: list[FileDiff] = []
        self._assessment: Assessment | None = None
        self._seen: dict[str, set[tuple[int, int]]] = {}
        self._open = ""
        self._pane = "queue"
        self._zoomed = False
        self._leaving = False
        self._settles = 0.0

    # What is on screen -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Panes, one line of status, and the footer."""
        with Horizontal(id="panes"):
            for name in PANES:
                yield LineList(id=name, color=self._color, wrap=name != "queue")
        yield Static(id="status", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Fills the queue and opens the selected or first change."""
        self.title = "workbench review"
        for name in PANES:
            self.query_one(f"#{name}", LineList).border_title = name
        self._drafts = self._read_drafts()
        self._reload()
        if self._select:
            wanted = next((i for i, queued in enumerate(self._changes) if queued.id.startswith(self._select)), 0)
            self._list("queue").go(wanted)
        self._show_change()
        self._arrange()
        self._list("queue").focus()

    def on_resize(self, event: Resize) -> None:
        """Three panes or one."""
        self._arrange()

    def _list(self, name: str) -> LineList:
        return self.query_one(f"#{name}", LineList)

    def _reload(self) -> None:
        self._changes = queue.pending(self._repo)
        self._drafts = {name: verdict for name, verdict in self._drafts.items() if any(c.id == name for c in self._changes)}
        self._list("queue").show(views.queue_lines(self._changes, self._drafts), keep=True)

    @property
    def current(self) -> QueuedChange | None:
        """The change under the queue's cursor."""
        wanted = self._list("queue").key
        return next((queued for queued in self._changes if queued.id == wanted), None)

    def _show_change(self) -> None:
        queued = self.current
        if queued is None:
            self._open, self._diffs, self._assessment = "", [], None
            for name in PANES[1:]:
                self._list(name).show([])
            self._status("the queue is empty")
            return
        if queued.id == self._open:
            return
        self._remember_seen()
        self._open = queued.id
        self._settle()
        try:
            self._diffs = file_diffs(self._repo, queued.change)
            self._assessment = queue.assess(self._repo, queued)
            shown = views.evidence_lines(queued, self._assessment, queue.evidence(self._repo, queued))
            policy = views.policy_lines(queued, self._assessment, [])
        except WorkbenchError as error:
            self._assessment = None
            shown, policy = [line(f"! {error.message}", "warning"), line(error.hint)], [Line(visible(""))]
        diff = self._list("diff")
        diff.seen = self._seen.setdefault(queued.id, set())
        diff.show(views.diff_lines(self._diffs))
        self._list("evidence").show(shown)
        self._list("policy").show(policy)
        self._status(self._position())

    def _remember_seen(self) -> None:
        if self._open:
            self._seen[self._open] = self._list("diff").seen

    def _position(self) -> str:
        number = self._list("queue").cursor + 1
        draft = self._drafts.get(self._open)
        note = f" · draft: {views.VERDICTS[draft]} (S signs)" if draft else ""
        title = self.current.change.title if self.current else ""
        return f"{number}/{len(self._changes)} · {self._open[:8]}{note} · {title}"

    def _status(self, text: str) -> None:
        self.query_one("#status", Static).update(Content(f" {visible(text)}"))

    def _arrange(self) -> None:
        wide = self.size.width >= WIDE and not self._zoomed
        self.set_class(not wide, "narrow")
        beside = "policy" if self._pane == "policy" else "evidence"
        for name in PANES:
            self._list(name).display = name in ("queue", "diff", beside) if wide else name == self._pane

    # Moving about ----------------------------------------------------------------------------------------------------

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Another change under the cursor is shown at once."""
        if message.lines.id == "queue":
            self._show_change()

    def _settle(self) -> None:
        self._settles = self._clock() + SETTLE_SECONDS

    def on_key(self, event: Key) -> None:
        """A key that comes while things settle starts that time again, so that type-ahead never decides."""
        if self._clock() < self._settles:
            self._settle()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Verdict keys do nothing until the screen has stood still."""
        if action in ("draft", "sign") and (self._clock() < self._settles or self.screen is not self.screen_stack[0]):
            return None
        return True

    def _focus_pane(self, name: str) -> None:
        self._pane = name
        self._arrange()
        self._list(name).focus()
        self._settle()
        self._status(self._position())

    @property
    def _focused(self) -> LineList:
        return self._list(self._pane)

    def action_move(self, by: int) -> None:
        """One line."""
        self._focused.move(by)

    def action_first(self) -> None:
        """First line."""
        self._focused.go(0)

    def action_last(self) -> None:
        """Last line."""
        self._focused.go(len(self._focused.lines) - 1)

    def action_page(self, by: int) -> None:
        """Half a page."""
        self._focused.move(by * max(1, self._focused.size.height // 2))

    def action_hunk(self, by: int) -> None:
        """Next or previous hunk of the diff."""
        self._list("diff").next_key(by, "h")

    def action_file(self, by: int) -> None:
        """Next or previous file of the diff."""
        self._list("diff").next_key(by, "f")

    def action_open(self) -> None:
        """Into the diff."""
        if self.current is not None:
            self._focus_pane("diff")

    def action_to_queue(self) -> None:
        """Back to the queue."""
        self._focus_pane("queue")

    def action_next_pane(self, by: int) -> None:
        """Around the panes."""
        self._focus_pane(PANES[(PANES.index(self._pane) + by) % len(PANES)])

    def action_zoom(self) -> None:
        """The focused pane alone, or all again."""
        self._zoomed = not self._zoomed
        self._arrange()

    def action_help(self) -> None:
        """The keys."""
        self._list("policy").show([line(text) for text in HELP])
        self._focus_pane("policy")

    # Deciding --------------------------------------------------------------------------------------------------------

    def action_draft(self, verdict: str) -> None:
        """Drafts a verdict; nothing is recorded yet."""
        if self.current is not None:
            self._drafts[self.current.id] = verdict
            self._drafted()

    def action_undo(self) -> None:
        """Takes the draft back."""
        if self.current is not None and self._drafts.pop(self.current.id, ""):
            self._drafted()

    def _drafted(self) -> None:
        self._write_drafts()
        self._reload()
        self._status(self._position())

    def _not_yet(self, queued: QueuedChange, verdict: str) -> str:
        """Why the draft can't be signed yet; empty when it can."""
        if self._key is None:
            return "no signing key: start with WORKBENCH_KEY=FILE, or use `workbench review approve ID --key FILE`"
        if self._assessment is None:
            return "this change can't be judged; see the evidence"
        unseen = views.hunk_keys(self._diffs) & self._list("diff").unseen()
        if verdict == "approve" and unseen:
            return f"S rests: {len(unseen)} hunk(s) of the diff were not on screen yet (] goes to the next)"
        return ""

    @work(exit_on_error=False)
    async def action_sign(self) -> None:
        """Signs the draft after the questions are answered and the summary is confirmed with another key."""
        queued = self.current
        verdict = self._drafts.get(queued.id, "") if queued else ""
        if queued is None or not verdict:
            self._status("nothing is drafted: a approve, r request changes, x reject")
            return
        reason = self._not_yet(queued, verdict)
        if reason or self._assessment is None:
            self._status(reason)
            return
        questions = self._assessment.decision.requires.questions
        answers: list[str] = []
        if verdict == "approve" and questions:
            given = await self.push_screen_wait(AnswerQuestions(questions))
            if given is None:
                self._status("not signed: the questions were not answered")
                return
            answers = given
        summary = [
            f"{views.VERDICTS[verdict]}  {queued.id}",
            f"{queued.change.title}",
            f"kinds: {', '.join(queued.classification.kinds) or 'no risk'}",
            f"digest: {queued.digest}",
            *(f"answered: {said}" for said in answers),
        ]
        if not await self.push_screen_wait(Confirm(summary, self._clock)):
            self._status("not signed; the draft is kept")
            return
        try:
            made = signoff.sign(self._repo, queued.id, verdict=verdict, key=self._key, answers=answers)  # type: ignore[arg-type]
        except WorkbenchError as error:
            self._status(f"✗ not signed: {error.message} {error.hint}")
            return
        self._drafts.pop(queued.id, None)
        self._write_drafts()
        self._reload()
        then = f"workbench run --resume {queued.session}" if queued.session else f"workbench review apply {queued.id}"
        self._status(f"✓ signed {made.id}: {verdict}. Next: {then}")

    def action_leave(self) -> None:
        """Quits; with unsigned drafts it says so once."""
        if self._drafts and not self._leaving:
            self._leaving = True
            self._status(f"{len(self._drafts)} draft(s) are not signed; they are kept. q again quits.")
            return
        self.exit()

    def _read_drafts(self) -> dict[str, str]:
        try:
            found = json.loads(self._drafts_file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        given = found if isinstance(found, dict) else {}
        return {str(name): str(verdict) for name, verdict in given.items() if verdict in views.VERDICTS}

    def _write_drafts(self) -> None:
        self._drafts_file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._drafts_file.with_suffix(".new")
        fresh.write_text(json.dumps(self._drafts, sort_keys=True), "utf-8")
        os.replace(fresh, self._drafts_file)  # noqa: PTH105


def run_review(settings: Settings, *, select: str | None = None, color: bool = True) -> None:
    """Opens the screen and returns when the reviewer leaves it. Errors as `Repo.open`."""
    key = Path(settings.review.key).expanduser() if settings.review.key else None
    ReviewApp(settings, key=key, select=select, color=color).run()
