"""`ReadingScreen`: a screen on which a change is read: its diff in one column or two, evidence, policy, and its session.

Which change that is, and what may be decided about it, is up to the screen built on this one.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType

from workbench.errors import UsageError, WorkbenchError
from workbench.tui import views
from workbench.tui.columns import column_lines
from workbench.tui.desk import Desk, Opened
from workbench.tui.dialogs import Clock
from workbench.tui.evidence import evidence_lines, headline
from workbench.tui.keys import CHANGE, PANES, WRAP
from workbench.tui.lines import LineList, line
from workbench.tui.outside import looking
from workbench.tui.panes import PanesScreen
from workbench.tui.person import Person
from workbench.tui.story import made_by, recorded, session_lines


class ReadingScreen(PanesScreen):
    """Panes for one change; `opened` is the one that is on screen."""

    BINDINGS: ClassVar[list[BindingType]] = list(CHANGE)
    panes: ClassVar[tuple[str, ...]] = PANES
    wraps: ClassVar[Mapping[str, str]] = WRAP
    screen_keys: ClassVar[tuple[Binding, ...]] = (*PanesScreen.screen_keys, *CHANGE)

    def __init__(
        self, desk: Desk, *, clock: Clock = time.monotonic, person: Person | None = None
    ) -> None:  # fmt: skip
        super().__init__(clock=clock, person=person)
        self._desk = desk
        self.opened: Opened | None = None
        self._seen: dict[tuple[str, bool], set[tuple[int, int]]] = {}
        self._read: set[str] = set()
        self._columns = False
        self._told: str | None = None

    def show(self, opened: Opened | None) -> None:
        """Puts a change on screen, from its beginning; None empties the panes."""
        self.opened = opened
        self._told = None
        if opened is None:
            for name in ("diff", "evidence", "policy", "session"):
                self._lists[name].show([])
            return
        self._show_diff()
        self._show_findings()
        if self._lists["session"].display:
            self._show_session()

    def _show_diff(self) -> None:
        if self.opened is None:
            return
        diffs, here, columns, assessment = self.opened.diffs, self._lists["diff"], self._columns, self.opened.assessment
        head = headline(self.opened.queued, assessment) if assessment else []
        seen = self._seen.setdefault((self.opened.queued.commit, columns), set())
        if columns:
            here.show(lambda width: [*head, *column_lines(diffs, width)], seen=seen)
        else:
            here.show([*head, *views.diff_lines(diffs)], seen=seen)
        here.border_title = f"diff: {views.extent(diffs)}"

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

    def _show_session(self) -> None:
        """Read when it is looked at: sessions are long, and most reviews need none."""
        if self.opened is None or self._told == self.opened.queued.commit:
            return
        queued = self.opened.queued
        self._told = queued.commit
        session, why = recorded(self._desk.root, self._desk.state_place, queued.session)
        here = self._lists["session"]
        here.show(session_lines(session, why, queued))
        maker = made_by(session, queued) if session else None
        if maker is not None:
            here.go_to_key(f"e{maker.seq}")

    def unseen(self) -> int:
        """Parts of the diff that were not on screen yet; what was all seen once, in one column or two, stays seen."""
        if self.opened is None:
            return 0
        commit = self.opened.queued.commit
        if commit in self._read:
            return 0
        count = sum(key[:1] in ("f", "h") for key in self._lists["diff"].unseen())
        if not count and self._lists["diff"].lines:
            self._read.add(commit)
        return count

    def beside(self) -> tuple[str, ...]:
        """Queue and diff, and one of the others."""
        return ("queue", "diff", self._pane if self._pane in ("policy", "session") else "evidence")

    def _focus_pane(self, name: str) -> None:
        if name == "session":
            self._show_session()
        super()._focus_pane(name)

    def on_line_list_seen(self, message: LineList.Seen) -> None:
        """More of the diff was on screen: S may be free now."""
        if message.lines.id == "diff":
            self.tell()

    # Looking closer --------------------------------------------------------------------------------------------------

    def action_part(self, by: int, kind: str) -> None:
        """Next or previous hunk or file of the diff."""
        if not self._lists["diff"].display:
            self._focus_pane("diff")
        self._lists["diff"].next_key(by, kind)

    def action_split(self) -> None:
        """The diff in two columns, or in one again; the cursor stays in its hunk."""
        here = self._lists["diff"]
        key = here.key
        self._columns = not self._columns
        self._show_diff()
        here.go_to_key(key)
        self.tell("the diff in two columns: before │ after" if self._columns else "the diff in one column")

    def action_behind(self) -> None:
        """From a hunk to the step of the session that made it."""
        if self.opened is None:
            return
        queued = self.opened.queued
        session, why = recorded(self._desk.root, self._desk.state_place, queued.session)
        maker = made_by(session, queued, self._file()) if session else None
        self._focus_pane("session")
        if maker is None:
            self.tell(why or "no step of the session made exactly this change")
        elif self._lists["session"].go_to_key(f"e{maker.seq}"):
            self.tell(f"step {maker.step} of {queued.session} made this")

    def _file(self) -> str:
        """The path of the file under the diff's cursor."""
        number = self._lists["diff"].key[1:].partition(".")[0]
        diffs = self.opened.diffs if self.opened else []
        return diffs[int(number)].path if number.isdigit() and int(number) < len(diffs) else ""

    def action_edit(self) -> None:
        """The file under the cursor in the person's editor: a copy, as it is after the change or, for what is gone, before."""
        if self.opened is None:
            return
        path = self._file()
        if not path:
            self.tell("the cursor is on no file: Enter, then ] or } to one")
            return
        at = self._lists["diff"].at
        try:
            before, after = self._desk.contents(self.opened, path)
            content, side = (after, "after") if after is not None and at >= 0 else (before, "before")
            if content is None:
                content, side = (after, "after")
            if content is None:
                raise UsageError(f"{path} is no file on either side.", "the diff says what it is")
            with tempfile.TemporaryDirectory(prefix="workbench-look-") as place:
                command = looking(self._person, Path(place) / side, path, content, abs(at))
                with self.app.suspend():
                    code = subprocess.run(command, check=False).returncode
            self.tell(f"{path}, as it is {side} the change" + (f"; the editor ended with {code}" if code else ""))
        except WorkbenchError as error:
            self.tell(f"✗ {error.message} {error.hint}")
        except SuspendNotSupported:
            self.tell("✗ no editor can be opened from here: use the review screen on a terminal")
        except OSError as error:
            self.tell(f"✗ the editor can't be started: {error.strerror}")
