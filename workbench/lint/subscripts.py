"""Attributes and subscripts: columns, slices, masks, positions; and what reading a later row leaves behind."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.lint import estimators
from workbench.lint.definitions import member
from workbench.lint.joins import item_of, mix, one_of
from workbench.lint.names import is_bar, is_time
from workbench.lint.rows import Part, Rows, narrowed
from workbench.lint.stores import column_names
from workbench.lint.trace import ChoiceEvent
from workbench.lint.values import (
    AHEAD,
    MISSING,
    Class,
    ColumnNames,
    Estimator,
    External,
    Instance,
    Mapped,
    Mark,
    Marks,
    Sequence,
    Table,
    Value,
)

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter

_SAME = frozenset({"values", "T", "array", "str", "dt", "cat", "sparse", "A", "data", "flat", "real", "plot"})
_INDEXERS = frozenset({"loc", "iloc", "at", "iat", "ix"})
_SIZES = frozenset({"shape", "size", "empty", "ndim", "dtype", "dtypes", "name", "height", "width", "schema"})
_FITTED = frozenset({"best_estimator_", "estimator_", "estimator", "best_model_", "model", "regressor_", "named_steps", "steps"})


def ahead_marks(value: Value) -> Marks:
    """The marks that say a later row was read."""
    return frozenset(m for m in value.marks if m.kind in AHEAD)


_STATISTICS = frozenset({"fit", "statistic", "group"})


def compared(marks: Marks) -> Marks:
    """The same marks after a comparison: statistics went in as a threshold, correlations as a cut."""
    if not any(m.kind in _STATISTICS or m.kind == "correlation" for m in marks):
        return marks
    kept = frozenset(replace(m, compared=True) if m.kind in _STATISTICS else m for m in marks)
    return kept | frozenset(Mark("cut", m.site, m.what, m.rows, m.names, True) for m in marks if m.kind == "correlation")


def compared_marks(test: Value) -> Marks:
    """Statistics that a condition hangs on."""
    return frozenset(m for m in test.marks if m.kind in _STATISTICS and m.compared)


def filtered(rows: Rows, key: str) -> Rows:
    """Rows that a condition lets through about which nothing is known."""
    return narrowed(rows, [Part(key, "in")])


def attribute(run: Interpreter, base: Value, node: ast.Attribute) -> Value:
    """`base.attr` that isn't called."""
    name = node.attr
    if isinstance(base, External):
        return External(path=f"{base.path}.{name}")
    if isinstance(base, Instance | Class):
        found = member(run, base, name)
        return found if found is not None else _guessed(run, base, name)
    if isinstance(base, Estimator):
        if name in _FITTED:
            return base
        if name.startswith("cv_results") or name.startswith("best_score"):
            return Value()
        if name.startswith("best_params"):
            tuned = frozenset(Mark("tuned", fit.site, base.name, fit.rows) for fit in base.fits if fit.rows)
            return Value(marks=tuned)
        if base.role == "selector":
            return Value(marks=estimators.learned(base))
        if name in ("feature_importances_", "coef_"):
            learned_marks = frozenset(
                Mark("correlation", f.site, f"{base.name}.{name}", f.rows, labels=True) for f in base.fits if f.rows
            )
            return Table(marks=learned_marks, series=True)
        learned = mix([])
        for fit in base.fits:
            learned.marks |= fit.marks | {Mark("fit", fit.site, base.name, fit.rows)}
        return learned
    if isinstance(base, Table):
        return _of_table(run, base, name)
    if isinstance(base, Mapped):
        return base.entries.get(name) or base.rest or mix([base])
    return base.with_(const=MISSING, sign=0) if type(base) is Value else base


def _guessed(run: Interpreter, holder: Instance | Class, name: str) -> Value:
    # An attribute that nothing in the file sets comes from a base class: one value for all who ask.
    if isinstance(holder, Instance):
        holder.attributes[name] = Value()
        return holder.attributes[name]
    return Value()


def _of_table(run: Interpreter, table: Table, name: str) -> Value:
    if name in _INDEXERS:
        return table
    if name in table.columns and name not in ("values", "T"):
        return column(run, table, name)
    if name == "columns":
        known = tuple(table.columns) if table.only else None
        return ColumnNames(rows=table.rows, marks=frozenset(), known=known, partial=table.partial)
    if name == "index":
        marks = frozenset() if table.rows else table.marks
        return Table(
            rows=table.rows, exact=table.exact, order=table.order, marks=marks, index=True, series=True,
            names=frozenset({"index"}),
        )  # fmt: skip
    if name in _SIZES:
        return Value()
    if name in _SAME:
        return table if table.reverse else table.copy(reverse=table.reverse)
    return column(run, table, name)


def column(run: Interpreter, table: Table, name: str) -> Table:
    """One column of a table, as a series."""
    known = table.columns.get(name)
    order = table.order | (known.order if known is not None else frozenset())
    if is_bar(name):
        run.trace.order.add("bars")
    return Table(
        rows=table.rows,
        exact=table.exact,
        marks=known.all_marks() | table.marks if known is not None else table.marks,
        names=(known.names if known is not None else frozenset()) | {name},
        order=order,
        predictions=known.predictions if known is not None else table.predictions,
        scores=known.scores if known is not None else table.scores,
        mask=known.mask if known is not None else None,
        series=True,
        reverse=table.reverse,
        view=table.view,
    )


def subscript(run: Interpreter, node: ast.Subscript) -> Value:
    """`base[key]`."""
    base = run.eval(node.value)
    indexer = node.value.attr if isinstance(node.value, ast.Attribute) and node.value.attr in _INDEXERS else ""
    if isinstance(base, External):
        return Value() if base.path in ("list", "dict", "tuple", "set", "type") else run.fresh(names=frozenset({"outside"}))
    if isinstance(base, Mapped):
        return _of_dict(run, base, node)
    if isinstance(base, Sequence):
        return _of_sequence(run, base, node)
    if isinstance(base, ColumnNames):
        return _of_names(run, base, node)
    if isinstance(base, Table):
        if indexer and isinstance(node.slice, ast.Tuple) and len(node.slice.elts) >= 2:
            rows = _rows_by(run, base, node.slice.elts[0], indexer, node)
            return _columns_by(run, rows, node.slice.elts[1], indexer) if isinstance(rows, Table) else rows
        if isinstance(node.slice, ast.Tuple) and node.slice.elts:
            rows = _rows_by(run, base, node.slice.elts[0], "array", node)
            return (
                _columns_by(run, rows, node.slice.elts[1], "array")
                if len(node.slice.elts) > 1 and isinstance(rows, Table)
                else rows
            )
        if indexer:
            return _rows_by(run, base, node.slice, indexer, node)
        return _by_key(run, base, node)
    if isinstance(base, Estimator):
        return base
    return _of_plain(run, base, node)


def _of_dict(run: Interpreter, base: Mapped, node: ast.Subscript) -> Value:
    key = run.eval(node.slice) if not isinstance(node.slice, ast.Slice) else Value()
    if isinstance(key.const, str | int | float | bool) and key.const in base.entries:
        return base.entries[key.const]
    inner = [*base.entries.values(), *([base.rest] if base.rest else [])]
    return one_of(inner) if inner else Value()


def _of_sequence(run: Interpreter, base: Sequence, node: ast.Subscript) -> Value:
    if isinstance(node.slice, ast.Slice):
        low, high, step = (run.eval(part) if part else None for part in (node.slice.lower, node.slice.upper, node.slice.step))
        bounds = [v.const if v is not None and isinstance(v.const, int) else None for v in (low, high)]
        known = all(v is None or isinstance(v.const, int) for v in (low, high))
        if not base.open and known:
            return Sequence(
                items=base.items[bounds[0] : bounds[1]][:: (step.const if step and isinstance(step.const, int) else 1)]
            )
        side = _side_of(node.slice)
        items = [narrow(item, [Part("position", side)]) for item in base.items] if side else base.items
        return Sequence(items=items, open=True, mask=base.mask)
    key = run.eval(node.slice)
    _notice_first(run, base, key, node)
    if isinstance(key.const, int) and not base.open and -len(base.items) <= key.const < len(base.items):
        return base.items[key.const]
    held = item_of(base)
    return _ahead(run, held, key, node) if key.step else held


def _notice_first(run: Interpreter, base: Value, key: Value, node: ast.AST) -> None:
    # The first or last of what was sorted by a score is chosen by it.
    if base.view == "sorted" and key.const in (0, -1) and not isinstance(key.const, bool):
        scores = mix([base]).scores
        if scores:
            run.trace.add(ChoiceEvent(scores, run.site(node), ast.unparse(node)[:80]))


def narrow(value: Value, parts: list[Part]) -> Value:
    """The same value with the rows that also lie in `parts`; of a list, each of its items."""
    if isinstance(value, Sequence):
        return value.with_(items=[narrow(item, parts) for item in value.items])  # type: ignore[no-any-return]
    return value.with_(rows=narrowed(value.rows, parts)) if value.rows else value


def _of_names(run: Interpreter, base: ColumnNames, node: ast.Subscript) -> Value:
    key = run.eval(node.slice) if not isinstance(node.slice, ast.Slice) else Value()
    if isinstance(key, ColumnNames):
        return key
    if isinstance(key.const, int):
        return Value(names=frozenset({"?"}))
    return ColumnNames(rows=base.rows, dropped=base.dropped, partial=True, marks=base.marks | chosen_by(key.all_marks()))


def _of_plain(run: Interpreter, base: Value, node: ast.Subscript) -> Value:
    # Positions in some order (`permutation(n)[:k]`): two slices of the same positions divide.
    if isinstance(node.slice, ast.Slice):
        side = _side_of(node.slice)
        result = base.with_(const=MISSING)
        if side and not base.rows:
            result.mask = frozenset({Part(f"positions {base.ident}", side)})
        return result  # type: ignore[no-any-return]
    key = run.eval(node.slice)
    if key.step:
        return _ahead(run, base, key, node)
    return base.with_(const=MISSING, mask=None)  # type: ignore[no-any-return]


def _side_of(piece: ast.Slice) -> str:
    if piece.lower is None and piece.upper is not None:
        return "low"
    if piece.upper is None and piece.lower is not None:
        return "high" if not (isinstance(piece.lower, ast.Constant) and piece.lower.value in (0, 1)) else ""
    if piece.lower is not None and piece.upper is not None:
        if isinstance(piece.lower, ast.Constant) and piece.lower.value == 0:
            return "low"
        return f"{ast.unparse(piece.lower)} to {ast.unparse(piece.upper)}"
    return ""


def _slice(run: Interpreter, base: Table, piece: ast.Slice) -> Value:
    low, high, step = (run.eval(part) if part else None for part in (piece.lower, piece.upper, piece.step))
    if step is not None and isinstance(step.const, int) and step.const < 0:
        return base.copy(reverse=not base.reverse)
    if (low is not None and low.step is not None) or (high is not None and high.step is not None):
        # A window that moves with the loop; what comes after it is the label.
        side = "before" if piece.lower is None else "after" if piece.upper is None else "window"
        return base.copy(flowing=True, rows=narrowed(base.rows, [Part("moving", side)]))
    side = _side_of(piece)
    if not side:
        return base.copy()
    if not base.rows and any(m.kind == "correlation" for m in base.marks):
        return base.copy(marks=compared(base.marks))
    rows = narrowed(base.rows, [Part("position", side)])
    return base.copy(rows=rows, index=base.index, mask=frozenset({Part("position", side)}) if base.index else None)


def _rows_by(run: Interpreter, base: Table, piece: ast.expr, indexer: str, node: ast.Subscript) -> Value:
    if isinstance(piece, ast.Slice):
        return _slice(run, base, piece)
    key = run.eval(piece)
    if key.mask:
        return base.copy(rows=narrowed(base.rows, key.mask), mask=None)
    if key.step is not None:
        return _ahead(run, base, key, node)
    if isinstance(key.const, int) and indexer in ("iloc", "iat"):
        _notice_first(run, base, key, node)
        if key.const == -1 and not base.view:
            return _last(run, base, node)
        return base.copy(flowing=base.flowing)
    if isinstance(key, Table) and key.index and key.rows:
        return base.copy(rows=key.rows if key.rows else base.rows)
    if isinstance(key, Sequence) and key.items and all(item.step is not None for item in key.items):
        return base.copy(rows=narrowed(base.rows, [Part("moving", "at")]))
    if isinstance(key, Table | Sequence) and indexer in ("loc", "iloc", "array") and not isinstance(key.const, int):
        return base.copy(rows=filtered(base.rows, f"rows {key.ident}"), exact=base.exact)
    return base.copy()


def _last(run: Interpreter, base: Table, node: ast.AST) -> Value:
    if base.flowing:
        return base.copy()
    mark = Mark("history", run.site(node), ast.unparse(node)[:60], base.rows, base.names)
    result = mix([base])
    return Value(marks=result.marks | {mark}, names=base.names, predictions=base.predictions)


def _ahead(run: Interpreter, base: Value, key: Value, node: ast.AST) -> Value:
    result = base.copy() if isinstance(base, Table) else base.with_()
    if key.step and key.step > 0:
        names = base.names or frozenset()
        result.marks = result.marks | {Mark("index", run.site(node), ast.unparse(node)[:60], base.rows, names)}
    return result


def _columns_by(run: Interpreter, table: Table, piece: ast.expr, indexer: str) -> Value:
    if isinstance(piece, ast.Slice):
        if piece.lower is None and piece.upper is None:
            return table
        return table.copy(partial=True)
    key = run.eval(piece)
    return select(run, table, key)


def _by_key(run: Interpreter, base: Table, node: ast.Subscript) -> Value:
    if isinstance(node.slice, ast.Slice):
        return _slice(run, base, node.slice)
    key = run.eval(node.slice)
    if key.mask:
        cut = frozenset(m for m in key.all_marks() if m.kind == "cut")
        return base.copy(rows=narrowed(base.rows, key.mask), mask=None, marks=base.marks | cut)
    if key.step is not None:
        return _ahead(run, base, key, node)
    if isinstance(key, Table) and key.index and key.rows:
        return base.copy(rows=key.rows)
    if isinstance(key.const, int) and not isinstance(key.const, bool):
        return base.copy()
    return select(run, base, key)


def chosen_by(marks: Marks) -> Marks:
    """Marks of a table whose columns were picked by a statistic: correlations with the label that were cut become a selection."""
    return frozenset(Mark("select", m.site, m.what, m.rows, m.names, True) for m in marks if m.kind in ("select", "cut"))


def select(run: Interpreter, table: Table, key: Value) -> Value:
    """The columns that `key` names."""
    added = chosen_by(key.all_marks())
    names = column_names(key)
    if isinstance(key.const, str) and names:
        return column(run, table, names[0])
    if names:
        columns: dict[str, Value] = {}
        for name in names:
            columns[name] = table.columns.get(name) or Value(rows=table.rows, names=frozenset({name}))
            if is_time(name):
                columns[name].order |= {"time column"}
        return table.copy(columns=columns, only=True, marks=table.marks | added, partial=False)
    if isinstance(key, ColumnNames):
        kept = {n: v for n, v in table.columns.items() if n not in key.dropped}
        return table.copy(columns=kept, partial=table.partial or key.partial, marks=table.marks | added)
    if isinstance(key, Table) and key.rows and not key.index:
        # A condition that couldn't be followed lets some rows through.
        marks = table.marks | added
        if any(m.kind == "correlation" for m in table.marks):
            marks |= {Mark("cut", m.site, m.what, m.rows, m.names, True) for m in table.marks if m.kind == "correlation"}
        return table.copy(rows=filtered(table.rows, f"rows {key.ident}"), marks=marks)
    partial = table.partial or isinstance(key, Sequence) or bool(key.names)
    return table.copy(partial=partial or bool(table.columns), marks=table.marks | added)
