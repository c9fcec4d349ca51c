"""Many cutoffs in one run: cells known just after each of many instants change places, and the rows before each have to stay.

A global cut probes the rows just before it and nothing else, so a look-ahead on few rows is missed by few cuts. Here the cells
that become known within a short while after each of many instants (a pulse) change places among each other. Rows made after a
pulse rightly move, at the distances at which the feature looks back: its echo. Rows that no echo of any pulse reaches may not.

The train of pulses begins with a few, far apart: they show each column's echo, as the set of distances at which rows moved
after more than one of them. Then follow many, closer and closer together. A column whose echo is a lag is judged nearly
everywhere, one with a window between the windows' ends, and one that looks back on everything where changed places leave no
trace. What moved though no echo explains it is a suspicion, to be confirmed by one global cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.gates.comparison import Comparison, Reference
from workbench.gates.turns import local_times, turns
from workbench.pipeline.pulsed import Pulsed

FEWEST_TIMES = 40
"""With fewer prediction times there is no room for pulses."""
_SPARSE = (0.04, 0.14, 0.27, 0.44)
"""Where the first few pulses stand, as shares of all prediction times: gaps of three different lengths."""
_ALL_NOTED = 40
"""With more special instants than this, a train takes part of them."""
_MEDIUM, _DENSE = 0.56, 0.74
"""Where closer and the closest pulses begin."""
_ECHOED = 0.02
"""A distance belongs to the echo where more than this share of its rows moved after at least two of the first pulses."""
_IRREGULAR = 3
"""The margin where prediction times aren't evenly spaced."""
_EVEN = 0.98
_WIDER = 3
"""How much wider the pulses of a second train are: more cells are probed, between echoes that are known by then."""
_FIRST_PART = 0.6
"""What moves in this first part of a gap between two pulses is an echo; a leak shows at its end."""
TAKE_TURNS = 4
"""With fewer entities than this, all have the pulses of a second train at the same instants."""
_OTHERS = 0.05
"""Where more than this share of the rows out of an echo's reach moved, the feature depends on other entities' turns."""
_SECOND_LOOK, _OF_EACH = 12, 4
"""Suspicious rows that are looked at again in one run, and of each column."""


@dataclass(frozen=True)
class Pulses:
    """Instants (int64 ns, sorted) after each of which the cells known within `width` (ns) change places.

    `step` is the usual distance of two prediction times (ns); the first `sparse` instants stand far apart.
    """

    instants: np.ndarray
    width: int
    step: int
    sparse: int
    margin: int = 1
    """Steps beside an echo that still belong to it: clocks change, times have gaps."""
    wider: int = 0
    """By how many steps these pulses are wider than those that the echoes were learnt from."""
    owners: pd.DataFrame | None = None
    """By how much later (`shift`, ns) the instants come for each entity (`turns.py`); None where they are the same for all."""


@dataclass
class Echoes:
    """What one train of pulses showed, per column."""

    judged: dict[str, int]
    """Pulses before which rows of the column could be looked at."""
    suspects: dict[str, list[int]]
    """Prediction times (ns) of rows that moved though no echo reaches them."""


def train(times: np.ndarray, special: Sequence[int] = ()) -> Pulses | None:
    """Pulses over the distinct prediction times and what comes after them (sorted ns), at `special` ones where any are near.
    None without room."""
    count = len(times)
    if count < FEWEST_TIMES:
        return None
    medium, dense = _distances(count)
    noted, few = _noted(times, special)
    sparse = [int(share * count) for share in _SPARSE]
    places = [*sparse, *_snapped(range(int(_MEDIUM * count), int(_DENSE * count), medium), medium, noted)]
    places += _snapped(range(int(_DENSE * count), count - 1, dense), dense, noted)
    places += few[(few > (_SPARSE[-1] + 0.02) * count) & (few < count - 1)].tolist()
    step = int(np.median(np.diff(times)))
    margin = 1 if float((np.diff(times) == step).mean()) > _EVEN else _IRREGULAR
    return Pulses(times[np.unique(places)], _width(dense) * step, step, len(sparse), margin)


def closer(
    first: Pulses,
    times: np.ndarray,
    special: Sequence[int],
    heard: Mapping[str, np.ndarray | None],
    reference: Reference,
    entity: Sequence[str],
    own: Mapping[str, np.ndarray],
) -> Pulses:
    """A second train, for which the echoes that the first has shown (`heard`) leave no first few to learn from: as close
    everywhere as those of most columns leave room for, each entity in its turn, just before one of its `own` instants (ns by
    entity key) where it has any."""
    count = len(times)
    medium, dense = _distances(count)
    width = _WIDER * _width(dense)
    lengths = sorted(int(echo.sum()) for echo in heard.values() if echo is not None)
    # Half of all rows are out of reach of a lag's echo where pulses are twice as far apart as it is long.
    gap = min(max(2 * (lengths[len(lengths) // 2] + width if lengths else dense), dense), 2 * medium)
    start = int(times[2]) - gap * first.step
    owners = turns(reference, entity, gap * first.step, first.step, own, start)
    if len(owners) >= TAKE_TURNS:
        instants = np.arange(start, int(times[-1]), gap * first.step, dtype=np.int64)
        return Pulses(instants, width * first.step, first.step, 0, first.margin, width - _width(dense), owners)
    few = _noted(times, special)[1]
    # What is special is looked at undisturbed: no other pulse stands just before it.
    places = [*few.tolist(), *(at for at in range(2, count - 1, gap) if not ((few > at - 2) & (few <= at + gap)).any())]
    return Pulses(times[np.unique(places)], width * first.step, first.step, 0, first.margin, width - _width(dense))


def _distances(count: int) -> tuple[int, int]:
    return max(count // 50, 6), max(count // 400, 4)


def _width(dense: int) -> int:
    return max(dense // 3, 2)


def _noted(times: np.ndarray, special: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The places of what is special among the times: all, and as many as there is room for."""
    noted = np.searchsorted(times, np.asarray(sorted(special), dtype=np.int64))
    return noted, noted if len(noted) <= _ALL_NOTED else noted[:: len(noted) // _ALL_NOTED]


def again(first: Pulses, suspects: Mapping[str, Sequence[int]]) -> Pulses:
    """Of the first pulses those that follow suspicious rows, a few for each column, far from one another.

    What moves again reads what follows it: nothing just before it was changed this time.
    """
    chosen: list[int] = []
    for _ in range(_OF_EACH):
        for moments in suspects.values():
            following = np.searchsorted(first.instants, np.asarray(moments), side="left")
            # Neighbours would be each other's echo; where most rows are suspicious comes first.
            free = [at for at in following.tolist() if at < len(first.instants) and all(abs(at - other) > 1 for other in chosen)]
            if free and len(chosen) < _SECOND_LOOK:
                chosen.append(max(free, key=free.count))
    instants = first.instants[sorted(chosen)]
    return Pulses(instants, first.width, first.step, 0, margin=first.margin)


def repeated(
    first: Pulses, second: Pulses, before: Mapping[str, Sequence[int]], now: Mapping[str, Sequence[int]]
) -> dict[str, list[int]]:
    """Suspicious moments that came again, of those whose following pulse was struck again."""
    found = {}
    for column, moments in now.items():
        following = np.minimum(np.searchsorted(first.instants, np.asarray(moments), side="left"), len(first.instants) - 1)
        struck = np.isin(first.instants[following], second.instants)
        known = set(before.get(column, ()))
        if again := [at for at, here in zip(moments, struck) if here and at in known]:
            found[column] = again
    return found


def _snapped(places: Sequence[int], gap: int, noted: np.ndarray) -> list[int]:
    """Each place, moved to the first noted one before the next place, where there is one."""
    moved = []
    for place in places:
        near = int(np.searchsorted(noted, place))
        moved.append(int(noted[near]) if near < len(noted) and noted[near] < place + gap - 1 else place)
    return moved


def listen(
    reference: Reference, seen: Comparison, pulses: Pulses, known_echoes: Mapping[str, np.ndarray | None], changed: Pulsed
) -> Echoes:
    """Judges every column of the reference; `known_echoes` (from `echoes`) says where each may rightly move, `changed` by which
    pulses any cell was changed at all."""
    predicted, local = reference.rows.predicted, local_times(reference, pulses.owners)
    usable = predicted != np.iinfo(np.int64).max
    line = _Line(pulses, local[usable], predicted[usable])
    place, own = line.places(local), line.places(predicted)
    silent = np.arange(int(pulses.width // pulses.step) + 2) > 0
    result = Echoes({}, {})
    for column in reference.columns:
        if column in reference.unstable:
            continue
        echo = known_echoes.get(column, silent)
        if echo is None:
            result.judged[column] = 0
            continue
        heard = _wider(echo, 0, pulses.wider) if pulses.wider else echo
        reached = line.reached(line.pulses, heard)
        rests = usable & ~reached[place]
        if changed.shared.any():  # tables that all share have theirs without turns
            rests &= ~line.reached(line.pulses[changed.shared], heard)[own]
        result.judged[column] = line.judged(pulses, changed.felt, rests, reached, predicted, place)
        odd = np.zeros(len(predicted), dtype=bool)
        odd[seen.moved.get(column, np.empty(0, dtype=np.int64))] = True
        odd &= rests
        if pulses.owners is not None and odd.sum() > _OTHERS * rests.sum():
            result.judged[column] = 0
        elif odd.any():
            result.suspects[column] = [int(at) for at in dict.fromkeys(predicted[odd].tolist())]
    return result


class _Line:
    """The line of time in steps, and where pulses stand on it."""

    def __init__(self, pulses: Pulses, local: np.ndarray, predicted: np.ndarray) -> None:
        self.step = pulses.step
        self.origin = min(int(local.min()), int(pulses.instants[0]))
        self.last = int(predicted.max())
        self.bins = int((max(self.last, int(pulses.instants[-1])) - self.origin) // pulses.step) + 2
        self.pulses = self.places(pulses.instants)

    def places(self, instants: np.ndarray) -> np.ndarray:
        """In which step each instant (ns) lies."""
        return np.asarray(np.clip((instants - self.origin) // self.step, 0, self.bins - 1))

    def reached(self, places: np.ndarray, echo: np.ndarray) -> np.ndarray:
        """The steps at which the echo of a pulse at any of the places is heard; through frequencies, as both are long."""
        struck = np.zeros(self.bins)
        struck[places] = 1.0
        size = 1 << int(len(struck) + len(echo)).bit_length()
        heard = np.fft.irfft(np.fft.rfft(struck, size) * np.fft.rfft(echo.astype("float64"), size), size)
        return np.asarray(heard[: len(struck)] > 0.5)

    def judged(
        self, pulses: Pulses, felt: np.ndarray, rests: np.ndarray, reached: np.ndarray, predicted: np.ndarray, place: np.ndarray
    ) -> int:
        """At how many instants rows just before a pulse that was felt could be looked at."""
        if pulses.owners is not None:
            return len(np.unique(predicted[rests & np.isin(place, self.pulses[felt])]))
        there = np.zeros(self.bins, dtype=bool)
        there[place[rests]] = True
        before = self.pulses
        return int((felt & ~reached[before] & (there[before] | (pulses.instants > self.last))).sum())


def echoes(reference: Reference, seen: Comparison, pulses: Pulses) -> dict[str, np.ndarray | None]:
    """Per column that moved: at which distances after a pulse, in steps, its rows move (bool), learnt from the first pulses.

    None where it doesn't end before the next pulse.
    """
    return {column: _echo(reference.rows.predicted, rows, pulses) for column, rows in seen.moved.items()}


def _echo(predicted: np.ndarray, moved: np.ndarray, pulses: Pulses) -> np.ndarray | None:
    borders = pulses.instants[: pulses.sparse]
    # Gaps of different lengths: what moves before the next pulse, as a leak does, stands at another distance in each.
    reach = int(sorted(np.diff(borders))[-2] // pulses.step)
    hit = np.zeros(len(predicted), dtype=bool)
    hit[moved] = True
    echo = _votes(predicted, hit, borders, pulses.step, reach) >= 2
    if not echo.any():  # few values differ from their neighbours: all other pulses have to help
        echo = _votes(predicted, hit, pulses.instants, pulses.step, reach) >= 2
    if echo[reach - reach // 10 - 1 :].any():
        # It hasn't ended where the next pulse comes: nobody knows how long it is.
        return None
    width = int(pulses.width // pulses.step)
    if echo[: width + 2].any():
        echo[1 : width + 1] = True
    # What lies between two echoes closer than a pulse is wide belongs to them, and so does what lies beside them.
    closed = _wider(echo, 0, width) & _wider(echo, width, 0)
    wide = _wider(closed | echo, pulses.margin, pulses.margin)
    wide[0] = False  # the row made at the very instant may not move
    return wide


def _votes(predicted: np.ndarray, hit: np.ndarray, borders: np.ndarray, step: int, reach: int) -> np.ndarray:
    votes = np.zeros(reach, dtype=np.int64)
    last = np.searchsorted(borders, predicted, side="left") - 1
    inside = (last >= 0) & (last < len(borders) - 1)
    begin, end = borders[np.maximum(last, 0)], borders[np.minimum(last + 1, len(borders) - 1)]
    distance = np.minimum((predicted - begin + step - 1) // step, reach - 1)
    for gap in np.unique(last[inside & hit]):
        rows = inside & (last == gap)
        total = np.bincount(distance[rows], minlength=reach)
        loud = np.bincount(distance[rows & hit], minlength=reach) > _ECHOED * total
        first = np.arange(reach) < _FIRST_PART * ((end[rows][0] - begin[rows][0]) // step)
        votes += np.where(first, 2, 1) * loud
    return votes


def _wider(echo: np.ndarray, left: int, right: int) -> np.ndarray:
    whole = np.convolve(echo, np.ones(left + right + 1))
    return np.asarray(whole[left : left + len(echo)] > 0.5)
