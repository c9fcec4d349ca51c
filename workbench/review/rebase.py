"""Making a queued change again on top of a branch that has moved, and saying which sign-offs carry over to it.

The trees are merged path by path; where both sides changed the same path, that is refused, never resolved by guessing. Nothing is
decided here: the new change is queued with what was measured on it, and names where it comes from; whether a sign-off carries
over is worked out again by whoever applies or verifies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.changes import Change, Classification, Measured, classify, joined
from workbench.errors import Refusal
from workbench.policy import load_policy
from workbench.repo import Repo
from workbench.review import carry, ledger, queue, rerun, seals, signoff
from workbench.review.carry import Origin, Rerun
from workbench.review.gates import CARRIED, EFFECT, GATES, GateEvidence
from workbench.review.queue import Assessment, QueuedChange
from workbench.review.signoff import Standing
from workbench.settings import Settings

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Rebased:
    """A change on its new base. `rerun` is what was measured on it here, and good for applying it at once."""

    queued: QueuedChange
    before: QueuedChange
    assessment: Assessment
    standing: Standing
    rerun: Rerun
    differs: tuple[str, ...]
    """What keeps sign-offs from carrying over, whoever's they are; empty where nothing does."""
    missing: list[str]
    """What is still asked of people."""


def rebase(
    settings: Settings, repo: Repo, queued: QueuedChange, tip_tree: str, *, now: datetime | None = None,
    progress: Progress | None = None,
) -> Rebased:  # fmt: skip
    """Puts `queued` into the queue again as a change of the tree `tip_tree`, runs gates and effect on it, and compares.

    Raises Refusal where both sides changed the same path, where nothing has moved, and where the change is in already.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    if queued.commit in ledger.applied_queue_commits(ledger.entries(repo)):
        raise Refusal(f"Change {queued.id} is already applied.", "nothing is left to do")
    seals.refuse(repo, queued.change, session=queued.session, at=queued.proposed_at)
    change = rebased(repo, queued, tip_tree)
    again, ran = _queued_again(settings, repo, queued, change, moment, progress)
    first = queue.assess(repo, again)
    assessment = carry.reassessed(again, first, ran)
    standing = signoff.valid(repo, again, moment, assessment=first, rerun=ran)
    differs = [why for step in carry.carries(repo, again, assessment, ran) for why in step.differs]
    missing = signoff.unmet(assessment.decision, standing) if assessment.decision.decision == "review" else []
    return Rebased(again, queued, assessment, standing, ran, tuple(dict.fromkeys(differs)), missing)


def rebased(repo: Repo, queued: QueuedChange, tip_tree: str) -> Change:
    """The same change on top of another tree; not in the queue yet."""
    if tip_tree == queued.change.base:
        raise Refusal(f"Change {queued.id} is on top of the branch as it is.", "nothing has to be made again")
    change = on_top(repo, queued, tip_tree)
    if change.result == tip_tree:
        raise Refusal(f"All that change {queued.id} does is on the branch already.", "nothing is left to do")
    return change


def on_top(repo: Repo, queued: QueuedChange, tip_tree: str) -> Change:
    """The same change on top of another tree, which may hold it already: then base and result are the same."""
    change = queued.change
    result = merged(repo, tip_tree, change.base, change.result, "The branch and this change both changed")
    return change.model_copy(update={"base": tip_tree, "result": result})


def moved_to(repo: Repo, queued: QueuedChange, ref: str) -> str | None:
    """The tree that `ref` moved to while the change waited; None where it stands, and where the change went in or is about to."""
    found = ledger.entries(repo)
    tip = repo.refs(ref).get(ref)
    begun = ledger.applied_queue_commits(found) | {entry.queued for entry in ledger.unfinished(found)}
    if tip is None or queued.commit in begun:
        return None
    tree = repo.commit_of(tip).tree
    return tree if tree != queued.change.base else None


def origins(repo: Repo, queued: QueuedChange) -> list[Origin]:
    """What a rebase of this change comes from: all that it comes from itself, and it."""
    return [*carry.origins_of(repo, queued), Origin(change=queued.id, queued=queued.commit)]


def note(found: Sequence[Origin], change: Change) -> dict[str, bytes]:
    """The piece of evidence that names where `change` comes from; none where that is nowhere but itself.

    A branch may go back to where it was, and a change with it.
    """
    others = [origin for origin in found if origin.change != change.id]
    return {CARRIED: carry.note(others)} if others else {}


def waiting(repo: Repo, change: Change, evidence: Mapping[str, bytes]) -> QueuedChange | None:
    """The entry of the queue in which this change waits already, with evidence that says the same; None where there is none."""
    name = queue.PREFIX + change.id
    if name not in repo.refs(name):
        return None
    queued = queue.get(repo, change.id)
    applied = queued.commit in ledger.applied_queue_commits(ledger.entries(repo))
    return queued if not applied and says_the_same(repo, queued, change, evidence) else None


def says_the_same(repo: Repo, queued: QueuedChange, change: Change, evidence: Mapping[str, bytes]) -> bool:
    """Whether an entry of the queue is this change with evidence that says the same, however long measuring took."""
    if (queued.change, queued.evidence.keys()) != (change, evidence.keys()):
        return False
    return all(
        content == evidence[name]
        or (name == GATES and _says(content, change.result) == _says(evidence[name], change.result) != "")
        or (name == EFFECT and _shows(content) == _shows(evidence[name]) != "")
        for name, content in queue.evidence(repo, queued).items()
    )


def _says(report: bytes, tree: str) -> str:
    found = GateEvidence.from_report(report)
    return found.says if found is not None and found.tree == tree else ""


def _shows(effect: bytes) -> str:
    found = Measured.read(effect)
    return found.says if found is not None and found.complete else ""


def _queued_again(
    settings: Settings, repo: Repo, queued: QueuedChange, change: Change, now: datetime, progress: Progress | None
) -> tuple[QueuedChange, Rerun]:  # fmt: skip
    """The new change with its evidence in the queue, and what was measured for it."""
    report = rerun.same_audit(settings, repo, queued, change.result, progress=progress)
    found = classify(repo, change)
    draft = queued.model_copy(update={"change": change})
    measured = rerun.effect(settings, repo, draft, progress=progress)
    ran = Rerun(GateEvidence.from_report(report) if report else None, measured)
    both = joined(found, change, [measured])
    pieces = {name: content for name, content in queue.evidence(repo, queued).items() if name not in (GATES, EFFECT, CARRIED)}
    pieces |= {EFFECT: measured.content} | ({GATES: report} if report else {})
    pieces |= note(origins(repo, queued), change)
    made = _propose(repo, queued, change, both, pieces, ran, now)
    return made, ran


def _propose(
    repo: Repo, before: QueuedChange, change: Change, found: Classification, pieces: dict[str, bytes], ran: Rerun, now: datetime
) -> QueuedChange:  # fmt: skip
    decision = queue.decided(load_policy(repo, change.base), change, found, ran.gates)
    return queue.propose(repo, change, found, decision, pieces, use_case=before.use_case, session=before.session, now=now)


def merged(repo: Repo, ours: str, base: str, theirs: str, both_changed: str) -> str:
    """Our tree with what changed from `base` to `theirs`, path by path.

    Raises Refusal, beginning with `both_changed`, where both sides changed the same path differently.
    """
    mine, before, after = repo.list_tree(ours), repo.list_tree(base), repo.list_tree(theirs)
    found = dict(mine)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) == after.get(path) or mine.get(path) == after.get(path):
            continue
        if mine.get(path) != before.get(path):
            raise Refusal(f"{both_changed} {path}.", "rebase it onto the branch by hand, and propose that")
        if path in after:
            found[path] = after[path]
        else:
            found.pop(path, None)
    folders = {path[:i] for path in found for i, c in enumerate(path) if c == "/"}
    if clash := sorted(folders & found.keys()):
        raise Refusal(f"{both_changed} {clash[0]}.", "it is a file on one side and a directory on the other; rebase it by hand")
    return repo.tree_from(found)
