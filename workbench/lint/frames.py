"""Table methods that pick, add, rename or join columns and rows, and those that go value by value."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from workbench.lint.definitions import follow
from workbench.lint.joins import item_of, mix
from workbench.lint.names import is_time
from workbench.lint.rows import Part, narrowed
from workbench.lint.stores import assign, column_names, set_column
from workbench.lint.subscripts import column, filtered, select
from workbench.lint.values import ColumnNames, Function, Mapped, Mark, Sequence, Table, Value, unique

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter


def elementwise(run: Interpreter, base: Table, made: Call) -> Table:
    """Any method that isn't known otherwise: the same rows, and whatever the arguments bring with them."""
    from workbench.lint.expressions import aligned

    result: Value = base.copy(view="" if base.view != "expression" else base.view, index=False)
    for value in made.every():
        if value.rows or value.all_marks():
            result = aligned(result, value)
    if isinstance(result, Table):
        result.const, result.reverse = base.const, base.reverse
        result.mask = None
        result.series = base.series
        return result
    return base.copy()


def replace_in_place(run: Interpreter, base: Table, result: Table, made: Call) -> None:
    """`inplace=True`: the table itself changes, or the column that it was taken from."""
    function = made.node.func
    target = function.value if isinstance(function, ast.Attribute) else None
    if isinstance(target, ast.Subscript | ast.Attribute):
        assign(run, target, result, made.node)
        return
    for each in fields(Table):
        if each.name != "ident":
            setattr(base, each.name, getattr(result, each.name))


def _copy(run: Interpreter, base: Table, made: Call) -> Table:
    return base.copy()


def _drop(run: Interpreter, base: Table, made: Call) -> Table:
    axis = made.argument(1, "axis")
    columns = made.argument(99, "columns")
    labels = made.argument(0, "labels")
    if columns is None and axis is not None and axis.const in (1, "columns"):
        columns = labels
    if columns is None and labels is not None and not (isinstance(labels, Table) and labels.index):
        names = column_names(labels)
        if names:
            columns = labels
    if columns is not None:
        names = (*column_names(columns), *(n for v in made.args[1:] for n in column_names(v)))
        kept = {n: v for n, v in base.columns.items() if n not in names}
        return base.copy(columns=kept, partial=base.partial or not names)
    if labels is not None and isinstance(labels, Table) and labels.index and labels.rows:
        return base.copy(rows=_without(base, labels))
    return base.copy(exact=base.exact)


def _without(base: Table, dropped: Table) -> frozenset[object]:
    if len(base.rows) == 1 and len(dropped.rows) == 1:
        (whole,), (part,) = base.rows, dropped.rows
        more = part.parts - whole.parts
        if whole.origin == part.origin and len(more) == 1:
            (side,) = more
            opposite = "test" if side.side == "train" else f"rest of {side.side}"
            return narrowed(base.rows, [Part(side.key, opposite)])
    return filtered(base.rows, f"rows {dropped.ident}")


def _pop(run: Interpreter, base: Table, made: Call) -> Value:
    name = made.argument(0)
    if name is None or not isinstance(name.const, str):
        return base.copy()
    taken = column(run, base, name.const)
    base.columns.pop(name.const, None)
    return taken


def _assign(run: Interpreter, base: Table, made: Call) -> Table:
    result = base.copy()
    for name, value in made.keywords.items():
        made_of = follow(run, value, [result], {}) if isinstance(value, Function) else value
        set_column(run, result, name, made_of)
    return result


def _with_columns(run: Interpreter, base: Table, made: Call) -> Table:
    result = base.copy()
    for name, value in _expressions(made):
        set_column(run, result, name, _placed(base, value))
    return result


def _with_column(run: Interpreter, base: Table, made: Call) -> Value:
    name, value = made.argument(0), made.argument(1)
    if name is None or value is None or not isinstance(name.const, str):
        return _with_columns(run, base, made)
    result = base.copy()
    set_column(run, result, name.const, _placed(base, value))
    return result


def _expressions(made: Call) -> list[tuple[str, Value]]:
    found: list[tuple[str, Value]] = []
    for given in made.args:
        held = given.items if isinstance(given, Sequence) else [given]
        for value in held:
            name = value.const if isinstance(value.const, str) else next(iter(value.names), "")
            found.append((str(name), value))
    found += [(name, value) for name, value in made.keywords.items()]
    return found


def _placed(base: Table, value: Value) -> Value:
    # A polars expression learns the rows of its table, and what the columns it names carry.
    marks = frozenset(
        m if m.rows or m.kind == "shift" else Mark(m.kind, m.site, m.what, base.rows, m.names, m.labels)
        for m in value.all_marks()
    )
    for name in value.names:
        if name in base.columns:
            marks |= base.columns[name].all_marks()
    placed: Value = Table(rows=base.rows, exact=base.exact, marks=marks, names=value.names, order=value.order, series=True)
    return placed


def _select(run: Interpreter, base: Table, made: Call) -> Value:
    if base.view == "expression":
        return base
    result = base.copy(columns={}, only=True)
    for name, value in _expressions(made):
        if not name:
            return base.copy(partial=True)
        if value.view == "expression" if isinstance(value, Table) else False:
            result.columns[name] = _placed(base, value)
        else:
            result.columns[name] = column(run, base, name)
    return result if result.columns else base.copy(partial=True)


def _filter(run: Interpreter, base: Table, made: Call) -> Value:
    given = made.argument(0, "items", "predicate")
    if given is not None and given.mask:
        return base.copy(rows=narrowed(base.rows, given.mask))
    if given is not None and column_names(given):
        return select(run, base, given)
    if made.keywords or (given is not None and isinstance(given, Sequence)):
        return base.copy(partial=True)
    return base.copy(rows=filtered(base.rows, f"rows {unique()}"))


def _query(run: Interpreter, base: Table, made: Call) -> Value:
    given = made.argument(0)
    text = given.const if given is not None and isinstance(given.const, str) else None
    mask = None
    if text is not None:
        try:
            test = ast.parse(text, mode="eval").body
        except SyntaxError:
            test = None
        if isinstance(test, ast.Compare):
            mask = run.eval(test).mask
            if isinstance(test.left, ast.Name):
                mask = frozenset(Part(f"by {test.left.id}", p.side) for p in mask or ())
    if mask:
        return base.copy(rows=narrowed(base.rows, mask))
    return base.copy(rows=filtered(base.rows, f"query {text or unique()}"))


def _head(run: Interpreter, base: Table, made: Call) -> Value:
    if any(m.kind == "correlation" for m in base.marks):
        return base.copy(marks=base.marks | {Mark("cut", m.site, m.what, m.rows) for m in base.marks if m.kind == "correlation"})
    side = "low" if made.node.func.attr in ("head", "limit", "first", "nlargest") else "high"  # type: ignore[attr-defined]
    return base.copy(rows=narrowed(base.rows, [Part("position", side)]))


def _sample(run: Interpreter, base: Table, made: Call) -> Value:
    replace, share = made.keywords.get("replace"), made.argument(99, "frac")
    if replace is not None and replace.const is True:
        return base.marked([Mark("resample", run.site(made.node), made.text, base.rows)])
    if share is not None and share.const in (1, 1.0):
        return base.copy()
    return base.copy(rows=narrowed(base.rows, [Part(f"sample:{unique()}", "train")]))


def _isin(run: Interpreter, base: Table, made: Call) -> Value:
    given = made.argument(0)
    result = base.copy()
    if isinstance(given, Table) and given.index and len(given.rows) == 1 and len(base.rows) == 1:
        (whole,), (part,) = base.rows, given.rows
        more = part.parts - whole.parts
        if whole.origin == part.origin and len(more) == 1:
            result.mask = frozenset(more)
            return result
    subject = sorted(base.names)[-1] if base.names else f"{base.ident}"
    what = f"{given.ident}" if given is not None and not isinstance(given, Sequence) else ast.unparse(made.node)[-40:]
    result.mask = frozenset({Part(f"{subject} in {what}", "in")})
    return result


def _sort(run: Interpreter, base: Table, made: Call) -> Value:
    given = made.argument(0, "by")
    names = column_names(given) if given is not None else ()
    result = base.copy()
    if any(is_time(n) for n in names):
        result.order |= {"sorted"}
        run.trace.order.add("sorted")
    elif names:
        result.order -= {"sorted"}
    if base.scores:
        result.view = "sorted"
    return result


def _sort_index(run: Interpreter, base: Table, made: Call) -> Value:
    result = base.copy()
    if result.order & {"time index"}:
        result.order |= {"sorted"}
    return result


def _set_index(run: Interpreter, base: Table, made: Call) -> Value:
    given = made.argument(0, "keys")
    names = column_names(given) if given is not None else ()
    result = base.copy()
    if any(is_time(n) for n in names):
        result.order |= {"time index"}
        run.trace.order.add("time index")
    for name in names:
        result.columns.pop(name, None)
    return result


def _unique_rows(run: Interpreter, base: Table, made: Call) -> Value:
    result = base.copy()
    result.order -= {"sorted"}
    return result


def _rename(run: Interpreter, base: Table, made: Call) -> Value:
    given = made.argument(99, "columns", "mapping") or made.argument(0)
    result = base.copy()
    if isinstance(given, Mapped):
        names = {str(k): v.const for k, v in given.entries.items() if isinstance(v.const, str)}
        result.columns = {names.get(n, n): v for n, v in base.columns.items()}
    elif given is not None and isinstance(given.const, str):
        result.names |= {given.const}
    return result


def _group(run: Interpreter, base: Table, made: Call) -> Value:
    from workbench.lint.tables import group_view

    keys: set[str] = set()
    for given in made.args:
        keys.update(column_names(given) or given.names)
    if "by" in made.keywords:
        keys.update(column_names(made.keywords["by"]) or made.keywords["by"].names)
    return base.copy(view=group_view(frozenset(keys)))


def _over(run: Interpreter, base: Table, made: Call) -> Value:
    return base.copy(view="expression")


def _merge(run: Interpreter, base: Table, made: Call) -> Value:
    from workbench.lint.construction import merged

    other = made.argument(0, "right", "other")
    if isinstance(other, Table):
        return merged(base, other) if not other.series or other.columns else elementwise(run, base, made)
    return elementwise(run, base, made)


def _join_asof(run: Interpreter, base: Table, made: Call) -> Value:
    other, way = made.argument(0, "other"), made.keywords.get("strategy")
    result = _merge(run, base, made)
    run.trace.order.add("as-of join")
    if isinstance(result, Table) and isinstance(other, Table) and way is not None and way.const in ("forward", "nearest"):
        mark = Mark("asof", run.site(made.node), f'join_asof(strategy="{way.const}")', base.rows)
        result.marks |= {mark}
    return result


def _alias(run: Interpreter, base: Table, made: Call) -> Value:
    name = made.argument(0)
    return base.copy(const=name.const if name is not None else base.const)


def _rows(run: Interpreter, base: Table, made: Call) -> Value:
    return Sequence(items=[Sequence(items=[Value(step=0), base.copy(rows=frozenset())])], open=True)


def _tuples(run: Interpreter, base: Table, made: Call) -> Value:
    return Sequence(items=[base.copy(rows=frozenset())], open=True)


def _pairs(run: Interpreter, base: Table, made: Call) -> Value:
    return Sequence(items=[Sequence(items=[Value(names=frozenset({"?"})), item_of(base)])], open=True)


def _correlation(run: Interpreter, base: Table, made: Call) -> Value:
    if not base.rows:
        return base.copy()
    mark = Mark("correlation", run.site(made.node), made.text, base.rows)
    return Table(marks=base.marks | {mark}, names=base.names)


def _flip(run: Interpreter, base: Table, made: Call) -> Value:
    return base.copy(reverse=not base.reverse)


def _get(run: Interpreter, base: Table, made: Call) -> Value:
    key = made.argument(0)
    return select(run, base, key) if key is not None else base.copy()


def _group_of(run: Interpreter, base: Table, made: Call) -> Value:
    return base.copy(view="", rows=filtered(base.rows, f"group {unique()}"))


def _replaced(run: Interpreter, base: Table, made: Call) -> Value:
    other = mix(made.args)
    result = elementwise(run, base, made)
    result.order = base.order | other.order
    return result


def _taken(run: Interpreter, base: Table, made: Call) -> Value:
    key = made.argument(0, "indices")
    if key is not None and key.mask:
        return base.copy(rows=narrowed(base.rows, key.mask))
    return base.copy(rows=filtered(base.rows, f"rows {unique()}"))


def _names_of(run: Interpreter, base: Table, made: Call) -> Value:
    return ColumnNames(rows=base.rows, known=tuple(base.columns) if base.only else None, partial=base.partial)


METHODS: dict[str, Callable[[Interpreter, Table, Call], Value]] = {
    **dict.fromkeys(("copy", "reset_index", "to_numpy", "dropna", "astype", "squeeze", "reshape", "ravel", "flatten"), _copy),
    **dict.fromkeys(("drop_nulls", "collect", "lazy", "to_frame", "compute", "persist", "toarray", "todense", "clone"), _copy),
    **dict.fromkeys(
        ("to_pandas", "convert_dtypes", "infer_objects", "cpu", "numpy", "float", "long", "to", "rename_axis"), _copy
    ),
    **dict.fromkeys(("drop_duplicates", "unique"), _unique_rows),
    **dict.fromkeys(("head", "tail", "limit", "nlargest", "nsmallest"), _head),
    **dict.fromkeys(("sort_values", "sort", "orderBy"), _sort),
    **dict.fromkeys(("groupby", "group_by"), _group),
    **dict.fromkeys(("merge", "join"), _merge),
    **dict.fromkeys(("keys",), _names_of),
    "drop": _drop,
    "pop": _pop,
    "assign": _assign,
    "with_columns": _with_columns,
    "with_column": _with_column,
    "withColumn": _with_column,
    "withColumnRenamed": _rename,
    "select": _select,
    "filter": _filter,
    "query": _query,
    "sample": _sample,
    "isin": _isin,
    "is_in": _isin,
    "sort_index": _sort_index,
    "set_index": _set_index,
    "rename": _rename,
    "over": _over,
    "join_asof": _join_asof,
    "alias": _alias,
    "iterrows": _rows,
    "itertuples": _tuples,
    "items": _pairs,
    "iteritems": _pairs,
    "corr": _correlation,
    "flip": _flip,
    "flipud": _flip,
    "reverse": _flip,
    "get": _get,
    "get_group": _group_of,
    "take": _taken,
    "combine_first": _replaced,
}
