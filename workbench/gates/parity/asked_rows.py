"""Which rows of the feature frame are asked of serving, and in which form. No rule of its own.

Few rows, where online and offline code part ways: the first ones (warm-up), the newest (outcome still open), rare values, missing
values, days on which a clock is changed, and some from all over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.pipeline.asof import Cut, known_times
from workbench.pipeline.online_request import online_request
from workbench.pipeline.times import frame_zone, from_utc, moment
from workbench.pipeline.worlds import truncated

if TYPE_CHECKING:
    from workbench.gates.audit import Audit
    from workbench.pipeline.answers import ServedRow

MAX_TIMES = 8
"""Prediction times asked for: each has tables of its own."""
ROWS_AT_ONCE = 4
"""Rows asked for at one prediction time."""
MAX_ROWS_WITHOUT_TIME = 40
_RARE = 200

FORMS = ("text", "local text", "times")
"""How the times of a request are written: as the service gets them (ISO 8601, UTC); as text of the frame's own; as objects."""


@dataclass(frozen=True)
class Asked:
    """One question: the row's position in the feature frame, and the answer."""

    position: int
    answer: ServedRow


def chosen_rows(audit: Audit) -> list[np.ndarray]:
    """Positions, in groups of one prediction time each; without a time one group. Rows whose key stands twice are left out."""
    frame = audit.frame
    single = ~frame.duplicated(audit.keys, keep=False).to_numpy() if audit.keys else np.zeros(len(frame), dtype=bool)
    if not audit.timed:
        places = np.flatnonzero(single)
        picked = [*_spread(places, MAX_ROWS_WITHOUT_TIME // 2), *(p for p in _special(audit, places) if single[p])]
        return [np.array(list(dict.fromkeys(picked))[:MAX_ROWS_WITHOUT_TIME], dtype=np.int64)] if len(places) else []
    made = audit.times.prediction
    places = np.flatnonzero(single)
    if not len(places):
        return []
    order = places[np.argsort(made[places], kind="stable")]
    wished = [order[0], order[-1], *(p for p in _special(audit, order) if single[p]), *_spread(order, MAX_TIMES)]
    groups: dict[int, list[int]] = {}
    for position in map(int, wished):
        if made[position] in groups:
            groups[int(made[position])].append(position)
        elif len(groups) < MAX_TIMES:
            groups[int(made[position])] = [position]
    return [_filled(np.array(group), order, made, at) for at, group in groups.items()]


def _filled(group: np.ndarray, order: np.ndarray, made: np.ndarray, at: int) -> np.ndarray:
    """The rows asked for, and others of the same prediction time that cost nothing more."""
    same = order[np.searchsorted(made[order], at, "left") : np.searchsorted(made[order], at, "right")]
    rows = np.array(list(dict.fromkeys([*group.tolist(), *_spread(same, ROWS_AT_ONCE)])), dtype=np.int64)
    return rows[:ROWS_AT_ONCE]


def _spread(places: np.ndarray, count: int) -> list[int]:
    """Some of the places, evenly from the first to the last."""
    return [int(p) for p in places[np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).astype(np.int64))]]


def _special(audit: Audit, places: np.ndarray) -> Iterator[int]:
    """Rows at the edges: open outcomes, clock changes, rare categories, missing values."""
    frame = audit.frame
    if audit.timed:
        open_rows = places[frame[audit.contract.prediction.target].isna().to_numpy()[places]]
        yield from (int(p) for p in open_rows[-1:])
        yield from _clock_changes(audit, places)
    for name in [*audit.contract.prediction.entity, *audit.features]:
        column = frame[name].iloc[places]
        if not pd.api.types.is_numeric_dtype(column.dtype) and 1 < column.nunique() <= _RARE:
            yield int(places[int(np.argmin(column.map(column.value_counts()).fillna(len(places)).to_numpy(dtype="float64")))])
    lacking = frame[audit.features].iloc[places].isna()
    for name in lacking.columns[lacking.any().to_numpy()][:4]:
        # The last of them: the first rows lack most values anyhow.
        yield int(places[np.flatnonzero(lacking[name].to_numpy())[-1]])


def _clock_changes(audit: Audit, places: np.ndarray) -> Iterator[int]:
    zone = frame_zone(audit.contract) or next((s.zone for s in audit.contract.sources.values() if s.zone), None)
    if zone is None or zone == "UTC":
        return
    local = pd.Series(pd.to_datetime(audit.times.target[places], unit="ns", utc=True)).dt.tz_convert(zone)
    offset = (
        local.dt.tz_localize(None).astype("int64").to_numpy()
        - local.dt.tz_convert("UTC").dt.tz_localize(None).astype("int64").to_numpy()
    )
    yield from (int(places[at + 1]) for at in np.flatnonzero(np.diff(offset) != 0)[:2])


def answers(audit: Audit, groups: Sequence[np.ndarray], form: str) -> list[Asked]:
    """Asks the `serve` stage for the rows, each group from the tables as they stood at its prediction time."""
    asked = []
    for group, tables in zip(groups, _worlds(audit, groups), strict=True):
        requests = [_request(audit, int(position), form) for position in group]
        times = [name for name in requests[0] if name not in audit.contract.prediction.entity] if form == "times" else []
        asked += [
            Asked(int(position), answer)
            for position, answer in zip(group, audit.pipeline.serve(tables, requests, times=times), strict=True)
        ]
    return asked


def _worlds(audit: Audit, groups: Sequence[np.ndarray]) -> Iterator[dict[str, pd.DataFrame]]:
    known = known_times(audit.contract, audit.tables) if audit.timed else None
    for group in groups:
        yield audit.tables if known is None else truncated(audit.tables, known, Cut(int(audit.times.prediction[group[0]])))


def _request(audit: Audit, position: int, form: str) -> dict[str, Any]:
    prediction, frame = audit.contract.prediction, audit.frame
    entity = [_plain(frame[name].iloc[position]) for name in prediction.entity]
    if not audit.timed:
        return online_request(audit.contract, entity, None, None)
    moments = [moment(int(at[position])) for at in (audit.times.target, audit.times.prediction)]
    request = online_request(audit.contract, entity, *(at.to_pydatetime(warn=False) for at in moments))
    if form != "text":
        like = frame[str(prediction.target_time)].iloc[[position]]
        for name, at in zip([str(prediction.target_time), [*request][len(entity)]], moments):
            local = from_utc(pd.Series([at]).dt.as_unit("ns"), like.reset_index(drop=True), frame_zone(audit.contract)).iloc[0]
            request[name] = local.isoformat() if hasattr(local, "isoformat") else str(local)
    return request


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value
    return value if isinstance(value, (str, int, float, bool)) else str(value)
