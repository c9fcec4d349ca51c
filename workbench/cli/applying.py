"""`workbench review apply` and `workbench review rebase`: what moves a branch, or makes a change again on one that moved.

Both run gates and effect here, on fresh checkouts in the sandbox; what lies in the queue about them is not believed.
"""

from __future__ import annotations

import argparse
from typing import Literal

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.repo import Repo
from workbench.review import queue, rerun
from workbench.review.apply import Application, apply, before_running
from workbench.review.carry import Rerun
from workbench.review.gates import CARRIED, GateEvidence
from workbench.review.queue import QueuedChange
from workbench.review.rebase import Rebased, rebase
from workbench.settings import Settings
from workbench.visible import visible


class AppliedReport(BaseModel):
    """The JSON of `review apply`."""

    format: Literal[1] = 1
    change: str
    commit: str
    ref: str
    signoffs: list[str]
    already: bool
    carried: dict[str, str] = {}
    """Ids of sign-offs that were made on an earlier form of the change → the digest of that form."""


class RebasedReport(BaseModel):
    """The JSON of `review rebase`."""

    format: Literal[1] = 1
    change: str
    """The id of the change as it was made again."""
    digest: str
    came_from: str
    base: str
    result: str
    ref: str
    decision: str
    kinds: list[str]
    carried: list[dict[str, str]]
    """Each sign-off that carries over: `signoff`, `reviewer`, `change` (the digest it was made on)."""
    asked_again: list[str]
    """What is asked of people now; empty where `review apply` can go on."""
    differs: list[str]
    """What keeps sign-offs from carrying over, in words."""


def branch_ref(repo: Repo, settings: Settings, named: str | None) -> str:
    """The full name of the branch that is meant."""
    name = named or settings.loop.branch
    ref = (name if name.startswith("refs/heads/") else f"refs/heads/{name}") if name else repo.branch()
    if ref is None:
        raise UsageError("HEAD is detached, so there is no branch to apply to.", "name one with --branch")
    return ref


def apply_change(repo: Repo, settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    """Runs what the policy requires on exactly the result, then applies."""
    queued = queue.get(repo, args.id)
    ref = branch_ref(repo, settings, args.branch)

    def say(words: str) -> None:
        console.say(f"  … {words}")

    done = before_running(repo, queued, target_ref=ref)
    if done is None:
        ran = _measured(repo, settings, queued, say)
        done = apply(repo, queued.digest, target_ref=ref, gates=ran.gates, measured=ran.measured)
    _tell_applied(console, queued, done)
    return ExitCode.OK


def _measured(repo: Repo, settings: Settings, queued: QueuedChange, say: rerun.Progress) -> Rerun:
    """The gates that are required; the effect where nobody has looked at it, or somebody did before a rebase."""
    assessment = queue.assess(repo, queued)
    carried = CARRIED in queued.evidence
    measured = rerun.effect(settings, repo, queued, progress=say) if carried or assessment.decision.decision == "allow" else None
    if carried:  # the same audit as the one that was signed, so that it can be compared
        report = rerun.same_audit(settings, repo, queued, queued.change.result, progress=say)
        if report is not None:
            return Rerun(GateEvidence.from_report(report), measured)
    required = assessment.decision.requires.gates
    cases = assessment.classification.use_cases
    return Rerun(rerun.required_gates(settings, queued, required, cases, progress=say), measured)


def _tell_applied(console: Console, queued: QueuedChange, done: Application) -> None:
    if console.json:
        console.model(
            AppliedReport(
                change=queued.id, commit=done.commit, ref=done.ref, signoffs=list(done.signoffs), already=done.already,
                carried=done.carried,
            )
        )  # fmt: skip
        return
    console.data(f"{'already ' if done.already else ''}applied change {queued.id} to {visible(done.ref)} as {done.commit[:12]}")
    for name, digest in done.carried.items():
        console.say(f"sign-off {name} carried over from change {digest[7:19]}")


def rebase_change(repo: Repo, settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    """Makes the change again on the branch's tip; exit 3 where people are asked again."""
    queued = queue.get(repo, args.id)
    ref = branch_ref(repo, settings, args.branch)
    tip = repo.refs(ref).get(ref)
    if tip is None:
        raise UsageError(f"{ref} does not exist.", "name a branch that has a commit with --branch")
    done = rebase(
        settings, repo, queued, repo.commit_of(tip).tree, progress=lambda words: console.say(f"  … {words}")
    )  # fmt: skip
    if console.json:
        console.model(_report(done, ref))
    else:
        _tell_rebased(console, done, ref)
    return ExitCode.WAITING if done.missing else ExitCode.OK


def _report(done: Rebased, ref: str) -> RebasedReport:
    return RebasedReport(
        change=done.queued.id, digest=done.queued.digest, came_from=done.before.digest, base=done.queued.change.base,
        result=done.queued.change.result, ref=ref, decision=done.assessment.decision.decision,
        kinds=[kind.value for kind in done.assessment.classification.kinds],
        carried=[
            {"signoff": given.id, "reviewer": given.payload.reviewer, "change": done.standing.carried[given.id]}
            for given in done.standing.approvals if given.id in done.standing.carried
        ],
        asked_again=done.missing, differs=list(done.differs),
    )  # fmt: skip


def _tell_rebased(console: Console, done: Rebased, ref: str) -> None:
    console.data(f"change {done.before.id} is change {done.queued.id} on top of {visible(ref)}")
    for given in done.standing.approvals:
        if given.id in done.standing.carried:
            console.data(f"  carried  {visible(given.payload.reviewer)} ({given.id}): nothing of what was judged differs")
    for text in done.standing.since or [f"differs: {text}" for text in done.differs]:
        console.data(f"  {visible(text, limit=600)}")
    for text in done.missing:
        console.data(f"  lacks  {visible(text)}")
    if done.missing:
        console.say(f"`workbench review show {done.queued.id}` shows it")
    else:
        console.say(f"nothing is missing from people; `workbench review apply {done.queued.id}`")
