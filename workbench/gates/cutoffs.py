"""Where to cut: prediction times at which a look-ahead shows if there is one.

A cut shows a read only of rows predicted at or before it and of cells known after it, so every cut is the prediction time of
rows there are: of those rows everything later is unknown. Few global cuts are put where leaks hide: the first test prediction
of a fold, just before a run of missing values ends (back-filling), the first rows, the last rows, the end of a month, a change
of clocks; and the rest is spread. A staggered cut gives each entity its own, put on its first or last row, before the end of a
gap, or on a row that is rare. What is done at a cut is in `probes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.pipeline.asof import Cut, KnownTimes, entity_keys
from workbench.pipeline.times import moment, nanoseconds, to_utc

_EARLY = 0.05
"""Before this share of the prediction times there is next to nothing to compare."""
MIN_STAGGERED = 8
"""Fewer entities than this gain nothing from own cuts."""
Gaps = Sequence[tuple[np.ndarray, np.ndarray]]
"""Per column with gaps: lengths of its runs of missing values, and when the values that end them become known (ns)."""
_NO_TIME = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Chosen:
    """A global cut and the reason why it stands there."""

    cut: Cut
    why: str


def usable_times(predicted: np.ndarray, known: KnownTimes) -> np.ndarray:
    """Distinct prediction times (int64 ns, sorted) after which anything at all becomes known."""
    times = np.unique(predicted[predicted != _NO_TIME])
    instants = known.instants
    return times[times < instants[-1]] if len(instants) else times[:0]


def global_cuts(
    times: np.ndarray,
    label_known: np.ndarray,
    known: KnownTimes,
    tables: Mapping[str, pd.DataFrame],
    gaps: Gaps,
    first_tests: Sequence[int],
    zone: str | None,
    count: int = 6,
) -> list[Chosen]:
    """Up to `count` cuts among `usable_times`, the most telling first. `first_tests`: when each fold's first test prediction is
    made (ns)."""
    if not len(times):
        return []
    chosen: dict[int, str] = {}

    def add(at: int | None, why: str) -> None:
        if at is not None and len(chosen) < count:
            chosen.setdefault(int(at), why)

    tests = [_at_or_before(times, start) for start in first_tests]
    ends = [at for end in gap_ends(gaps) if (at := _before(times, end)) is not None]
    for arrival in late_arrivals(tables, known, times)[:2]:
        if (at := _before(times, arrival)) is not None and at > _near(times, _EARLY):
            add(at, "before a late arrival")
    for arrival in sparse_arrivals(known, times):
        add(_before(times, arrival), "before a rare arrival")
    add(next((at for at in reversed(tests) if at is not None), None), "first test prediction")
    add(ends[0] if ends else None, "before a gap ends")
    add(_near(times, 0.55), "middle")
    add(times[-1], "last rows")
    changes = clock_changes(times, zone)
    add(_before(times, changes[-1]) if changes else None, "change of clocks")
    add(_month_end(times, zone, 0.3), "end of a month")
    add(_first_rows(times, label_known), "first rows")
    for share in (0.78, 0.15, 0.42, 0.9, 0.66, 0.06):
        add(_near(times, share), "spread")
    return [Chosen(Cut(at), why) for at, why in chosen.items()]


def _near(times: np.ndarray, share: float) -> int:
    return int(times[int(share * (len(times) - 1))])


def _first_rows(times: np.ndarray, label_known: np.ndarray) -> int:
    """Soon after the first outcomes are known: before that there is nothing to predict from."""
    outcomes = np.unique(label_known)
    place = int(np.searchsorted(times, outcomes[min(2, len(outcomes) - 1)])) + len(times) // 200
    return int(times[min(max(place, 1), len(times) - 1)])


def _before(times: np.ndarray, instant: int) -> int | None:
    place = int(np.searchsorted(times, instant, side="left")) - 1
    return int(times[place]) if place >= 0 else None


def _at_or_before(times: np.ndarray, instant: int) -> int | None:
    place = int(np.searchsorted(times, instant, side="right")) - 1
    return int(times[place]) if place >= 0 else None


def _month_end(times: np.ndarray, zone: str | None, share: float) -> int | None:
    local = moment(_near(times, share)).tz_convert(zone or "UTC")
    following = (local.normalize() + pd.offsets.MonthBegin(1)).tz_convert("UTC")
    return _before(times, int(following.as_unit("ns").value))


def clock_changes(times: np.ndarray, zone: str | None) -> list[int]:
    """When (ns) the clocks of the zone change inside the range; set forward, a lag by the clock is an hour too short."""
    if zone is None:
        return []
    hours = pd.date_range(moment(times[0]).floor("h"), moment(times[-1]), freq="h")
    offsets = hours.tz_convert(zone).tz_localize(None).asi8 - hours.tz_localize(None).asi8
    return [int(hours[place + 1].as_unit("ns").value) for place in np.flatnonzero(np.diff(offsets) != 0)]


def sparse_arrivals(known: KnownTimes, times: np.ndarray, limit: int = 2) -> list[int]:
    """For the sources of which something becomes known most seldom, an instant (ns) at which it does: a join sees it coming."""
    found = [(len(first), int(first[int(0.7 * (len(first) - 1))])) for first in sparse_sources(known, times).values()]
    return [at for _, at in sorted(found)[:limit]]


def sparse_sources(known: KnownTimes, times: np.ndarray) -> dict[str, np.ndarray]:
    """When anything becomes known (ns, sorted) of each source of which something does more seldom than predictions are made."""
    found = {}
    for name in known.cells if len(times) else ():
        first = np.unique(known.earliest(name))
        first = first[(first > times[0]) & (first < times[-1])]
        if 0 < len(first) < len(times) // 4:
            found[name] = first
    return found


def late_arrivals(tables: Mapping[str, pd.DataFrame], known: KnownTimes, times: np.ndarray) -> list[int]:
    """For each source whose cells come in more or less late, when its latest one does (ns), the most uneven source first.

    How late a cell is, is told by its known time and the times that its row is about: its own, or any other column of times.
    """
    found = []
    for name, table in tables.items():
        if not len(table):
            continue
        about = [to_utc(table[column].reset_index(drop=True), known.zones[name]) for column in _times_of(table, known, name)]
        for array in {id(array): array for array in known.cells[name].values()}.values():
            usable = (array > times[0]) & (array <= times[-1])
            for stamps in about:
                late = array - nanoseconds(stamps, _NO_TIME)
                rows = np.flatnonzero(usable & stamps.notna().to_numpy())
                if len(rows) and (spread := int(late[rows].max() - np.median(late[rows]))) > 0:
                    found.append((spread, name, int(array[rows[np.argmax(late[rows])]])))
    best: dict[str, int] = {}
    for _, name, at in sorted(found, reverse=True):
        best.setdefault(name, at)
    return list(best.values())


def _times_of(table: pd.DataFrame, known: KnownTimes, name: str) -> list[str]:
    apart = known.announced[name]
    return [
        str(column)
        for column in table.columns
        if column == known.times[name] or (pd.api.types.is_datetime64_any_dtype(table[column].dtype) and column not in apart)
    ]


def gap_ends(gaps: Gaps, limit: int = 4, each: int = 1) -> list[int]:
    """When the longest runs of missing values end (ns): the known time of the first value after them, longest run first.

    At most `each` of a column, columns with the fewest runs first where there are more than `limit`.
    """
    found: list[tuple[int, int, int]] = []
    for length, end in gaps:
        for place in np.argsort(-length, kind="stable")[:each]:
            found.append((-int(length[place]) if each == 1 else len(length), -int(length[place]), int(end[place])))
    return list(dict.fromkeys(end for *_, end in sorted(found)))[:limit]


def all_gaps(tables: Mapping[str, pd.DataFrame], known: KnownTimes) -> Gaps:
    """The gaps of all columns."""
    return [one for name, table in tables.items() for one in _gaps(name, table, known)]


def _gaps(name: str, table: pd.DataFrame, known: KnownTimes) -> list[tuple[np.ndarray, np.ndarray]]:
    clock = known.times[name]
    if clock is None or len(table) < 3:
        return []
    gone = table.isna()
    some = [column for column in table.columns if gone[column].any() and not gone[column].all()]
    if not some:
        return []
    entity = [column for column in known.entity if column in table.columns]
    codes = pd.factorize(entity_keys(table, entity))[0]
    order = np.lexsort((known.cells[name][clock], codes))
    groups = codes[order]
    results = []
    for column in some:
        missing = gone[column].to_numpy()[order]
        same = groups[1:] == groups[:-1]
        ends = np.flatnonzero(missing[:-1] & ~missing[1:] & same) + 1
        starts = np.flatnonzero(missing & np.concatenate([[True], ~(missing[:-1] & same)]))
        if not len(ends):
            continue
        length = ends - starts[np.searchsorted(starts, ends, side="left") - 1]
        when = known.cells[name][column][order][ends]
        finite = (when != np.iinfo(np.int64).max) & (when != np.iinfo(np.int64).min)
        if finite.any():
            results.append((length[finite], when[finite]))
    return results


def staggered_cut(
    frame: pd.DataFrame,
    predicted: np.ndarray,
    entity: Sequence[str],
    known: KnownTimes,
    own_gaps: Callable[[], Mapping[str, np.ndarray]],
    seed: int,
) -> Cut | None:
    """A cut of its own for every entity, or None where there are too few entities; `own_gaps` as of `gap_ends_by_entity`.

    Entities take turns: a gap of theirs, a rare row, their first rows, their last, a rare row again; each seed turns further.
    """
    names = entity_keys(frame, entity)
    times = usable_times(predicted, known)
    usable = np.isin(predicted, times)
    codes, groups = pd.factorize(names[usable])
    if len(groups) < MIN_STAGGERED:
        return None
    rng = np.random.default_rng([seed, 77])
    own = predicted[usable]
    weights = _rarity(frame[usable], own)
    order = np.lexsort((own, codes))
    bounds = np.searchsorted(codes[order], np.arange(len(groups) + 1))
    gaps = own_gaps()
    cuts = np.empty(len(groups), dtype=np.int64)
    few_have_gaps = 5 * len(gaps) <= len(groups)
    for place, group in enumerate(groups):
        rows = order[bounds[place] : bounds[place + 1]]
        moments = own[rows]
        turn = (place + seed) % 5
        ends = gaps.get(group)
        if (turn == 0 or few_have_gaps) and ends is not None and (at := _before(moments, int(rng.choice(ends)))) is not None:
            cuts[place] = at
        elif turn == 2:
            cuts[place] = moments[min(int(rng.integers(0, 4)), len(moments) - 1)]
        elif turn == 3:
            cuts[place] = moments[-1 - min(int(rng.integers(0, 4)), len(moments) - 1)]
        else:
            chances = weights[rows] / weights[rows].sum()
            cuts[place] = moments[rng.choice(len(moments), p=chances)]
    return Cut.staggered(pd.Series(cuts, index=groups), entity)


def gap_ends_by_entity(tables: Mapping[str, pd.DataFrame], known: KnownTimes) -> dict[str, np.ndarray]:
    """Entity key → when the values become known (ns) that end its runs of missing ones."""
    ends: dict[str, list[np.ndarray]] = {}
    for name, table in tables.items():
        clock = known.times[name]
        if clock is None or not all(column in table.columns for column in known.entity):
            continue
        keys = entity_keys(table, known.entity)
        codes = pd.factorize(keys)[0]
        order = np.lexsort((known.cells[name][clock], codes))
        for column in table.columns:
            missing = table[column].isna().to_numpy()[order]
            if not missing.any() or missing.all():
                continue
            same = codes[order][1:] == codes[order][:-1]
            last = np.flatnonzero(missing[:-1] & ~missing[1:] & same) + 1
            when = pd.Series(known.cells[name][column][order][last]).groupby(keys[order][last])
            for key, group in when:
                ends.setdefault(str(key), []).append(group.to_numpy())
    return {key: np.concatenate(groups) for key, groups in ends.items()}


def _rarity(frame: pd.DataFrame, predicted: np.ndarray) -> np.ndarray:
    """A weight per row: the inverse frequency of the rarest thing about it (calendar, and columns of few values)."""
    stamps = pd.to_datetime(pd.Series(predicted), unit="ns")
    traits = [stamps.dt.day.to_numpy(), stamps.dt.month.to_numpy(), stamps.dt.dayofweek.to_numpy(), stamps.dt.hour.to_numpy()]
    for column in frame.columns:
        codes, values = pd.factorize(frame[column])
        if 1 < len(values) <= 24:
            traits.append(codes)
    weights = np.ones(len(frame))
    for trait in traits:
        counts = pd.Series(trait).map(pd.Series(trait).value_counts()).to_numpy(dtype="float64")
        weights = np.maximum(weights, len(frame) / counts)
    return weights
