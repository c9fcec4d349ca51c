"""The queue of proposed changes, in git: one ref per change, with both trees and the evidence below it.

What is stored here about a change (its kinds, what the policy asks) is for showing; whoever decides or applies works it
out again from the trees (`assess`). Stored evidence of what running the change showed can add risks, and clears none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.changes import Author, Change, Classification, Measured, classify, joined
from workbench.errors import Corrupt, UsageError
from workbench.policy import Decision, Policy, load_policy
from workbench.repo import DIRECTORY, FILE, Commit, Entry, Identity, Repo
from workbench.review import ledger, seals
from workbench.review.gates import EFFECT, GATES, GateEvidence, digests

PREFIX = "refs/workbench/queue/"
_FILE = "change.json"
_WHOLE = re.compile(r"[0-9a-f]{12}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")


class QueuedChange(BaseModel):
    """A change that waits, with what was known when it was proposed. `commit` is where it lies in the queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    id: str
    digest: str
    change: Change
    classification: Classification
    decision: Decision
    evidence: dict[str, str] = Field(default_factory=dict)
    """Name → SHA-256 of each piece of evidence."""
    skills: dict[str, str] = Field(default_factory=dict)
    """Git ids of what the loop worked with: the skills folder and its lock, in the base tree."""
    use_case: str = ""
    session: str = ""
    proposed_at: datetime
    commit: str = Field(default="", exclude=True)


@dataclass(frozen=True)
class Assessment:
    """A queued change judged afresh: what its trees say, and every risk that running it showed whoever proposed it.

    `measured` is that evidence, where it is about exactly these trees; what it cleared is for looking at.
    """

    classification: Classification
    policy: Policy
    decision: Decision
    gates: GateEvidence | None
    measured: Measured | None = None


def propose(
    repo: Repo, change: Change, classification: Classification, decision: Decision, evidence: Mapping[str, bytes], *,
    use_case: str = "", session: str = "", now: datetime | None = None,
) -> QueuedChange:  # fmt: skip
    """Puts a change into the queue; the same change with the same evidence, not applied yet, is only there once."""
    for name in evidence:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"`{name}` can't be the name of a piece of evidence.", "use lower-case letters, digits, `.`, `-`, `_`"
            )
    queued = QueuedChange(
        id=change.id, digest=change.digest, change=change, classification=classification, decision=decision,
        evidence=digests(evidence), skills=skills_of(repo, change.base), use_case=use_case, session=session,
        proposed_at=now or datetime.now(UTC),
    )  # fmt: skip
    ref = PREFIX + change.id
    existing = repo.refs(ref).get(ref)
    if existing is not None:
        before = _read(repo, change.id, existing)
        same = before.model_copy(update={"proposed_at": queued.proposed_at, "session": session, "commit": ""})
        if _timed_apart(repo, before, evidence):
            same = same.model_copy(update={"evidence": queued.evidence})
        if same == queued and existing not in ledger.applied_queue_commits(ledger.entries(repo)):
            return before
    files = {f"evidence/{name}": Entry(FILE, repo.store("blob", content)) for name, content in evidence.items()}
    files[_FILE] = Entry(FILE, repo.store("blob", queued.model_dump_json().encode()))
    files |= {"base": Entry(DIRECTORY, change.base), "result": Entry(DIRECTORY, change.result)}
    who = Identity(change.author.name, change.author.email)
    made = repo.commit(
        repo.tree_from(files), [existing] if existing else [], f"propose {change.digest}", author=who, ref=ref, expect=existing,
        at=queued.proposed_at,
    )  # fmt: skip
    return queued.model_copy(update={"commit": made})


def _timed_apart(repo: Repo, before: QueuedChange, now: Mapping[str, bytes]) -> bool:
    """Whether the evidence is the same but for how long measuring the effect took."""
    stored = evidence(repo, before)
    effects = [Measured.read(found.get(EFFECT)) for found in (stored, now)]
    others = [{name: content for name, content in found.items() if name != EFFECT} for found in (stored, now)]
    return None not in effects and others[0] == others[1] and bool(effects[0] and effects[1] and effects[0].same(effects[1]))


def pending(repo: Repo, *, unreadable: list[Corrupt] | None = None) -> list[QueuedChange]:
    """Every queued change that was not applied, oldest first; a drill only until somebody decided on it.

    Raises Corrupt for an entry that can't be read; with `unreadable`, it is put there instead and the others are returned.
    """
    found: list[QueuedChange] = []
    for one in read(repo, standing(repo, ledger.applied_queue_commits(ledger.entries(repo)))):
        if isinstance(one, QueuedChange):
            found.append(one)
        elif unreadable is None:
            raise one
        else:
            unreadable.append(one)
    return sorted(found, key=lambda queued: (queued.proposed_at, queued.id))


def standing(repo: Repo, done: Set[str]) -> dict[str, str]:
    """Id → queue commit of every change that isn't among the applied ones, but for drills that somebody decided on.

    Nothing of the entries is read.
    """
    refs = {ref.removeprefix(PREFIX): commit for ref, commit in repo.refs(PREFIX).items()}
    over = seals.decided(repo, refs)
    return {name: commit for name, commit in refs.items() if commit not in done and name not in over}


def read(repo: Repo, entries: Mapping[str, str]) -> Iterator[QueuedChange | Corrupt]:
    """The changes of some ids and queue commits, as `standing` gives them, read at once; an error for what can't be read."""
    contents = _contents(repo, entries.values())
    for name, commit in entries.items():
        try:
            yield _read(repo, name, commit, contents.get(commit))
        except Corrupt as error:
            yield error


def _contents(repo: Repo, commits: Iterable[str]) -> Mapping[str, tuple[Commit, bytes | None]]:
    """The files of many entries at once; none where one of them can't be read: then each is read by itself, to tell which."""
    try:
        return repo.files_of(commits, _FILE)
    except Corrupt:
        return {}


def get(repo: Repo, name: str) -> QueuedChange:
    """The queued change of that id, digest, or unambiguous beginning of an id. Raises UsageError where there is none."""
    wanted = name.removeprefix("sha256:").lower()
    # A whole id is one ref; only a part of one needs all of them.
    refs = repo.refs(PREFIX + wanted[:12]) if _WHOLE.match(wanted) else repo.refs(PREFIX)
    found = [
        ref for ref in refs if len(wanted) >= 4 and (ref.removeprefix(PREFIX) == wanted[:12] or ref.startswith(PREFIX + wanted))
    ]
    if len(found) != 1:
        many = "more than one queued change" if found else "no queued change"
        raise UsageError(f"There is {many} called `{name}`.", "`workbench review list` shows the queue")
    queued = _read(repo, found[0].removeprefix(PREFIX), refs[found[0]])
    if len(wanted) > 12 and queued.digest.removeprefix("sha256:") != wanted:
        raise UsageError(f"There is no queued change called `{name}`.", "`workbench review list` shows the queue")
    return queued


def at(repo: Repo, name: str, commit_id: str) -> QueuedChange:
    """The change as it lay in the queue at one of the queue's own commits. Raises Corrupt where it never did."""
    newest = repo.refs(PREFIX + name).get(PREFIX + name)
    if newest is None or not repo.is_ancestor(commit_id, newest):
        raise Corrupt(
            f"The queue never held change {name} as {commit_id[:12]}.", "fetch refs/workbench/* from a clone that you trust"
        )
    return _read(repo, name, commit_id)


def evidence(repo: Repo, queued: QueuedChange) -> dict[str, bytes]:
    """The pieces of evidence by name. Raises Corrupt where they aren't those that were proposed."""
    tree = repo.commit_of(queued.commit).tree
    found = {name: repo.read_blob(tree, f"evidence/{name}") or b"" for name in queued.evidence}
    if digests(found) != queued.evidence:
        raise Corrupt(f"The evidence of change {queued.id} is not what was proposed.", "propose the change again")
    return found


def assess(repo: Repo, queued: QueuedChange) -> Assessment:
    """Kinds, policy (of the base tree) and decision, worked out again; nothing stored with the change makes it less risky."""
    change = queued.change
    policy = load_policy(repo, change.base)
    pieces = evidence(repo, queued)
    measured = Measured.read(pieces.get(EFFECT))
    measured = measured if measured is not None and measured.is_about(change) else None
    classification = joined(classify(repo, change), change, [measured])
    report = pieces.get(GATES)
    gates = GateEvidence.from_report(report) if report is not None else None
    return Assessment(classification, policy, decided(policy, change, classification, gates), gates, measured)


def decided(policy: Policy, change: Change, classification: Classification, gates: GateEvidence | None) -> Decision:
    """What the policy asks of a change that is classified so; what the audit found counts, where there is a report."""
    return policy.decide(
        classification.risks, author=change.author, use_cases=classification.use_cases, size=classification.size,
        findings=gates.findings if gates else (), undeliverable=classification.undeliverable,
    )  # fmt: skip


def author_of(repo: Repo, commit_id: str, *, agent: bool = False) -> Author:
    """The author of a commit as the author of a change."""
    who = repo.commit_of(commit_id).author
    return Author(name=who.name, email=who.email, agent=agent)


def skills_of(repo: Repo, tree: str) -> dict[str, str]:
    """Git ids of what the loop works with in a tree: the skills folder and its lock."""
    found = {name: repo.entry(tree, name) for name in ("skills", "skills.lock")}
    return {name: entry.id for name, entry in found.items() if entry is not None}


def _read(repo: Repo, name: str, commit_id: str, found: tuple[Commit, bytes | None] | None = None) -> QueuedChange:
    tree = found[0].tree if found else repo.commit_of(commit_id).tree
    content = found[1] if found else repo.read_blob(tree, _FILE)
    try:
        queued = QueuedChange.model_validate_json(content or b"").model_copy(update={"commit": commit_id})
    except ValidationError:
        raise Corrupt(f"Queued change {name} can't be read.", f"look at {PREFIX}{name}; propose the change again") from None
    trees = [entry.id if entry else "" for entry in (repo.entry(tree, "base"), repo.entry(tree, "result"))]
    if queued.id != name or queued.change.id != name or trees != [queued.change.base, queued.change.result]:
        raise Corrupt(f"Queued change {name} is not what its name says.", f"look at {PREFIX}{name}; propose the change again")
    return queued
