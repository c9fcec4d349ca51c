"""The graph: which node follows which. The only importer of LangGraph.

    build ──ok──▶ settle ──▶ gate ──pass──▶ settle ──▶ deploy ──▶ end
      │             └▶ propose ▶ build │        ├▶ ask ▶ hear ▶ land ▶ build
      │                                │        └▶ improve ▶ build, or deploy
      └─failed─▶ diagnose ▶ fix ▶ build ◀─failed┘

Where the driver has a question, `fix` and `improve` lead to `listen`, which waits for a person and leads back.

The graph is orchestration and not a boundary: whoever jumps into `land` or `deploy`, or resumes twice, finds functions
there that verify for themselves.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

# Loading a checkpoint would otherwise be allowed to construct arbitrary objects (CVE-2026-28277); LangGraph reads this
# when it is first imported, and has no other switch for it.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from workbench.loop import looks, nodes
from workbench.loop.looks import LooksSpent
from workbench.loop.state import LoopState

if TYPE_CHECKING:
    from workbench.loop.context import LoopContext

RECURSION_LIMIT = 1000


class Loop:
    """The compiled graph of one session, on its own SQLite checkpoint file."""

    def __init__(self, ctx: LoopContext, checkpoints: Path) -> None:
        self._ctx = ctx
        self._connection = sqlite3.connect(checkpoints, check_same_thread=False)
        self._graph = _graph(ctx).compile(checkpointer=SqliteSaver(self._connection))
        self._config: Any = {"configurable": {"thread_id": ctx.session_id}, "recursion_limit": RECURSION_LIMIT}

    def close(self) -> None:
        """Closes the checkpoint file."""
        self._connection.close()

    def start(self, state: LoopState) -> LoopState:
        """Runs from the beginning until it ends or waits for a person; returns the state it stopped in."""
        return self._invoke(state)

    def resume(self, directions: Sequence[str] = ()) -> LoopState:
        """Goes on where the session stopped: after a kill at the node it was in, after a question by looking again.

        `directions` are what the person says now; they reach the state where the session stands at a person.
        """
        snapshot = self._graph.get_state(self._config)
        if snapshot.interrupts:
            answer = {"directions": list(directions)} if directions else "look"
            return self._invoke(Command(resume={snapshot.interrupts[0].id: answer}))
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
    graph.add_node("hear", _hear)
    graph.add_node("listen", _listen)
    graph.add_edge(START, "build")
    graph.add_conditional_edges("build", _unless_over(_after_build), ["diagnose", "settle", END])
    graph.add_conditional_edges(
        "settle", _unless_over(_settled(bool(ctx.writer.header.goal))), ["propose", "gate", "improve", "deploy", "ask", END]
    )
    graph.add_conditional_edges("propose", _unless_over(lambda state: "build"), ["build", END])
    graph.add_conditional_edges("gate", _unless_over(_after_gate), ["diagnose", "settle", END])
    graph.add_conditional_edges("diagnose", _unless_over(lambda state: "fix"), ["fix", END])
    graph.add_conditional_edges("fix", _unless_over(_after_fix), ["build", "fix", "listen", END])
    graph.add_conditional_edges("improve", _unless_over(_after_improve), ["build", "deploy", "listen", END])
    graph.add_conditional_edges("listen", _after_listen, ["listen", "fix", "improve"])
    graph.add_conditional_edges("ask", _unless_over(lambda state: "hear"), ["hear", END])
    graph.add_edge("hear", "land")
    graph.add_conditional_edges("land", _unless_over(_after_land), ["hear", "build", END])
    graph.add_edge("deploy", END)
    return graph


def _hear(state: LoopState) -> LoopState:
    # The answer itself carries nothing: `land` looks at what is signed. One question a node, and nothing else in it.
    return _directed(state, interrupt({"change": state["queued"]}))


def _listen(state: LoopState) -> LoopState:
    changed = _directed(state, interrupt({"question": state["question"]}))
    return {**changed, "question": None} if changed else {}


def _directed(state: LoopState, answer: object) -> LoopState:
    said = [str(text) for text in answer.get("directions", [])] if isinstance(answer, dict) else []
    return {"directions": [*state.get("directions", []), *said]} if said else {}


def _counted(ctx: LoopContext, name: str, node: nodes.Node) -> Callable[[LoopState], LoopState]:
    def run(state: LoopState) -> LoopState:
        step = state.get("step", 0) + 1
        spent = ctx.budget_spent(step, state.get("seconds", 0.0))
        if spent:
            ctx.record("budget", step=step, node=name, spent=spent)
            return {"outcome": "budget", "reason": spent}
        begin = time.monotonic()
        try:
            changed = node(ctx, {**state, "step": step})
        except LooksSpent as stop:
            ctx.record("budget", step=step, node=name, spent=stop.message, limits={"test_touches": looks.limit(ctx)[0]})
            ctx.say(f"stopped: {stop.message} {stop.hint}")
            changed = {"outcome": "budget", "reason": f"{stop.message} {stop.hint}"}
        return {**changed, "step": step, "seconds": state.get("seconds", 0.0) + time.monotonic() - begin}

    return run


def _unless_over(route: Callable[[LoopState], str]) -> Callable[[LoopState], str]:
    return lambda state: END if state.get("outcome") else route(state)


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
    return "build" if state["tree"] != state["landed"] else "deploy"


def _after_listen(state: LoopState) -> str:
    if state.get("question"):
        return "listen"
    return "fix" if state.get("failure") else "improve"


def _after_fix(state: LoopState) -> str:
    if state.get("question"):
        return "listen"
    if not state["fixes"][-1]["changed"]:
        return "fix"
    return "fix" if any(found.get("cure") for found in state.get("diagnoses", [])) else "build"


def _after_land(state: LoopState) -> str:
    return "hear" if state.get("queued") else "build"
