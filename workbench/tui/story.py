"""The session pane: the steps of the recorded session that made a change, and which of them made it.

What is recorded is untrusted: it passes through `line()`, and it is the session's own account, not what was measured.
"""

from __future__ import annotations

import re
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.review.queue import QueuedChange
from workbench.sessions.events import ChangeMade, Event
from workbench.sessions.listing import said
from workbench.sessions.reader import Session, find_session, read_session
from workbench.tui.lines import Line, line

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+-]{0,127}")
_STYLES = {"✓": "plain", "✗": "bad", "‖": "warning"}


def recorded(root: Path, state: Path, name: str) -> tuple[Session | None, str]:
    """The session of that name, read and verified, or None and why there is none to show."""
    if not name:
        return None, "no session made this change"
    if not _NAME.fullmatch(name):
        return None, "the change names its session in a way that no session is called"
    try:
        return read_session(find_session(root, state, name)), ""
    except WorkbenchError as error:
        return None, f"{error.message} {error.hint}"


def session_lines(session: Session | None, why: str, queued: QueuedChange) -> list[Line]:
    """Head and events, keys `e<seq>`; the step that made the change is marked."""
    if session is None:
        return [line("THE SESSION", "heading"), line(f"! {why}", "warning")]
    header, maker = session.header, made_by(session, queued)
    lines = [
        line(f"SESSION {header.id}", "heading"),
        line(f"{header.use_case} · driver {header.driver} · {session.outcome or 'running, or killed'}", "dim"),
        line("as the session itself recorded it", "dim"),
    ]
    if maker is None:
        lines.append(line("! no step of it made exactly this change", "warning"))
    for event in session.events:
        glyph, text = said(event)
        made = maker is not None and event.seq == maker.seq
        head = f"{'▶' if made else ' '} {event.step or '':>3} {event.at[11:16]:<5} {glyph} {event.kind} "
        style = "strong" if made else _STYLES.get(glyph, "plain")
        lines.append(line(head + text + (" ← made this change" if made else ""), style, f"e{event.seq}"))
    if session.torn:
        lines.append(line(f"‖ an unfinished last line of {len(session.torn)} bytes was never acknowledged", "dim"))
    return lines


def made_by(session: Session, queued: QueuedChange, path: str = "") -> Event | None:
    """The step that made the change or, of a change put together from several, the last that touched the file at `path`."""
    made = [event for event in session.events if isinstance(event, ChangeMade)]
    exact = [event for event in made if event.digest == queued.digest]
    touched = [event for event in made if path and path in event.files and (not exact or event.seq <= exact[-1].seq)]
    found = exact or touched or [event for event in made if event.result == queued.change.result]
    return found[-1] if found else None
