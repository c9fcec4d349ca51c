"""Looks at the test by a session: counted before a score is shown, and refused when the budget is spent.

The budget is the landed contract's `budgets.test_touches`, over the life of the test rows, whatever the session has written into
its own tree; where the contract says nothing, `loop.test_touches` of the settings, per session. Before a build that would show a
new score it is asked whether there is room; the rows may be others by now (new data), so where the budget of the last ones is
spent, the tree is run up to its split, which shows no score. After the build the look is on disk, in the ledger and in the
session's events, before the score is recorded or said. Counting itself is in `sessions/touches.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.changes import Author, Change
from workbench.errors import ConfigError, PipelineError, Refusal, UsageError
from workbench.loop import trees
from workbench.pipeline.cache import code_digest
from workbench.pipeline.contract import load_contract
from workbench.sessions.heldout import HeldOut
from workbench.sessions.reader import read_session
from workbench.sessions.touches import Ledger, Look, Looks, counted, known_looks

if TYPE_CHECKING:
    from workbench.loop.context import LoopContext

EVALUATES = "build"
"""The skill whose answer holds test scores; an audit of the same tree shows the same ones again."""


class LooksSpent(Refusal):
    """The test was looked at as often as it may be; a person has to decide."""

    kind = "test-budget"


def limit(ctx: LoopContext) -> tuple[int, bool]:
    """How many looks there are, and whether they are counted in the session alone (else over the life of the test rows)."""
    landed = ctx.repo.tree_of(ctx.repo.resolve(ctx.target))
    try:
        budgets = load_contract(trees.checkout(ctx.settings, landed), ctx.use_case).budgets
    except (ConfigError, UsageError):
        budgets = None
    if budgets is not None and budgets.test_touches is not None:
        return budgets.test_touches, False
    return ctx.settings.loop.test_touches, True


def before(ctx: LoopContext, tree: str) -> None:
    """Raises LooksSpent where an evaluation of `tree` would be one look too many."""
    looks = known_looks(ctx.settings.root, ctx.settings.state, ctx.use_case)
    most, in_session = limit(ctx)
    session = ctx.session_id if in_session else None
    mine = [look for look in looks if session is None or look.session == session]
    root = trees.checkout(ctx.settings, tree)
    code = code_digest(root)
    if not mine or any(look.code == code for look in mine):
        return
    if counted(mine, mine[-1].held_out, session) < most:
        return
    held_out = _rows_of(ctx, root)
    if held_out is not None and counted(mine, held_out, session) >= most:
        raise spent(most, in_session, held_out)


def after(ctx: LoopContext, tree: str, output: Mapping[str, Any], step: int) -> None:
    """Puts the look at this build's scores on record. Raises LooksSpent, and the scores may not be shown."""
    scores = output.get("scores") or {}
    if not output.get("ok") or not scores:
        return
    root = trees.checkout(ctx.settings, tree)
    held_out = HeldOut.model_validate(output["held_out"]) if output.get("held_out") else _rows_of(ctx, root)
    if held_out is None:
        raise Refusal("The build has scores, but its test rows can't be told.", "make the split stage deterministic")
    most, in_session = limit(ctx)
    landed = ctx.repo.tree_of(ctx.repo.resolve(ctx.target))
    change = Change(base=landed, result=tree, author=Author(name=""), title="").digest if landed != tree else ""
    look = Look(
        use_case=ctx.use_case, held_out=held_out, code=code_digest(root), session=ctx.session_id, step=step, change=change,
        by=ctx.writer.header.driver, scores=scores,
    )  # fmt: skip
    known = known_looks(ctx.settings.root, ctx.settings.state, ctx.use_case)
    if Ledger(ctx.settings.state, ctx.use_case).add(look, known=known, budget=most, in_session=in_session) is None:
        raise spent(most, in_session, held_out)
    _record(ctx, look, tree, most, in_session)


def _record(ctx: LoopContext, look: Look, tree: str, most: int, in_session: bool) -> None:
    """The session's own event, once: a node that is run again after a kill finds it there."""
    events = read_session(ctx.writer.directory).events
    if any(event.kind == "touch" and (event.code, event.held_out.tables) == look.evaluation for event in events):
        return
    known = [*known_looks(ctx.settings.root, ctx.settings.state, ctx.use_case), look]
    life, here = counted(known, look.held_out), counted(known, look.held_out, ctx.session_id)
    ctx.record(
        "touch", step=look.step, node="build", held_out=look.held_out, code=look.code, tree=tree, change=look.change,
        scores=look.scores, looks=life, in_session=here, budget=most, over="session" if in_session else "test rows",
    )  # fmt: skip
    ctx.say(f"look {here if in_session else life} of {most} at these test rows")


def given(ctx: LoopContext) -> dict[str, Any]:
    """What an audit of this session is told about looks; empty where nothing was looked at."""
    events = read_session(ctx.writer.directory).events
    last = next((event for event in reversed(events) if event.kind == "touch"), None)
    if last is None:
        return {}
    count = last.in_session if last.over == "session" else last.looks
    return {"looks": Looks(count=count, budget=last.budget, over=last.over).model_dump(mode="json")}


def spent(most: int, in_session: bool, held_out: HeldOut) -> LooksSpent:
    """The refusal in words."""
    whose = "this session's looks at the test" if in_session else "all looks at these test rows"
    raise_it = "`loop.test_touches` in workbench.toml" if in_session else "`budgets.test_touches` in the contract"
    return LooksSpent(
        f"The budget of {most} is spent: {whose} ({held_out.rows:,} rows) are used up, and to choose by one more would be to "
        "choose on the test.",
        f"a person decides: test on rows that nobody has seen, or raise {raise_it}, a reviewed change",
    )


def _rows_of(ctx: LoopContext, root: Path) -> HeldOut | None:
    """The test rows of a tree, found without showing a score; None where it doesn't run so far, and so can't have one.

    An undivided back-test can't be run without its predictions: it counts as tested on the rows looked at last.
    """
    from workbench.pipeline.heldout import held_out
    from workbench.pipeline.runner import Pipeline

    try:
        contract = load_contract(root, ctx.use_case)
        if contract.stages.backtest is not None:
            looks = known_looks(ctx.settings.root, ctx.settings.state, ctx.use_case)
            return looks[-1].held_out if looks else None
        with Pipeline(ctx.settings, contract, root=root) as pipeline:
            tables = pipeline.load()
            run = pipeline.run(tables, until="split")
    except (ConfigError, PipelineError):
        return None
    return held_out(contract, tables, run.frame, [fold.test for fold in run.folds]) if run.frame is not None else None
