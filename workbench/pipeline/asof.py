"""When each cell of the source tables is known: the contract's facts turned into one number per cell.

A cell is known at its known time; at the cutoff itself it is known. The contract's words, most particular first:

* a column's own `known = "always"`, `known_after` (row time + lag) or `known_at` (another column of the table says when);
* a static table is always known;
* every other column takes its table's rule: row time + the table's `known_after`. A row without a time is never known.

Two readings fill what the contract leaves open. A column that serves as another's `known_at` is itself known at the time it
says (nobody knows when something will have arrived before it has), unless it is declared. And a row's **key columns** (its
time column and the contract's entity columns in that table), unless declared, are known as early as the earliest known cell
of their row: without its key a published plan could not be joined to anything.

The worlds made from this are in `worlds.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import ContractError
from workbench.pipeline.times import duration, nanoseconds, to_utc

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract, Source

    Tables = Mapping[str, pd.DataFrame]

NEVER = np.iinfo(np.int64).max
"""Known time of a cell that is never known."""
ALWAYS = np.iinfo(np.int64).min
"""Known time of a cell that is known before everything."""


@dataclass(frozen=True)
class Cut:
    """What is known stops here: one instant for all, or each entity's own (a staggered cut). Nanoseconds, UTC.

    `own` is indexed by the entity columns' values as `entity_keys` writes them; an entity without an own cut, and a table
    without the entity columns, takes `at`, which is never earlier than any own cut.
    """

    at: int
    own: pd.Series | None = None
    entity: tuple[str, ...] = ()

    @classmethod
    def of(cls, cutoff: Cut | pd.Timestamp) -> Cut:
        """A global cut from a time; a Cut is returned as it is."""
        if isinstance(cutoff, Cut):
            return cutoff
        stamp = cutoff.tz_localize("UTC") if cutoff.tzinfo is None else cutoff
        return cls(int(stamp.as_unit("ns").value))

    @classmethod
    def staggered(cls, own: pd.Series, entity: Iterable[str]) -> Cut:
        """`own`: int64 nanoseconds by entity key."""
        return cls(int(own.max()), own, tuple(entity))

    def rows(self, frame: pd.DataFrame) -> np.ndarray:
        """The cut of each row of a table or feature frame: int64 nanoseconds by position."""
        if self.own is None or not all(name in frame.columns for name in self.entity):
            return np.full(len(frame), self.at, dtype=np.int64)
        places = self.own.index.get_indexer(entity_keys(frame, self.entity))
        rows = np.full(len(frame), self.at, dtype=np.int64)
        found = places >= 0
        rows[found] = self.own.to_numpy()[places[found]]
        return rows


def entity_keys(frame: pd.DataFrame, entity: Iterable[str]) -> pd.Index:
    """One string per row that names its entity; the same for the same values whatever dtype carries them (1 and 1.0)."""
    parts = []
    for name in entity:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.dtype.categories.dtype)
        if pd.api.types.is_float_dtype(column.dtype) and bool((column.dropna() % 1 == 0).all()):
            column = column.astype("Int64")
        parts.append(column.astype("str").to_numpy(dtype=object))
    if not parts:
        return pd.Index(np.full(len(frame), "", dtype=object))
    keys = parts[0]
    for part in parts[1:]:
        keys = keys + "\x1f" + part
    return pd.Index(keys)


@dataclass(frozen=True)
class KnownTimes:
    """Known times (int64 nanoseconds UTC, NEVER, ALWAYS) of every cell: `cells[source][column]`, by position.

    Columns with the same rule share one array. `times` is each source's time column, `announced` its `known_at` columns,
    `zones` its zone, `ranges` the declared least and greatest value of a column.
    """

    cells: Mapping[str, Mapping[str, np.ndarray]]
    times: Mapping[str, str | None]
    announced: Mapping[str, tuple[str, ...]]
    zones: Mapping[str, str | None]
    entity: tuple[str, ...]
    ranges: Mapping[tuple[str, str], tuple[float | None, float | None]] = field(default_factory=dict)

    def earliest(self, source: str) -> np.ndarray:
        """Per row, when the first of its cells is known: from then on the row exists."""
        columns = _distinct(self.cells[source].values())
        first = columns[0]
        for other in columns[1:]:
            first = np.minimum(first, other)
        return first

    def unknown(self, source: str, column: str, cuts: np.ndarray) -> np.ndarray:
        """Which cells of a column aren't known at the row's cut: bool by position."""
        return self.cells[source][column] > cuts

    @cached_property
    def instants(self) -> np.ndarray:
        """All distinct known times there are, sorted, without ALWAYS and NEVER."""
        arrays = _distinct(array for columns in self.cells.values() for array in columns.values())
        every = np.unique(np.concatenate([pd.unique(array) for array in arrays])) if arrays else np.empty(0, dtype=np.int64)
        finite: np.ndarray = every[(every != ALWAYS) & (every != NEVER)]
        return finite


def _distinct(arrays: Iterable[np.ndarray]) -> list[np.ndarray]:
    return list({id(array): array for array in arrays}.values())


def known_times(contract: Contract, tables: Tables) -> KnownTimes:
    """Reads the contract's facts against the tables.

    Raises ContractError for a table or column that the contract and the tables don't share, and PipelineError for clocks
    that can't be read as times.
    """
    entity = tuple(contract.prediction.entity)
    cells: dict[str, Mapping[str, np.ndarray]] = {}
    ranges: dict[tuple[str, str], tuple[float | None, float | None]] = {}
    for name, table in tables.items():
        source = contract.sources.get(name)
        if source is None:
            raise ContractError(
                f"The load stage returns a table `{name}` that the contract doesn't know.",
                f"declare [sources.{name}] with its `time`, or `static = true`",
            )
        cells[name] = _source_cells(name, source, table, entity)
        for column, facts in source.columns.items():
            low, high = getattr(facts, "min", None), getattr(facts, "max", None)
            if low is not None or high is not None:
                ranges[name, column] = (low, high)
    return KnownTimes(
        cells=cells,
        times={name: contract.sources[name].time for name in tables},
        announced={name: _announcing(contract.sources[name]) for name in tables},
        zones={name: contract.sources[name].zone for name in tables},
        entity=entity,
        ranges=ranges,
    )


def known_until(known: KnownTimes, end: int) -> KnownTimes:
    """The same known times, but cells known at `end` (ns) or later are taken as always known: no world changes them."""
    arrays = _distinct(array for columns in known.cells.values() for array in columns.values())
    bounded = {id(array): np.where(array >= end, ALWAYS, array) for array in arrays}
    cells = {name: {column: bounded[id(array)] for column, array in columns.items()} for name, columns in known.cells.items()}
    return replace(known, cells=cells)


def _announcing(source: Source) -> tuple[str, ...]:
    return tuple(dict.fromkeys(facts.known_at for facts in source.columns.values() if facts.known_at is not None))


def _source_cells(name: str, source: Source, table: pd.DataFrame, entity: tuple[str, ...]) -> dict[str, np.ndarray]:
    declared = {column: facts for column, facts in source.columns.items() if _says_when(facts)}
    _require_columns(name, source, table, declared)
    clock = None
    if source.time is not None:
        clock = nanoseconds(to_utc(table[source.time].reset_index(drop=True), source.zone), NEVER)
    if source.static:
        rule = np.full(len(table), ALWAYS, dtype=np.int64)
    elif clock is not None:
        rule = _later(clock, duration(source.known_after))
    else:
        rule = np.full(len(table), NEVER, dtype=np.int64)
    own: dict[str, np.ndarray] = {}
    shared: dict[Any, np.ndarray] = {}
    for column, facts in declared.items():
        key = (facts.known, str(facts.known_after), facts.known_at)
        if key not in shared:
            shared[key] = _declared(name, column, facts, source, table, clock)
        own[column] = shared[key]
    announced = [column for column in _announcing(source) if column not in own]
    for column in announced:
        own[column] = nanoseconds(to_utc(table[column].reset_index(drop=True), source.zone), NEVER)
    earliest = rule
    for array in _distinct(own.values()):
        earliest = np.minimum(earliest, array)
    keys = {source.time, *entity}
    return {column: own.get(column, earliest if column in keys and not source.static else rule) for column in table.columns}


def _says_when(facts: Any) -> bool:
    return facts.known is not None or facts.known_after is not None or facts.known_at is not None


def _require_columns(name: str, source: Source, table: pd.DataFrame, declared: Mapping[str, Any]) -> None:
    needed = [source.time, *declared, *_announcing(source)]
    missing = [column for column in needed if column is not None and column not in table.columns]
    if missing:
        raise ContractError(
            f"[sources.{name}] names the column `{missing[0]}`, which the table doesn't have.",
            "correct the contract, or what the load stage returns",
        )
    if source.time is None and not source.static:
        silent = [column for column in table.columns if column not in declared]
        if silent:
            raise ContractError(
                f"[sources.{name}] has no `time` and isn't static, and `{silent[0]}` doesn't say when it is known.",
                "give the table a `time` or `static = true`, or each column its own `known_at`",
            )


def _declared(name: str, column: str, facts: Any, source: Source, table: pd.DataFrame, clock: np.ndarray | None) -> np.ndarray:
    if facts.known == "always":
        return np.full(len(table), ALWAYS, dtype=np.int64)
    if facts.known_at is not None:
        return nanoseconds(to_utc(table[facts.known_at].reset_index(drop=True), source.zone), NEVER)
    if clock is None:
        raise ContractError(
            f"[sources.{name}.columns] says when `{column}` is known after a row's time, but the table has no `time`.",
            "name the table's time column, or say `known_at`",
        )
    return _later(clock, duration(facts.known_after))


def _later(clock: np.ndarray, lag: pd.Timedelta) -> np.ndarray:
    """Clock + lag without wrapping around at the ends of time."""
    step = int(lag.as_unit("ns").value)
    shifted = clock + step
    shifted[(clock > NEVER - max(step, 0)) | (clock == NEVER)] = NEVER
    return shifted
