"""Worlds in which what isn't known at a cutoff has been changed, and nothing else.

* `truncated`: rows with no known cell are gone, cells that aren't known are missing;
* `poisoned`: the same shape, every cell that isn't known carries another value; draw A leaves the keys of unknown rows (time
  and entity) where they are, so that rows still to come can be compared, draw B moves them, too;
* `pulsed`: values change places among those that become known for a short while after each of many instants.

Worlds with fewer or more rows are in `thinning.py`.

Every world is a new dict of new frames, deterministic by its seed; columns that don't change are shared with the tables given.
Clocks stay later than the cut: one that says "known" would contradict the contract. A table that was sorted by time, or within
each entity, stays so. Where a truncated column can't hold missing values, it becomes what pandas makes of it (whole numbers turn
float, or `Int64` beyond 2**53; booleans turn object): a change of dtype alone isn't a change of value.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.pipeline import redraw
from workbench.pipeline.asof import NEVER, Cut, KnownTimes, entity_keys
from workbench.pipeline.times import from_utc, to_utc

_DAY = 86_400 * 10**9
_FLOAT_EXACT = 2**53
_LATEST = int(pd.Timestamp.max.value) - 400 * _DAY


@dataclass(frozen=True)
class Selection:
    """A part of the unknown cells: those of `cells` (source, column), known later than `after` (nanoseconds); None is all."""

    cells: frozenset[tuple[str, str]] | None = None
    after: int | None = None

    def takes(self, source: str, column: str) -> bool:
        """Whether any cell of this column is selected."""
        return self.cells is None or (source, column) in self.cells

    def takes_source(self, source: str) -> bool:
        """Whether any column of this source is selected."""
        return self.cells is None or any(chosen == source for chosen, _ in self.cells)


EVERYTHING = Selection()


def truncated(
    tables: Mapping[str, pd.DataFrame], known: KnownTimes, cutoff: Cut | pd.Timestamp, *, only: Selection = EVERYTHING
) -> dict[str, pd.DataFrame]:
    """The tables as they stood at the cutoff. `only` limits it to whole sources (a source is taken if any column is)."""
    cut = Cut.of(cutoff)
    world = {}
    for name, table in tables.items():
        if not only.takes_source(name) or not len(table):
            world[name] = table
            continue
        cuts = row_cuts(cut, table, only)
        kept = known.earliest(name) <= cuts
        columns = {}
        for column in table.columns:
            unknown = known.unknown(name, column, cuts)[kept]
            series = table[column][kept]
            columns[column] = _without(series, unknown) if unknown.any() else series
        world[name] = framed(columns, table, kept)
    return world


def without_unknown_rows(
    tables: Mapping[str, pd.DataFrame], known: KnownTimes, cutoff: Cut | pd.Timestamp, *, only: Selection = EVERYTHING
) -> dict[str, pd.DataFrame]:
    """Only the rows of the truncated world, their cells as they are; `tables` has the rows that `known` was made from."""
    cut = Cut.of(cutoff)
    world = {}
    for name, table in tables.items():
        kept = known.earliest(name) <= row_cuts(cut, table, only) if only.takes_source(name) else np.ones(len(table), dtype=bool)
        world[name] = framed({column: table[column][kept] for column in table.columns}, table, kept)
    return world


def _without(series: pd.Series, cells: np.ndarray) -> pd.Series:
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iu" and len(series):
        left = series[~cells]
        if len(left) and max(abs(int(left.min())), abs(int(left.max()))) > _FLOAT_EXACT:
            return series.astype("UInt64" if dtype.kind == "u" else "Int64").mask(cells)
    return series.mask(cells)


def framed(columns: dict[str, pd.Series], table: pd.DataFrame, kept: np.ndarray) -> pd.DataFrame:
    """The columns as a table like `table`, of whose rows those of `kept` (bool) are left."""
    frame = pd.DataFrame(columns, index=table.index[kept])
    frame.columns = table.columns
    return frame.reset_index(drop=True) if numbered(table) else frame


def numbered(table: pd.DataFrame) -> bool:
    """Whether the index only counts the rows."""
    return isinstance(table.index, pd.RangeIndex) and table.index.name is None


def row_cuts(cut: Cut, table: pd.DataFrame, only: Selection) -> np.ndarray:
    """The cut of each row (ns); a later bound of the selection is a later cut."""
    cuts = cut.rows(table)
    return cuts if only.after is None else np.maximum(cuts, only.after)


def poisoned(
    tables: Mapping[str, pd.DataFrame],
    known: KnownTimes,
    cutoff: Cut | pd.Timestamp,
    seed: int,
    *,
    draw: str = "a",
    only: Selection = EVERYTHING,
    gentle: bool = False,
    moving: Collection[str] = (),
) -> dict[str, pd.DataFrame]:
    """The tables with every selected cell that isn't known at the cutoff redrawn; `draw` is `"a"` or `"b"`.

    The value a cell gets doesn't depend on `only`. Keys move in draw `"b"`, and in the tables `moving`. `gentle` leaves out what
    a strict pipeline may refuse: values that a column never held and moved keys.
    """
    cut = Cut.of(cutoff)
    rules = redraw.A if draw == "a" else redraw.B
    if gentle:
        rules = redraw.Draw(direction=rules.direction, unseen=False, flipped=rules.flipped, emptied=0.0)
    world = {}
    for name, table in tables.items():
        if not only.takes_source(name) or not len(table):
            world[name] = table
            continue
        cuts = cut.rows(table)
        moves_keys = (draw == "b" or name in moving) and not gentle
        changed: dict[str, pd.Series] = {}
        for column in table.columns:
            unknown = known.unknown(name, column, cuts) & ~_nothing(table[column], known.cells[name][column])
            if not unknown.any() or not only.takes(name, column):
                continue
            rng = np.random.default_rng([seed, zlib.crc32(f"{name}.{column}.{draw}".encode())])
            fresh = _redrawn(table, known, name, str(column), cuts, unknown, rules, rng, moves_keys)
            if only.after is not None:
                left = unknown & (known.cells[name][column] <= only.after)
                fresh = _merged(table[column], fresh, left)
            changed[column] = fresh
        world[name] = reordered(table, table.assign(**changed) if changed else table, known, name)
    return world


def _nothing(series: pd.Series, known: np.ndarray) -> np.ndarray:
    """Missing cells that never become known: a cancelled flight has no landing to find out about, in any world.

    What becomes of rows still to come is not given away by leaving them: present cells are made missing, and truncated worlds.
    """
    never: np.ndarray = known == NEVER
    return never & series.isna().to_numpy() if never.any() else never


def _merged(before: pd.Series, after: pd.Series, left: np.ndarray) -> pd.Series:
    """`after`, with the cells `left` as they were before."""
    if not left.any():
        return after
    positions = np.flatnonzero(left)
    return redraw.put(after, positions, before.iloc[positions].reset_index(drop=True))


def _redrawn(
    table: pd.DataFrame,
    known: KnownTimes,
    name: str,
    column: str,
    cuts: np.ndarray,
    unknown: np.ndarray,
    rules: redraw.Draw,
    rng: np.random.Generator,
    moves_keys: bool,
) -> pd.Series:
    series = table[column]
    if column == known.times[name]:
        return _later_rows(series, unknown, known.zones[name]) if moves_keys else series
    if column in known.announced[name]:
        return _later_announcements(series, unknown, cuts, known.zones[name], rules, rng)
    if column in known.entity:
        # A map among the entities there are: an unseen one says nothing that the moved ones don't, and breaks lookups.
        seen = redraw.Draw(direction=rules.direction, unseen=False, flipped=1.0, emptied=0.0)
        return _relabelled(series, unknown, seen, rng) if moves_keys else series
    return redraw.redraw(series, unknown, rules, rng, known.ranges.get((name, column), (None, None)))


def _relabelled(series: pd.Series, unknown: np.ndarray, rules: redraw.Draw, rng: np.random.Generator) -> pd.Series:
    values = pd.Series(pd.unique(series.dropna()))
    if len(values) < 2:
        return series
    order = rng.permutation(len(values))
    table = dict(zip(values.iloc[order], values.iloc[np.roll(order, 1)]))
    positions = np.flatnonzero(unknown & series.notna().to_numpy())
    fresh = pd.Series([table[value] for value in series.iloc[positions]], dtype=object)
    return redraw.put(series, positions, fresh)


def _later_rows(series: pd.Series, unknown: np.ndarray, zone: str | None) -> pd.Series:
    """Row times moved as one block beyond the table's last: order and uniqueness stay, weekdays and hours, too."""
    times = to_utc(series.reset_index(drop=True), zone)
    positions = np.flatnonzero(unknown & times.notna().to_numpy())
    if not len(positions):
        return series
    span = int((times.max() - times.min()).value)
    room = _LATEST - int(times.iloc[positions].max().value)
    weeks = min(span // (7 * _DAY) + 1, max(room, 0) // (7 * _DAY))
    moved = (times.iloc[positions] + pd.Timedelta(days=7 * weeks)).reset_index(drop=True)
    return redraw.put(series, positions, from_utc(moved, series, zone))


def _later_announcements(
    series: pd.Series, unknown: np.ndarray, cuts: np.ndarray, zone: str | None, rules: redraw.Draw, rng: np.random.Generator
) -> pd.Series:
    """`known_at` times of unknown cells, moved later than the cut; some never come."""
    times = to_utc(series.reset_index(drop=True), zone)
    positions = np.flatnonzero(unknown)
    at_cut = pd.Series(pd.to_datetime(cuts[positions], unit="ns", utc=True)).dt.as_unit("ns")
    start = times.iloc[positions].reset_index(drop=True)
    start = start.where((start > at_cut).to_numpy(dtype=bool), at_cut)
    step = rng.integers(1, 15, len(positions)) * _DAY + rng.integers(0, 24, len(positions)) * 3600 * 10**9
    room = np.maximum(_LATEST - start.astype("int64").to_numpy(), 0)
    moved = start + pd.Series(pd.to_timedelta(np.minimum(step, room), unit="ns"))
    if bool(times.isna().any()):
        moved = moved.mask(rng.random(len(positions)) < rules.emptied)
    return redraw.put(series, positions, from_utc(moved, series, zone))


def reordered(before: pd.DataFrame, after: pd.DataFrame, known: KnownTimes, name: str) -> pd.DataFrame:
    """`after`, sorted again the way `before` was sorted: all by time, or by entity and time, or by time within each entity."""
    clock = known.times[name]
    if clock is None or after is before:
        return after
    entity = [column for column in known.entity if column in before.columns]
    if after[clock] is before[clock] or after[[clock, *entity]].equals(before[[clock, *entity]]):
        return after
    zone = known.zones[name]
    old, new = (to_utc(table[clock].reset_index(drop=True), zone).astype("int64").to_numpy() for table in (before, after))
    if bool((np.diff(old) >= 0).all()):
        order = np.argsort(new, kind="stable")
    else:
        keys = [entity_keys(table, entity) for table in (before, after)]
        codes = pd.factorize(keys[0])[0]
        sequence = np.lexsort((np.arange(len(codes)), codes))
        same = np.diff(codes[sequence]) == 0
        if not bool((np.diff(old[sequence])[same] >= 0).all()):
            return after
        places = pd.Index(pd.unique(keys[0])).get_indexer(keys[1])
        if bool((np.diff(codes) >= 0).all()):
            order = np.lexsort((new, places))  # blocks of entities, each in order of time
        else:
            order = _slots(places, new)
    if bool((np.diff(order) > 0).all()):
        return after
    sorted_rows = after.iloc[order]
    return sorted_rows.reset_index(drop=True) if numbered(before) else sorted_rows


def _slots(places: np.ndarray, times: np.ndarray) -> np.ndarray:
    """An order in which each entity's rows stand, in order of time, on the positions that its rows hold now."""
    order = np.empty(len(places), dtype=np.int64)
    held = np.lexsort((np.arange(len(places)), places))
    order[held] = np.lexsort((times, places))
    return order


def unknown_columns(known: KnownTimes, cut: Cut, tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """Source columns with at least one cell that isn't known at the cut."""
    found = []
    for name, table in tables.items():
        cuts = cut.rows(table)
        found += [(name, str(column)) for column in table.columns if bool(known.unknown(name, column, cuts).any())]
    return found
