"""Worlds in which cells that become known shortly after many instants change places among each other.

What is kept, and what is read off from the rows around, is in the gates. Worlds in which such cells have other values are in
`struck.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.pipeline.asof import ALWAYS, NEVER, KnownTimes, entity_keys
from workbench.pipeline.struck import shifts

_EACH = 4
"""Where entities have turns, one of so many instants is for tables that all share, too: most rows have to rest from those."""


@dataclass(frozen=True)
class Pulsed:
    """The changed `tables`; after which instants (bool) any cell was changed (`felt`); and after which for all entities at once
    (`shared`) where they have turns."""

    tables: dict[str, pd.DataFrame]
    felt: np.ndarray
    shared: np.ndarray


def pulsed(
    tables: Mapping[str, pd.DataFrame],
    known: KnownTimes,
    instants: np.ndarray,
    width: int,
    seed: int,
    owners: pd.DataFrame | None = None,
) -> Pulsed:
    """The tables with cells changed places among those that become known within `width` ns after each of the (sorted) `instants`.

    For an entity these come later by its `shift` (ns) in `owners`, beside the entity's columns; in a table whose rows can't be
    told apart by entity a few of them come without.

    Values move between rows of the same entity and the same pulse, all columns that are known at the same time together:
    what is counted, summed, averaged or ranked over more than the pulse comes out the same, so that a feature's memory of a
    pulse ends where its window does, even where it looks back on everything. Rows that are their entity's only ones in a pulse
    change places with one another. Keys, clocks and what is always known stay.
    """
    world: dict[str, pd.DataFrame] = {}
    felt, shared = np.zeros(len(instants), dtype=bool), np.zeros(len(instants), dtype=bool)
    for name, table in tables.items():
        clock = known.times[name]
        if clock is None or not len(table):
            world[name] = table
            continue
        fixed = {clock, *known.entity, *known.announced[name]}
        whose = pd.factorize(entity_keys(table, [column for column in known.entity if column in table.columns]))[0]
        later = shifts(table, known, owners) if owners is not None else None
        theirs = instants if owners is None or later is not None else instants[_EACH // 2 :: _EACH]
        orders: dict[int, tuple[np.ndarray, np.ndarray] | None] = {}
        changed: dict[str, pd.Series] = {}
        for column in table.columns:
            times = known.cells[name][column]
            if column in fixed:
                continue
            if id(times) not in orders:
                rng = np.random.default_rng([seed, zlib.crc32(f"{name}.pulse".encode())])
                orders[id(times)] = _exchanged(_earlier(times, later), theirs, width, whose, rng)
            turned = orders[id(times)]
            if turned is not None:
                changed[column] = table[column].take(turned[0]).set_axis(table.index)
                at = np.searchsorted(instants, theirs[turned[1]])
                felt[at] = True
                if len(theirs) < len(instants):
                    shared[at] = True
        world[name] = table.assign(**changed) if changed else table
    return Pulsed(world, felt, shared)


def _earlier(times: np.ndarray, later: np.ndarray | None) -> np.ndarray:
    if later is None:
        return times
    return np.where((times == NEVER) | (times == ALWAYS), times, times - later)


def _exchanged(
    times: np.ndarray, instants: np.ndarray, width: int, owners: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """From which row each row's cell is taken, turned around within each pulse and owner, and the pulses where any was; None
    where nothing changes places."""
    place = np.searchsorted(instants, times, side="left") - 1
    at = np.maximum(place, 0)
    inside = np.flatnonzero((place >= 0) & (times != NEVER) & (times != ALWAYS) & (times - instants[at] <= width))
    if not len(inside):
        return None
    groups = place[inside] * (int(owners.max()) + 2) + owners[inside]
    # Events are an entity each, and sparse tables have one row of an owner at a time: these trade with one another.
    _, number, size = np.unique(groups, return_inverse=True, return_counts=True)
    alone = size[number] == 1
    groups[alone] = place[inside][alone] * (int(owners.max()) + 2) + int(owners.max()) + 1
    sequence = np.argsort(groups, kind="stable")
    rows, sorted_groups = inside[sequence], groups[sequence]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(sorted_groups) != 0]))
    sizes = np.diff(np.append(starts, len(rows)))
    if int(sizes.max()) < 2:
        return None
    turn = np.repeat(rng.integers(1, np.maximum(sizes, 2)), sizes)
    first, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    taken = first + (np.arange(len(rows)) - first + turn) % size
    order = np.arange(len(times))
    order[rows] = rows[taken]
    return order, np.unique(place[rows[taken != np.arange(len(rows))]])
