"""Applying: the one function that moves a branch to a change's result, and the only one that spends sign-offs.

It believes nothing that it is told but what its caller measured, gates and effect: it reads both trees, classifies, reads the
policy of the base tree, decides, checks every sign-off, and only then moves the branch, by compare-and-swap. What the queue
holds about running the change can only add risks; where people have to sign, nothing is cleared.

The order makes a kill at any point harmless: (1) the ledger says `applying`, with the commit to be, which spends the
sign-offs; (2) the branch moves to that commit; (3) the work tree follows, where it has the branch checked out; (4) the
ledger says `applied`. Whoever comes next finds an unfinished (1) and brings it to its end with the same commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workbench.changes import Author, Change, Measured, joined
from workbench.errors import Corrupt, Refusal, SignOffRequired
from workbench.policy import Decision
from workbench.repo import DIRECTORY, SUBMODULE, Difference, Entry, Identity, Repo
from workbench.review import carry, ledger, queue, seals, signoff
from workbench.review.carry import Rerun
from workbench.review.gates import CARRIED, GateEvidence, missing_gates, sha256
from workbench.review.ledger import Aborted, Applied, Applying
from workbench.review.queue import Assessment, QueuedChange

CHANGE_TRAILER, SIGNOFF_TRAILER, LEDGER_TRAILER = "Workbench-Change", "Workbench-Sign-Off", "Workbench-Ledger"


@dataclass(frozen=True)
class Application:
    """What was applied: the new `commit` on `ref`, and by which sign-offs. `already`: it was there when asked."""

    commit: str
    ref: str
    change: str
    signoffs: tuple[str, ...]
    already: bool = False
    carried: Mapping[str, str] = field(default_factory=dict)
    """Those of the sign-offs that were made on an earlier form of the change → the digest of that form."""


def apply(
    repo: Repo, digest: str, *, target_ref: str, gates: GateEvidence | None, measured: Measured | None = None,
    now: datetime | None = None, progress: Callable[[str], None] | None = None,
) -> Application:  # fmt: skip
    """Applies the queued change `digest` (or id) to `target_ref`, if the policy and people allow it.

    `gates` are the results of the audit of exactly the result tree; `measured` is what the caller itself saw when it ran base
    and result here, never what lies in the queue: its risks count, and only what it cleared can go in without people. Sign-offs
    on an earlier form of the change carry over only where both are given and say the same as what was signed.
    Raises SignOffRequired where people are still asked, and Refusal for everything else that stands in the way; then nothing
    has changed. Asking again for what was applied returns it. `progress` hears `recorded`, `moved`, `followed`, `finished`,
    each after that step is on disk.
    """
    say = progress or (lambda _: None)
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    recover(repo, now=moment)
    queued = queue.get(repo, digest)
    found = ledger.entries(repo)
    done = _applied(repo, found, queued, target_ref)
    if done is not None:
        return done
    for entry in ledger.unfinished(found):
        if (entry.queued, entry.ref) == (queued.commit, target_ref):  # `recover` could not end it: here is why
            return _complete(repo, entry, moment, say)
    assessment, decision = _judged(repo, queued, measured)
    if decision.decision == "block":
        raise _blocked(queued, decision)
    missing = missing_gates(decision.requires.gates, gates, queued.change.result)
    if missing:
        raise Refusal(
            f"Change {queued.id} lacks what the policy asks: {'; '.join(missing)}.", "run the gates on its result and pass them"
        )
    tip = _tip(repo, queued, target_ref)
    spent = ledger.spent(found)
    rerun = Rerun(gates, measured) if CARRIED in queued.evidence else None
    standing = signoff.valid(repo, queued, moment, assessment=assessment, spent=spent, rerun=rerun)
    unmet = signoff.unmet(decision, standing)
    if rerun and decision.decision != "allow":  # the findings of the gates that ran now can ask for more than those of the queue
        unmet = list(dict.fromkeys([*unmet, *signoff.unmet(carry.reassessed(queued, assessment, rerun).decision, standing)]))
    if unmet:
        raise _waiting(queued, unmet, standing)
    # Not earlier: whoever asks before the decision hears what is said of any change.
    seals.refuse(repo, queued.change, session=queued.session, at=queued.proposed_at)
    _check_work_tree(repo, queued, target_ref)
    used = tuple(given.id for given in standing.approvals) if decision.decision == "review" else ()
    entry = Applying(
        at=moment, change=queued.digest, queued=queued.commit, ref=target_ref, old=tip, signoffs=used, decision=decision.decision,
        policy_digest=decision.policy_digest, gates=gates.digest if gates else "",
        effect=sha256(measured.content) if measured else "",
        carried={name: standing.carried[name] for name in used if name in standing.carried},
        proof=carry.proof(queued, rerun) if rerun and standing.carried else "",
        commit=_commit(repo, queued, tip, used, ledger.head(repo), moment),
    )  # fmt: skip
    begun = ledger.append(repo, entry, unless=lambda found: _taken(found, entry))
    if not isinstance(begun, Applying):
        raise Refusal(f"Change {queued.id} is being applied by someone else.", "look at the branch, and ask again")
    say("recorded")
    return _complete(repo, begun, moment, say)


def before_running(repo: Repo, queued: QueuedChange, *, target_ref: str, now: datetime | None = None) -> Application | None:
    """What `apply` would say before gates and effect were run: raises what stands in the way anyhow, and nothing runs in vain.

    Returns the application where the change is in already. Nothing is decided by this; `apply` looks at everything again.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    recover(repo, now=moment)
    found = ledger.entries(repo)
    done = _applied(repo, found, queued, target_ref)
    if done is not None or any((entry.queued, entry.ref) == (queued.commit, target_ref) for entry in ledger.unfinished(found)):
        return done or apply(repo, queued.digest, target_ref=target_ref, gates=None, now=moment)
    assessment = queue.assess(repo, queued)
    if assessment.decision.decision == "block":
        raise _blocked(queued, assessment.decision)
    _tip(repo, queued, target_ref)
    rerun = carry.recorded(assessment)
    standing = signoff.valid(repo, queued, moment, assessment=assessment, spent=ledger.spent(found), rerun=rerun)
    unmet = signoff.unmet(assessment.decision, standing)
    if unmet:
        raise _waiting(queued, unmet, standing)
    _check_work_tree(repo, queued, target_ref)
    return None


def _blocked(queued: QueuedChange, decision: Decision) -> Refusal:
    return Refusal(f"Change {queued.id} is blocked: {'; '.join(decision.reasons)}", "it can't be applied by anybody; change it")


def _judged(repo: Repo, queued: QueuedChange, measured: Measured | None) -> tuple[Assessment, Decision]:
    """The change as a sign-off is about it, and what the policy asks now: nobody, or what it asks with nothing cleared."""
    assessment = queue.assess(repo, queued)
    if measured is None:
        return assessment, assessment.decision
    change, found = queued.change, assessment.classification
    kept = [joined(found, change, [], clearing=measured), joined(found, change, [measured])]
    automatic, asked = (queue.decided(assessment.policy, change, one, assessment.gates) for one in kept)
    return assessment, automatic if automatic.decision == "allow" else asked


def recover(repo: Repo, *, now: datetime | None = None) -> list[Application]:
    """Brings every application that was begun and interrupted to its end; returns those that now stand."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    ended = []
    for entry in ledger.unfinished(ledger.entries(repo)):
        try:
            ended.append(_complete(repo, entry, moment, lambda _: None))
        except Refusal:  # its branch went elsewhere, and the ledger says so; or the work tree can't follow yet
            continue
    return ended


def _waiting(queued: QueuedChange, unmet: list[str], standing: signoff.Standing) -> SignOffRequired | Refusal:
    ignored = [f"sign-off {name} doesn't count: {why}" for name, why in standing.invalid]
    text = "; ".join([*unmet, *ignored])
    if standing.objections:
        return Refusal(
            f"Change {queued.id} is not to be applied: {text}", "change it and propose it again, or talk to the reviewer"
        )
    return SignOffRequired(f"Change {queued.id} waits for a person: {text}", f"`workbench review show {queued.id}`")


def _applied(repo: Repo, found: ledger.Entries, queued: QueuedChange, ref: str) -> Application | None:
    for entry in found:
        if isinstance(entry, Applied) and entry.queued == queued.commit:
            if entry.ref != ref:
                raise Refusal(f"Change {queued.id} was applied to {entry.ref} already.", "propose it anew for another branch")
            begun = next(e for e in found if isinstance(e, Applying) and e.seq == entry.began)
            return Application(entry.commit, ref, queued.digest, begun.signoffs, already=True, carried=begun.carried)
    return None


def _tip(repo: Repo, queued: QueuedChange, ref: str) -> str:
    if not ref.startswith("refs/heads/"):
        raise Refusal(f"{ref} is not a branch.", "apply to a branch: refs/heads/…")
    tip = repo.refs(ref).get(ref)
    if tip is None:
        raise Refusal(f"{ref} does not exist.", "apply to a branch that has a commit")
    if repo.commit_of(tip).tree != queued.change.base:
        raise Refusal(
            f"{ref} has moved on since change {queued.id} was made; its sign-offs are not about what is there now.",
            f"`workbench review rebase {queued.id}` makes it again on top of the branch, and carries over what may be carried",
        )
    return tip


def _commit(repo: Repo, queued: QueuedChange, tip: str, used: tuple[str, ...], last: str | None, at: datetime) -> str:
    title = " ".join(queued.change.title.split())[:200] or f"change {queued.id}"
    trailers = [f"{CHANGE_TRAILER}: {queued.digest}", *(f"{SIGNOFF_TRAILER}: {name}" for name in used)]
    trailers.append(f"{LEDGER_TRAILER}: {last or 'none'}")
    author = Identity(queued.change.author.name, queued.change.author.email)
    return repo.commit(queued.change.result, [tip], f"{title}\n\n" + "\n".join(trailers) + "\n", author=author, at=at)


def _taken(found: ledger.Entries, entry: Applying) -> bool:
    """Whether someone else spent one of the sign-offs, or has begun or finished with the same entry of the queue."""
    begun = {other.queued for other in ledger.unfinished(found)} | ledger.applied_queue_commits(found)
    return entry.queued in begun or bool(ledger.spent(found) & set(entry.signoffs))


def _complete(repo: Repo, entry: Applying, now: datetime, say: Callable[[str], None]) -> Application:
    """From `applying` to `applied`, however far it had come; every step may be repeated."""
    tip = repo.refs(entry.ref).get(entry.ref)
    if tip == entry.old:
        trees = [repo.commit_of(commit).tree for commit in (entry.old, entry.commit)]
        seals.refuse(repo, Change(base=trees[0], result=trees[1], author=Author(name=""), title=""))
        try:
            repo.update_ref(entry.ref, entry.commit, entry.old)
        except Refusal:
            tip = repo.refs(entry.ref).get(entry.ref)
        else:
            tip = entry.commit
    if tip is None or not repo.is_ancestor(entry.commit, tip):
        ledger.append(repo, Aborted(**_end(entry), at=now), unless=lambda found: _ended(found, entry))
        hint = "its sign-offs are still good for the same base; make the change again on top of the branch"
        raise Refusal(f"{entry.ref} moved elsewhere before change {entry.change[7:19]} could be applied.", hint)
    say("moved")
    if tip == entry.commit:
        _follow(repo, entry)
    say("followed")
    ledger.append(repo, Applied(**_end(entry), at=now), unless=lambda found: _ended(found, entry))
    say("finished")
    return Application(entry.commit, entry.ref, entry.change, entry.signoffs, carried=entry.carried)


def _end(entry: Applying) -> dict[str, Any]:
    return {"change": entry.change, "queued": entry.queued, "ref": entry.ref, "commit": entry.commit, "began": entry.seq}


def _ended(found: ledger.Entries, entry: Applying) -> bool:
    return all(entry.seq != other.seq for other in ledger.unfinished(found))


# --- the work tree -------------------------------------------------------------------------------------------------------


def _check_work_tree(repo: Repo, queued: QueuedChange, ref: str) -> None:
    """Refuses where the branch is checked out and a touched path holds work that isn't committed."""
    place = repo.checked_out(ref)
    if place is None:
        return
    if place != repo.root:
        raise Refusal(f"{ref} is checked out in {place}.", "apply it from there")
    differences = repo.diff(queued.change.base, queued.change.result)
    dirty = [path for path, old, _ in differences if _on_disk(repo, path) != old]
    staged = repo.index_entries(path for path, _, _ in differences)
    if staged is not None:
        dirty += [path for path, old, new in differences if staged.get(path) not in (old, new)]
    if dirty:
        names = ", ".join(sorted(set(dirty))[:5])
        raise Refusal(
            f"The work tree holds changes of its own where this change would write: {names}.",
            "commit or stash them, then apply again",
        )


def _on_disk(repo: Repo, path: str) -> Entry | None:
    """What lies there; a file or link in the way of one of its directories counts as something that lies there."""
    parts = path.split("/")
    for end in range(1, len(parts)):
        parent = repo.root / "/".join(parts[:end])
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            return Entry(DIRECTORY, "")
    found = repo.on_disk(path)
    # A submodule's directory says nothing about its commit; it is left as it is.
    return found


def _follow(repo: Repo, entry: Applying) -> None:
    """Writes the touched paths of the work tree that are still as they were; what a person changed meanwhile is left."""
    if repo.checked_out(entry.ref) != repo.root:
        return
    base, result = repo.commit_of(entry.old).tree, repo.commit_of(entry.commit).tree
    differences = repo.diff(base, result)
    clean = [change for change in differences if _on_disk(repo, change[0]) == change[1] and SUBMODULE not in _modes(change)]
    for path, _, new in sorted(clean, key=lambda change: change[2] is not None):
        repo.write_file(repo.root, path, new)
    staged = repo.index_entries(path for path, _, _ in differences)
    if staged is not None:
        try:
            repo.set_index({path: new for path, old, new in differences if staged.get(path) == old})
        except Corrupt:
            lock = repo.git_dir / "index.lock"
            if not lock.exists():
                raise
            raise Refusal(
                f"{entry.ref} moved to {entry.commit[:12]}, but git's index is locked: a git is at work, or one was killed.",
                f"when no git runs here, remove {lock} and ask again",
            ) from None


def _modes(change: Difference) -> set[str]:
    return {entry.mode for entry in change[1:] if entry is not None}
