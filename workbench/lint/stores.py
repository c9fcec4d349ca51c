"""Assignment: what a name, attribute, column, item or unpacked tuple holds afterwards."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from workbench.lint.joins import item_of, join
from workbench.lint.names import is_test, is_time, is_validation
from workbench.lint.rows import Part, narrowed
from workbench.lint.trace import ChoiceEvent, SplitEvent, features_of
from workbench.lint.values import Class, Estimator, External, Instance, Mapped, Sequence, Table, Value, unique

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter

_INDEXERS = frozenset({"loc", "iloc", "at", "iat", "ix"})


def bind(run: Interpreter, name: str, value: Value) -> None:
    """Gives a name a value in the current scope, or in the outer one that was declared."""
    scope = run.scope
    if name in scope.outer:
        holder = scope.parent
        while holder is not None and name not in holder.names and holder.parent is not None:
            holder = holder.parent
        (holder or scope).names[name] = value
    scope.names[name] = value


def assign(run: Interpreter, target: ast.expr, value: Value, source: ast.expr) -> None:
    """`target = value`; `source` is the expression that made the value."""
    if isinstance(target, ast.Name):
        bind(run, target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(run, target.elts, value, source)
    elif isinstance(target, ast.Starred):
        assign(run, target.value, value, source)
    elif isinstance(target, ast.Attribute):
        _attribute(run, target, value)
    elif isinstance(target, ast.Subscript):
        _item(run, target, value)


def _unpack(run: Interpreter, targets: list[ast.expr], value: Value, source: ast.expr) -> None:
    if isinstance(value, Sequence) and not value.open:
        starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        items = value.items
        if starred is None and len(items) == len(targets):
            for target, item in zip(targets, items):
                assign(run, target, item, source)
            return
        if starred is not None and len(items) >= len(targets) - 1:
            tail = len(targets) - starred - 1
            middle = Sequence(items=items[starred : len(items) - tail])
            spread = [*items[:starred], middle, *items[len(items) - tail :]]
            for target, item in zip(targets, spread):
                assign(run, target, item, source)
            return
    if _fresh(value, source):
        for target in targets:
            nested = isinstance(target, ast.Tuple | ast.List)
            assign(run, target, value if nested else run.fresh(), source)
        return
    sides = [_side(target) for target in targets]
    key = f"split:{unique()}" if len({s for s in sides if s}) > 1 and value.rows else ""
    for target, side in zip(targets, sides):
        item = item_of(value)
        if key and side:
            item = item.with_(rows=narrowed(value.rows, [Part(key, side)]), exact=True)
        elif value.rows:
            item = item.with_(exact=False)
        assign(run, target, item, source)
    if key:
        run.split_keys[key] = "split"
        what = ast.unparse(source)[:60]
        run.trace.add(SplitEvent(key, what, features_of(value), False, False, False, run.site(source)))


def _fresh(value: Value, source: ast.expr) -> bool:
    # A call that was given no table gives back tables that have nothing in common.
    return isinstance(value, Table) and not value.columns and not value.marks and "outside" in value.names


def _side(target: ast.expr) -> str:
    name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
    low = name.lower()
    if is_test(name):
        return "test"
    if is_validation(name):
        return "validation"
    return "train" if "train" in low or low.endswith("_tr") or low.startswith("tr_") else ""


def _attribute(run: Interpreter, target: ast.Attribute, value: Value) -> None:
    holder = run.eval(target.value)
    if isinstance(holder, Instance | Class):
        holder.attributes[target.attr] = value
    elif isinstance(holder, Table):
        if target.attr == "columns":
            marks = holder.all_marks()
            holder.columns, holder.marks, holder.only = {}, marks, False
        elif target.attr == "index":
            if value.order or any(is_time(n) for n in value.names):
                holder.order |= {"time index"}
                run.trace.order.add("time index")
        else:
            set_column(run, holder, target.attr, value)
    elif isinstance(holder, External):
        return
    else:
        if isinstance(holder, Estimator) and value.scores:
            run.trace.add(ChoiceEvent(value.scores, run.site(target), ast.unparse(target)))
        holder.marks |= value.all_marks()


def _item(run: Interpreter, target: ast.Subscript, value: Value) -> None:
    holder = run.eval(target.value)
    key = run.eval(target.slice) if not isinstance(target.slice, ast.Slice) else Value()
    marks = run.controlled()
    if marks:
        value = value.marked(marks) if isinstance(value, Table) else value.with_(marks=value.marks | marks)
    if isinstance(holder, Mapped):
        if isinstance(key.const, str | int | float | bool):
            holder.entries[key.const] = join(holder.entries.get(key.const), value) if run.branch else value
        else:
            holder.rest = join(holder.rest, value)
    elif isinstance(holder, Sequence):
        holder.items = [join(one, value) for one in holder.items] or [value]
        holder.open = True
    elif isinstance(holder, Table):
        _table_item(run, target, holder, key, value)
    elif isinstance(holder, Value) and not isinstance(holder, External):
        holder.marks |= value.all_marks()
        holder.predictions |= value.predictions
        holder.scores |= value.scores


def _table_item(run: Interpreter, target: ast.Subscript, holder: Table, key: Value, value: Value) -> None:
    indexer = isinstance(target.value, ast.Attribute) and target.value.attr in _INDEXERS
    if indexer and isinstance(target.value, ast.Attribute):
        owner = run.eval(target.value.value)
        if isinstance(owner, Table):
            holder = owner
    if isinstance(target.slice, ast.Tuple) and indexer:
        column = run.eval(target.slice.elts[-1]) if not isinstance(target.slice.elts[-1], ast.Slice) else Value()
        names = column_names(column)
        whole_rows = isinstance(target.slice.elts[0], ast.Slice)
    else:
        names, whole_rows = column_names(key), True
    if names and not (indexer and not isinstance(target.slice, ast.Tuple)):
        columns = value.columns if isinstance(value, Table) and len(names) > 1 else {}
        for name in names:
            set_column(run, holder, name, columns.get(name, value), weak=not whole_rows)
        return
    holder.marks |= value.all_marks()
    holder.predictions |= value.predictions
    holder.scores |= value.scores
    if not holder.rows and value.rows:
        holder.rows, holder.exact = value.rows, False


def column_names(key: Value) -> tuple[str, ...]:
    """The column names that a key stands for, where they are known."""
    from workbench.lint.values import ColumnNames

    if isinstance(key.const, str):
        return (key.const,)
    if isinstance(key, Sequence) and not key.open and key.items and all(isinstance(i.const, str) for i in key.items):
        return tuple(i.const for i in key.items)
    if isinstance(key, ColumnNames) and key.known:
        return key.known
    return ()


def set_column(run: Interpreter, table: Table, name: str, value: Value, *, weak: bool = False) -> None:
    """`table[name] = value`; a weak assignment changes some rows only."""
    if isinstance(value, Sequence | Mapped):
        from workbench.lint.joins import mix

        value = mix([value])
    if isinstance(value, Table) and value.columns:
        value = value.copy(marks=value.all_marks(), columns={})
    if not table.rows and value.rows:
        table.rows, table.exact = value.rows, value.exact
    before = table.columns.get(name)
    if weak or (run.branch and before is not None):
        value = join(before, value)
    kept: Value = value.with_(names=value.names | {name}, index=False, reverse=False, view="", const=value.const)
    table.columns[name] = kept
    table.order |= value.order & {"lagged"}
