"""The release history: what was in production at T, moved by whom, on what evidence.

MLflow overwrites an alias in place; this file is the record. One append-only JSONL file per use case in the state
directory, next to the registry it is about: every line carries the SHA-256 of the line before, and is on disk before
its effect is. A flip is two lines, the intent before the alias is moved and `done` after it.
Not here: whether a flip is allowed and the move itself (`promotion`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workbench.errors import Corrupt, UsageError
from workbench.release.lineage import Lineage
from workbench.release.locking import locked
from workbench.settings import Settings

Move = Literal["promote", "rollback", "put-back"]
"""`put-back` restores what is on record after somebody moved the alias past the workbench."""


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int = 0
    at: datetime = datetime.min.replace(tzinfo=UTC)
    prev: str = ""


class Registered(_Line):
    """A version was registered with this lineage."""

    kind: Literal["registered"] = "registered"
    version: int
    lineage_digest: str
    model_sha256: str
    session: str


class Intent(_Line):
    """An alias is about to be moved; everything that was demanded of the version held."""

    kind: Literal["intent"] = "intent"
    id: str
    move: Move
    alias: str
    before: int | None
    after: int
    model_sha256: str
    actor: str
    reason: str
    evidence: dict[str, str]


class Done(_Line):
    """The alias of the intent `id` stands where it was to go."""

    kind: Literal["done"] = "done"
    id: str


Line = Registered | Intent | Done
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


class Flip(BaseModel):
    """One move of an alias; `done` is None while only the intent is on record."""

    model_config = ConfigDict(frozen=True)

    id: str
    move: Move
    alias: str
    before: int | None
    after: int
    model_sha256: str
    actor: str
    reason: str
    evidence: dict[str, str]
    intended: datetime
    done: datetime | None


class Flips(BaseModel):
    """All flips of a use case, in order, and the questions asked of them."""

    model_config = ConfigDict(frozen=True)

    flips: list[Flip]

    def pending(self) -> Flip | None:
        """The flip whose intent is on record and whose end isn't: there was a kill in between."""
        return next((flip for flip in self.flips if flip.done is None), None)

    def recorded(self, alias: str) -> int | None:
        """Where `alias` stands by the record, None where it was never set."""
        return next((flip.after for flip in reversed(self.flips) if flip.alias == alias and flip.done), None)

    def at(self, alias: str, when: datetime) -> Flip | None:
        """The flip that had put `alias` where it stood at `when`."""
        return next((f for f in reversed(self.flips) if f.alias == alias and f.done and f.done <= when), None)

    def previous(self, alias: str) -> int | None:
        """What a rollback of `alias` leads to: the version before the present one, rolled-back ones taken away."""
        stack: list[int] = []
        for flip in self.flips:
            if flip.alias != alias or flip.done is None:
                continue
            if flip.move == "promote":
                stack.append(flip.after)
            elif flip.move == "rollback":
                del stack[-1]
        return stack[-2] if len(stack) > 1 else None


def path_of(settings: Settings, use_case: str) -> Path:
    """The history file of `use_case`; it need not exist."""
    if not _NAME.fullmatch(use_case):
        raise UsageError(f"`{use_case}` can't be the name of a use case.", "give the name of a folder in pipelines/")
    return settings.state / "releases" / f"{use_case}.jsonl"


def read(settings: Settings, use_case: str) -> list[Line]:
    """All lines, the chain verified; a torn last line (a kill while writing) was never acknowledged and is left out.

    Raises Corrupt, naming the line, where the file isn't what was written.
    """
    path = path_of(settings, use_case)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return _parsed(path, content[: content.rfind(b"\n") + 1])


def flips(lines: Sequence[Line]) -> Flips:
    """The moves of aliases among `lines`."""
    ends = {line.id: line.at for line in lines if isinstance(line, Done)}
    found = [
        Flip(**line.model_dump(exclude={"kind", "seq", "at", "prev"}), intended=line.at, done=ends.get(line.id))
        for line in lines
        if isinstance(line, Intent)
    ]
    return Flips(flips=found)


def append(settings: Settings, use_case: str, line: Line) -> Line:
    """Adds one line, numbered, timed and chained; it is on disk when this returns. Repairs a torn last line first."""
    path = path_of(settings, use_case)
    with locked(settings, f"history-{use_case}"):
        new = not path.exists()
        with path.open("a+b") as file:
            file.seek(0)
            content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            lines = _parsed(path, whole)
            if len(whole) < len(content):
                file.truncate(len(whole))
            prev = hashlib.sha256(whole.splitlines(keepends=True)[-1]).hexdigest() if whole else ""
            line = line.model_copy(update={"seq": len(lines) + 1, "at": datetime.now(UTC), "prev": prev})
            file.write(line.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            _sync_directory(path.parent)
    return line


def record_registered(settings: Settings, lineage: Lineage, version: int) -> None:
    """Notes a registered version and the digest of its lineage, once."""
    lines = read(settings, lineage.use_case)
    if any(isinstance(line, Registered) and line.version == version for line in lines):
        return
    entry = Registered(version=version, lineage_digest=lineage.digest, model_sha256=lineage.model_sha256, session=lineage.session)
    append(settings, lineage.use_case, entry)


def registered_digest(settings: Settings, use_case: str, version: int) -> str | None:
    """The digest of the lineage that `version` was registered with, None where the history doesn't know it."""
    for line in read(settings, use_case):
        if isinstance(line, Registered) and line.version == version:
            return line.lineage_digest
    return None


def _parsed(path: Path, content: bytes) -> list[Line]:
    lines: list[Line] = []
    prev = ""
    for number, raw in enumerate(content.splitlines(keepends=True), start=1):
        try:
            line = _LINE.validate_json(raw)
        except ValidationError:
            line = None
        if line is None or line.prev != prev or line.seq != number:
            raise Corrupt(
                f"The release history {path.name} isn't what was written, from line {number} on.",
                f"restore {path} from a backup; nothing is promoted or rolled back until then",
            )
        lines.append(line)
        prev = hashlib.sha256(raw).hexdigest()
    return lines


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
