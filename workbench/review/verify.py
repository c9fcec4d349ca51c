"""Verifying a branch: every risky change between two commits carries a valid sign-off. Public keys and git are all it needs.

Kinds are worked out again from the trees of each step along the first parents, and of the sum of the steps since the last
signed tree, so that a risky change can't be cut into harmless slices. Where stages can be run here, a step that reading alone
lets pass is run as well, and so is an unsigned one that a run could clear; what people signed is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from workbench.changes import Change, Classification, Measured, Risk, classify, joined, measure
from workbench.changes.judge import EFFECT_SECONDS
from workbench.errors import Corrupt, UsageError
from workbench.policy import Decision, Policy, load_policy
from workbench.policy.reviewers import normal
from workbench.repo import Commit, Repo
from workbench.review import carry, ledger, queue, seals, signoff
from workbench.review.apply import CHANGE_TRAILER, LEDGER_TRAILER
from workbench.review.carry import Rerun
from workbench.review.gates import CARRIED, missing_gates
from workbench.review.ledger import Applying
from workbench.settings import Settings

_FETCH = "fetch the record: git fetch origin 'refs/workbench/*:refs/workbench/*'"


class Step(BaseModel):
    """One commit, or the sum of several: what kinds of change it is, and whether it was allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str
    since: str
    """The commit it is compared with."""
    digest: str
    kinds: list[str]
    status: Literal["allowed", "signed", "unsigned"]
    why: str
    signoffs: list[str] = []
    reviewers: list[str] = []
    effect: str = ""
    """What running it came to, in words; empty where it wasn't run."""
    carried: dict[str, str] = {}
    """Those of the sign-offs that were made on an earlier form of the change, before a rebase → the digest of that form."""


class VerifyReport(BaseModel):
    """What `workbench verify` prints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    base: str
    head: str
    ok: bool
    steps: list[Step]


def verify(
    repo: Repo, base_revision: str, head_revision: str, *, now: datetime | None = None, settings: Settings | None = None,
    timeout: float = EFFECT_SECONDS, progress: Callable[[str], None] | None = None,
) -> VerifyReport:  # fmt: skip
    """Checks every change between two revisions; with `settings` by running it as well, `timeout` seconds for each change.

    Raises Corrupt where the ledger isn't what was written, UsageError where `head` was not made on top of `base`.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    base, head = repo.resolve(base_revision), repo.resolve(head_revision)
    if not repo.is_ancestor(base, head):
        raise UsageError(
            f"`{head_revision}` was not made on top of `{base_revision}`.", "rebase it, or give the commit it started from"
        )
    check = _Check(repo, moment, head, settings, timeout, progress)
    commits = [repo.commit_of(commit_id) for commit_id in repo.first_parents(base, head)]
    if commits and commits[0].parents[:1] != (base,):  # `base` came in by a merge: only the sum can be told apart
        steps = [check.step(repo.commit_of(base), commits[-1])]
    else:
        steps = check.steps(repo.commit_of(base), commits)
    for commit in commits:
        check.ledger_of(commit)
    return VerifyReport(base=base, head=head, ok=all(step.status != "unsigned" for step in steps), steps=steps)


class _Check:
    def __init__(
        self,
        repo: Repo,
        now: datetime,
        branch: str,
        settings: Settings | None,
        timeout: float,
        progress: Callable[[str], None] | None,
    ) -> None:
        self.repo = repo
        self.now = now
        self.branch = branch
        self.settings, self.timeout, self.progress = settings, timeout, progress
        self.entries = ledger.entries(repo)
        self.begun = {entry.commit: entry for entry in self.entries if isinstance(entry, Applying)}
        self.head = ledger.head(repo)
        self.seals = seals.Seals.read(repo)
        self.used: set[str] = set()
        self.cleared: set[tuple[str, str, str | None]] = set()
        """(kind, path, use case) of what running cleared in the steps since the last signed tree."""

    def steps(self, base: Commit, commits: list[Commit]) -> list[Step]:
        """Each step, and at every signed tree and at the end the sum since the signed tree before."""
        found: list[Step] = []
        anchor = before = base
        for commit in commits:
            step = self.step(before, commit)
            if step.status == "signed":
                found += self._sum(anchor, before)
                anchor = commit
                self.cleared.clear()
            found.append(step)
            before = commit
        return found + self._sum(anchor, before)

    def _sum(self, anchor: Commit, last: Commit) -> list[Step]:
        # One step is its own sum.
        if anchor.id == last.id or last.parents[:1] == (anchor.id,):
            return []
        step = self.step(anchor, last, of_several=True)
        return [step] if step.status == "unsigned" else []

    def step(self, before: Commit, after: Commit, *, of_several: bool = False) -> Step:
        """What one step, or the sum of several, is, and who signed it."""
        author = queue.author_of(self.repo, after.id)
        change = Change(base=before.tree, result=after.tree, author=author, title="")
        policy = load_policy(self.repo, before.tree)
        found = classify(self.repo, change)
        decision = queue.decided(policy, change, found, None)
        about: dict[str, Any] = {"commit": after.id, "since": before.id, "digest": change.digest}
        if decision.decision == "block":
            return Step(**about, kinds=_kinds(found), status="unsigned", why="; ".join(decision.reasons))
        if self.seals.about(self.repo, change):
            return Step(**about, kinds=_kinds(found), status="unsigned", why=f"{seals.WHY}; take it out of the branch")
        if decision.decision == "allow":
            measured = self._run(change, found)
            found = joined(found, change, [measured])
            decision = queue.decided(policy, change, found, None)
            about |= {"kinds": _kinds(found), "effect": _said(measured)}
            if decision.decision == "allow":
                return Step(**about, status="allowed", why="; ".join(decision.reasons))
            return self._signed(about, change, decision, after)
        step = self._signed({**about, "kinds": _kinds(found)}, change, decision, after)
        return step if step.status == "signed" else self._clear(step, change, found, policy, of_several)

    def _run(self, change: Change, found: Classification) -> Measured | None:
        if self.settings is None:
            return None
        return measure(self.settings, self.repo, change, found, timeout=self.timeout, progress=self.progress)

    def _clear(self, step: Step, change: Change, found: Classification, policy: Policy, of_several: bool) -> Step:
        """An unsigned step that running it clears is allowed; where nothing could be cleared it isn't run.

        In a sum, what a step's own run cleared stays cleared if nothing of that kind is seen when the sum is run.
        """
        from workbench.changes.clearing import could_be_cleared

        known = self.cleared if of_several else set()
        if self.settings is None or not (known or could_be_cleared(self.repo, change, found.risks)):
            return step
        measured = self._run(change, found)
        both = joined(found, change, [], clearing=measured)
        seen = {risk.kind.value for risk in both.risks if risk.by == "effect"}
        if known and "unknown" not in seen:
            again = {place for place in known if place[0] not in seen}
            marked = [risk.model_copy(update={"cleared": risk.cleared or _place(risk) in again}) for risk in both.risks]
            both = both.model_copy(update={"risks": marked})
        decision = queue.decided(policy, change, both, None)
        said: dict[str, Any] = {"effect": _said(measured), "kinds": _kinds(both)}
        if decision.decision == "allow":
            said |= {"status": "allowed", "why": "; ".join(["running it clears what was read", *decision.reasons])}
            self.cleared |= {_place(risk) for risk in both.risks if risk.cleared}
        return step.model_copy(update=said)

    def _signed(self, about: dict[str, Any], change: Change, decision: Decision, after: Commit) -> Step:
        ref = queue.PREFIX + change.id
        if ref not in self.repo.refs(ref):
            return Step.model_validate(
                {**about, "status": "unsigned", "why": f"nobody signed it{self._hint(change, after)}; {_FETCH}"}
            )
        queued = queue.get(self.repo, change.id)
        begun = self.begun.get(after.id)
        if begun is not None:  # as it was when it was applied, not as the queue stands today
            queued = queue.at(self.repo, change.id, begun.queued)
        if (queued.change.base, queued.change.result) != (change.base, change.result):
            # An id is the beginning of a digest: whoever makes both changes can make two that begin alike.
            why = "what was signed under its short name is another change; propose and sign this one"
            return Step.model_validate({**about, "status": "unsigned", "why": why})
        if self.seals.about(self.repo, change, session=queued.session, at=queued.proposed_at):
            return Step.model_validate({**about, "status": "unsigned", "why": f"{seals.WHY}; take it out of the branch"})
        # An entry is dated by whoever writes it: not earlier than any that it follows.
        at = max(entry.at for entry in self.entries[: begun.seq]) if begun else self.now
        assessment = queue.assess(self.repo, queued)
        spent = self._spent(change, after) | self.used
        rerun = self._rerun(queued, assessment, begun)
        standing = signoff.valid(self.repo, queued, at, assessment=assessment, spent=spent, rerun=rerun)
        people = {normal(after.author.email), normal(after.committer.email)}
        approvals = [given for given in standing.approvals if normal(given.payload.reviewer) not in people]
        missing = signoff.unmet(assessment.decision, signoff.Standing(approvals, standing.objections))
        again = carry.reassessed(queued, assessment, rerun)
        missing += signoff.unmet(again.decision, signoff.Standing(approvals))
        missing += signoff.unmet(decision, signoff.Standing(approvals))
        missing += missing_gates(assessment.decision.requires.gates, assessment.gates, change.result)
        if missing:
            why = "; ".join([*dict.fromkeys(missing), *(f"sign-off {name}: {reason}" for name, reason in standing.invalid)])
            return Step.model_validate({**about, "status": "unsigned", "why": why})
        names = [given.id for given in approvals]
        self.used |= set(names)
        reviewers = [given.payload.reviewer for given in approvals]
        carried = {name: standing.carried[name] for name in names if name in standing.carried}
        origins = ", ".join(dict.fromkeys(digest[7:19] for digest in carried.values()))
        why = f"signed by {', '.join(reviewers)}" + (f"; carried over from change {origins} before a rebase" if carried else "")
        said = {"status": "signed", "why": why, "signoffs": names, "reviewers": reviewers, "carried": carried}
        return Step.model_validate({**about, **said})

    def _rerun(self, queued: queue.QueuedChange, assessment: queue.Assessment, begun: Applying | None) -> Rerun | None:
        """What was measured again of a rebased change: as the ledger has it of whoever applied it; here, too, where asked."""
        if CARRIED not in queued.evidence or begun is None or not begun.proof:
            return None
        recorded = carry.recorded(assessment)
        if carry.proof(queued, recorded) != begun.proof:
            return None
        if self.settings is None:
            return recorded
        return replace(recorded, measured=self._run(queued.change, assessment.classification))

    def _spent(self, change: Change, after: Commit) -> set[str]:
        """Sign-offs that were used elsewhere than for this commit.

        Applied to another branch and squashed or picked from there, it is the same step of trees: that is the same use, once on
        this branch. A step that is taken back and done again is not.
        """
        others = [entry for entry in self.entries if entry.commit != after.id]
        same = {entry.commit for entry in others if isinstance(entry, Applying) and entry.change == change.digest}
        if same and self._once(change, same):
            others = [entry for entry in others if entry.commit not in same]
        # Given up, says the ledger, but the branch has it: then it was not.
        stands = {entry.seq for entry in ledger.aborted(others) if self.repo.is_ancestor(entry.commit, self.branch)}
        return ledger.spent(others) | {
            name for entry in others if entry.seq in stands and isinstance(entry, Applying) for name in entry.signoffs
        }

    def _once(self, change: Change, applied: set[str]) -> bool:
        """Whether the branch itself goes from the change's base to its result at one place only, and not by those commits."""
        line = self.repo.chained_trees(self.branch)
        steps = sum((old, new) == (change.base, change.result) for (_, old), (_, new) in pairwise(line))
        return steps == 1 and not applied & {commit for commit, _ in line}

    def _hint(self, change: Change, after: Commit) -> str:
        """What a person may want to know of a step that nobody signed."""
        known = {entry.change for entry in self.entries if isinstance(entry, Applying)}
        back = change.model_copy(update={"base": change.result, "result": change.base})
        if back.digest in known:
            return f" (it takes change {back.id} back, which is a change of its own: propose and sign it)"
        named = _trailers(after).get(CHANGE_TRAILER, "")
        if named in known and named != change.digest:
            return f" (it brings change {named[7:19]} to another base: `workbench review rebase {named[7:19]}`)"
        return ""

    def ledger_of(self, commit: Commit) -> None:
        """A commit that says it was applied here has to be in the ledger, and the ledger it saw has to be part of this one."""
        trailers = _trailers(commit)
        if CHANGE_TRAILER not in trailers or LEDGER_TRAILER not in trailers:
            return
        seen = trailers[LEDGER_TRAILER]
        kept = seen == "none" or (self.head is not None and self.repo.is_ancestor(seen, self.head))
        # Picked or squashed from a branch it was applied to, a commit keeps its words and gets another id.
        copied = any(entry.change == trailers[CHANGE_TRAILER] for entry in self.begun.values())
        if not kept or not (commit.id in self.begun or copied):
            raise Corrupt(
                f"The ledger doesn't hold what commit {commit.id[:12]} says of it: entries are missing or were rewritten.", _FETCH
            )


def _trailers(commit: Commit) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z-]+): (.+)$", commit.message.rpartition("\n\n")[2], re.MULTILINE))


def _place(risk: Risk) -> tuple[str, str, str | None]:
    return risk.kind.value, risk.path, risk.use_case


def _kinds(found: Classification) -> list[str]:
    return [kind.value for kind in found.kinds]


def _said(measured: Measured | None) -> str:
    return "; ".join([*measured.words, *(risk.reason for risk in measured.risks)]) if measured else ""
