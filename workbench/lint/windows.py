"""Table methods that depend on the order of rows: shifts, windows, fills, running values; and what shows such an order."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.lint.names import is_known_ahead
from workbench.lint.values import Mark, Table, Value

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter

_FORWARD_FILLS = frozenset({"ffill", "pad", "forward", "previous"})
_BACKWARD_FILLS = frozenset({"bfill", "backfill", "backward", "next"})


def _text(made: Call) -> str:
    text = " ".join(ast.unparse(made.node).split())
    return text if len(text) <= 60 else text[:57] + "…"


def _lagged(run: Interpreter, table: Table) -> Table:
    table.order |= {"lagged"}
    run.notice_order(table, "lagged")
    return table


def _ahead(run: Interpreter, base: Table, kind: str, made: Call) -> Table:
    names = base.names - {"outside", "index", "?"}
    known = bool(names) and all(is_known_ahead(n) for n in names)
    result = _lagged(run, base.copy(view=""))
    if known:
        return result
    return result.marked([Mark(kind, run.site(made.node), _text(made), base.rows, base.names)])


def shift(run: Interpreter, base: Table, made: Call) -> Value:
    """`shift`, `diff`, `pct_change`, `roll`: of a negative number of rows they read later ones."""
    count = made.argument(0, "periods", "n", "shift")
    axis = made.argument(99, "axis")
    if axis is not None and axis.const in (1, "columns"):
        return base.copy(view="")
    negative = count is not None and (
        (isinstance(count.const, int | float) and count.const < 0) or count.sign < 0
    )  # fmt: skip
    if count is not None and isinstance(count.const, int) and count.const == 0:
        return base.copy(view="")
    return _ahead(run, base, "shift", made) if negative != base.reverse else _lagged(run, base.copy(view=""))


def lead(run: Interpreter, base: Table, made: Call) -> Value:
    """`lead(n)`: n rows later."""
    return _ahead(run, base, "shift", made)


def rolling(run: Interpreter, base: Table, made: Call) -> Value:
    """A window of rows: trailing, or reaching ahead where it is centred, forward or over reversed rows."""
    center = made.keywords.get("center")
    window = made.argument(0, "window", "window_size", "indexer")
    forward = window is not None and window.const == "forward"
    ahead = forward or (center is not None and center.const is True) or base.reverse
    result = base.copy(view="centered" if ahead else "trailing")
    return _lagged(run, result)


def rolling_reduction(run: Interpreter, base: Table, made: Call) -> Value:
    """polars' `rolling_mean(…)` and the like."""
    center = made.keywords.get("center")
    if (center is not None and center.const is True) or base.reverse:
        return _ahead(run, base, "window", made)
    return _lagged(run, base.copy(view=""))


def expanding(run: Interpreter, base: Table, made: Call) -> Value:
    """All rows so far; over reversed rows all rows to come."""
    return _lagged(run, base.copy(view="centered" if base.reverse else "trailing"))


def running(run: Interpreter, base: Table, made: Call) -> Value:
    """`cumsum` and the like."""
    if base.reverse:
        return _ahead(run, base, "window", made)
    return _lagged(run, base.copy(view=""))


def backfill(run: Interpreter, base: Table, made: Call) -> Value:
    """Fills gaps from later rows."""
    return _fill(run, base, made, ahead=not base.reverse)


def forward_fill(run: Interpreter, base: Table, made: Call) -> Value:
    """Fills gaps from earlier rows."""
    return _fill(run, base, made, ahead=base.reverse)


def _fill(run: Interpreter, base: Table, made: Call, *, ahead: bool) -> Table:
    if not ahead or _across(made):
        return base.copy(view="")
    result = base.copy(view="")
    return result.marked([Mark("fill", run.site(made.node), _text(made), base.rows, base.names)])


def _across(made: Call) -> bool:
    axis = made.argument(99, "axis")
    return axis is not None and axis.const in (1, "columns")


def fillna(run: Interpreter, base: Table, made: Call) -> Value:
    """`fillna`, `fill_null`: with a value, a method or a strategy."""
    way = made.argument(99, "method", "strategy")
    if way is not None and way.const in _BACKWARD_FILLS:
        return backfill(run, base, made)
    if way is not None and way.const in _FORWARD_FILLS:
        return forward_fill(run, base, made)
    if way is not None and way.const in ("mean", "min", "max"):
        return base.marked([Mark("statistic", run.site(made.node), _text(made), base.rows, base.names)])
    from workbench.lint import frames

    return frames.elementwise(run, base, made)


def interpolate(run: Interpreter, base: Table, made: Call) -> Value:
    """Draws a line to the next known value, which is a later one."""
    way = made.argument(0, "method")
    if (way is not None and way.const in _FORWARD_FILLS) or _across(made):
        return base.copy()
    side = made.keywords.get("limit_direction")
    if "windowed" in base.order and not (side is not None and side.const in ("both", "backward")):
        return base.copy()  # the gaps of a trailing window are its warm-up, which stays empty
    return _fill(run, base, made, ahead=True)


def resample(run: Interpreter, base: Table, made: Call) -> Value:
    """Bins of time."""
    run.trace.order.add("time index")
    result = base.copy(view="resample")
    result.order |= {"time index"}
    return result


def as_frequency(run: Interpreter, base: Table, made: Call) -> Value:
    """A regular index of time."""
    result = resample(run, base, made)
    way = made.argument(99, "method")
    assert isinstance(result, Table)
    result.view = ""
    return backfill(run, result, made) if way is not None and way.const in _BACKWARD_FILLS else result


METHODS: dict[str, Callable[[Interpreter, Table, Call], Value]] = {
    "shift": shift,
    "diff": shift,
    "pct_change": shift,
    "roll": shift,
    "tshift": shift,
    "lead": lead,
    "rolling": rolling,
    "expanding": expanding,
    "ewm": expanding,
    "bfill": backfill,
    "backfill": backfill,
    "ffill": forward_fill,
    "pad": forward_fill,
    "forward_fill": forward_fill,
    "backward_fill": backfill,
    "fillna": fillna,
    "fill_null": fillna,
    "fill_nan": fillna,
    "interpolate": interpolate,
    "resample": resample,
    "asfreq": as_frequency,
    "upsample": as_frequency,
    "group_by_dynamic": resample,
    "ewm_mean": running,
    "cum_sum": running,
    "cum_max": running,
    "cum_min": running,
    **dict.fromkeys(
        [f"rolling_{what}" for what in ("mean", "std", "sum", "min", "max", "median", "var", "quantile", "map")],
        rolling_reduction,
    ),
}
