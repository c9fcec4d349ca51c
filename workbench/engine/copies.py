"""Rows that stand on both sides under different keys: equal in all that is judged, or nearly so. Never all pairs.

Equal rows meet by their hash. Nearly equal ones meet where their numbers, rounded to a grid, hash alike: a row a small step
away falls into the same cell unless a line of the grid runs between the two, and how likely that is follows from the step.
What is asked of many rows is asked of a sample, chosen by hash, so the same rows give the same sample. Whether a match is a
copy or a coincidence is judged in `gates/leakage/twins.py`, from what is fetched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np

from workbench.engine.backend import Engine, builtin
from workbench.engine.cells import family, numeric
from workbench.engine.sides import Hits, Ints, Sides

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Grid:
    """The cells in which near rows meet: for each numeric column by its place among the judged, the cell's width and where
    its first line lies; `exact` are the columns that have to be equal."""

    widths: dict[int, float]
    offsets: dict[int, float]
    exact: tuple[int, ...]
    further: tuple[int, ...] = ()
    """Columns that don't decide on the cell and are compared in the rows that meet."""

    @property
    def columns(self) -> list[int]:
        """All columns that are read."""
        return sorted({*self.widths, *self.exact, *self.further})


@dataclass(frozen=True)
class Sample:
    """Test rows to look at closely. `table` has `fold`, `sid`, `k`, `e` and `v0`…; `values` the same in memory, in its order."""

    table: ir.Table
    values: Floats
    """Rows by judged columns; what is not a number is its hash's lower bits, missing NaN."""
    fold: Ints
    row: Ints
    entity: Ints
    of: int
    """How many there are to choose from."""


def numbers_judged(sides: Sides) -> list[bool]:
    """For each judged column whether its cells have distances."""
    return [numeric(sides.kinds[name]) for name in sides.roles.judged]


def copies(sides: Sides) -> dict[int, Hits]:
    """Per fold: test rows that equal a training row in all judged columns and have a key that no training row has."""
    return sides.found(matched(sides, []))


def matched(sides: Sides, names: Sequence[str] | None = None) -> ir.Table:
    """The test rows that `copies` counts, as a table to sample from (`names`: with these columns alone)."""
    test = sides.part(True, "k", "w", *(_sampled(sides) if names is None else names), apart=True)
    return _new_keys(sides, test.semi_join(sides.part(False, "w", apart=True).select("fold", "w"), sides.by("w")))


def may_be_copied(sides: Sides, columns: Sequence[int]) -> bool:
    """Whether any test row equals a training row in these few judged columns; where none does, none is a copy."""
    names = [f"v{i}" for i in columns]
    train, test = (sides.part(side, *names, apart=True) for side in (False, True))
    train, test = (part.select("fold", p=sides.engine.hashed([part[name] for name in names])) for part in (train, test))
    return len(sides.engine.fetch(test.semi_join(train, sides.by("p")).limit(1))) > 0


def unshared(sides: Sides) -> ir.Table:
    """The test rows whose key no training row has."""
    return _new_keys(sides, sides.part(True, *_sampled(sides), apart=True))


def trained(sides: Sides) -> ir.Table:
    """The training rows, to sample from."""
    return sides.part(False, *_sampled(sides), apart=True)


def _new_keys(sides: Sides, test: ir.Table) -> ir.Table:
    train = sides.part(False, "k", apart=True)
    return test.anti_join(train.filter(train.k.notnull()).select("fold", "k"), sides.by("k"))


def _judged(sides: Sides) -> list[str]:
    return [f"v{i}" for i in range(len(sides.roles.judged))]


def _sampled(sides: Sides) -> list[str]:
    """The columns of a sample."""
    return ["k", "e", "w", *(["at"] if sides.roles.at else []), *_judged(sides)]


def sample(sides: Sides, limit: int, only: ir.Table | None = None) -> Sample:
    """At most about `limit` test rows (of `only`, if given), all folds together."""
    engine = sides.engine
    rows = sides.part(True, *_sampled(sides), apart=True) if only is None else only
    total = sum(side.rows for side in sides.bounds()[1])
    if only is not None:
        total = int(engine.fetch(rows.agg(n=rows.count())).to_pylist()[0]["n"])
    if total > limit:
        # By another hash than rows are matched by, or the sample's rows would share its lower bits; without a key by outcome.
        target = rows[_judged(sides)[-1]]
        rows = rows.filter(engine.hashed([rows.k, target, ibis.literal(7, "int64")]) % -(-total // limit) == 0)
    table = engine.kept(rows.mutate(sid=ibis.row_number()))
    row = ["row"] if sides.positions else []
    fetched = engine.fetch(table.select("sid", "fold", "e", *row, *_judged(sides)).order_by("sid"))
    fold, entity = (_integers(fetched, name) for name in ("fold", "e"))
    positions = _integers(fetched, "row") if row else np.full(len(fold), -1)
    return Sample(table, _matrix(fetched, len(sides.roles.judged)), fold, positions, entity, total)


@dataclass(frozen=True)
class Around:
    """Rows to compare with: judged values, entity and time of each."""

    values: Floats
    entity: Ints
    at: Ints


@dataclass(frozen=True)
class Pairs:
    """Sample rows (`sid`) and training rows that share a grid cell, with the training rows' values; none for columns that are
    not the grid's. Sample rows in cells with so many training rows that one more tells nothing are left out."""

    sid: Ints
    values: Floats


def neighbours(sides: Sides, chosen: Sample, grid: Grid, crowd: int) -> Pairs:
    """Training rows in the same grid cell as a sample row, under another key and of the same fold; of the judged columns only
    those of the grid are read."""
    engine = sides.engine
    names = [f"v{i}" for i in grid.columns]
    apart = sides.part(False, "k", *names, apart=True)
    train = apart.select("fold", "k", *names).mutate(q=_cell(sides, apart, grid))
    few = chosen.table.mutate(q=_cell(sides, chosen.table, grid))
    few = few.select("sid", "q", *(["fold"] if sides.folds > 1 else []), mine=few.k)
    near = engine.kept(train.join(few, sides.by("q")).filter(lambda t: ibis.coalesce(t.k != t.mine, True)).drop("mine"))
    crowds = near.group_by("sid").agg(n=near.count())
    crowds = crowds.filter(crowds.n > crowd)
    fetched = engine.fetch(near.anti_join(crowds, "sid").select("sid", *names))
    return Pairs(_integers(fetched, "sid"), _matrix(fetched, len(sides.roles.judged)))


def agreeing(sides: Sides, chosen: Sample, columns: Sequence[int], limit: int) -> tuple[Ints, Ints, Ints] | None:
    """Training rows that agree with a sample row in all judged columns but at most one of `columns`: (the sample row, which
    column, how many distinct training rows). None where there are more than `limit`: then rows like these are everywhere.
    """
    engine = sides.engine
    rest = {f"l{i}": _all_but(sides, i) for i in columns}
    train = sides.part(False, "w", *_judged(sides), apart=True)
    wide = train.select("fold", "w", **{name: make(train) for name, make in rest.items()})
    few = chosen.table
    asked = engine.kept(few.select("sid", "fold", "w", **{name: make(few) for name, make in rest.items()}))
    hits = wide.filter(ibis.or_(*[wide[name].isin(asked[name]) for name in rest])).distinct()
    found = engine.fetch(hits.limit(limit + 1))
    if len(found) > limit:
        return None
    asked_now = {name: _integers_of(column) for name, column in zip(asked.columns, engine.fetch(asked).columns)}
    got = {name: _integers_of(found.column(name)) for name in found.column_names}
    sid, column, count = [], [], []
    for i in columns:
        # One number per fold and rest of a row: looked up for each sample row.
        keys = np.unique(np.stack([got["fold"], got[f"l{i}"]]), axis=1, return_counts=True)
        table = {(int(f), int(h)): int(n) for f, h, n in zip(*keys[0], keys[1])}
        seen = [table.get((int(f), int(h)), 0) for f, h in zip(asked_now["fold"], asked_now[f"l{i}"])]
        sid.append(asked_now["sid"])
        column.append(np.full(len(seen), i))
        count.append(np.array(seen, dtype="int64"))
    return np.concatenate(sid), np.concatenate(column), np.concatenate(count)


def around(sides: Sides, chosen: Sample, limit: int) -> Around:
    """Training rows to learn from what is usual, of the largest fold; of the sample's entities where there are many rows."""
    counts = [side.rows for side in sides.bounds()[0]]
    judged = _judged(sides)
    at = ["at"] if sides.roles.at else []
    table = sides.part(False, "e", *at, *judged)
    if sides.folds > 1:
        table = table.filter(table.fold == int(np.argmax(counts)))
    if max(counts) > limit:
        table = table.semi_join(chosen.table.select("e").distinct().limit(200), "e").limit(limit)
    fetched = sides.engine.fetch(table.select("e", *at, *judged))
    times = _integers(fetched, "at") if at else np.zeros(len(fetched), dtype="int64")
    return Around(_matrix(fetched, len(judged)), _integers(fetched, "e"), times)


def identifiers(table: ir.Table, names: Sequence[str], engine: Engine, rows: int = 20_000) -> set[str]:
    """Columns of whole numbers or text that never hold a value twice in the first rows: names of rows, equal in no copy."""
    asked = [name for name in names if family(table[name].type()) in ("whole", "wide", "text")]
    if not asked:
        return set()
    head = table.select(*asked).limit(rows)
    counted = engine.fetch(
        head.agg(n=head.count(), **{f"d{i}": head[name].nunique() for i, name in enumerate(asked)})
    ).to_pylist()[0]
    return {name for i, name in enumerate(asked) if counted["n"] > 50 and counted[f"d{i}"] == counted["n"]}


def _cell(sides: Sides, table: ir.Table, grid: Grid) -> ir.Value:
    # Not Ibis' own floor: it makes whole numbers, which NaN and infinity are not.
    steps = [table[f"v{i}"] * (1 / width) + grid.offsets[i] for i, width in sorted(grid.widths.items())]
    rounded = [builtin("floor", [step], "float64") for step in steps]
    return sides.engine.hashed([*rounded, *(table[f"v{i}"] for i in grid.exact)])


def _all_but(sides: Sides, index: int) -> Any:
    # The judged columns as they are compared: whole rows hash them, and so do rows without one.
    left = [i for i in range(len(sides.roles.judged)) if i != index]
    return lambda table: sides.engine.hashed([table[f"v{i}"] for i in left])


def _matrix(table: pa.Table, count: int) -> Floats:
    values: Floats = np.full((len(table), count), np.nan)
    for i in range(count):
        if f"v{i}" not in table.column_names:
            continue
        column = table.column(f"v{i}")
        if str(column.type) == "double":
            values[:, i] = column.to_numpy()
        else:
            values[:, i] = (_integers_of(column) & ((1 << 52) - 1)).astype("float64")
    return values


def _integers(table: pa.Table, name: str) -> Ints:
    return _integers_of(table.column(name))


def _integers_of(column: pa.ChunkedArray) -> Ints:
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = pc.fill_null(column, pa.scalar(0, column.type)) if column.null_count else column
    numbers: Ints = filled.to_numpy().astype("int64", casting="unsafe")
    return numbers
