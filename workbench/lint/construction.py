"""Where tables and estimators come from: readers, frames and arrays made from others, joins, pipelines, searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.lint.joins import flat, mix
from workbench.lint.names import PIPELINES, is_label, is_time
from workbench.lint.rows import NO_ROWS, overlap
from workbench.lint.values import Estimator, External, Mapped, Mark, Sequence, Table, Value

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter

_DIRECTIONS = frozenset({"forward", "nearest"})


def read(run: Interpreter, made: Call) -> Value:
    """A table from a file; a file that was written above is the table that was written."""
    path = made.argument(0, "path", "filepath_or_buffer", "source")
    known = run.files.get(path.const) if path is not None and isinstance(path.const, str) else None
    if isinstance(known, Table):
        return known.copy()
    table = run.fresh(names=frozenset({"outside"}))
    index, dates = made.keywords.get("index_col"), made.keywords.get("parse_dates")
    named = index is not None and isinstance(index.const, str) and is_time(index.const)
    if (
        index is not None
        and dates is not None
        and dates.const is not False
        and (named or dates.const is True or dates.rows == NO_ROWS)
    ):
        table.order |= {"time index"}
        run.trace.order.add("time index")
    elif dates is not None and dates.const is not False:
        run.trace.order.add("parsed times")
    if path is not None and path.rows and made.text.startswith(("pd.", "pandas.")) is False:
        table.marks |= path.marks
    return table


def _frame(run: Interpreter, made: Call) -> Value:
    given = made.argument(0, "data")
    order: frozenset[str] = frozenset()
    index = made.argument(99, "index")
    if index is not None and (index.order or any(is_time(n) for n in index.names)):
        order = frozenset({"time index"})
    if given is None:
        return Table(order=order, rows=index.rows if index is not None else NO_ROWS)
    if isinstance(given, Mapped):
        table = Table(order=order, only=given.rest is None)
        for name, value in given.entries.items():
            flatter = mix([value]) if isinstance(value, Sequence | Mapped) else value
            table.columns[str(name)] = flatter.with_(names=flatter.names | {str(name)})
            if not table.rows and flatter.rows:
                table.rows, table.exact = flatter.rows, flatter.exact
            table.order |= flatter.order
        if given.rest is not None:
            table.marks |= given.rest.all_marks()
            table.rows = table.rows or given.rest.rows
        if not table.rows:
            table.rows = run.fresh().rows
        return table
    if isinstance(given, Table):
        return given.copy(order=given.order | order, series=False)
    mixed = mix([given])
    if not (mixed.rows or mixed.marks or mixed.scores or mixed.predictions):
        return run.fresh(order=order)
    return _table(mixed, order)


def _table(value: Value, order: frozenset[str] = frozenset()) -> Table:
    if isinstance(value, Table):
        return value.copy(order=value.order | order)
    return Table(
        rows=value.rows, exact=value.exact, marks=value.marks, names=value.names, order=value.order | order,
        predictions=value.predictions, scores=value.scores, mask=value.mask,
    )  # fmt: skip


def _array(run: Interpreter, made: Call) -> Value:
    given = made.argument(0, "data", "object", "a", "x")
    if given is None:
        return Value()
    if isinstance(given, Table):
        return given.copy(index=given.index)
    mixed = mix([given])
    return _table(mixed) if mixed.rows or mixed.marks else mixed.with_(mask=given.mask)


def _numbers(run: Interpreter, made: Call) -> Value:
    return Table(series=True)


def _date_range(run: Interpreter, made: Call) -> Value:
    run.trace.order.add("time index")
    return Table(series=True, order=frozenset({"time index"}), index=True)


def _axis(made: Call) -> int:
    axis = made.argument(99, "axis", "dim") or (made.args[1] if len(made.args) > 1 else None)
    how = made.keywords.get("how")
    if how is not None and how.const == "horizontal":
        return 1
    return 1 if axis is not None and axis.const in (1, -1, "columns") else 0


def _concat(run: Interpreter, made: Call) -> Value:
    given = made.argument(0, "objs", "arrays", "tensors", "items")
    given_list = given.items if isinstance(given, Sequence) else [given] if given is not None else []
    if isinstance(given, Mapped):
        given_list = list(given.entries.values())
    if made.text.startswith(("np.append", "numpy.append")):
        given_list = made.args[:2]
    if _axis(made) == 1:
        return _side_by_side(given_list)
    return _stacked(run, given_list, made, several=isinstance(given, Sequence) and not given.open)


def _beside(run: Interpreter, made: Call) -> Value:
    given = made.argument(0)
    return _side_by_side(given.items if isinstance(given, Sequence) else made.args)


def _below(run: Interpreter, made: Call) -> Value:
    given = made.argument(0)
    items = given.items if isinstance(given, Sequence) else made.args
    return _stacked(run, items, made, several=isinstance(given, Sequence) and not given.open)


def _side_by_side(values: list[Value]) -> Table:
    parts = [v if isinstance(v, Table) else _table(mix([v])) for v in values]
    leading = next((p for p in parts if p.rows), parts[0] if parts else Table())
    result = Table(rows=leading.rows, exact=leading.exact, order=leading.order, only=all(p.only for p in parts))
    for part in parts:
        if part.columns or (part.names and part.series and len(part.names) <= 2):
            if part.columns:
                result.columns |= part.columns
                result.marks |= part.marks
            else:
                result.columns[sorted(part.names)[-1]] = part
                result.only = False
        else:
            result.marks |= part.all_marks()
            result.only = False
        result.partial = result.partial or part.partial
        result.predictions |= part.predictions
        result.order |= part.order
    return result


def _stacked(run: Interpreter, values: list[Value], made: Call, *, several: bool) -> Table:
    parts = [v if isinstance(v, Table) else _table(mix([v])) for v in values]
    if not parts:
        return Table()
    rows = NO_ROWS.union(*(p.rows for p in parts))
    first = parts[0]
    result = Table(rows=rows, exact=all(p.exact for p in parts), order=frozenset().union(*(p.order for p in parts)))
    names = dict.fromkeys(n for p in parts for n in p.columns)
    for name in names:
        held = [p.columns[name] for p in parts if name in p.columns]
        result.columns[name] = mix(held).with_(rows=rows)
    result.marks = first.marks.union(*(p.marks for p in parts))
    result.only = all(p.only for p in parts)
    result.partial = any(p.partial for p in parts)
    result.names = frozenset().union(*(p.names for p in parts))
    result.predictions = frozenset().union(*(p.predictions for p in parts))
    result.flowing = bool(rows) and all(p.flowing for p in parts if p.rows)
    if made.text.partition("(")[0].rpartition(".")[2] in ("stack", "vstack", "array") and all(p.series for p in parts):
        result.view = "stacked"
    if several and len(parts) > 1:
        twice = [(a, b) for i, p in enumerate(parts) for q in parts[i + 1 :] for a in p.rows for b in q.rows if overlap(a, b)]
        if twice and all(p.exact for p in parts) and not any(p.predictions for p in parts):
            result = result.marked([Mark("resample", run.site(made.node), made.text, frozenset(a for a, _ in twice))])
    return result


def _merge(run: Interpreter, made: Call) -> Value:
    left, right = made.argument(0, "left"), made.argument(1, "right")
    if not isinstance(left, Table) or not isinstance(right, Table):
        return mix(made.every())
    return merged(left, right)


def merged(left: Table, right: Table) -> Table:
    """The left table's rows with the right table's columns looked up."""
    result = left.copy()
    for name, column in right.columns.items():
        result.columns.setdefault(name, column)
    result.marks = left.marks | right.marks
    result.only = left.only and right.only
    result.partial = left.partial or right.partial
    result.order = left.order
    return result


def _merge_asof(run: Interpreter, made: Call) -> Value:
    left, right = made.argument(0, "left"), made.argument(1, "right")
    if not isinstance(left, Table) or not isinstance(right, Table):
        return mix(made.every())
    result = merged(left, right)
    run.trace.order.add("as-of join")
    result.order |= {"sorted"}
    direction = made.keywords.get("direction")
    if direction is not None and direction.const in _DIRECTIONS and not is_label(made.named(1, "right")):
        mark = Mark("asof", run.site(made.node), f'merge_asof(direction="{direction.const}")', left.rows)
        own = {name: left.columns[name] for name in left.columns}
        result = result.copy(marks=result.marks | {mark}, columns={**result.columns, **own})
        for name in right.columns:
            if name not in left.columns:
                column = result.columns[name]
                result.columns[name] = column.with_(marks=column.marks | {mark})
    return result


def _dummies(run: Interpreter, made: Call) -> Value:
    given = made.argument(0, "data")
    return given.copy(partial=given.partial, only=False) if isinstance(given, Table) else mix(made.every())


def _to_datetime(run: Interpreter, made: Call) -> Value:
    run.trace.order.add("parsed times")
    given = made.argument(0)
    if isinstance(given, Table):
        return given.copy()
    return mix(made.every())


def _cut(run: Interpreter, made: Call) -> Value:
    given, bins = made.argument(0, "x"), made.argument(1, "bins")
    if not isinstance(given, Table):
        return mix(made.every())
    if bins is None or isinstance(bins, Sequence) or not (isinstance(bins.const, int)):
        marks = bins.all_marks() if bins is not None else frozenset()
        return given.marked(marks)
    return given.marked([Mark("statistic", run.site(made.node), made.text, given.rows, given.names)])


def _dataset(run: Interpreter, made: Call) -> Value:
    X, y = made.argument(0, "data"), made.argument(1, "label")
    if y is not None:
        run.trace.label_names |= y.names - {"?", "index", "outside"}
    return X if isinstance(X, Table) else mix([X] if X is not None else [])


def _column_expression(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    name = first.const if first is not None and isinstance(first.const, str) else None
    return Table(names=frozenset({name} if name else ()), const=name, view="expression", series=True)


def _lead(run: Interpreter, made: Call) -> Value:
    # Spark's F.lead("x", 1): a later row of the window.
    expression = _column_expression(run, made)
    given = made.argument(0)
    names = expression.names or (given.names if given is not None else frozenset())
    mark = Mark("shift", run.site(made.node), made.text, names=names)
    run.trace.order.add("lagged")
    return Table(names=names, view="expression", series=True, marks=frozenset({mark}))


def estimator(run: Interpreter, name: str, role: str, made: Call) -> Estimator:
    """An estimator of a library, with what it wraps."""
    steps = [v for v in flat(made.every()) if isinstance(v, Estimator)]
    classes = [v for v in flat(made.every()) if isinstance(v, External)]
    rounds = made.keywords.get("early_stopping_rounds")
    stops = (rounds is not None and rounds.const is not None) or any(
        k in made.keywords and made.keywords[k].const is True for k in ("early_stopping_eval", "use_best_model")
    )
    tuned = frozenset(m for v in made.every() for m in v.all_marks() if m.kind == "tuned")
    model = Estimator(name=name, role=role, steps=steps, cv=made.keywords.get("cv"), stops=stops, marks=tuned)
    if any(c.last == "early_stopping" for c in classes):
        model.stops = True
    return model


def _pipeline(run: Interpreter, made: Call) -> Value:
    given = made.argument(0, "steps")
    held = given.items if isinstance(given, Sequence) else made.args
    steps: list[Estimator] = []
    for step in held:
        inner = step.items if isinstance(step, Sequence) else [step]
        steps += [v for v in inner if isinstance(v, Estimator)]
    last = steps[-1] if steps else None
    unknown = bool(held) and last is not None and not _is_last(held[-1], last)
    role = "model" if unknown or last is None else last.role
    supervised = role in ("selector", "encoder", "transformer", "stateless", "vocabulary")
    if supervised and any(s.role == "selector" for s in steps):
        role = "selector"
    elif role in ("stateless", "vocabulary") and any(s.role in ("transformer", "encoder") for s in steps):
        role = "transformer"
    return Estimator(name="Pipeline", role=role, steps=steps, stops=any(s.stops for s in steps))


def _is_last(step: Value, last: Estimator) -> bool:
    return any(v is last for v in flat([step]))


CONSTRUCTORS: dict[str, Callable[[Interpreter, Call], Value]] = {
    "DataFrame": _frame,
    "Series": _frame,
    "array": _array,
    "asarray": _array,
    "ravel": _array,
    "stack": _below,
    "nan_to_num": _array,
    "vstack": _below,
    "row_stack": _below,
    "concat": _concat,
    "concatenate": _concat,
    "append": _concat,
    "cat": _concat,
    "hstack": _beside,
    "column_stack": _beside,
    "dstack": _beside,
    "merge": _merge,
    "merge_asof": _merge_asof,
    "merge_ordered": _merge,
    "get_dummies": _dummies,
    "to_datetime": _to_datetime,
    "date_range": _date_range,
    "cut": _cut,
    "zeros": _numbers,
    "ones": _numbers,
    "empty": _numbers,
    "full": _numbers,
    "zeros_like": _numbers,
    "Dataset": _dataset,
    "DMatrix": _dataset,
    "QuantileDMatrix": _dataset,
    "Pool": _dataset,
    "TensorDataset": _dataset,
    "DataLoader": _dataset,
    "col": _column_expression,
    "lead": _lead,
    **dict.fromkeys(PIPELINES, _pipeline),
}
