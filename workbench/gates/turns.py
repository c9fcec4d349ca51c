"""Each entity in its turn: changes that come later for one entity than for the next, so that together they reach every instant.

A leak on the rows of one instant is seen at that instant only. With the same instants for all entities there are as many of them
as a feature's memory leaves room for; with turns, some entity has its own at nearly every one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workbench.gates.comparison import Reference
from workbench.pipeline.asof import entity_keys

_TURN = 0.618
"""By which part of a gap the turn of the next entity comes later: never twice the same."""
_EVENTS = 0.3
"""Entities per row of the frame from which rows are events rather than series."""


def are_events(entities: int, rows: int) -> bool:
    """Whether (nearly) each row of a frame is an entity of its own."""
    return entities > _EVENTS * rows


def turns(
    reference: Reference, entity: Sequence[str], gap: int, step: int, own: Mapping[str, np.ndarray] | None = None, start: int = 0
) -> pd.DataFrame:
    """The entities of a frame, a row each, and beside their columns the `shift` (ns, whole steps, less than `gap`) of each.

    An entity with instants of its `own` (ns by entity key) takes the shift by which one of them comes just after one of those
    that begin at `start`, every `gap` ns. One row without columns and shift where there is one series, or where each row is an
    event of its own.
    """
    owners = reference.frame[list(entity)].drop_duplicates(ignore_index=True) if entity else reference.frame.iloc[:1, :0]
    if are_events(len(owners), len(reference.frame)):  # each row is an entity: what it looks back on are others
        owners = owners.iloc[:1, :0]
    shares = (np.arange(len(owners)) * _TURN) % 1.0
    shifts = (shares * gap // step).astype(np.int64) * step
    if own and len(owners) > 1:
        for place, key in enumerate(entity_keys(owners, entity)):
            if (instants := own.get(key)) is not None:
                chosen = int(instants[place % len(instants)]) - 1
                shifts[place] = (chosen - start) % gap // step * step
    return owners.assign(shift=shifts)


def local_times(reference: Reference, owners: pd.DataFrame | None) -> np.ndarray:
    """When each row is predicted (int64 ns) by its entity's own clock: less its shift."""
    predicted = reference.rows.predicted
    names = [] if owners is None else [column for column in owners.columns if column != "shift"]
    if owners is None or not names:
        return predicted
    shifts = pd.Series(owners["shift"].to_numpy(), index=entity_keys(owners, names))
    shifts = shifts[~shifts.index.duplicated()]
    local = predicted - shifts.reindex(reference.entities).fillna(0).to_numpy(dtype=np.int64)
    return np.where(predicted == np.iinfo(np.int64).max, predicted, local)
