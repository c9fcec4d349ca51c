"""Reads a session and trusts nothing: every line is checked against the chain, every blob against its name.

Reading repairs nothing. A last line without its newline was never acknowledged and is left out (`Session.torn`);
whatever else is wrong is Corrupt, with file and line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from workbench.errors import ConfigError, Corrupt, UsageError
from workbench.sessions.events import EVENT, KINDS, Ended, Event, blobs_of
from workbench.sessions.header import FORMAT, SessionHeader, canonical, sha256
from workbench.visible import visible

HEADER = "session.json"
EVENTS = "events.jsonl"
TORN = "events.torn"
BLOBS = "blobs"

_KEEP = "keep the session as it is; take an intact copy back from version control or a backup"


@dataclass(frozen=True)
class Session:
    """A session as it is on disk: `head` is the digest of its last line, `torn` an unacknowledged rest behind it."""

    directory: Path
    header: SessionHeader
    events: list[Event]
    head: str
    torn: bytes = b""

    @property
    def outcome(self) -> str | None:
        """How it ended; None while it runs or after a kill."""
        last = self.events[-1] if self.events else None
        return last.outcome if isinstance(last, Ended) else None

    def blob(self, name: str) -> bytes:
        """Content of a blob. Raises Corrupt where it is missing or isn't what its name says."""
        try:
            content = blob_path(self.directory, name).read_bytes()
        except FileNotFoundError:
            raise Corrupt(f"{BLOBS}/{name} of the session {self.header.id} is missing.", _KEEP) from None
        if sha256(content) != name:
            raise Corrupt(f"{BLOBS}/{name} of the session {self.header.id} isn't what its name says.", _KEEP)
        return content

    def check_blobs(self) -> int:
        """Reads every blob that an event names; returns how many. Raises Corrupt for the first that is wrong."""
        names = {name for event in self.events for name in blobs_of(event).values()}
        for name in sorted(names):
            self.blob(name)
        return len(names)


def blob_path(directory: Path, name: str) -> Path:
    """Where the blob of that SHA-256 lies. Raises Corrupt for anything that isn't one."""
    if not re.fullmatch(r"[0-9a-f]{64}", name):
        raise Corrupt(f"`{visible(name, limit=80)}` is not the name of a blob.", _KEEP)
    return directory / BLOBS / name


def find_session(root: Path, state: Path, wanted: str) -> Path:
    """The directory of a session given as a path, or as an id under `sessions/` or the state directory's `sessions/`.

    Raises UsageError where there is none or an abbreviated id fits several.
    """
    for candidate in (Path(wanted), root / wanted):
        if (candidate / HEADER).is_file():
            return candidate
    places = [root / "sessions", state / "sessions"]
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", wanted):
        for place in places:
            if (place / wanted / HEADER).is_file():
                return place / wanted
        close = [directory for place in places for directory in _sessions(place) if wanted in directory.name]
        if len(close) == 1:
            return close[0]
        if close:
            names = ", ".join(directory.name for directory in close[:5])
            raise UsageError(f"`{wanted}` fits several sessions: {names}.", "give more of the id")
    known = [directory.name for place in places for directory in _sessions(place)]
    there = f"there are: {', '.join(known[-5:])}" if known else "`workbench run` records one"
    raise UsageError(f"There is no session `{visible(wanted, limit=100)}`.", there)


def _sessions(place: Path) -> list[Path]:
    """The sessions in a directory, by name."""
    return [directory for directory in sorted(place.iterdir()) if (directory / HEADER).is_file()] if place.is_dir() else []


def read_session(directory: Path) -> Session:
    """Reads and verifies a session. Raises UsageError where there is none, ConfigError for another format, Corrupt."""
    header = _read_header(directory)
    try:
        content = (directory / EVENTS).read_bytes()
    except FileNotFoundError:
        raise Corrupt(f"{directory.name} has no {EVENTS}.", _KEEP) from None
    lines = content.split(b"\n")
    torn = lines.pop()
    events: list[Event] = []
    heads = [header.digest]
    for number, line in enumerate(lines, start=1):
        events.append(_read_line(directory, number, line, heads[-1]))
        heads.append(sha256(line))
    ending = header.ending
    if ending is not None and (ending.events >= len(heads) or heads[ending.events] != ending.head):
        ended, there = ending.events, len(events)
        raise Corrupt(f"{directory.name}/{EVENTS} lacks events: it ended after line {ended}, and has {there}.", _KEEP)
    return Session(directory, header, events, heads[-1], torn)


def _read_header(directory: Path) -> SessionHeader:
    path = directory / HEADER
    try:
        table = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{directory} is not a session: it has no {HEADER}.", "give a session's directory or id") from None
    except ValueError:
        raise Corrupt(f"{directory.name}/{HEADER} is not JSON.", _KEEP) from None
    if not isinstance(table, dict):
        raise Corrupt(f"{directory.name}/{HEADER} is not an object.", _KEEP)
    if table.get("format") != FORMAT:
        found = visible(str(table.get("format")), limit=40)
        message = f"{directory.name} is a session of format {found}; this version reads format {FORMAT}."
        raise ConfigError(message, "replay it with the version of workbench that wrote it")
    try:
        return SessionHeader.model_validate(table)
    except ValidationError as error:
        raise Corrupt(f"{directory.name}/{HEADER}: {_first(error)}.", _KEEP) from None


def _read_line(directory: Path, number: int, line: bytes, expected: str) -> Event:
    where = f"{directory.name}/{EVENTS}:{number}"
    try:
        table = json.loads(line)
    except ValueError:
        raise Corrupt(f"{where}: the line is not JSON.", _KEEP) from None
    kind = table.get("kind") if isinstance(table, dict) else None
    if kind not in KINDS:
        raise Corrupt(f"{where}: `{visible(str(kind), limit=60)}` is not a kind of event that this version knows.", _KEEP)
    try:
        event = EVENT.validate_python(table)
    except ValidationError as error:
        raise Corrupt(f"{where}: {_first(error)}.", _KEEP) from None
    if event.prev != expected:
        raise Corrupt(f"{where}: the chain is broken: the line before isn't the one that this event was written after.", _KEEP)
    if event.seq != number:
        raise Corrupt(f"{where}: the event has the number {event.seq}.", _KEEP)
    if canonical(table).encode() != line:
        raise Corrupt(f"{where}: the line isn't in the form in which events are written.", _KEEP)
    return event


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return visible(f"`{'.'.join(str(part) for part in first['loc'])}`: {first['msg']}", limit=300)
