"""Worlds with fewer or more of the rows of which nothing is known at a cutoff: what reads counts, gaps or last rows moves.

Values stay what they were; worlds with other values are in `worlds.py`. What a contract doesn't say, but any forecast takes for
granted, is given as `awaited`: rows that are there because a prediction is asked for (`gates/awaited.py` works them out).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.pipeline import redraw
from workbench.pipeline.asof import Cut, KnownTimes, entity_keys
from workbench.pipeline.times import from_utc, nanoseconds, to_utc
from workbench.pipeline.worlds import EVERYTHING, Selection, framed, numbered, reordered, row_cuts

_NO_TIME = np.iinfo(np.int64).max
_DAY = 86_400 * 10**9


def thinned(
    tables: Mapping[str, pd.DataFrame],
    known: KnownTimes,
    cutoff: Cut | pd.Timestamp,
    seed: int = 0,
    *,
    only: Selection = EVERYTHING,
    share: float = 0.5,
    awaited: Mapping[str, np.ndarray] | None = None,
) -> dict[str, pd.DataFrame]:
    """The tables without a random `share` of the rows of which nothing is known at the cutoff (at least one, if there is one).

    `awaited`: per source and row the number of the slot it fills, or -1; of every slot at least one row stays.
    """
    cut = Cut.of(cutoff)
    world = {}
    for name, table in tables.items():
        if not only.takes_source(name) or not len(table):
            world[name] = table
            continue
        unknown = known.earliest(name) > row_cuts(cut, table, only)
        chosen = _some(unknown, share, np.random.default_rng([seed, zlib.crc32(f"{name}.thin".encode())]))
        if awaited is not None and name in awaited:
            chosen &= ~_last_of_slot(awaited[name], chosen)
        world[name] = framed({column: table[column][~chosen] for column in table.columns}, table, ~chosen)
    return world


def thickened(
    tables: Mapping[str, pd.DataFrame],
    known: KnownTimes,
    cutoff: Cut | pd.Timestamp,
    seed: int = 0,
    *,
    only: Selection = EVERYTHING,
    share: float = 0.5,
    awaited: Mapping[str, np.ndarray] | None = None,
) -> dict[str, pd.DataFrame]:
    """The tables with a random `share` of the rows of which nothing is known at the cutoff doubled.

    Where time and entity name a row, its double gets a time of its own: half a step later, or beyond the table's end where
    there is no room; other columns that were unique stay so. Rows that fill an awaited slot (see `thinned`) aren't doubled then.
    """
    cut = Cut.of(cutoff)
    world = {}
    for name, table in tables.items():
        if not only.takes_source(name) or not len(table):
            world[name] = table
            continue
        unknown = known.earliest(name) > row_cuts(cut, table, only)
        rng = np.random.default_rng([seed, zlib.crc32(f"{name}.thick".encode())])
        if awaited is not None and name in awaited and _named_by_key(table, known, name):
            unknown &= awaited[name] < 0
        chosen = _some(unknown, share, rng)
        if not chosen.any():
            world[name] = table
            continue
        doubles = _doubles(table, chosen, known, name)
        order = np.argsort(np.concatenate([np.arange(len(table)), np.flatnonzero(chosen) + 0.5]), kind="stable")
        both = pd.concat([table, doubles], ignore_index=numbered(table)).iloc[order]
        if numbered(table):
            both = both.reset_index(drop=True)
        world[name] = reordered(table, both, known, name)
    return world


def _last_of_slot(slots: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The first row of each slot of which every row was chosen."""
    rows = pd.DataFrame({"slot": slots, "chosen": chosen})
    emptied = rows.groupby("slot")["chosen"].transform("all").to_numpy() & (slots >= 0)
    last: np.ndarray = emptied & ~rows["slot"].duplicated().to_numpy()
    return last


def _some(unknown: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    chosen: np.ndarray = unknown & (rng.random(len(unknown)) < share)
    if unknown.any() and not chosen.any():
        chosen[rng.choice(np.flatnonzero(unknown))] = True
    return chosen


def _doubles(table: pd.DataFrame, chosen: np.ndarray, known: KnownTimes, name: str) -> pd.DataFrame:
    doubles = table[chosen].copy()
    clock = known.times[name]
    entity = [column for column in known.entity if column in table.columns]
    for column in table.columns:
        if column == clock or column in entity or column in known.announced[name]:
            continue
        if _nameable(table[column]) and table[column].is_unique:
            doubles[column] = redraw.fresh_names(table[column], doubles[column])
    if clock is None:
        return doubles
    if not _named_by_key(table, known, name):
        return doubles
    keys = _keys(table, known, name)
    zone = known.zones[name]
    times = to_utc(table[clock].reset_index(drop=True), zone)
    distinct = np.unique(times.dropna().astype("int64").to_numpy())
    step = int(np.median(np.diff(distinct))) if len(distinct) > 1 else _DAY
    later = times[chosen].reset_index(drop=True) + pd.Timedelta(step // 2, unit="ns")
    written = from_utc(later, table[clock], zone)
    taken = set(zip(keys["entity"], keys["time"]))
    candidate = list(zip(keys["entity"][chosen], nanoseconds(later, _NO_TIME)))
    if len(set(candidate)) < len(candidate) or taken.intersection(candidate):
        weeks = int(distinct[-1] - distinct[0]) // (7 * _DAY) + 1
        written = from_utc(times[chosen].reset_index(drop=True) + pd.Timedelta(days=7 * weeks), table[clock], zone)
    doubles[clock] = written.astype(table[clock].dtype).array if table[clock].dtype != object else written.to_numpy()
    return doubles


def _keys(table: pd.DataFrame, known: KnownTimes, name: str) -> pd.DataFrame:
    entity = [column for column in known.entity if column in table.columns]
    times = to_utc(table[known.times[name]].reset_index(drop=True), known.zones[name])
    return pd.DataFrame({"entity": entity_keys(table, entity), "time": nanoseconds(times, _NO_TIME)})


def _named_by_key(table: pd.DataFrame, known: KnownTimes, name: str) -> bool:
    """Whether time and entity name each row of the table."""
    return known.times[name] is not None and not bool(_keys(table, known, name).duplicated().any())


def _nameable(column: pd.Series) -> bool:
    whole_or_text = pd.api.types.is_integer_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype)
    return bool(whole_or_text) and not isinstance(column.dtype, pd.CategoricalDtype)
