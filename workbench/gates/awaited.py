"""Rows of the source tables that stand for predictions already asked for, though the contract doesn't say that they are known.

A table of days by store gives the frame its rows: the day to come is in it because a prediction for it is wanted, not because
something happened. Were such rows dropped or doubled in a thinned or thickened world, an honest lag of so many rows would move.
So where every row of the frame has rows of its own in a table (same entity, from its target time on until the next), those of
predictions made by the cutoff keep at least one, and get no new times between them. Where some rows of the frame have none (few
visits, no promotion on most days), being there is information, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.pipeline.asof import Cut, entity_keys
from workbench.pipeline.times import nanoseconds, to_utc

if TYPE_CHECKING:
    from workbench.gates.comparison import Reference
    from workbench.pipeline.contract import Contract

_COVERED = 0.999
_NO_TIME = np.iinfo(np.int64).max


class Awaited:
    """For each table that has a row for (nearly) every row of the frame, which one that is."""

    def __init__(self, contract: Contract, tables: Mapping[str, pd.DataFrame], reference: Reference) -> None:
        self._made: dict[str, np.ndarray] = {}
        """Source → per row when the earliest prediction of its frame row is made (ns); the greatest number where it has none."""
        self._slots: dict[str, np.ndarray] = {}
        for name, table in tables.items():
            clock = contract.sources[name].time
            if clock is None or not len(table):
                continue
            entity = [column for column in contract.prediction.entity if column in table.columns]
            times = nanoseconds(to_utc(table[clock].reset_index(drop=True), contract.sources[name].zone), _NO_TIME)
            slots = _slots(reference, entity, entity_keys(table, entity), times)
            if slots is not None:
                self._slots[name], self._made[name] = slots

    @property
    def sources(self) -> frozenset[str]:
        """The tables that have a row for every row of the frame."""
        return frozenset(self._slots)

    def at(self, cut: Cut) -> dict[str, np.ndarray]:
        """Per covered table and row the number of the frame row it stands for, -1 where none is awaited at the (global) cut."""
        return {name: np.where(self._made[name] <= cut.at, slots, -1) for name, slots in self._slots.items()}


def _slots(reference: Reference, entity: list[str], keys: pd.Index, times: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    wanted = pd.DataFrame(
        {"key": entity_keys(reference.frame, entity), "target": reference.rows.target, "made": reference.rows.predicted}
    )
    wanted = wanted[wanted["target"] != _NO_TIME].groupby(["key", "target"], as_index=False)["made"].min()
    if not len(wanted):
        return None
    wanted["slot"] = np.arange(len(wanted))
    distinct = np.unique(wanted["target"])
    step = int(np.median(np.diff(distinct))) if len(distinct) > 1 else 1
    rows = pd.DataFrame({"key": keys, "time": times, "row": np.arange(len(times))}).sort_values("time", kind="stable")
    joined = pd.merge_asof(
        rows, wanted.sort_values("target", kind="stable"), left_on="time", right_on="target", by="key", tolerance=step - 1
    )
    joined = joined.sort_values("row")
    slots = joined["slot"].fillna(-1).to_numpy(dtype=np.int64)
    if len(np.unique(slots[slots >= 0])) < _COVERED * len(wanted):
        return None
    made = np.full(len(slots), _NO_TIME, dtype=np.int64)
    made[slots >= 0] = wanted["made"].to_numpy()[slots[slots >= 0]]
    return slots, made
