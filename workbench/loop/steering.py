"""Between two nodes: takes a person's instructions, puts them on record, and says which node is next.

What waits in the inbox is recorded first; the record, not the inbox, is what takes effect. So a loop that is killed anywhere in
here hears every instruction exactly once when it goes on.
"""

from __future__ import annotations

from typing import Any

from workbench.changes import Change
from workbench.loop import handover
from workbench.loop.context import LoopContext
from workbench.loop.control import OURS, PERSON, Control, Taken, held
from workbench.loop.net import author_of
from workbench.loop.state import LoopState, Proposal
from workbench.sessions.events import Event, Message
from workbench.sessions.reader import read_session
from workbench.visible import visible

_LEAVES_ALONE = frozenset({"pause", "go-on"})
_GOES_BY_RULES = frozenset({"playbook"})
_DONE = {
    "direct": "direction",
    "answer": "answer",
    "pause": "paused",
    "go-on": "goes on",
    "take-over": "taken over",
    "hand-back": "handed back",
    "stop": "ended for good",
}


def attend(ctx: LoopContext, state: LoopState) -> LoopState:
    """Hears every instruction that waits, in order; returns where they leave the session."""
    record_waiting(ctx, next_step(state))
    events = read_session(ctx.writer.directory).events
    news = [event for event in events if is_instruction(event) and event.seq > state.get("heard", 0)]
    changed: LoopState = {}
    for event in news:
        assert isinstance(event, Message)
        changed = {**changed, **_heard(ctx, {**state, **changed}, event, events), "heard": event.seq}
    return changed


def next_step(state: LoopState) -> int:
    """The step that an instruction comes before, and is recorded with."""
    return state.get("step", 0) + 1


def is_instruction(event: Event) -> bool:
    """Whether it is a person's instruction."""
    return isinstance(event, Message) and event.by == PERSON and bool(event.instruction)


def record_waiting(ctx: LoopContext, step: int) -> None:
    """Puts what waits in the inbox on record, each once; a kill between record and inbox is found by the instruction's id."""
    waiting = ctx.inbox.pending()
    if not waiting:
        return
    known = {event.instruction for event in read_session(ctx.writer.directory).events if isinstance(event, Message)}
    for given in waiting:
        if given.id not in known:
            ctx.record(
                "message", step=step, node="attend", by=PERSON, text=given.text, act=given.act, instruction=given.id,
                person=given.person.model_dump(exclude_defaults=True), tree=given.tree or None,
            )  # fmt: skip
        ctx.inbox.forget(given)


def next_node(state: LoopState) -> str:
    """After `attend`: the end, a node that waits for a person, or the node whose turn it was."""
    outcome = state.get("outcome")
    if outcome == "abandoned":
        return "end"
    if state.get("taken"):
        return "taken"
    if state.get("paused"):
        return "paused"
    if state.get("question"):
        return "listen"
    return "helpless" if outcome else str(state.get("turn") or "build")


def _heard(ctx: LoopContext, state: LoopState, said: Message, events: list[Event]) -> LoopState:
    step = next_step(state)
    before = held(state)
    others = frozenset(proposal["email"] for proposal in state.get("authors", []))
    after, declined = before.heard(said, tree=state["tree"], place=handover.place_of(ctx.session_id, step), others=others)
    if declined:
        _reply(ctx, step, said, events, text=f"{said.act} declined: {declined}")
        ctx.say(f"{said.act} declined: {declined}")
        return {}
    ctx.say(f"{_DONE[said.act]}{f': {said.text}' if said.text else ''}{_by(said)}")
    if said.act == "direct" and ctx.writer.header.driver.partition(":")[0] in _GOES_BY_RULES:
        ctx.say("the playbook goes by rules and reads no words; a person can take the step over")
    changed: LoopState = {
        "paused": after.paused, "question": after.question, "directions": list(after.directions),
        "taken": after.taken.plain() if after.taken else None,
    }  # fmt: skip
    if after.stopped:
        return {**changed, "outcome": "abandoned", "reason": f"ended by a person{_by(said)}"}
    if after.taken is not None and before.taken is None:
        taken = after.taken
        ctx.say(f"edit in {handover.make_place(ctx.settings, taken)}")
        _reply(ctx, step, said, events, text=taken.place, act="take-over", tree=taken.tree, person=said.person)
    asks = "fix" if state.get("failure") else "improve"
    if said.act not in _LEAVES_ALONE and state.get("outcome"):
        # Somebody has come to a loop that knew no further, or whose change they didn't want.
        changed = {**changed, "outcome": None, "reason": "", "turn": asks, "improved": False}
    if said.act in ("direct", "answer") and (before.question or state.get("queued")):
        changed = {**changed, "turn": asks, "improved": False, "question": None}
    if after.handed is not None and before.taken is not None:
        changed = {**changed, **_handed(ctx, {**state, **changed}, said, before.taken, after, events)}
    return changed


def _by(said: Message) -> str:
    name = str(said.person.get("name", ""))
    return f" ({visible(name, limit=60)})" if name else ""


def _reply(ctx: LoopContext, step: int, said: Message, events: list[Event], **fields: Any) -> None:
    """What came of an instruction, on record once."""
    if not any(isinstance(event, Message) and event.by == OURS and event.instruction == said.instruction for event in events):
        ctx.record("message", step=step, node="attend", by=OURS, instruction=said.instruction, **fields)


def _handed(ctx: LoopContext, state: LoopState, said: Message, taken: Taken, after: Control, events: list[Event]) -> LoopState:
    """What a person hands back is a change by that person, built and judged like any other from here on."""
    handed = after.handed or taken.tree
    if handed == taken.tree:
        ctx.say("handed back as it was")
        handover.remove_place(ctx.settings, ctx.repo, taken, handed)
        return {}
    ctx.repo.list_tree(handed)  # it has to be there, whole
    title = said.text or f"edited by {taken.person.name}"
    proposal: Proposal = {
        "base": taken.tree, "result": handed, "name": taken.person.name, "email": taken.person.email, "title": title,
        "key": taken.person.key, "agent": False,
    }  # fmt: skip
    change = Change(base=taken.tree, result=handed, author=author_of([proposal], ctx.agent), title=title)
    if not any(event.kind == "change" and event.seq > said.seq and event.digest == change.digest for event in events):
        ctx.record_change(next_step(state), "take-over", change)
    handover.remove_place(ctx.settings, ctx.repo, taken, handed)
    return {
        "tree": handed, "authors": [*state.get("authors", []), proposal], "report": None, "failure": None, "diagnoses": [],
        "queued": None, "turn": "build",
    }  # fmt: skip
