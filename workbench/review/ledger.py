"""The ledger: an append-only, hash-chained record in git of what was applied, by which sign-offs, to which branch.

Each entry is one commit on `refs/workbench/ledger` whose parent is the entry before; two that append at once both get in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workbench.errors import Corrupt, Refusal
from workbench.repo import FILE, Entry, Identity, Repo

REF = "refs/workbench/ledger"
WORKBENCH = Identity("workbench", "workbench@localhost")
_FILE = "entry.json"
_TRIES = 1000


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int = 0
    prev: str = ""
    """SHA-256 of the entry before; empty for the first."""
    at: datetime
    change: str
    """The digest of the change."""
    queued: str
    """The commit in the queue that was applied."""
    ref: str
    commit: str


class Applying(_Entry):
    """About to move `ref` from `old` to `commit`; from here on the sign-offs are spent."""

    kind: Literal["applying"] = "applying"
    old: str
    signoffs: tuple[str, ...] = ()
    decision: Literal["allow", "review"]
    policy_digest: str
    gates: str = ""
    """SHA-256 of the gate evidence that was looked at."""
    effect: str = ""
    """SHA-256 of what running base and result showed whoever applied it; empty where they did not run it."""
    carried: dict[str, str] = Field(default_factory=dict)
    """Those of the sign-offs that were made on an earlier form of the change → the digest of that form."""
    proof: str = ""
    """Where sign-offs carried over: SHA-256 over what gates and effect said when they were measured again."""


class Applied(_Entry):
    """`ref` was moved. `began` is the number of the `applying` entry that this ends."""

    kind: Literal["applied"] = "applied"
    began: int


class Aborted(_Entry):
    """`ref` had moved elsewhere before it could be moved; the sign-offs are free again."""

    kind: Literal["aborted"] = "aborted"
    began: int


LedgerEntry = Annotated[Applying | Applied | Aborted, Field(discriminator="kind")]
Entries = list[Applying | Applied | Aborted]
_ADAPTER: TypeAdapter[Applying | Applied | Aborted] = TypeAdapter(LedgerEntry)


def head(repo: Repo) -> str | None:
    """The commit of the newest entry, None for an empty ledger."""
    return repo.refs(REF).get(REF)


def append(
    repo: Repo, entry: Applying | Applied | Aborted, *, unless: Callable[[Entries], bool] | None = None
) -> Applying | Applied | Aborted | None:  # fmt: skip
    """Adds one entry at the end and returns it with its place in the chain.

    With `unless`, only if that is false of exactly the entries it is added to; else None.
    """
    for _ in range(_TRIES):
        last = head(repo)
        if unless is not None and unless(entries(repo, last)):
            return None
        before = _bytes(repo, last) if last else b""
        seq = _read(before, last or "").seq + 1 if last else 1
        placed = entry.model_copy(update={"seq": seq, "prev": hashlib.sha256(before).hexdigest() if last else ""})
        blob = repo.store("blob", placed.model_dump_json().encode())
        tree = repo.tree_from({_FILE: Entry(FILE, blob)})
        message = f"{placed.kind} {placed.change} at {placed.ref}"
        made = repo.commit(tree, [last] if last else [], message, author=WORKBENCH, at=placed.at)
        try:
            repo.update_ref(REF, made, last)
        except Refusal:
            if head(repo) == last:  # not another entry: git itself could not
                raise
            continue
        return placed
    raise Refusal("The ledger is being written to without a pause.", "try again")


def entries(repo: Repo, newest: str | None = "") -> Entries:
    """All entries (up to the commit `newest`, where it is given), oldest first. Raises Corrupt where the chain doesn't hold.

    A process reads an entry once: what stands behind a commit id can't become another, so only what was added is read.
    """
    newest = head(repo) if newest == "" else newest
    if newest is None:
        return []
    known = _known.get(str(repo.git_dir))
    if known is None or known.newest != newest:
        if known is not None and not repo.is_ancestor(known.newest, newest):
            known = None
        known = _extended(repo, known or _Chain("", "", ()), newest)
        _known[str(repo.git_dir)] = known
    return list(known.entries)


@dataclass(frozen=True)
class _Chain:
    """A ledger read and checked up to the commit `newest`; `last` is the SHA-256 of its newest entry."""

    newest: str
    last: str
    entries: tuple[Applying | Applied | Aborted, ...]


_known: dict[str, _Chain] = {}
"""By git directory: what this process has read and checked."""


def forget() -> None:
    """Lets go of what this process has read; the next to ask reads all of it."""
    _known.clear()


def _extended(repo: Repo, known: _Chain, newest: str) -> _Chain:
    found: Entries = list(known.entries)
    last, before = known.last, known.newest
    for commit_id, parents, content in repo.chained_files(newest, _FILE, known.newest or None):
        if content is None:
            raise _empty(commit_id)
        entry = _read(content, commit_id)
        if entry.seq != len(found) + 1 or entry.prev != last or parents != ((before,) if before else ()):
            raise Corrupt(
                f"The ledger is broken at entry {len(found) + 1} ({commit_id[:12]}): it doesn't follow from the entry before.",
                "fetch refs/workbench/ledger from a clone that you trust",
            )
        _fits(found, entry, commit_id)
        found.append(entry)
        last, before = hashlib.sha256(content).hexdigest(), commit_id
    return _Chain(newest, last, tuple(found))


def _fits(found: Entries, entry: Applying | Applied | Aborted, commit_id: str) -> None:
    """An end is that of a move that was begun and is not over: else it could make a spent sign-off good again."""
    if isinstance(entry, Applying):
        return
    begun = found[entry.began - 1] if 1 <= entry.began <= len(found) else None
    same = isinstance(begun, Applying) and all(
        getattr(begun, name) == getattr(entry, name) for name in ("change", "queued", "ref", "commit")
    )
    if not same or any(not isinstance(other, Applying) and other.began == entry.began for other in found):
        raise Corrupt(
            f"The ledger is broken at entry {len(found) + 1} ({commit_id[:12]}): it ends what was not begun, or is over already.",
            "fetch refs/workbench/ledger from a clone that you trust",
        )


def aborted(found: Entries) -> list[Applying]:
    """Moves that were given up."""
    freed = {entry.began for entry in found if isinstance(entry, Aborted)}
    return [entry for entry in found if isinstance(entry, Applying) and entry.seq in freed]


def unfinished(found: Entries) -> list[Applying]:
    """Moves that were begun and neither finished nor given up, oldest first."""
    ended = {entry.began for entry in found if not isinstance(entry, Applying)}
    return [entry for entry in found if isinstance(entry, Applying) and entry.seq not in ended]


def spent(found: Entries) -> set[str]:
    """Ids of the sign-offs that were used; those of a move that was given up are free again."""
    freed = {entry.began for entry in found if isinstance(entry, Aborted)}
    return {name for entry in found if isinstance(entry, Applying) and entry.seq not in freed for name in entry.signoffs}


def applied_queue_commits(found: Entries) -> set[str]:
    """The queue commits that were applied."""
    return {entry.queued for entry in found if isinstance(entry, Applied)}


def _bytes(repo: Repo, commit_id: str) -> bytes:
    content = repo.read_blob(repo.commit_of(commit_id).tree, _FILE)
    if content is None:
        raise _empty(commit_id)
    return content


def _empty(commit_id: str) -> Corrupt:
    return Corrupt(f"The ledger holds a commit without an entry ({commit_id[:12]}).", "fetch it from a clone that you trust")


def _read(content: bytes, commit_id: str) -> Applying | Applied | Aborted:
    try:
        return _ADAPTER.validate_json(content)
    except ValidationError:
        raise Corrupt(f"The ledger entry {commit_id[:12]} can't be read.", "fetch it from a clone that you trust") from None
