"""A driver's turn: everything it decides on, and the place where it may edit. Made by the loop, read by drivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.loop.state import Fix, LoopState
from workbench.loop.workplace import WorkPlace

if TYPE_CHECKING:
    from workbench.loop.context import LoopContext


@dataclass(frozen=True)
class Failure:
    """What failed: `build` or `gate`, its fingerprint, and the whole answer of the skill that says so.

    `text` is untrusted: messages, tracebacks and names in it come from code and data.
    """

    kind: str
    fingerprint: str
    text: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Left:
    """What is left of the session's budgets: nodes, seconds of active time, tokens, US dollars."""

    steps: int = 0
    seconds: float = 0.0
    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Turn:
    """One decision to make.

    `failure` is None where nothing fails and the session has a goal: the driver may then propose an improvement. `directions`
    are what the person said, the oldest first. `ctx` is for drivers that record model calls or run skills to look at something.
    """

    ctx: LoopContext = field(repr=False)
    failure: Failure | None = None
    diagnoses: Sequence[dict[str, object]] = ()
    tried: Sequence[Fix] = ()
    goal: str = ""
    directions: Sequence[str] = ()
    use_case: str = ""
    tree: str = ""
    """The session's tree: git tree id."""
    step: int = 0
    node: str = "fix"
    report: Mapping[str, Any] = field(default_factory=dict)
    """The latest full gate report, where one passed."""
    left: Left = field(default_factory=Left)

    @cached_property
    def place(self) -> WorkPlace:
        """The session's tree with the driver's edits on top; nothing in it is written anywhere."""
        return WorkPlace(self.ctx.repo, self.tree, self.ctx.settings.data)


def turn_of(ctx: LoopContext, state: LoopState, node: str) -> Turn:
    """The turn that this state gives the driver at `node`."""
    failed, known = state.get("failure"), state.get("report")
    failure = None
    if failed is not None:
        failure = Failure(str(failed["kind"]), str(failed["fingerprint"]), ctx.read_blob(str(failed["blob"])))
    return Turn(
        ctx=ctx,
        failure=failure,
        diagnoses=tuple(state.get("diagnoses", [])) if failure else (),
        tried=tuple(state.get("fixes", [])),
        goal=ctx.writer.header.goal,
        directions=tuple(state.get("directions", [])),
        use_case=ctx.use_case,
        tree=state["tree"],
        step=state["step"],
        node=node,
        report=ctx.read_blob(known["blob"]) if known else {},
        left=left_of(ctx, state["step"], state.get("seconds", 0.0)),
    )


def left_of(ctx: LoopContext, step: int, seconds: float) -> Left:
    """What is left of the budgets; tokens and money are counted from the session's own record, so a kill loses nothing."""
    limits, used = ctx.settings.loop, ctx.spent()
    return Left(
        steps=max(limits.max_steps - step, 0),
        seconds=max(limits.wall_seconds - seconds, 0.0),
        tokens=max(limits.max_tokens - used.tokens, 0),
        cost=max(limits.max_cost - used.cost, 0.0),
    )
