"""Worlds in which cells that become known within a while after many instants have other values, each entity at times of its own.

Unlike cells that change places (`pulsed.py`), other values move every window that contains them. So a feature's memory of
them is as long as the window, and the instants have to stand further apart than that. What is kept and what is read off is in
the gates.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.pipeline import redraw
from workbench.pipeline.asof import ALWAYS, NEVER, KnownTimes, entity_keys

_OTHER = redraw.Draw(direction=1, unseen=False, flipped=1.0, emptied=0.0)


def struck(
    tables: Mapping[str, pd.DataFrame], known: KnownTimes, instants: np.ndarray, width: int, owners: pd.DataFrame, seed: int
) -> dict[str, pd.DataFrame]:
    """The tables with the cells redrawn that become known within `width` ns after one of the (sorted) `instants`.

    For an entity these come later by its `shift` (ns) in `owners`, beside the entity's columns. A table whose rows can't be
    told apart by entity stays as it is, unless nothing is shifted; so do keys and clocks.
    """
    world = {}
    for name, table in tables.items():
        clock = known.times[name]
        later = shifts(table, known, owners) if clock is not None and len(table) else None
        if later is None:
            world[name] = table
            continue
        fixed = {clock, *known.entity, *known.announced[name]}
        changed = {}
        for column in table.columns:
            inside = _within(known.cells[name][column], instants, width, later)
            if column in fixed or not inside.any():
                continue
            rng = np.random.default_rng([seed, zlib.crc32(f"{name}.{column}.struck".encode())])
            changed[column] = redraw.redraw(
                table[column], inside, _OTHER, rng, known.ranges.get((name, str(column)), (None, None))
            )
        world[name] = table.assign(**changed) if changed else table
    return world


def shifts(table: pd.DataFrame, known: KnownTimes, owners: pd.DataFrame) -> np.ndarray | None:
    """By how much (ns) the instants come later for each row; None where its columns don't say whose it is."""
    if not owners["shift"].any():
        return np.zeros(len(table), dtype=np.int64)
    named = [column for column in known.entity if column in table.columns]
    if not named:
        return None
    turns = pd.Series(owners["shift"].to_numpy(), index=entity_keys(owners, named)).groupby(level=0).agg(["min", "max"])
    if (turns["min"] != turns["max"]).any():
        return None
    found: np.ndarray = turns["min"].reindex(entity_keys(table, named)).fillna(0).to_numpy(dtype=np.int64)
    return found


def _within(times: np.ndarray, instants: np.ndarray, width: int, later: np.ndarray) -> np.ndarray:
    finite = (times != NEVER) & (times != ALWAYS)
    local = np.where(finite, times, instants[0]) - later
    place = np.searchsorted(instants, local, side="left") - 1
    inside: np.ndarray = finite & (place >= 0) & (local - instants[np.maximum(place, 0)] <= width)
    return inside
