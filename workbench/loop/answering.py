"""Does what a driver answered: runs the repair, hashes the edits into a tree, puts a question to a person, or ends.

The answer is on record before anything follows from it. What comes out is a change of the session's own tree and no more.
"""

from __future__ import annotations

from typing import Any

from workbench.changes import Change, classify
from workbench.errors import Refusal, UsageError
from workbench.loop.context import LoopContext
from workbench.loop.drivers.answers import Answer, Done, Edited, NoCure, Question, Repair, Stuck
from workbench.loop.state import Fix, LoopState, Outcome
from workbench.loop.turn import Turn
from workbench.loop.workplace import edited_tree
from workbench.skills.discover import find, names


def answered(ctx: LoopContext, state: LoopState, turn: Turn, answer: Answer) -> LoopState:
    """What the answer changes in the state."""
    match answer:
        case Repair():
            return _repair(ctx, state, turn, answer)
        case Edited():
            return _edited(ctx, state, turn, answer)
        case Question():
            _chosen(ctx, turn, choice="question", why=answer.text)
            ctx.say(f"the driver asks: {answer.text}")
            return {"question": answer.text}
        case Done():
            _chosen(ctx, turn, choice="done", why=answer.reason)
            return {} if turn.failure is None else _over("no-cure", answer.reason)
        case NoCure():
            _chosen(ctx, turn, choice="no-cure", why=answer.reason)
            return _over("no-cure", answer.reason)
        case Stuck():
            _chosen(ctx, turn, choice="stuck", why=answer.reason)
            return _over("stuck", answer.reason)
        case _:
            _chosen(ctx, turn, choice="spent", why=answer.reason)
            ctx.record("budget", step=turn.step, node=turn.node, spent=answer.reason)
            return _over("budget", answer.reason)


def refuse_effects(ctx: LoopContext, name: str) -> None:
    """Raises Refusal for a skill with effects that last: no driver runs one, also not one that a recording names."""
    root = ctx.settings.root
    if name not in names(root):
        return  # there is nothing to run: whoever runs skills says so, or a telling has its recorded answer
    needs = find(root, name).needs
    if needs.effects or needs.network:
        raise Refusal(f"The skill `{name}` changes more than its answer; a driver can't run it.", "people and the loop run it")


def _over(outcome: Outcome, reason: str) -> LoopState:
    return {"outcome": outcome, "reason": reason}


def _chosen(ctx: LoopContext, turn: Turn, **fields: Any) -> None:
    failure = turn.failure.fingerprint if turn.failure else ""
    ctx.record("chosen", step=turn.step, node=turn.node, failure=failure, base=turn.tree, **fields)


def _repair(ctx: LoopContext, state: LoopState, turn: Turn, answer: Repair) -> LoopState:
    refuse_effects(ctx, answer.skill)
    given = dict(answer.input)
    _chosen(ctx, turn, choice="repair", skill=answer.skill, input=ctx.blob(given), why=answer.why)
    ctx.say(f"repair: {answer.skill}")
    output = ctx.skill(answer.skill, state["tree"], given, step=turn.step).output
    tried = _tried(turn, answer.skill, answer.key)
    edits = output.get("edits") or {}
    if not output.get("ok", True) or not edits:
        ctx.say(f"{answer.skill} has no cure: {output.get('summary') or output.get('reason') or 'nothing to change'}")
        return {"fixes": [*state.get("fixes", []), tried]}
    tree = ctx.repo.write_tree(state["tree"], {path: None if text is None else text.encode() for path, text in edits.items()})
    # What else the same report found is repaired before it is measured again.
    again = turn.failure is not None and turn.failure.kind == "gate"
    rest = [found for found in state.get("diagnoses", []) if found is not answer.diagnosis] if again else []
    return _changed(ctx, state, turn, {**tried, "tree": tree, "changed": True}, str(output["summary"]), rest=rest)


def _edited(ctx: LoopContext, state: LoopState, turn: Turn, answer: Edited) -> LoopState:
    tried = _tried(turn, "edit", answer.key)
    try:
        tree = edited_tree(ctx.repo, state["tree"], answer.edits, ctx.settings.data)
    except UsageError as error:
        reason = f"the driver's edit was refused: {error.message}"
        _chosen(ctx, turn, choice="no-cure", why=reason)
        return _over("no-cure", reason)
    _chosen(ctx, turn, choice="edited", tree=tree, why=answer.summary)
    if answer.words:
        ctx.record("message", step=turn.step, node=turn.node, by=ctx.writer.header.driver, text=answer.words)
    if tree == state["tree"]:
        return _over("no-cure", "the driver's edit changes nothing") if turn.failure else {}
    if turn.failure is not None and any(fix["tree"] == tree for fix in turn.tried if fix["failure"] == tried["failure"]):
        return _over("stuck", "the same failure came back after the same edit")
    return _changed(ctx, state, turn, {**tried, "tree": tree, "changed": True}, answer.summary, words=answer.words)


def _tried(turn: Turn, skill: str, key: str) -> Fix:
    failure = turn.failure.fingerprint if turn.failure else ""
    return {"failure": failure, "skill": skill, "cure": key, "tree": turn.tree, "changed": False}


def _changed(
    ctx: LoopContext,
    state: LoopState,
    turn: Turn,
    fix: Fix,
    summary: str,
    *,
    words: str = "",
    rest: list[dict[str, object]] | None = None,
) -> LoopState:
    change = Change(base=state["tree"], result=fix["tree"], author=ctx.agent, title=summary, words=words)
    ctx.record_change(turn.step, turn.node, change)
    kinds = ", ".join(classify(ctx.repo, change).kinds) or "no risk"
    ctx.say(f"{fix['skill']}: {summary} (a change of: {kinds})")
    return {
        "tree": fix["tree"],
        "diagnoses": rest or [],
        "fixes": [*state.get("fixes", []), fix],
        "summaries": [*state.get("summaries", []), summary],
        "report": None,
    }
