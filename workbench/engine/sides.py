"""The two sides of every fold as one relation each, and the questions about rows that the split's rules ask of them.

Frames in memory and Parquet files come into the same form (`Sides`), so every question is one expression. Row numbers,
row hashes and times are part of that form; which rows are a fault, and what to say about them, is decided in `gates/`.
Copies are looked for in `copies.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np

from workbench.engine.backend import Engine
from workbench.engine.cells import Family, cells, common, instant, missing, numeric

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

Ints = np.ndarray[Any, np.dtype[np.int64]]
EXAMPLES = 3
AT, MADE, ROW = "workbench:at", "workbench:made", "workbench:row"
"""Columns that come with a frame: its times in nanoseconds; and that it gets: its row numbers."""


@dataclass(frozen=True)
class Roles:
    """What the columns are, from the contract. Durations are nanoseconds, `zone` is that of times which carry none."""

    entity: tuple[str, ...]
    target: str
    at: str | None = None
    """The time a row is about; None for problems without time."""
    made: str | None = None
    """The column that says when its prediction is made; None: `horizon` before `at`."""
    horizon: int = 0
    late: int = 0
    """The label is known this long after `at`."""
    zone: str = "UTC"
    groups: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    """Features and target: what makes two rows the same to a model."""

    def columns(self) -> list[str]:
        """Every column that is read, each once."""
        named = [*self.entity, *([self.at] if self.at else []), *([self.made] if self.made else []), self.target]
        return list(dict.fromkeys([*named, *self.groups, *self.judged]))


@dataclass(frozen=True)
class Side:
    """One side of one fold: how many rows, and the bounds of their times in nanoseconds (None: no time, or no row)."""

    rows: int = 0
    first: int | None = None
    last: int | None = None
    made: int | None = None
    """When the first prediction is made."""
    known: int | None = None
    """When the last known outcome is known."""
    unlabelled: int = 0
    timeless: int = 0
    """Rows that lack the time they should have."""


@dataclass(frozen=True)
class Hits:
    """Rows of one fold that a question found: how many, and which (positions) or, for files, a few written out."""

    count: int
    rows: Ints | None = None
    examples: list[dict[str, str]] = field(default_factory=list)
    facts: Mapping[str, int] = field(default_factory=dict)


class Sides:
    """Training and test rows of all folds. A side's columns: `fold`, `row` (position, for frames), `both` (the row is on both
    sides), `k` (key), `e` (entity), `at`, `made`, `known`, `labelled`, `g0`… (groups), `w` (all that is judged), `v0`… (each
    judged column: a number, or a hash of what is none), and the columns as they came as `c0`….
    """

    def __init__(
        self,
        engine: Engine,
        roles: Roles,
        read: Callable[[bool, Sequence[str]], ir.Table],
        kinds: Mapping[str, Family],
        folds: int | None,
    ) -> None:
        self.engine, self.roles, self.kinds = engine, roles, dict(kinds)
        self._read = read
        self.positions = folds is not None
        """Whether rows are positions of one frame; files have none."""
        self.folds = folds or 1
        self._bounds: tuple[list[Side], list[Side]] | None = None

    @classmethod
    def of_frame(cls, engine: Engine, roles: Roles, rows: pa.Table, parts: pa.Table, folds: int) -> Sides:
        """`rows`: one row per row of the feature frame, in order, the roles' columns by name and, where there is a time,
        int64 nanoseconds `AT` and `MADE`. `parts`: `fold`, `row`, `test`, `both`, each row of a side once."""
        table = engine.arrow(rows.append_column(ROW, _numbers(len(rows))))
        kinds = {name: common(name, table[name].type(), table[name].type()) for name in roles.columns()}
        times = {"at": table[AT], "made": table[MADE]} if roles.at else {}
        canonical = _canonical(engine, roles, table, kinds, times)
        asked = [name for name in canonical if not name.startswith("c")]
        whole = engine.kept(table.select(row=table[ROW], **{name: canonical[name]() for name in asked}))
        listed = engine.arrow(parts)
        sides = {
            side: engine.kept(listed.filter(listed.test == side).select("fold", "row", "both").join(whole, "row"))
            for side in (False, True)
        }
        return cls(engine, roles, lambda test, names: sides[test].select("fold", "row", *names), kinds, folds)

    @classmethod
    def of_tables(cls, engine: Engine, roles: Roles, train: ir.Table, test: ir.Table) -> Sides:
        """Two tables that hold the roles' columns. Raises Incomparable where a column's types can't be compared."""
        kinds = {name: common(name, train[name].type(), test[name].type()) for name in roles.columns()}
        sides = {}
        for side, table in ((False, train), (True, test)):
            times = {}
            if roles.at:
                times["at"] = instant(engine, table[roles.at], roles.zone)
                times["made"] = instant(engine, table[roles.made], roles.zone) if roles.made else times["at"] - roles.horizon
            sides[side] = (table, _canonical(engine, roles, table, kinds, times))

        def read(test: bool, names: Sequence[str]) -> ir.Table:
            table, canonical = sides[test]
            return table.select(fold=ibis.literal(0, "int64"), **{name: canonical[name]() for name in names})

        return cls(engine, roles, read, kinds, None)

    def part(self, test: bool, *names: str, apart: bool = False) -> ir.Table:
        """One side with `fold`, what a row is shown by, and the given columns; `apart`: without rows that are on both sides.

        Only what is asked for is built: expressions over columns that nobody reads cost time as well.
        """
        hidden = [name for name in ("both",) if apart and self.positions]
        table = self._read(test, list(dict.fromkeys([*self.shown_columns(), *names, *hidden])))
        return table.filter(~table.both).drop("both") if hidden else table

    def column(self, name: str) -> str:
        """The name that a column has in `train` and `test` as it came."""
        return f"c{self.roles.columns().index(name)}"

    # Questions --------------------------------------------------------------------------------------------------------

    def bounds(self) -> tuple[list[Side], list[Side]]:
        """Training and test side of every fold, read from the columns of time and target alone."""
        if self._bounds is None:
            self._bounds = (self._side(False), self._side(True))
        return self._bounds

    def _side(self, test: bool) -> list[Side]:
        table = self.part(test, "labelled", *(["at", "made", "known"] if self.roles.at else []))
        counted = {"rows": table.count(), "unlabelled": (~table.labelled).sum()}
        if self.roles.at:
            counted |= {
                "first": table["at"].min(), "last": table["at"].max(), "made": table.made.min(), "known": table.known.max(),
                "timeless": (table["at"].isnull() | table.made.isnull()).sum(),
            }  # fmt: skip
        found = {row.pop("fold"): row for row in self.engine.fetch(table.group_by("fold").agg(**counted)).to_pylist()}
        return [Side(**found.get(i, {})) for i in range(self.folds)]

    def after_first_test(self) -> dict[int, Hits]:
        """Training rows that are about the first test row's time or later, and known only after the first prediction."""
        first, made = self._first_test()
        train = self._labelled_with(self.part(False, "at", "known"), first=first, told=made)
        return self.found(train.filter((train["at"] >= train.first) & (train.known > train.told)), last=("at", "max"))

    def late_labels(self, folds: Sequence[int]) -> dict[int, Hits]:
        """Training rows before the first test row's time whose label is known only after the first prediction."""
        first, made = self._first_test()
        train = self._labelled_with(self.part(False, "at", "known", "labelled"), first=first, told=made)
        late = train.filter(
            train.fold.isin(list(folds)) & train.labelled & (train["at"] < train.first) & (train.known > train.told)
        )
        return self.found(late, order="known", last=("at", "max"), earliest=("at", "min"), known=("known", "max"))

    def shared_keys(self) -> dict[int, Hits]:
        """Test rows whose key a training row has, too; rows without an entity have no key."""
        if not self.roles.entity and not self.roles.at:
            return {}
        train, test = (self.part(side, "k", apart=True) for side in (False, True))
        train, test = train.filter(train.k.notnull()).select("fold", "k"), test.filter(test.k.notnull())
        return self.found(test.semi_join(train, self.by("k")))

    def shared_groups(self, index: int) -> dict[int, Hits]:
        """Test rows whose value of group `index` stands on the training side, too; missing is no value."""
        name = f"g{index}"
        train, test = self.part(False, name), self.part(True, name)
        train, test = train.filter(train[name].notnull()).select("fold", name).distinct(), test.filter(test[name].notnull())
        return self.found(test.semi_join(train, self.by(name)), values=(name, "nunique"))

    def without_group(self, index: int) -> Hits:
        """Rows of either side of any fold that have no value of group `index`."""
        parts = [self.part(side, f"g{index}") for side in (False, True)]
        sides = [side.filter(side[f"g{index}"].isnull()) for side in parts]
        return self._of_all(ibis.union(*[self._shown(side) for side in sides], distinct=self.positions))

    def used(self) -> int:
        """Rows of either side of any fold, each once."""
        if not self.positions:
            return sum(side.rows for part in self.bounds() for side in part)
        rows = ibis.union(self.part(False).select("row"), self.part(True).select("row"), distinct=True)
        return int(self.engine.fetch(rows.agg(n=rows.count())).to_pylist()[0]["n"])

    def unlabelled(self, side: str) -> Hits:
        """Rows of `train` or `test`, of all folds together, whose outcome is missing."""
        table = self.part(side == "test", "labelled")
        found = self._shown(table.filter(~table.labelled))
        return self._of_all(found.distinct() if self.positions else found)

    def distinct(self, side: str) -> int:
        """Rows of `train` or `test`, of all folds together, each once."""
        if not self.positions:
            return sum(part.rows for part in self.bounds()[side == "test"])
        table = self.part(side == "test")
        return int(self.engine.fetch(table.agg(n=table.row.nunique())).to_pylist()[0]["n"])

    def order(self) -> dict[int, dict[str, float]]:
        """How each fold's sides lie in time: `inside` the share of training rows within the test period, `after` behind it,
        `since_last` at its last time or behind it, `expected` the share of all its rows within the test period,
        `median_train`, `median_test`, and `ordered`: 1.0 where every entity, looked at alone, is in order."""
        ends = {i: side.last for i, side in enumerate(self.bounds()[1])}
        first, _ = self._first_test()
        train = self._labelled_with(self.part(False, "at"), first=first, end=ends)
        at, n = train["at"], train.count()
        inside = ((at >= train.first) & (at <= train.end)).sum()
        asked = train.group_by("fold").agg(
            n=n,
            inside=inside,
            after=(at > train.end).sum(),
            since_last=(at >= train.end).sum(),
            median=at.cast("float64").approx_median(),
        )
        tested = self.part(True, "at")
        test = tested.group_by("fold").agg(median=tested["at"].cast("float64").approx_median(), n=tested.count())
        middle = {row["fold"]: row for row in self.engine.fetch(test).to_pylist()}
        alone = self._ordered_within()
        shape = {}
        for row in self.engine.fetch(asked).to_pylist():
            i, n_train = row["fold"], row["n"]
            shape[i] = {
                **{name: row[name] / n_train for name in ("inside", "after", "since_last")},
                "expected": (row["inside"] + middle[i]["n"]) / (n_train + middle[i]["n"]) if i in middle else 0.0,
                "median_train": float(row["median"]), "median_test": float(middle[i]["median"]) if i in middle else 0.0,
                "ordered": float(alone.get(i, False)),
            }  # fmt: skip
        return shape

    def _ordered_within(self) -> dict[int, bool]:
        train, test = (self.part(side, "at", "e") for side in (False, True))
        last = train.group_by(["fold", "e"]).agg(last=train["at"].max())
        first = test.group_by(["fold", "e"]).agg(first=test["at"].min())
        both = last.join(first, ["fold", "e"])
        seen = both.group_by("fold").agg(n=both.count(), good=(both.last < both.first).sum())
        return {row["fold"]: row["n"] > 1 and row["good"] == row["n"] for row in self.engine.fetch(seen).to_pylist()}

    # How answers are made -----------------------------------------------------------------------------------------------

    def by(self, *names: str) -> list[str]:
        """What rows of two tables are joined by: the given columns, within a fold."""
        return [*(["fold"] if self.folds > 1 else []), *names]

    def _first_test(self) -> tuple[dict[int, int | None], dict[int, int | None]]:
        test = self.bounds()[1]
        return {i: side.first for i, side in enumerate(test)}, {i: side.made for i, side in enumerate(test)}

    def _labelled_with(self, table: ir.Table, **facts: Mapping[int, int | None]) -> ir.Table:
        """The table with one more column per fact of its fold."""
        if self.folds == 1:
            return table.mutate(**{name: ibis.literal(by_fold[0], "int64") for name, by_fold in facts.items()})
        columns: dict[str, Any] = {"fold": list(range(self.folds))}
        columns |= {name: [by_fold.get(i) for i in range(self.folds)] for name, by_fold in facts.items()}
        return table.join(self.engine.arrow(_table(columns)), "fold")

    def found(self, table: ir.Table, order: str = "", **facts: tuple[str, str]) -> dict[int, Hits]:
        """Per fold: the count, what `facts` (name = column, aggregation) says, and the rows; `order` puts the largest first."""
        totals: dict[str, Any] = {name: getattr(table[column], how)() for name, (column, how) in facts.items()}
        counted = self.engine.fetch(table.group_by("fold").agg(count=table.count(), **totals)).to_pylist()
        if not counted:
            return {}
        rows, examples = self._rows(table, order)
        return {
            line["fold"]: Hits(line["count"], rows.get(line["fold"]), examples, {name: line[name] for name in facts})
            for line in sorted(counted, key=lambda line: int(line["fold"]))
        }

    def _rows(self, table: ir.Table, order: str) -> tuple[dict[int, Ints], list[dict[str, str]]]:
        if not self.positions:
            keys = [ibis.desc(order)] if order else []
            shown = self._shown(table.order_by([*keys, *self.shown_columns()]).limit(EXAMPLES))
            return {}, self._written(shown)
        columns = dict.fromkeys(["fold", "row", *([order] if order else [])])
        fetched = {name: column.to_numpy() for name, column in zip(columns, self.engine.fetch(table.select(*columns)).columns)}
        sorting = [fetched["row"], *([-fetched[order]] if order else []), fetched["fold"]]
        chosen = np.lexsort(sorting)
        fold, row = fetched["fold"][chosen], fetched["row"][chosen].astype("int64")
        return {int(i): row[fold == i] for i in np.unique(fold)}, []

    def examples(self, table: ir.Table) -> list[dict[str, str]]:
        """The first few rows of a table that has the columns which name a row, written out."""
        return self._written(self._shown(table).limit(EXAMPLES))

    def _of_all(self, shown: ir.Table) -> Hits:
        if self.positions:
            rows = np.sort(self.engine.fetch(shown).column("row").to_numpy().astype("int64"))
            return Hits(len(rows), rows)
        count = int(self.engine.fetch(shown.agg(n=shown.count())).to_pylist()[0]["n"])
        return Hits(count, None, self._written(shown.limit(EXAMPLES)) if count else [])

    def _names(self) -> list[str]:
        """What a row of files is shown by: its key and its groups."""
        return list(dict.fromkeys([*self.roles.entity, *([self.roles.at] if self.roles.at else []), *self.roles.groups]))

    def shown_columns(self) -> list[str]:
        """The columns that `examples` needs."""
        return [] if self.positions else [self.column(name) for name in self._names()]

    def _shown(self, table: ir.Table) -> ir.Table:
        """What is fetched of a row: its position, or the columns that name it, as text."""
        if self.positions:
            return table.select("row")
        chosen = {f"x{i}": table[self.column(name)].cast("string") for i, name in enumerate(self._names())}
        return table.select(**chosen) if chosen else table.select(x0=ibis.literal(""))

    def _written(self, shown: ir.Table) -> list[dict[str, str]]:
        lines = [list(line.values()) for line in self.engine.fetch(shown).to_pylist()]
        return [dict(zip(self._names(), (str(value) for value in line))) for line in lines]


def _canonical(
    engine: Engine, roles: Roles, table: ir.Table, kinds: Mapping[str, Family], times: Mapping[str, ir.Value]
) -> dict[str, Callable[[], ir.Value]]:
    """The columns of a side by name, each built when it is asked for."""

    def read(name: str) -> list[ir.Value]:
        return cells(engine, table[name], kinds[name], roles.zone)

    def key() -> ir.Value:
        at = [times["at"]] if roles.at else []
        named = [cell for name in roles.entity for cell in read(name)]
        if not named:
            return engine.hashed(at) if at else ibis.null("int64")
        return ibis.and_(*[missing(table[name]) for name in roles.entity]).ifelse(None, engine.hashed([*named, *at]))

    def judged(name: str) -> ir.Value:
        return table[name].cast("float64") if numeric(kinds[name]) else engine.hashed(read(name))

    def group(name: str) -> ir.Value:
        return missing(table[name]).ifelse(None, engine.hashed(read(name)))

    columns: dict[str, Callable[[], ir.Value]] = {
        **{f"c{i}": partial(table.__getitem__, name) for i, name in enumerate(roles.columns())},
        "k": key,
        "e": lambda: (
            engine.hashed([c for name in roles.entity for c in read(name)]) if roles.entity else ibis.literal(0, "int64")
        ),
        "labelled": lambda: ~missing(table[roles.target]),
        **{f"g{i}": partial(group, name) for i, name in enumerate(roles.groups)},
        **{f"v{i}": partial(judged, name) for i, name in enumerate(roles.judged)},
        "w": lambda: engine.hashed([cell for name in roles.judged for cell in read(name)]),
    }
    if roles.at:
        columns |= {"at": lambda: times["at"], "made": lambda: times["made"], "known": lambda: times["at"] + roles.late}
    return columns


def _numbers(count: int) -> pa.Array:
    import pyarrow as pa

    return pa.array(np.arange(count, dtype="int64"))


def _table(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})
