"""The session's net change: what it is, what the policy asks for, into the queue, and onto the branch.

Judged is always the sum since the branch's own tree, never the newest slice, by reading it and by running it. Everything here
calls `changes`, `policy` and `review`; the decisions are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.changes import Author, Change, Classification, Measured, classify, joined
from workbench.errors import Refusal
from workbench.loop.context import LoopContext
from workbench.loop.control import OURS
from workbench.loop.state import LoopState, Proposal
from workbench.policy import Decision, load_policy
from workbench.policy.rules import LEAK_GATES
from workbench.repo import Repo
from workbench.review import carry, ledger, queue, rebase, signoff
from workbench.review.apply import Application
from workbench.review.gates import CARRIED, EFFECT, GATES, GateEvidence, missing_gates

MOVED = "moved"
"""What the loop's own message says, where a branch moved in a way that its change can't be put on top of; with its tree."""


@dataclass(frozen=True)
class Judged:
    """The net change, what it is and what is asked for. `measured` is what running it showed, None where it was not run."""

    change: Change
    classification: Classification
    decision: Decision
    measured: Measured | None = None

    @property
    def kinds(self) -> str:
        """The kinds of risk, for people."""
        return ", ".join(self.classification.kinds) or "no risk"


@dataclass(frozen=True)
class Said:
    """What people said of a queued change."""

    verdict: str
    reviewers: list[str]
    signoffs: list[str]
    comment: str
    carried: Mapping[str, str] = field(default_factory=dict)
    """Those of the sign-offs that were made on an earlier form of the change → the digest of that form."""


def judge(ctx: LoopContext, state: LoopState, *, for_a_person: bool = False) -> Judged:
    """Judges landed → tree by both keys and asks the policy of the landed tree.

    It is run where that can change what happens: where reading it asks nobody, where running it could clear it, and before a
    person is asked (`for_a_person`), for whom nothing is cleared. Else it is left for then, and that is said.
    """
    from workbench.changes.clearing import could_be_cleared

    titles = [proposal["title"] for proposal in state.get("authors", [])] + state.get("summaries", [])
    change = Change(
        base=state["landed"],
        result=state["tree"],
        author=author_of(state.get("authors", []), ctx.agent, repaired=bool(state.get("summaries"))),
        title=(titles[0] if len(titles) == 1 else f"{ctx.use_case}: {len(titles)} steps of session {ctx.session_id}"),
        words="\n".join(f"- {title}" for title in titles),
    )
    policy = load_policy(ctx.repo, state["landed"])
    found = classify(ctx.repo, change)
    decision = queue.decided(policy, change, found, None)
    if decision.decision == "block":
        return Judged(change, found, decision)
    if not for_a_person and decision.decision == "review" and not could_be_cleared(ctx.repo, change, found.risks):
        ctx.say("read, not run yet: a person is asked whatever running it shows, and it is run before they are")
        return Judged(change, found, decision)
    measured = _run(ctx, state, change, found)
    both = joined(found, change, [measured]) if for_a_person else joined(found, change, [], clearing=measured)
    return Judged(change, both, queue.decided(policy, change, both, None), measured)


def _run(ctx: LoopContext, state: LoopState, change: Change, found: Classification) -> Measured:
    """What running it shows; the same trees on the same tables are run once."""
    measured = ctx.measure(change, found, state.get("tables", ""))
    for text in measured.words:
        ctx.say(f"  {text}")
    for risk in measured.risks:
        ctx.say(f"  seen by running it: {risk.kind.value}: {risk.reason}")
    return measured


def author_of(proposals: Sequence[Proposal], agent: Author, *, repaired: bool = False) -> Author:
    """Who wrote the net change: the agent, or whoever's proposal or edit is in it, who may then not sign it.

    It counts as a person's own only where all of it is known to be: with a repair of the agent's in it, it is an agent's, too.
    """
    if not proposals:
        return agent
    last = proposals[-1]
    by_agent = repaired or any(proposal.get("agent", True) for proposal in proposals)
    return Author(name=last["name"], email=last["email"], agent=by_agent, key=last.get("key", ""))


def record_judgement(ctx: LoopContext, state: LoopState, node: str, judged: Judged) -> None:
    """Puts on record what the change is and what the policy asks for it."""
    decision = judged.decision
    ctx.record(
        "classified",
        step=state["step"],
        node=node,
        digest=judged.change.digest,
        base=judged.change.base,
        result=judged.change.result,
        author=judged.change.author.model_dump(mode="json"),
        decision=decision.decision,
        risks=[risk.model_dump(mode="json") for risk in judged.classification.risks],
        rules=[rule.model_dump(mode="json") for rule in decision.rules],
        requires=decision.requires.model_dump(mode="json"),
        policy=decision.policy_digest,
        effect=ctx.blob(judged.measured.model_dump(mode="json")) if judged.measured else None,
        cleared=node != "ask",
    )


def gate_report(ctx: LoopContext, state: LoopState, required: Sequence[str]) -> bytes | None:
    """A gate report on exactly the session's tree in which the `required` gates passed; None where they don't.

    The report of a full audit serves where there is one; else the required gates are run, and those alone.
    """
    known = state.get("report")
    if known is not None and known["tree"] == state["tree"]:
        content = ctx.blob_bytes(known["blob"])
    elif required:
        names = sorted({gate for name in required for gate in (LEAK_GATES if name == "leakage" else [name])})
        run = ctx.skill("audit", state["tree"], {"gates": names}, step=state["step"])
        report = run.output["report"]
        blob = ctx.blob(report)
        ctx.record(
            "gate", step=state["step"], node="settle", tree=state["tree"], verdict=report["verdict"], report=blob, gates=names
        )
        content = ctx.blob_bytes(blob)
    else:
        return b""
    return None if missing_gates(required, GateEvidence.from_report(content), state["tree"]) else content


def enqueue(
    ctx: LoopContext, judged: Judged, report: bytes, came_from: Sequence[Mapping[str, str]] = ()
) -> queue.QueuedChange:  # fmt: skip
    """Puts the change with its gate report and what running it showed into the queue; the same change twice is one entry.

    `came_from` are the queued changes that it is the rebase of.
    """
    evidence = {GATES: report} if report else {}
    if judged.measured is not None:
        evidence[EFFECT] = judged.measured.content
    evidence |= rebase.note([carry.Origin.model_validate(origin) for origin in came_from], judged.change)
    return ctx.propose(judged.change, judged.classification, judged.decision, evidence)


def person_said(ctx: LoopContext, state: LoopState, change_id: str) -> Said | None:
    """What stands signed about the change, or None while the policy still waits for somebody.

    Only for saying so: `apply` looks at every signature again.
    """
    queued = queue.get(ctx.repo, change_id)
    found = ledger.entries(ctx.repo)
    given_up = {entry.seq for entry in ledger.aborted(found)}
    for entry in found:
        if isinstance(entry, ledger.Applying) and entry.queued == queued.commit and entry.seq not in given_up:
            signed = [one for name in _forms(ctx, queued) for one in signoff.signoffs(ctx.repo, name)[0]]
            used = [one for one in signed if one.id in entry.signoffs]
            return Said("approve", _names(used), list(entry.signoffs), "", dict(entry.carried))
    assessment = queue.assess(ctx.repo, queued)
    rerun = rerun_of(ctx, state, queued)
    standing = signoff.valid(ctx.repo, queued, ctx.clock(), assessment=assessment, rerun=rerun)
    if standing.objections:
        first = standing.objections[0].payload
        return Said(first.verdict, _names(standing.objections), [found.id for found in standing.objections], first.comment)
    asked = [assessment.decision, carry.reassessed(queued, assessment, rerun).decision]
    if any(signoff.unmet(decision, standing) for decision in asked):
        return None
    comment = "; ".join(found.payload.comment for found in standing.approvals if found.payload.comment)
    return Said(
        "approve", _names(standing.approvals), [found.id for found in standing.approvals], comment, dict(standing.carried)
    )  # fmt: skip


def _forms(ctx: LoopContext, queued: queue.QueuedChange) -> list[str]:
    """Ids under which there may be sign-offs that count for the change."""
    return list(dict.fromkeys([queued.id, *(origin.change for origin in carry.origins_of(ctx.repo, queued))]))


def rerun_of(ctx: LoopContext, state: LoopState, queued: queue.QueuedChange) -> carry.Rerun | None:
    """Gates and effect as this session measured them on a rebased change; None where it is the rebase of nothing."""
    if CARRIED not in queued.evidence:
        return None
    report, effect = state.get("report"), state.get("effect")
    measured = Measured.read(ctx.blob_bytes(effect)) if effect else None
    return carry.Rerun(GateEvidence.from_report(ctx.blob_bytes(report["blob"])) if report else None, measured)


def differing(ctx: LoopContext, state: LoopState, queued: queue.QueuedChange) -> list[str]:
    """What keeps sign-offs on an earlier form of the change from carrying over, in words, whoever's they are."""
    rerun = rerun_of(ctx, state, queued)
    again = carry.reassessed(queued, queue.assess(ctx.repo, queued), rerun)
    return list(dict.fromkeys(why for step in carry.carries(ctx.repo, queued, again, rerun) for why in step.differs))


def rebased(ctx: LoopContext, state: LoopState) -> LoopState | None:
    """Where the branch moved while the change waited: where the session stands with its change on top of it, to be built and
    judged like any other, or refused where both changed the same path. None where the branch didn't move.
    """
    queued = queue.get(ctx.repo, str(state["queued"]))
    tip = ctx.moved_to(queued)
    if tip is None:
        return None
    ctx.keep(tip, "the branch as others left it")
    try:
        change = rebase.on_top(ctx.repo, queued, tip)
    except Refusal as refusal:
        ctx.record("message", step=state["step"], node="land", by=OURS, act=MOVED, text=str(refusal), tree=tip)
        return {"outcome": "refused", "reason": str(refusal)}
    ctx.record_change(state["step"], "land", change, rebased=queued.id)
    fresh: LoopState = {
        "tree": change.result, "landed": change.base, "queued": None, "report": None, "effect": None, "came_from": None,
    }  # fmt: skip
    if change.base == change.result:
        ctx.say(f"all that change {queued.id} does is on the branch already")
        return {**fresh, "summaries": [], "authors": []}
    ctx.say(f"the branch moved while change {queued.id} waited: it is made again on top of it, as change {change.id}")
    return {**fresh, "came_from": [one.model_dump(include={"change", "queued"}) for one in rebase.origins(ctx.repo, queued)]}


def apply_queued(ctx: LoopContext, change_id: str, measured: Measured | None = None, report: bytes | None = None) -> Application:
    """Onto the branch; raises what `apply` raises.

    `measured` and `report` are what this session saw when it ran the change and its gates, for one that goes in without people or
    by sign-offs on an earlier form of it. What people signed covers the report that lies in the queue, and goes by that.
    """
    queued = queue.get(ctx.repo, change_id)
    report = queue.evidence(ctx.repo, queued).get(GATES) if report is None else report
    gates = GateEvidence.from_report(report) if report else None
    return ctx.apply(queued, gates, measured)


def apply_signed(ctx: LoopContext, state: LoopState, change_id: str) -> Application:
    """Onto the branch by what people signed, of this change or, with what this session measured again, of an earlier form."""
    rerun = rerun_of(ctx, state, queue.get(ctx.repo, change_id))
    if rerun is None:
        return apply_queued(ctx, change_id)
    report = state.get("report")
    return apply_queued(ctx, change_id, rerun.measured, ctx.blob_bytes(report["blob"]) if report else b"")


def _names(signed: Sequence[signoff.SignOff]) -> list[str]:
    return [found.payload.reviewer for found in signed]


def merge(repo: Repo, ours: str, base: str, theirs: str) -> str:
    """Our tree with what changed from `base` to `theirs`, path by path; Refusal where both sides changed the same path."""
    return rebase.merged(repo, ours, base, theirs, "The proposal and this session both changed")
