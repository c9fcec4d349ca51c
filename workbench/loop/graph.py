"""The graph: which node follows which. The only importer of LangGraph.

    build ──ok──▶ settle ──▶ gate ──pass──▶ settle ──▶ deploy ──▶ end
      │             └▶ propose ▶ build │        ├▶ ask ▶ hear ▶ land ▶ build
      │                                │        └▶ improve ▶ build, or deploy
      └─failed─▶ diagnose ▶ fix ▶ build ◀─failed┘

Where the driver has a question, `fix` and `improve` lead to `listen`, which waits for a person. A node whose turn it is gives
way to `attend` where a person's instruction waits: that hears it, and leads back to the node, to `listen`, or to a node that
waits because the loop is `paused`, a step was `taken` over, or the loop knows no further (`helpless`).

The graph is orchestration and not a boundary: whoever jumps into `land` or `deploy`, or resumes twice, finds functions
there that verify for themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from workbench.loop import checkpoints  # first: it makes LangGraph strict about what a checkpoint may construct

# isort: split
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from workbench.loop import looks, nodes, steering
from workbench.loop.control import HELPLESS
from workbench.loop.drivers.answers import GivesWay
from workbench.loop.looks import LooksSpent
from workbench.loop.state import LoopState

if TYPE_CHECKING:
    from workbench.loop.context import LoopContext

RECURSION_LIMIT = 1000


class Loop:
    """The compiled graph of one session, on its own checkpoints: those in the file, or where the context's session is held."""

    def __init__(self, ctx: LoopContext, file: Path) -> None:
        self._ctx = ctx
        self._saver = checkpoints.saver(ctx.held, file)
        self._graph = _graph(ctx).compile(checkpointer=self._saver)
        self._config: Any = {"configurable": {"thread_id": ctx.session_id}, "recursion_limit": RECURSION_LIMIT}

    def close(self) -> None:
        """Closes the checkpoint file."""
        checkpoints.close(self._saver)

    def start(self, state: LoopState) -> LoopState:
        """Runs from the beginning until it ends or waits for a person; returns the state it stopped in."""
        return self._invoke(state)

    def resume(self) -> LoopState:
        """Goes on where the session stopped: after a kill at the node it was in, else by looking again."""
        snapshot = self._graph.get_state(self._config)
        if snapshot.interrupts:
            return self._invoke(Command(resume={snapshot.interrupts[0].id: "look"}))
        return self._invoke(None) if snapshot.next else self.state()

    def state(self) -> LoopState:
        """The state as the checkpointer has it; empty for a session that never took a step."""
        return cast(LoopState, self._graph.get_state(self._config).values or {})

    @property
    def waiting(self) -> bool:
        """True where the session stands at a person."""
        return bool(self._graph.get_state(self._config).interrupts)

    def _invoke(self, given: object) -> LoopState:
        self._graph.invoke(given, self._config, durability="sync", version="v2")
        return self.state()


def _graph(ctx: LoopContext) -> Any:
    graph: Any = StateGraph(LoopState)
    for name, node in nodes.NODES.items():
        graph.add_node(name, _counted(ctx, name, node))
    for name, says in _WAITS.items():
        graph.add_node(name, _waiting(says))
    graph.add_node("attend", lambda state: steering.attend(ctx, state))
    graph.add_edge(START, "build")
    routes = {**_ROUTES, "settle": _settled(bool(ctx.writer.header.goal))}
    for name, route in routes.items():
        graph.add_conditional_edges(name, _unless_over(route), [*nodes.NODES, "hear", "listen", "attend", "helpless", END])
    graph.add_edge("hear", "land")
    for name in ("listen", "paused", "taken", "helpless"):
        graph.add_edge(name, "attend")
    graph.add_conditional_edges("attend", steering.next_node, {name: name for name in (*nodes.NODES, *_WAITS)} | {"end": END})
    return graph


def _waiting(says: Callable[[LoopState], object]) -> Callable[[LoopState], LoopState]:
    # An answer carries nothing: `land` looks at what is signed, `attend` at what a person said. One question a node, and
    # nothing else in it.
    def wait(state: LoopState) -> LoopState:
        interrupt(says(state))
        return {}

    return wait


def _counted(ctx: LoopContext, name: str, node: nodes.Node) -> Callable[[LoopState], LoopState]:
    def run(state: LoopState) -> LoopState:
        if ctx.inbox:
            return {"turn": name}
        step = state.get("step", 0) + 1
        ctx.entered(name, step)
        spent = ctx.budget_spent(step, state.get("seconds", 0.0))
        if spent:
            ctx.record("budget", step=step, node=name, spent=spent)
            return {"outcome": "budget", "reason": spent, "turn": None}
        begin = time.monotonic()
        try:
            changed = node(ctx, {**state, "step": step})
        except GivesWay:
            # What the driver heard so far is on record, and is taken up from there when its turn comes again.
            return {"turn": name, "seconds": state.get("seconds", 0.0) + time.monotonic() - begin}
        except LooksSpent as stop:
            ctx.record("budget", step=step, node=name, spent=stop.message, limits={"test_touches": looks.limit(ctx)[0]})
            ctx.say(f"stopped: {stop.message} {stop.hint}")
            changed = {"outcome": "budget", "reason": f"{stop.message} {stop.hint}"}
        return {**changed, "turn": None, "step": step, "seconds": state.get("seconds", 0.0) + time.monotonic() - begin}

    return run


def _unless_over(route: Callable[[LoopState], str]) -> Callable[[LoopState], str]:
    def next_node(state: LoopState) -> str:
        outcome = state.get("outcome")
        if outcome:
            return "helpless" if outcome in HELPLESS else END
        return "attend" if state.get("turn") else route(state)

    return next_node


def _after_build(state: LoopState) -> str:
    return "diagnose" if state.get("failure") else "settle"


def _settled(goal: bool) -> Callable[[LoopState], str]:
    def route(state: LoopState) -> str:
        if state.get("proposals"):
            return "propose"
        report = state.get("report")
        if report is None or (report["tree"], report["tables"]) != (state["tree"], state["tables"]):
            return "gate"
        if state["tree"] != state["landed"]:
            return "ask"
        return "improve" if goal and not state.get("improved") else "deploy"

    return route


def _after_gate(state: LoopState) -> str:
    return "diagnose" if state.get("failure") else "settle"


def _after_improve(state: LoopState) -> str:
    if state.get("question"):
        return "listen"
    # Where it proposed nothing new, what was known of the tree still holds.
    return "settle" if state.get("report") else "build"


def _after_fix(state: LoopState) -> str:
    if state.get("question"):
        return "listen"
    if not state["fixes"][-1]["changed"]:
        return "fix"
    return "fix" if any(found.get("cure") for found in state.get("diagnoses", [])) else "build"


def _after_land(state: LoopState) -> str:
    return "hear" if state.get("queued") else "build"


_ROUTES: dict[str, Callable[[LoopState], str]] = {
    "build": _after_build,
    "propose": lambda state: "build",
    "gate": _after_gate,
    "diagnose": lambda state: "fix",
    "fix": _after_fix,
    "improve": _after_improve,
    # What may be carried over from an earlier form of the change is looked at first.
    "ask": lambda state: "land" if state.get("came_from") else "hear",
    "land": _after_land,
    "deploy": lambda state: END,
}
_WAITS: dict[str, Callable[[LoopState], object]] = {
    "hear": lambda state: {"change": state["queued"]},
    "listen": lambda state: {"question": state["question"]},
    "paused": lambda state: {"paused": True},
    "taken": lambda state: {"taken": state["taken"]},
    "helpless": lambda state: {"reason": state["reason"]},
}
"""Nodes in which the session waits for a person, and what each says."""
