"""Joining abstract values: what is known where two paths meet, where several values are mixed, or of one item of many."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Many
from typing import Any

from workbench.lint.rows import NO_ROWS
from workbench.lint.values import (
    MISSING,
    NONE,
    ColumnNames,
    Estimator,
    Fit,
    Instance,
    Mapped,
    Sequence,
    Table,
    Value,
)

MAX_ITEMS = 64


def join(a: Value | None, b: Value | None) -> Value:
    """What is known of a value that is `a` on one path and `b` on another."""
    if a is None or a is b:
        return b if b is not None else Value()
    if b is None or (isinstance(b, Value) and b.const is None and not isinstance(a, Value)):
        return a
    if _is_nothing(a):
        return b
    if _is_nothing(b):
        return a
    if isinstance(a, Estimator) and isinstance(b, Estimator):
        return _join_estimators(a, b)
    if isinstance(a, Sequence) and isinstance(b, Sequence):
        if len(a.items) == len(b.items) and a.open == b.open:
            return a.with_(items=[join(x, y) for x, y in zip(a.items, b.items)], marks=a.marks | b.marks)  # type: ignore[no-any-return]
        items = [*a.items, *b.items]
        return Sequence(items=[one_of(items)] if items else [], open=True, marks=a.marks | b.marks)
    if isinstance(a, Mapped) and isinstance(b, Mapped):
        keys = [*a.entries, *(k for k in b.entries if k not in a.entries)]
        entries = {k: join(a.entries.get(k), b.entries.get(k)) for k in keys[:MAX_ITEMS]}
        rest = join(a.rest, b.rest) if a.rest or b.rest else None
        return Mapped(entries=entries, rest=rest, marks=a.marks | b.marks)
    if isinstance(a, Table) and isinstance(b, Table):
        return _join_tables(a, b)
    if isinstance(a, ColumnNames) and isinstance(b, ColumnNames):
        return ColumnNames(rows=a.rows, dropped=a.dropped & b.dropped, partial=True)
    if isinstance(a, Instance) or isinstance(b, Instance):
        return a if isinstance(a, Instance) else b
    if type(a) is type(b) is not Value and not isinstance(a, Table):
        return a
    merged = mix((a, b))
    merged.const = a.const if _same(a.const, b.const) else MISSING
    merged.mask = a.mask if a.mask == b.mask else None
    merged.step = a.step if a.step == b.step else None
    merged.sign = a.sign if a.sign == b.sign else 0
    return merged


def _is_nothing(value: Value) -> bool:
    return type(value) is Value and value.const is None


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _join_estimators(a: Estimator, b: Estimator) -> Estimator:
    if a.name == b.name and a.fits == b.fits:
        return a
    fits: tuple[Fit, ...] = tuple(dict.fromkeys((*a.fits, *b.fits)))
    name = a.name if a.name == b.name else f"{a.name} or {b.name}"
    role = a.role if a.role == b.role else "model"
    return Estimator(
        name=name, role=role, steps=a.steps or b.steps, fits=fits[:8], stops=a.stops or b.stops, cv=a.cv or b.cv,
        marks=a.marks | b.marks,
    )  # fmt: skip


def _join_tables(a: Table, b: Table) -> Table:
    columns = {}
    for name in (*a.columns, *(n for n in b.columns if n not in a.columns)):
        columns[name] = join(a.columns.get(name), b.columns.get(name))
    return Table(
        rows=a.rows | b.rows,
        exact=a.exact and b.exact and a.rows == b.rows,
        marks=a.marks | b.marks,
        names=a.names | b.names,
        order=a.order | b.order,
        predictions=a.predictions | b.predictions,
        scores=a.scores | b.scores,
        mask=a.mask if a.mask == b.mask else None,
        columns=columns,
        partial=a.partial or b.partial or a.only != b.only,
        only=a.only and b.only,
        series=a.series and b.series,
        reverse=a.reverse and b.reverse,
        flowing=a.flowing and b.flowing,
        view=a.view if a.view == b.view else "",
    )


def flat(values: Iterable[Value]) -> Iterable[Value]:
    """The values, and what containers among them hold."""
    for value in values:
        yield value
        if isinstance(value, Sequence):
            yield from flat(value.items)
        elif isinstance(value, Mapped):
            yield from flat([*value.entries.values(), *([value.rest] if value.rest else [])])


def mix(values: Iterable[Value]) -> Value:
    """A value computed from all of `values` in a way that isn't known: everything that went into them went into it."""
    inner = [v for v in flat(values) if not isinstance(v, Estimator)]
    tables = [v for v in inner if v.rows]
    marks = NONE.union(*(v.all_marks() for v in inner)) if inner else NONE
    rows = NO_ROWS.union(*(v.rows for v in tables)) if tables else NO_ROWS
    common: dict[str, Any] = {
        "rows": rows,
        "exact": all(v.exact for v in tables) and len({v.rows for v in tables}) <= 1,
        "marks": marks,
        "names": frozenset().union(*(v.names for v in inner)) if inner else frozenset(),
        "order": frozenset().union(*(v.order for v in tables)) if tables else frozenset(),
        "predictions": frozenset().union(*(v.predictions for v in inner)) if inner else frozenset(),
        "scores": frozenset().union(*(v.scores for v in inner)) if inner else frozenset(),
    }
    if any(isinstance(v, Table) for v in inner):
        flowing = bool(tables) and all(isinstance(v, Table) and v.flowing for v in tables)
        return Table(**common, flowing=flowing)
    return Value(**common)


def one_of(values: Many[Value]) -> Value:
    """A value that is one of `values`."""
    result = values[0]
    for value in values[1:]:
        result = join(result, value)
    return result


def item_of(value: Value) -> Value:
    """One item of an iterable that isn't known further."""
    if isinstance(value, Sequence):
        return one_of(value.items) if value.items else Value()
    if isinstance(value, Mapped):
        inner = [*value.entries.values(), *([value.rest] if value.rest else [])]
        return one_of(inner) if inner else Value()
    if isinstance(value, ColumnNames):
        return Value(names=frozenset({"?"}))
    if isinstance(value, Table):
        return value.copy(index=False, view="")
    return value.with_(const=MISSING)  # type: ignore[no-any-return]
