"""Seals: which changes are drills, recorded so that applying and verifying can tell and no screen does before the decision.

A seal is a blob under `refs/workbench/drills/`: a nonce; marks, which are hashes with that nonce over the change's id, its result
tree and the code that was planted; and a box with what it is about, which the change's id opens. Whoever has a change in hand can
ask whether it is a drill; nothing that lists, shows or searches finds out by accident. It is no secret from somebody who looks.
So that a clone that has the queue and lacks the seals is not fooled, a drill's own queue entry says it as well, by the last
digits of its session and of its time, which follow from the change.

What is planted, and what came of it, is in `drills.py`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.changes import Change
from workbench.errors import Corrupt, Refusal
from workbench.repo import Repo

PREFIX = "refs/workbench/drills/"
SIGNOFFS = "refs/workbench/signoffs/"
WHY = "it is a drill, planted to see whether it is noticed"


class Drill(BaseModel):
    """What is in the box: whether a leak was planted, of which kind, and what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    change: str
    """The id of the change."""
    use_case: str
    leak: bool
    kind: str
    name: str
    at: datetime

    @property
    def words(self) -> str:
        """What is said of it once it was decided."""
        planted = f"a leak was planted: {self.name}" if self.leak else f"nothing was planted: {self.name}"
        return f"this was a drill; {planted}"


class Seal(BaseModel):
    """One record, as it lies in git."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    nonce: str
    marks: tuple[str, ...]
    box: str

    def marks_any(self, names: Iterable[str]) -> bool:
        """Whether one of the names is one of those that were sealed."""
        return any(_mark(self.nonce, name) in self.marks for name in names)

    def open(self, change_id: str) -> Drill | None:
        """What it is about, where it is about that change; else None. Raises Corrupt where the box isn't what was sealed."""
        if not self.marks_any([_of_id(change_id)]):
            return None
        try:
            return Drill.model_validate_json(_sealed(self.nonce, change_id, bytes.fromhex(self.box)))
        except (ValidationError, ValueError):
            raise _broken(change_id) from None


@dataclass(frozen=True)
class Seals:
    """All seals of a repository, read once."""

    found: tuple[Seal, ...]

    @classmethod
    def read(cls, repo: Repo) -> Seals:
        """Raises Corrupt where one can't be read: it could be about any change."""
        refs = repo.refs(PREFIX)
        blobs = repo.blobs(refs.values()) if refs else {}
        try:
            return cls(tuple(Seal.model_validate_json(blobs[blob]) for blob in refs.values()))
        except ValidationError:
            raise _broken("of a drill") from None

    def drill(self, change_id: str) -> Drill | None:
        """What was sealed of the change of that id, or None."""
        return next((drill for seal in self.found if (drill := seal.open(change_id)) is not None), None)

    def about(self, repo: Repo, change: Change, *, session: str = "", at: datetime | None = None) -> bool:
        """Whether a change is a drill, ends in a drill's tree, or brings code that was planted in one.

        `session` and `at` are those of its queue entry, where it has one.
        """
        digits, microsecond = told_by(change)
        if at is not None and at.microsecond == microsecond and session.endswith(digits):
            return True
        if not self.found:
            return False
        names = [_of_id(change.id), f"tree {change.result}"]
        names += [f"blob {new.id}" for _, _, new in repo.diff(change.base, change.result) if new is not None]
        return any(seal.marks_any(names) for seal in self.found)


def seal(repo: Repo, change: Change, drill: Drill, planted: Iterable[str]) -> None:
    """Records that `change` is a drill; `planted` are paths of its result that hold what no real change may bring in."""
    entries = [repo.entry(change.result, path) for path in planted]
    names = [_of_id(change.id), f"tree {change.result}", *(f"blob {entry.id}" for entry in entries if entry is not None)]
    nonce = secrets.token_hex(16)
    marks = tuple(_mark(nonce, name) for name in names)
    box = _sealed(nonce, change.id, drill.model_dump_json().encode()).hex()
    blob = repo.store("blob", Seal(nonce=nonce, marks=marks, box=box).model_dump_json().encode())
    repo.update_ref(PREFIX + marks[0][:16], blob, None)


def told_by(change: Change) -> tuple[str, int]:
    """The last digits of the session, and the microsecond, that a drill's queue entry has; both follow from the change."""
    digest = hashlib.sha256(f"workbench drill {change.digest}".encode()).digest()
    return digest[:2].hex(), int.from_bytes(digest[2:8]) % 1_000_000


def refuse(repo: Repo, change: Change, *, session: str = "", at: datetime | None = None) -> None:
    """Raises Refusal where the change is a drill."""
    if Seals.read(repo).about(repo, change, session=session, at=at):
        raise Refusal(
            f"Change {change.id} can't be applied: {WHY}.", "nothing is left to do; `workbench drill report` has the figures"
        )


def decided(repo: Repo, change_ids: Iterable[str]) -> dict[str, Drill]:
    """Those of the changes that are drills and that somebody signed a verdict on."""
    seals = Seals.read(repo)
    if not seals.found:
        return {}
    signed = {ref.removeprefix(SIGNOFFS).partition("/")[0] for ref in repo.refs(SIGNOFFS)}
    found = {change_id: seals.drill(change_id) for change_id in change_ids if change_id in signed}
    return {change_id: drill for change_id, drill in found.items() if drill is not None}


def _of_id(change_id: str) -> str:
    return f"change {change_id}"


def _mark(nonce: str, name: str) -> str:
    return hashlib.sha256(f"workbench seal\0{nonce}\0{name}".encode()).hexdigest()


def _sealed(nonce: str, change_id: str, content: bytes) -> bytes:
    """Content under a stream of hashes over nonce and id; done twice it is the content again."""
    blocks = (
        hashlib.sha256(json.dumps([nonce, change_id, number]).encode()).digest() for number in range(len(content) // 32 + 1)
    )
    return bytes(byte ^ other for byte, other in zip(content, b"".join(blocks), strict=False))


def _broken(what: str) -> Corrupt:
    return Corrupt(f"The sealed record {what} can't be read.", f"fetch {PREFIX}* from a clone that you trust")
