"""Methods of frames, series, arrays and polars expressions: which reduce, which read later rows, which go row by row."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from workbench.lint import frames, windows
from workbench.lint.definitions import follow
from workbench.lint.joins import mix
from workbench.lint.names import RANKS, REDUCTIONS, TUNERS, WRITERS, is_time
from workbench.lint.trace import ChoiceEvent, EvaluateEvent, ExportEvent, features_of
from workbench.lint.values import AHEAD, MISSING, Mark, Table, Value

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter

NUMPY_METHODS = frozenset(
    {"diff", "cumsum", "cumprod", "clip", "nanargmax", "argsort", "sort", "flip", "flipud", "squeeze", "reshape"}
)
_PICKS = frozenset({"idxmax", "idxmin", "argmax", "argmin", "nanargmax", "nanargmin", "max", "min", "nlargest", "nsmallest"})
_COUNTS = frozenset({"count", "nunique", "any", "all", "info", "memory_usage", "equals", "hist", "plot", "boxplot", "scatter"})
_TRAILING = frozenset({"cumsum", "cumprod", "cummax", "cummin", "cumcount", "ngroup"})
_MOMENT = frozenset({"date", "datetime", "timestamp", "time", "ts", "ds", "dt", "day", "trade_date", "asof"})


def method(run: Interpreter, base: Table, name: str, made: Call) -> Value:
    """The value of `base.name(…)`."""
    if base.scores or base.predictions:
        judged = reduced_score(run, base, name, made) if name in REDUCTIONS | _PICKS else None
        if judged is not None:
            return judged
    special = frames.METHODS.get(name) or windows.METHODS.get(name)
    if special is not None:
        result = special(run, base, made)
    elif name in REDUCTIONS:
        result = reduce(run, base, name, made)
    elif name in RANKS:
        result = _rank(run, base, made)
    elif name in _TRAILING:
        result = windows.running(run, base, made)
    elif name in ("transform", "apply", "map", "applymap", "pipe", "map_elements", "map_rows", "aggregate_by", "filter_by"):
        result = _applied(run, base, name, made)
    elif name in _PICKS or name in _COUNTS:
        return Value()
    elif name in WRITERS:
        return _written(run, base, made)
    elif name in TUNERS and made.args:
        from workbench.lint.functions import tuned

        tuned(run, made)
        return Value()
    else:
        result = frames.elementwise(run, base, made)
    in_place = made.keywords.get("inplace")
    if in_place is not None and in_place.const is True and isinstance(result, Table):
        frames.replace_in_place(run, base, result, made)
    return result


def row_wise(made: Call, position: int = 99) -> bool:
    """True where the call works along the columns of each row."""
    axis = made.argument(position, "axis")
    return axis is not None and axis.const in (1, -1, "columns")


def reduce(run: Interpreter, base: Table, name: str, made: Call) -> Value:
    """`mean`, `std`, `quantile` and the like: of a window, of groups, or of everything."""
    if base.view in ("trailing", "resample"):
        result = base.copy(view="")
        result.order |= {"lagged", "windowed"}
        return result
    if base.view == "centered":
        return base.copy(view="").marked([Mark("window", run.site(made.node), _short(made), base.rows, base.names)])
    if base.view == "stacked":
        return base.copy(view="")
    position = 0 if name in ("mean", "std", "sum", "max", "min", "median", "var") else 99
    if row_wise(made, position):
        return base.copy(columns={}, marks=base.all_marks(), series=True)
    if base.view.startswith("group"):
        return grouped(run, base, made)
    if base.view == "expression":
        return base.marked([Mark("statistic", run.site(made.node), _short(made), base.rows, base.names)])
    return statistic(run, base, name, made)


def statistic(run: Interpreter, base: Table, name: str, made: Call) -> Value:
    """A number (or one per column) computed from all rows of a table."""
    held = base.marks if base.columns else base.all_marks()
    if base.columns:
        held = held | frozenset(m for c in base.columns.values() for m in c.all_marks() if m.kind not in AHEAD)
    if name in ("min", "max", "nanmin", "nanmax") and base.names and all(is_time(n) for n in base.names):
        return Value(marks=held, names=base.names, order=base.order)
    if not base.rows:
        return Value(marks=held, names=base.names)
    kind = "correlation" if name == "corrwith" else "statistic"
    mark = Mark(kind, run.site(made.node), _short(made), base.rows, base.names)
    if kind == "correlation":
        return Table(marks=held | {mark}, names=base.names, series=True)
    return Value(marks=held | {mark}, names=base.names)


def grouped(run: Interpreter, base: Table, made: Call) -> Table:
    """One value for each group, from all its rows."""
    result = base.copy(view="", columns=dict(base.columns))
    if base.view == "group moment" or not base.rows:
        return result
    return result.marked([Mark("group", run.site(made.node), _short(made), base.rows, base.names)])


def reduced_score(run: Interpreter, base: Value, name: str, made: Call) -> Value | None:
    """Reductions of predictions are scores; picking the best of several scores is a choice."""
    if base.scores:
        if name in _PICKS:
            run.trace.add(ChoiceEvent(base.scores, run.site(made.node), made.text))
        return Value(scores=base.scores)
    if name in REDUCTIONS and name not in ("agg", "aggregate", "describe", "quantile", "percentile"):
        if isinstance(base, Table) and row_wise(made, 0):
            return None
        run.trace.add(EvaluateEvent(base.predictions, run.site(made.node), made.text))
        supervised = frozenset(m for m in base.all_marks() if m.kind == "model")
        return Value(scores=base.predictions, marks=base.all_marks() - supervised)
    if name in ("argmax", "argmin"):
        return base.copy() if isinstance(base, Table) else base.with_(const=MISSING)
    return None


def _rank(run: Interpreter, base: Table, made: Call) -> Value:
    if base.view == "trailing":
        return base.copy(view="")
    if base.view.startswith("group"):
        return grouped(run, base, made)
    if row_wise(made):
        return base.copy()
    return base.marked([Mark("statistic", run.site(made.node), _short(made), base.rows, base.names)])


def group_view(keys: frozenset[str]) -> str:
    """The view of a table grouped by these keys: groups of one moment look neither back nor ahead."""
    return "group moment" if any(k.lower() in _MOMENT for k in keys) else "group"


def _applied(run: Interpreter, base: Table, name: str, made: Call) -> Value:
    from workbench.lint import calls
    from workbench.lint.values import External, Function, Mapped

    given = made.argument(0, "func", "function", "arg")
    rest = made.args[1:]
    if given is None:
        return base.copy(view="")
    if base.view in ("trailing", "resample"):
        return base.copy(view="")
    if base.view == "centered":
        return reduce(run, base, name, made)
    if isinstance(given.const, str):
        return _by_name(run, base, given.const, made)
    if isinstance(given, Function):
        return _by_function(run, base, name, given, rest, made)
    if isinstance(given, External) and (given.last in REDUCTIONS or base.view.startswith("group")):
        return method(run, base, given.last if given.last in REDUCTIONS else "copy", calls.Call(made.node, [], {}))
    if isinstance(given, External) and name in ("apply", "pipe", "transform") and not row_wise(made):
        from workbench.lint.functions import external

        result = external(run, given, calls.Call(made.node, [base, *rest], {}))
        return result if isinstance(result, Table) else base.copy()
    if isinstance(given, Table | Mapped):
        looked_up = mix([given])
        marks = frozenset(m for m in looked_up.all_marks())
        return base.copy().marked(marks)
    return base.copy(view="")


def _by_name(run: Interpreter, base: Table, name: str, made: Call) -> Value:
    from workbench.lint import calls

    inner = calls.Call(made.node, [], {k: v for k, v in made.keywords.items() if k == "axis"})
    if name in ("size", "count", "nunique"):
        return base.copy(view="")
    return method(run, base, name, inner)


def _by_function(run: Interpreter, base: Table, name: str, function: Value, rest: list[Value], made: Call) -> Value:
    from workbench.lint.values import Function

    assert isinstance(function, Function)
    group = base.view.startswith("group")
    element = not group and (
        name in ("map", "applymap", "map_elements") or row_wise(made, 1) or (base.series and name == "apply")
    )
    if name == "pipe":
        return follow(run, function, [base, *rest], made.keywords)
    inner = base.copy(view="")
    if element:
        # One row, or one value: what is computed inside stays in the row.
        inner = base.copy(view="", rows=frozenset(), mask=None)
    extra = {k: v for k, v in made.keywords.items() if k not in ("axis", "raw", "result_type", "args")}
    result = follow(run, function, [inner, *rest], extra)
    if group and base.view == "group moment":
        return base.copy(view="")
    marks = result.all_marks() if not isinstance(result, Table) or not result.columns else result.marks
    if not element and not group and not base.series and base.columns and isinstance(result, Table):
        marks = frozenset(m for m in marks if m.kind not in AHEAD)
    changed = base.copy(view="") if not (isinstance(result, Table) and result.columns and not element) else result.copy(view="")
    changed.rows, changed.exact = base.rows, base.exact
    if element:
        changed = changed.copy(columns={}, marks=base.marks)
        if base.series:
            changed.marks = base.marks
    changed.predictions |= result.predictions
    changed.order = base.order | result.order
    return changed.marked(marks)


def _written(run: Interpreter, base: Table, made: Call) -> Value:
    path = made.argument(0, "path", "path_or_buf", "name")
    if path is not None and isinstance(path.const, str):
        run.files[path.const] = base.copy()
    run.trace.add(ExportEvent(features_of(base), run.site(made.node), made.text))
    return Value(const=None)


def _short(made: Call) -> str:
    text = " ".join(ast.unparse(made.node).split())
    return text if len(text) <= 60 else text[:57] + "…"
