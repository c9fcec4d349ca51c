"""`workbench replay` on a terminal: a scrubber over a recorded session, and what the event under it holds.

The left pane is the session, a line an event; its cursor is the playhead. The right pane is drawn for one event at a time, as
the review screen draws it: diffs as diffs, gate reports with their proofs. Nothing can be decided here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError
from textual.binding import Binding, BindingType
from textual.timer import Timer

from workbench.changes import FileDiff
from workbench.errors import WorkbenchError
from workbench.sessions import events
from workbench.sessions.detail import detail
from workbench.sessions.events import Event
from workbench.sessions.listing import BAD, GOOD, STOP, said, until
from workbench.sessions.reader import EVENTS, Session, read_session
from workbench.tui.app import Shell
from workbench.tui.dialogs import Clock
from workbench.tui.evidence import read_report, report_lines
from workbench.tui.keys import LAST, MOVING
from workbench.tui.lines import Line, LineList, line
from workbench.tui.panes import PanesScreen
from workbench.tui.person import Person
from workbench.tui.views import diff_lines

SPEEDS = (1, 2, 4, 8, 16, 32)
"""Events a second."""
_LOOK = 0.5
"""Seconds between two looks at a session that is still being written."""
_STYLES = {GOOD: "good", BAD: "bad", STOP: "warning"}
_DIFFS: TypeAdapter[list[FileDiff]] = TypeAdapter(list[FileDiff])


def _key(keys: str, action: str, word: str, about: str, id: str, *, show: bool = False) -> Binding:
    return Binding(keys, action, word, show=show, priority=True, tooltip=about, id=id)


SCRUBBING = [
    _key("space", "play", "play", "play, or stop playing", "play", show=True),
    _key("full_stop,right,l", "step(1)", "next", "the next event", "next-event", show=True),
    _key("comma,left,h", "step(-1)", "before", "the event before", "previous-event", show=True),
    _key("right_square_bracket", "jump(1, 'gate')", "gate", "the next gate", "next-gate", show=True),
    _key("left_square_bracket", "jump(-1, 'gate')", "gate before", "the gate before", "previous-gate"),
    _key("right_curly_bracket", "jump(1, 'node')", "node", "where the next node begins", "next-node", show=True),
    _key("left_curly_bracket", "jump(-1, 'node')", "node before", "where the node before began", "previous-node"),
    _key("less_than_sign", "speed(-1)", "slower", "play slower", "slower"),
    _key("greater_than_sign", "speed(1)", "faster", "play faster", "faster"),
    _key("f", "follow", "follow", "follow a session that is still running", "follow", show=True),
    *(_key(str(tenth), f"percent({tenth * 10})", f"{tenth * 10} %", f"{tenth * 10} % of the way", f"percent-{tenth}")
      for tenth in range(10)),
]  # fmt: skip
_MOVING = [found for found in MOVING if found.id not in ("first", "last")]
ENDS = [
    _key("home,g", "scrub('first')", "first", "the first event", "first"),
    _key("end,G", "scrub('last')", "last", "the last event", "last"),
]
_LEAVING = [found if found.id != "quit" else _key("q", "leave", "quit", "quit", "quit", show=True) for found in LAST]
REPLAY = [*SCRUBBING[:8], *_LEAVING, *SCRUBBING[8:], *ENDS, *_MOVING]


class ReplayScreen(PanesScreen):
    """The scrubber over one session."""

    TITLE = "workbench replay"
    BINDINGS: ClassVar[list[BindingType]] = [*SCRUBBING, *ENDS]
    panes: ClassVar[tuple[str, ...]] = ("events", "detail")
    wraps: ClassVar[dict[str, str]] = {"detail": "  "}
    screen_keys: ClassVar[Sequence[Binding]] = tuple(REPLAY)

    def __init__(
        self, session: Session, *, to: int | None = None, clock: Clock = time.monotonic, person: Person | None = None
    ) -> None:
        super().__init__(clock=clock, person=person)
        self.session = session
        self._to = to
        self._speed = 1
        self._playing: Timer | None = None
        self._following: Timer | None = None
        self._drawn = 0
        self._read = 0
        self._said = ""

    # What is on screen -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Puts the playhead on the last event up to the step asked for, else on the first."""
        self._show_events()
        if self._to is not None:
            self._lists["events"].go(len(until(self.session.events, self._to)) - 1)
        self._draw()

    @property
    def event(self) -> Event | None:
        """The event under the playhead."""
        found = self.session.events
        return found[min(self._lists["events"].cursor, len(found) - 1)] if found else None

    def tell(self, said: str | None = None) -> None:
        """The header, and what there is to say."""
        self._said = self._said if said is None else said
        total = max((event.step for event in self.session.events), default=0)
        at = self.event
        where = f"step {at.step if at else 0}/{total} · {(at.node or at.kind) if at else 'empty'} · REPLAY"
        state = "playing" if self._playing else "following" if self._following else self.session.outcome or "no ending"
        more = f" · event {at.seq if at else 0}/{len(self.session.events)} · {state} · ×{SPEEDS[self._speed]}"
        self.say(str(line(where + more).text), self._said or self.session.header.id)

    def _show_events(self) -> None:
        rows = [_row(event) for event in self.session.events] or [line("no events yet", "dim")]
        self._lists["events"].show(rows, keep=True)
        self._read = _size(self.session.directory)

    def _draw(self) -> None:
        """The detail of the event under the playhead, once."""
        at = self.event
        if at is not None and at.seq != self._drawn:
            self._drawn = at.seq
            session = self.session
            self._lists["detail"].show(lambda width: shown(session, at, width))
            self._lists["detail"].border_title = f"detail: {at.kind}"
        self.tell()

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """The playhead is somewhere else."""
        if message.lines.id == "events":
            self._said = ""
            self._draw()

    # Scrubbing -------------------------------------------------------------------------------------------------------

    def _go(self, to: int) -> None:
        self._lists["events"].go(to)

    def action_step(self, by: int) -> None:
        """One event on or back."""
        self._go(self._lists["events"].cursor + by)

    def action_scrub(self, where: str) -> None:
        """To either end."""
        self._go(0 if where == "first" else len(self.session.events) - 1)

    def action_percent(self, percent: int) -> None:
        """So far into the session."""
        self._go(round((len(self.session.events) - 1) * percent / 100))

    def action_jump(self, by: int, what: str) -> None:
        """To the next gate, or to where the next node begins."""
        found = self.session.events
        here = self._lists["events"].cursor
        index = here + by
        while 0 <= index < len(found):
            begins = index == 0 or (found[index].step, found[index].node) != (found[index - 1].step, found[index - 1].node)
            if found[index].kind == "gate" if what == "gate" else bool(found[index].step) and begins:
                self._go(index)
                return
            index += by
        self.tell(f"no {what} {'after' if by > 0 else 'before'} this")

    def action_speed(self, by: int) -> None:
        """Faster or slower."""
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        if self._playing:
            self._playing.stop()
            self._playing = self.set_interval(1 / SPEEDS[self._speed], self._tick)
        self.tell("")

    def action_play(self) -> None:
        """Plays from here to the end, or stops."""
        if self._playing:
            self._playing.stop()
            self._playing = None
        else:
            self._playing = self.set_interval(1 / SPEEDS[self._speed], self._tick)
        self.tell("")

    def _tick(self) -> None:
        if self._lists["events"].cursor >= len(self.session.events) - 1:
            if self._playing:
                self._playing.stop()
                self._playing = None
            self.tell("the end")
        else:
            self.action_step(1)

    def action_follow(self) -> None:
        """Keeps the playhead on the newest event of a session that is being written."""
        if self._following:
            self._following.stop()
            self._following = None
            self.tell("")
            return
        self._following = self.set_interval(_LOOK, self.look)
        self.look()
        self.tell("following; f stops")

    def look(self) -> None:
        """Reads what was written since, if anything was."""
        if _size(self.session.directory) != self._read:
            try:
                self.session = read_session(self.session.directory)
            except WorkbenchError as error:
                self.tell(f"✗ {error.message}")
                return
            self._show_events()
        self.action_scrub("last")


def _size(directory: Path) -> int:
    try:
        return (directory / EVENTS).stat().st_size
    except OSError:
        return -1


def _row(event: Event) -> Line:
    glyph, text = said(event)
    return line(f"{event.step or '':>4} {glyph} {event.kind:<10} {text}", _STYLES.get(glyph, "plain"), f"e{event.seq}")


def shown(session: Session, event: Event, width: int) -> list[Line]:
    """What an event holds, drawn for a pane of that width; what can't be drawn is written out."""
    try:
        lines = [line(row) for row in detail(session, event)[:2]]
        drawn = _drawn(session, event, width)
        if drawn is not None:
            return [*lines, line(""), *drawn]
        return [line(row) for row in detail(session, event)]
    except WorkbenchError as error:
        return [line(f"✗ {error.message}", "bad"), line(f"→ {error.hint}")]


def _drawn(session: Session, event: Any, width: int) -> list[Line] | None:
    if isinstance(event, events.ChangeMade) and event.diff is not None:
        try:
            return diff_lines(_DIFFS.validate_json(session.blob(event.diff)))
        except ValidationError:
            return None
    if isinstance(event, events.Gate):
        report, _ = read_report(session.blob(event.report), event.tree)
        return report_lines(report, width) if report is not None else None
    return None


class ReplayApp(Shell):
    """The scrubber and nothing else."""

    CSS = Shell.CSS + "\n#events { width: 5fr; }\n#detail { width: 6fr; }\n"

    def __init__(
        self, session: Session, *, to: int | None = None, color: bool = True, clock: Clock = time.monotonic,
        person: Person | None = None,
    ) -> None:  # fmt: skip
        super().__init__(color=color)
        self.replay = ReplayScreen(session, to=to, clock=clock, person=person)

    def get_default_screen(self) -> ReplayScreen:
        """The scrubber."""
        return self.replay


def run_replay(session: Session, *, to: int | None = None, color: bool = True) -> None:
    """Opens the scrubber and returns when it is left."""
    ReplayApp(session, to=to, color=color).run()
