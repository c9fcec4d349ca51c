"""What each node of the graph does. A node does one thing, records it, and returns what changed in the state.

Nothing here is a boundary: whether a change may be applied is decided by `review.apply`, whether a model may become
champion by `release.promotion`, and both verify for themselves. A node that is run again after a kill finds its effect
already there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workbench.changes import Change
from workbench.errors import Refusal
from workbench.loop import looks, net
from workbench.loop.answering import answered
from workbench.loop.context import LoopContext, fingerprint
from workbench.loop.state import LoopState
from workbench.loop.turn import turn_of
from workbench.visible import visible

Node = Callable[[LoopContext, LoopState], LoopState]


def build(ctx: LoopContext, state: LoopState) -> LoopState:
    """Runs the pipeline from data to scores on the session's tree."""
    run = ctx.skill("build", state["tree"], {}, step=state["step"])
    output = run.output
    ok = bool(output["ok"])
    blob = ctx.blob(output)
    error = output.get("error") or {}
    scores = _plain(output.get("scores"))
    ctx.record(
        "build", step=state["step"], node="build", ok=ok, tree=state["tree"], output=blob, scores=scores,
        error=str(error.get("message", "")),
    )  # fmt: skip
    if ok:
        ctx.keep_tables(state["tree"])
        ctx.say("build ok: " + ", ".join(f"{name} {value:.3g}" for name, value in scores.items()))
        return {"failure": None, "tables": fingerprint(sorted((output["digests"]["tables"] or {}).items()))}
    ctx.say(f"build failed: {error.get('message', 'no reason given')}")
    failed = fingerprint("build", error.get("stage"), error.get("message"))
    return {"failure": {"kind": "build", "blob": blob, "fingerprint": failed}}


def settle(ctx: LoopContext, state: LoopState) -> LoopState:
    """Applies the net change if, and only if, the policy allows it without a person and the gates it names passed."""
    if state["tree"] == state["landed"]:
        return {}
    judged = net.judge(ctx, state)
    net.record_judgement(ctx, state, "settle", judged)
    if judged.decision.decision == "block":
        return {"outcome": "blocked", "reason": f"the policy blocks this change ({judged.kinds})"}
    if judged.decision.decision != "allow":
        return {}
    report = net.gate_report(ctx, state, judged.decision.requires.gates)
    if report is None:
        return {}
    queued = net.enqueue(ctx, judged, report)
    applied = net.apply_queued(ctx, queued.id, judged.measured, report)
    ctx.record("applied", step=state["step"], node="settle", change=queued.id, commit=applied.commit, by="policy")
    ctx.say(f"applied without a person: the policy asks nobody for {judged.kinds}")
    return {"landed": state["tree"], "came_from": None, "signed": [], "summaries": []}


def propose(ctx: LoopContext, state: LoopState) -> LoopState:
    """Takes the next proposal into the session's tree; a conflict is refused, never resolved by guessing."""
    proposal, rest = state["proposals"][0], state["proposals"][1:]
    tree = net.merge(ctx.repo, state["tree"], proposal["base"], proposal["result"])
    author = net.author_of([proposal], ctx.agent)
    ctx.record_change(state["step"], "propose", Change(base=state["tree"], result=tree, author=author, title=proposal["title"]))
    ctx.say(f"took in the proposal “{proposal['title']}” by {proposal['name']}")
    return {"tree": tree, "proposals": rest, "authors": [*state.get("authors", []), proposal], "report": None}


def gate(ctx: LoopContext, state: LoopState) -> LoopState:
    """Every deterministic gate on the session's tree."""
    run = ctx.skill("audit", state["tree"], looks.given(ctx), step=state["step"])
    report = run.output["report"]
    blob = ctx.blob(report)
    ctx.record("gate", step=state["step"], node="gate", tree=state["tree"], verdict=report["verdict"], report=blob)
    if report["verdict"] == "pass":
        ctx.say("all gates pass")
        return {"failure": None, "report": {"tree": state["tree"], "tables": state["tables"], "blob": blob}}
    errors = [finding for finding in report["findings"] if finding["severity"] == "error" and not finding.get("waived")]
    for finding in errors:
        rows = f" ({finding['rows']:,} rows)" if finding.get("rows") else ""
        ctx.say(f"gate {finding['rule']}: {finding['message']}{rows}")
    for entry in report["gates"]:
        if entry["status"] in ("not exercised", "error") and not entry.get("waived"):
            ctx.say(f"gate {entry['name']}: {entry['status']}: {entry.get('reason', '')}")
    failed = fingerprint("gate", *sorted(finding["fingerprint"] for finding in errors))
    return {"failure": {"kind": "gate", "blob": blob, "fingerprint": failed}, "report": None}


def diagnose(ctx: LoopContext, state: LoopState) -> LoopState:
    """Turns the failure into causes with evidence, the one that blocks first at the front."""
    failure = state["failure"]
    assert failure is not None
    text = ctx.read_blob(str(failure["blob"]))
    given = {"error": text["error"]} if failure["kind"] == "build" else {"report": _unwaived(text)}
    run = ctx.skill("explain", state["tree"], given, step=state["step"])
    diagnoses = list(run.output["diagnoses"])
    for diagnosis in diagnoses[:1]:
        ctx.say(f"diagnosis: {diagnosis['message']}")
    ctx.record("diagnosis", step=state["step"], node="diagnose", diagnoses=diagnoses)
    return {"diagnoses": diagnoses}


def _unwaived(report: Mapping[str, Any]) -> dict[str, Any]:
    """What is in the way: people have accepted the rest, and nothing is to be repaired there."""
    left = {key: [entry for entry in report.get(key, []) if not entry.get("waived")] for key in ("findings", "gates")}
    return {**report, **left}


def fix(ctx: LoopContext, state: LoopState) -> LoopState:
    """Asks the driver what to do about the failure, and does it."""
    turn = turn_of(ctx, state, "fix")
    return answered(ctx, state, turn, ctx.driver(turn))


def improve(ctx: LoopContext, state: LoopState) -> LoopState:
    """Nothing fails and the session has a goal: asks the driver once whether it proposes something."""
    turn = turn_of(ctx, state, "improve")
    changed = answered(ctx, state, turn, ctx.driver(turn))
    return changed if changed.get("question") else {**changed, "improved": True}


def ask(ctx: LoopContext, state: LoopState) -> LoopState:
    """Puts the net change into the queue; the graph then stops at a person."""
    report = net.gate_report(ctx, state, [])
    if report is None:
        return {"outcome": "failed", "reason": "no gate report on exactly this tree"}
    judged = net.judge(ctx, state, for_a_person=True)
    net.record_judgement(ctx, state, "ask", judged)
    came_from = state.get("came_from") or []
    queued = net.enqueue(ctx, judged, report, came_from)
    effect = ctx.blob(judged.measured.model_dump(mode="json")) if judged.measured else None
    differs = net.differing(ctx, {**state, "effect": effect}, queued) if came_from else []
    requires = judged.decision.requires.model_dump(mode="json")
    ctx.record(
        "queued", step=state["step"], node="ask", change=queued.id, digest=judged.change.digest, requires=requires,
        commit=queued.commit, differs=differs,
    )  # fmt: skip
    for text in differs:
        ctx.say(f"  differs from {came_from[-1]['change']}: {visible(text, limit=600)}")
    ctx.say(f"{'asks what is signed of' if came_from else 'waits for a person:'} change {queued.id} ({judged.kinds})")
    return {"queued": queued.id, "effect": effect}


def land(ctx: LoopContext, state: LoopState) -> LoopState:
    """After a person decided: applies through the one trusted function, or ends as they said.

    Where the branch moved meanwhile, the change is made again on top of it, and asked about again as far as it has to be.
    """
    change = state["queued"]
    assert change is not None
    verdict = net.person_said(ctx, state, change)
    if verdict is None or verdict.verdict == "approve":
        moved = net.rebased(ctx, state)
        if moved is not None:
            return moved
    if verdict is None:
        ctx.say(f"change {change} {'' if state.get('came_from') else 'still '}waits for a person")
        return {}
    who = ", ".join(verdict.reviewers)
    ctx.record(
        "decided", step=state["step"], node="land", change=change, verdict=verdict.verdict, reviewers=verdict.reviewers,
        signoffs=verdict.signoffs, carried=verdict.carried, comment=verdict.comment,
    )  # fmt: skip
    if verdict.verdict != "approve":
        return {"outcome": "refused", "reason": f"{who} said {verdict.verdict}: {verdict.comment or 'no comment'}"}
    return _applied(ctx, state, change, verdict)


def _applied(ctx: LoopContext, state: LoopState, change: str, verdict: net.Said) -> LoopState:
    try:
        applied = net.apply_signed(ctx, state, change)
    except Refusal:
        moved = net.rebased(ctx, state)  # in the moment between looking and applying
        if moved is None:
            raise
        return moved
    who = ", ".join(verdict.reviewers)
    ctx.record(
        "applied", step=state["step"], node="land", change=change, commit=applied.commit, by=who, signoffs=verdict.signoffs
    )
    ctx.say(f"applied {change} as signed by {who}{', carried over' if verdict.carried else ''}")
    # Built once more as it now lies on the branch; audited once more if anything but the branch has changed since.
    return {"landed": state["tree"], "queued": None, "came_from": None, "signed": verdict.signoffs, "summaries": []}


def deploy(ctx: LoopContext, state: LoopState) -> LoopState:
    """Registers the model of the landed tree and promotes it through staging to champion."""
    report = state.get("report")
    if report is None or report["tree"] != state["landed"]:
        return {"outcome": "failed", "reason": "no gate report on exactly the landed tree"}
    ctx.say("all gates passed on exactly this tree and these tables")
    given = {
        "report": ctx.read_blob(report["blob"]),
        "tree": state["landed"],
        "session": ctx.session_id,
        "signoffs": state.get("signed", []),
    }
    registered = ctx.skill("register", state["landed"], given, step=state["step"]).output
    version = str(registered["version"])
    ctx.record("registered", step=state["step"], node="deploy", version=version, sha256=str(registered.get("sha256", "")))
    for alias in ("staging", "champion"):
        try:
            ctx.skill(
                "promote",
                state["landed"],
                {"version": version, "alias": alias, "reason": f"session {ctx.session_id}", "actor": ctx.session_id},
                step=state["step"],
            )
        except Refusal as refusal:
            return {"version": version, "outcome": "refused", "reason": refusal.message}
        ctx.record("promoted", step=state["step"], node="deploy", version=version, alias=alias)
        ctx.say(f"version {version} is {alias}")
    return {"version": version, "outcome": "released"}


NODES: dict[str, Node] = {
    node.__name__: node for node in (build, settle, propose, gate, diagnose, fix, improve, ask, land, deploy)
}


def _plain(scores: object) -> dict[str, float]:
    """The scores of a build as name → number, whatever else the answer holds."""
    found = scores if isinstance(scores, dict) else {}
    return {str(name): float(value) for name, value in found.items() if isinstance(value, int | float)}
