"""Rows that a frame lacks because of what becomes known after their prediction and before their outcome.

An honest stage leaves rows out by their outcome: one that never comes can't be learnt from. So only cells are changed that become
known in between, and rows that appear count where their outcome is there: in the frame, and in the sources they are of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.gates.outcome import MOVED_KEYS, TRUNCATED
from workbench.pipeline import worlds
from workbench.pipeline.asof import Cut, KnownTimes, entity_keys, known_until
from workbench.pipeline.times import nanoseconds, to_utc

if TYPE_CHECKING:
    from workbench.gates.comparison import Opened

_NO_TIME = np.iinfo(np.int64).max
_USUAL = 0.5
"""A column is missing by exception where less than this share of its cells is."""


def in_between(
    tables: Mapping[str, pd.DataFrame], known: KnownTimes, world: str, cut: Cut, opened: Opened, seed: int
) -> dict[str, pd.DataFrame]:
    """The tables with the cells changed, in the way of `world`, that become known between the cut and the first of the labels."""
    before = known_until(known, int(opened.label_known.min()))
    if world == TRUNCATED:
        return worlds.truncated(tables, before, cut)
    draw = "b" if world == MOVED_KEYS else "a"
    return worlds.poisoned(tables, before, cut, seed, draw=draw, gentle=True)


def with_outcome(tables: Mapping[str, pd.DataFrame], known: KnownTimes, opened: Opened) -> int:
    """How many of the rows have their outcome in the sources: of what is known last, nothing is missing that seldom is."""
    there = np.ones(len(opened.label_known), dtype=bool)
    for name, table in tables.items():
        clock = known.times[name]
        if clock is None or not known.entity or not all(column in table.columns for column in known.entity):
            continue
        times = nanoseconds(to_utc(table[clock].reset_index(drop=True), known.zones[name]), _NO_TIME)
        rows = pd.MultiIndex.from_arrays([entity_keys(table, known.entity), times])
        if not rows.is_unique:
            continue
        places = rows.get_indexer(pd.MultiIndex.from_arrays([opened.entities, opened.target]))
        own = places >= 0
        for column in table.columns:
            gone = table[column].isna().to_numpy()
            if gone.any() and gone.mean() < _USUAL:
                late = known.cells[name][column][places] >= opened.label_known
                there &= ~(own & gone[places] & late)
    return int(there.sum())
