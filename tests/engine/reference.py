"""The questions of `engine/sides.py` answered in plain Python, row by row: what the engines have to say, too."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from workbench.engine.sides import Roles

HOUR = 3_600_000_000_000
ROLES = Roles(
    entity=("store", "shelf"), target="y", at="day", horizon=2 * HOUR, late=HOUR, groups=("owner",), judged=("x", "kind", "y")
)

Row = dict[str, Any]


def value(cell: Any) -> Any:
    """A cell as it is compared: missing and NaN are None, numbers are exact, times are nanoseconds in UTC."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, dt.datetime):
        moment = cell if cell.tzinfo else cell.replace(tzinfo=dt.UTC)
        return round((moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1)) * 1000
    if isinstance(cell, dt.date):
        return value(dt.datetime(cell.year, cell.month, cell.day))
    return cell


def rows(table: pa.Table) -> list[Row]:
    return [{name: value(cell) for name, cell in row.items()} for row in table.to_pylist()]


def key(row: Row) -> tuple[Any, ...] | None:
    entity = tuple(row[name] for name in ROLES.entity)
    return None if all(cell is None for cell in entity) else (*entity, row["day"])


def whole(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ROLES.judged)


def answers(train: Sequence[Row], test: Sequence[Row]) -> dict[str, Any]:
    """Every question, asked of two sides."""
    known = [row["day"] + ROLES.late if row["day"] is not None else None for row in train]
    times = [row["day"] for row in test if row["day"] is not None]
    first = min(times, default=None)
    made = first - ROLES.horizon if first is not None else None
    keys = {key(row) for row in train} - {None}
    groups = {row["owner"] for row in train} - {None}
    same = {whole(row) for row in train}
    after = [
        row for row, told in zip(train, known)
        if first is not None and row["day"] is not None and row["day"] >= first and told > made
    ]  # fmt: skip
    late = [
        row for row, told in zip(train, known)
        if first is not None and row["day"] is not None and row["day"] < first and told > made and row["y"] is not None
    ]  # fmt: skip
    return {
        "train rows": len(train), "test rows": len(test),
        "first": first, "made": made,
        "unlabelled": sum(row["y"] is None for row in test),
        "timeless": sum(row["day"] is None for row in test),
        "shared keys": sum(key(row) in keys for row in test),
        "shared groups": sum(row["owner"] in groups for row in test),
        "without group": sum(row["owner"] is None for row in [*train, *test]),
        "after": len(after), "late": len(late),
        "last late": max((row["day"] for row in late), default=None),
        "copies": sum(whole(row) in same and key(row) not in keys for row in test),
    }  # fmt: skip


def asked(engine: Any, train: pa.Table, test: pa.Table) -> dict[str, Any]:
    """The same questions, put to an engine."""
    from workbench.engine.copies import copies
    from workbench.engine.sides import Hits, Sides

    sides = Sides.of_tables(engine, ROLES, engine.arrow(train), engine.arrow(test))
    (trained,), (tested,) = sides.bounds()
    nothing = Hits(0)
    late = sides.late_labels([0]).get(0, nothing)
    return {
        "train rows": trained.rows, "test rows": tested.rows,
        "first": tested.first, "made": tested.made, "unlabelled": tested.unlabelled, "timeless": tested.timeless,
        "shared keys": sides.shared_keys().get(0, nothing).count,
        "shared groups": sides.shared_groups(0).get(0, nothing).count,
        "without group": sides.without_group(0).count,
        "after": sides.after_first_test().get(0, nothing).count,
        "late": late.count, "last late": late.facts.get("last"),
        "copies": copies(sides).get(0, nothing).count,
    }  # fmt: skip
