"""Many cutoffs in one run where pulses leave no trace: values change for a while, further apart than features remember.

Cells that change places within a pulse leave a window's mean as it is, and so a look-ahead that is the window itself, on few
rows, isn't seen (`pulses.py`). What a feature remembers of a pulse, however, says how long its windows are: strikes are put that
far apart and a little further, at other times for each entity, and the rows shortly before each have to stay. What moves there is
a suspicion, to be confirmed by one global cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.gates.comparison import Comparison, Reference
from workbench.gates.pulses import Echoes
from workbench.gates.turns import local_times, turns

_WANTED, _FEWEST = 6, 3
"""Strikes that there should be room for, and below which they aren't worth a run."""
_EXPLAINED = 0.95
"""Share of a column's odd rows that other entities' strikes reach, from which it depends on other entities."""
_EVERYWHERE = 0.2
"""Where more than this share of the rows that should rest has moved, the feature remembers more than pulses have shown, or
depends on other entities: it isn't judged here."""


@dataclass(frozen=True)
class Strikes:
    """Instants (int64 ns, sorted) after each of which cells have other values for `width` ns; for an entity they come later by
    its `shift` (ns) in `owners`. `memory` says for how long (ns) each column may move after one."""

    instants: np.ndarray
    width: int
    owners: pd.DataFrame
    memory: dict[str, int]


def strikes(
    times: np.ndarray,
    step: int,
    margin: int,
    echoes: Mapping[str, np.ndarray | None],
    reference: Reference,
    entity: Sequence[str],
) -> Strikes | None:
    """Strikes over the distinct prediction times (sorted ns).

    None where no feature seems to be a window, or where there is no room.
    """
    width = 2 * step
    memory = {
        column: int(np.flatnonzero(echo)[-1] + margin) * step + width
        for column, echo in echoes.items()
        if echo is not None and echo.any()
    }
    windows = [memory[column] for column in memory if _edges(echoes[column]) > 1]
    if not windows:
        return None
    rows = reference.rows
    told = rows.label_known != np.iinfo(np.int64).max
    ahead = max(step, int(np.median((rows.label_known - rows.predicted)[told]))) if told.any() else step
    room = (int(times[-1]) - int(times[0])) // _WANTED - ahead
    # Lags are judged by pulses nearly everywhere; strikes are there for the longest window that leaves room for them.
    gap = max((length for length in windows if length <= room), default=min(windows)) + ahead
    instants = np.arange(int(times[0]) + step, int(times[-1]) + gap, gap, dtype=np.int64)
    if len(instants) < _FEWEST:
        return None
    owners = turns(reference, entity, gap, step)
    return Strikes(instants, width, owners, {column: length for column, length in memory.items() if length + ahead <= gap})


def _edges(echo: np.ndarray | None) -> int:
    """In how many separate pieces an echo comes: one for a lag, two for the ends of a window."""
    return 0 if echo is None else int((np.diff(np.concatenate([[0], echo.astype(np.int8)])) == 1).sum())


def listen(reference: Reference, seen: Comparison, struck: Strikes) -> Echoes:
    """Judges the columns whose memory is short enough: the rows that rest between a memory's end and the next strike."""
    predicted = reference.rows.predicted
    usable = predicted != np.iinfo(np.int64).max
    local = local_times(reference, struck.owners)
    place = np.searchsorted(struck.instants, local, side="left") - 1
    since = np.where(place >= 0, local - struck.instants[np.maximum(place, 0)], np.iinfo(np.int64).max)
    every = np.sort((struck.instants[:, None] + struck.owners["shift"].to_numpy()[None, :]).ravel())
    last = np.searchsorted(every, predicted, side="left") - 1
    after_any = np.where(last >= 0, predicted - every[np.maximum(last, 0)], np.iinfo(np.int64).max)
    result = Echoes({}, {})
    for column, memory in struck.memory.items():
        rests = usable & (since > memory)
        moved = np.zeros(len(predicted), dtype=bool)
        moved[seen.moved.get(column, np.empty(0, dtype=np.int64))] = True
        odd = moved & rests
        # What only moves after another entity's strikes depends on that entity: it is judged where no strike is remembered.
        elsewhere = after_any <= memory
        if odd.any() and elsewhere[odd].mean() > _EXPLAINED and elsewhere[rests].mean() < 0.5:
            rests, odd = rests & ~elsewhere, odd & ~elsewhere
        if column in reference.unstable or odd.sum() > _EVERYWHERE * rests.sum():
            continue
        result.judged[column] = len(np.unique(place[rests]))
        if odd.any():
            result.suspects[column] = [int(at) for at in dict.fromkeys(predicted[odd].tolist())]
    return result
