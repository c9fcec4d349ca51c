"""The ledger of looks at a test score: choosing on the test by trying again is a leak, too, and only counting shows it.

One line per look in `<state>/touches/<use case>.jsonl`: appended under a lock, chained to the line before, on disk before the
score is shown. The same is in the events of each session, so that a workspace whose state was thrown away still knows what its
recorded sessions saw. The same code on the same tables gives the same score and is no further look. Nothing is counted here by
itself: whoever shows a score asks first (`loop/looks.py`, `cli/audit.py`); a replay doesn't.

A last line without its newline was never acknowledged: it is moved to `<name>.torn` when the ledger is next written. Any other
damage is Corrupt, and nothing is counted on top of it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import Corrupt, WorkbenchError
from workbench.sessions.events import Touch
from workbench.sessions.header import Name, Number, canonical, sha256
from workbench.sessions.heldout import HeldOut, Sha256
from workbench.sessions.reader import EVENTS, HEADER, read_session

FOLDER = "touches"
_KEEP = "keep the file as it is; take an intact copy back from a backup, or move it away and let a person decide"


class Look(BaseModel):
    """One look: `by` says who (a driver's name, or the command that a person gave), `change` the digest of what was tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    seq: int = 0
    at: str = ""
    prev: str = ""
    use_case: Name
    held_out: HeldOut
    code: Sha256
    session: str = ""
    step: int = 0
    change: str = ""
    by: str = ""
    scores: dict[str, Number] = Field(default_factory=dict)

    @property
    def evaluation(self) -> tuple[str, str]:
        """What makes two looks the same one: code and tables."""
        return self.code, self.held_out.tables


class Looks(BaseModel):
    """How often test rows have been looked at, this evaluation included, against which budget, counted over what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=0)
    budget: int | None = None
    over: Literal["test rows", "session"] = "test rows"


def counted(looks: Iterable[Look], held_out: HeldOut, session: str | None = None) -> int:
    """Different evaluations on these test rows, or on rows that are mostly the same; of one session where it is given."""
    return len({
        look.evaluation for look in looks if (session is None or look.session == session) and look.held_out.same_as(held_out)
    })  # fmt: skip


class Ledger:
    """The ledger of one use case. Reading takes no lock and repairs nothing."""

    def __init__(self, state: Path, use_case: str) -> None:
        self.use_case = use_case
        self.path = state / FOLDER / f"{use_case}.jsonl"

    def exists(self) -> bool:
        """Whether anything was ever counted in this state directory."""
        return self.path.is_file()

    def looks(self) -> list[Look]:
        """All looks, the oldest first. Raises Corrupt for a line that isn't what was written."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        return self._verified(content)[0]

    def add(self, look: Look, *, known: Sequence[Look] = (), budget: int | None = None, in_session: bool = False) -> Look | None:
        """Puts a look on disk and returns it; an evaluation that is known already is returned as it was, and not counted again.

        None, and nothing is written, where the budget would be exceeded: by all looks at these rows, here and in `known`, or by
        those of the look's session alone with `in_session`. Raises Corrupt, and OSError where the disk refuses.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            content = _whole(descriptor)
            looks, head, torn = self._verified(content)
            session = look.session if in_session else None
            among = [*looks, *known]
            for before in among:
                mine = before.evaluation == look.evaluation and before.held_out.same_as(look.held_out)
                if mine and (session is None or before.session == session):
                    return before
            if budget is not None and counted(among, look.held_out, session) >= budget:
                return None
            if torn:
                self._set_aside(descriptor, torn, len(content))
            at = datetime.now(UTC).isoformat(timespec="microseconds")
            written = look.model_copy(update={"seq": len(looks) + 1, "at": at, "prev": head})
            _append(descriptor, canonical(written.model_dump(mode="json")).encode() + b"\n", len(content) - len(torn))
            _sync(self.path.parent)
            return written
        finally:
            os.close(descriptor)

    def _verified(self, content: bytes) -> tuple[list[Look], str, bytes]:
        lines = content.split(b"\n")
        torn = lines.pop()
        looks: list[Look] = []
        head = ""
        for number, line in enumerate(lines, start=1):
            where = f"{self.path.name}:{number}"
            try:
                look = Look.model_validate(json.loads(line))
            except (ValueError, ValidationError):
                raise Corrupt(f"The ledger of looks at the test, {where}, is not a look.", _KEEP) from None
            if look.prev != head or look.seq != number or look.use_case != self.use_case:
                raise Corrupt(f"The ledger of looks at the test, {where}: the chain is broken.", _KEEP)
            looks.append(look)
            head = sha256(line)
        return looks, head, torn

    def _set_aside(self, descriptor: int, torn: bytes, size: int) -> None:
        with self.path.with_suffix(".torn").open("ab") as sidecar:
            sidecar.write(torn + b"\n")
            sidecar.flush()
            os.fsync(sidecar.fileno())
        os.ftruncate(descriptor, size - len(torn))


def recorded(root: Path, use_case: str) -> list[Look]:
    """The looks that the sessions of a workspace have on record. Raises Corrupt for a session that can't be read."""
    found = []
    place = root / "sessions"
    folders = sorted(place.iterdir()) if place.is_dir() else []
    for folder in folders:
        if not (folder / HEADER).is_file() or not _touched(folder / EVENTS):
            continue
        try:
            session = read_session(folder)
        except WorkbenchError as error:
            raise Corrupt(f"The looks at the test of {folder.name} can't be counted: {error.message}", error.hint) from None
        if session.header.use_case == use_case:
            found += [_look(session.header.id, use_case, event) for event in session.events if isinstance(event, Touch)]
    return found


def known_looks(root: Path, state: Path, use_case: str) -> list[Look]:
    """Every look there is a record of, in the order of their times: of the state directory and of the recorded sessions.

    Raises Corrupt.
    """
    whole: dict[tuple[str, str, str, str], Look] = {}
    for look in [*Ledger(state, use_case).looks(), *recorded(root, use_case)]:
        whole.setdefault((*look.evaluation, look.held_out.digest, look.session), look)
    return sorted(whole.values(), key=lambda look: look.at)


def _look(session: str, use_case: str, event: Touch) -> Look:
    return Look(
        at=event.at, use_case=use_case, held_out=event.held_out, code=event.code, session=session, step=event.step,
        change=event.change, scores=event.scores,
    )  # fmt: skip


def _touched(path: Path) -> bool:
    """Whether the events of a session name a look at all; most reading of sessions ends here."""
    with suppress(OSError):
        return b'"kind":"touch"' in path.read_bytes()
    return True


def _whole(descriptor: int) -> bytes:
    parts = []
    at = 0
    while part := os.pread(descriptor, 1 << 20, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _append(descriptor: int, line: bytes, size: int) -> None:
    try:
        left = memoryview(line)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)  # a full disk: what isn't acknowledged isn't there
        raise


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
