"""Curves for findings about values that moved: the rows around a cutoff with the future as it was, and with another one.

A trace is cut out of frames and comparisons that the audit already has; nothing is run for it. What it is drawn like is the
reports' part (`report/curve.py`), what moved and why the rules'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.findings import Trace
from workbench.gates.outcome import DOUBLED, VALUES
from workbench.pipeline.times import moment

if TYPE_CHECKING:
    from workbench.gates.attribution import Read
    from workbench.gates.comparison import Reference

POINTS = 32
"""Rows of a trace at most: what fits a terminal of 80 columns with two columns per row."""
_LATER = 8
"""Of these, rows that are predicted after the cutoff, where there are enough before it."""
_CONTEXT = 6
"""Rows before the first that moved, or as many as moved: more of them would only press the curves together."""
_SERIES = 4
"""Rows that an entity must have so that its own are shown, and not those of several."""
_DIGITS = 7
_LETTERS = 60
_LARGEST = 10**300
_NO_TIME = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Moved:
    """What one world did to one column: positions of the rows that moved, their values there, and which row to show.

    `silent` marks rows that the world may lack: that they weren't seen to move says nothing.
    """

    column: str
    cut: int
    world: str
    rows: np.ndarray
    after: pd.Series
    row: int
    silent: np.ndarray


def feature_trace(reference: Reference, read: Read) -> Trace:
    """The curve of a feature that moved, in the run by which it was traced to what it reads."""
    hit, rows = read.hit, reference.rows
    row = read.row if read.row in hit.rows else int(hit.rows[np.argmin(rows.predicted[hit.rows])])
    # Worlds that change values keep the rows; in all others one whose outcome is open may be gone.
    silent = np.zeros(len(rows.predicted), dtype=bool) if hit.world in (VALUES, DOUBLED) else rows.label_known > hit.cut.at
    moved = Moved(read.feature, hit.cut.at, hit.world, hit.rows, hit.after, row, silent)
    entity = {name: str(reference.frame[name].iloc[row]) for name in reference.contract.prediction.entity}
    return trace(reference.frame[read.feature], rows.predicted, np.asarray(reference.entities), entity, moved)


def trace(values: pd.Series, predicted: np.ndarray, entities: np.ndarray, entity: dict[str, str], moved: Moved) -> Trace:
    """The rows of the moved row's entity around the cutoff, or, where it has too few, of all entities.

    `predicted` (nanoseconds, the greatest where missing) and `entities` (a key per row) go by position, as `values` does.
    """
    own = np.flatnonzero((entities == entities[moved.row]) & (predicted != _NO_TIME))
    series = len(own) >= _SERIES
    rows = own if series else np.flatnonzero(predicted != _NO_TIME)
    rows = rows[np.argsort(predicted[rows], kind="stable")]
    made = int(np.searchsorted(predicted[rows], moved.cut, side="right"))
    start, stop = _stretch(np.isin(rows, moved.rows), int(np.flatnonzero(rows == moved.row)[0]), made)
    rows = rows[start:stop]
    made = min(max(made - start, 0), len(rows))
    there = np.flatnonzero(np.isin(moved.rows, rows))
    others = dict(zip(moved.rows[there].tolist(), moved.after.iloc[there].tolist()))
    plain = values.iloc[rows].tolist()
    state = [_state(int(row), number < made, others, moved.silent) for number, row in enumerate(rows)]
    after = [others[int(row)] if kind == "moved" else value for row, value, kind in zip(rows, plain, state)]
    numbers = all(_is_number(value) for value in [*plain, *others.values()])
    shown = [_number(value) if numbers else _word(value) for value in plain]
    came_out = [_number(value) if numbers else _word(value) for value in after]
    return Trace(
        column=moved.column,
        entity=entity if series else {},
        series=series,
        cutoff=moment(moved.cut).isoformat(),
        world=moved.world,
        times=[moment(int(predicted[row])).isoformat() for row in rows],
        with_future=shown,
        without_future=[None if kind == "open" else value for value, kind in zip(came_out, state)],
        state=state,
        made=made,
    )


def written(value: object) -> str:
    """A value as evidence says it: floats to six digits."""
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _stretch(moves: np.ndarray, place: int, made: int) -> tuple[int, int]:
    """Which rows are shown: those around the cutoff, as long as one of those before it moved; else those around `place`."""
    latest = max(0, len(moves) - POINTS)
    start = min(max(0, made - (POINTS - _LATER)), latest)
    if not (start <= place < made or moves[start:made].any()):
        start = min(max(0, place - POINTS // 2), latest)
    stop = start + POINTS
    moved = start + np.flatnonzero(moves[start:stop])
    if stop < made:
        stop = int(moved[-1]) + 1 + _LATER
    return max(start, int(moved[0]) - max(_CONTEXT, len(moved))), stop


def _state(row: int, compared: bool, others: dict[int, object], silent: np.ndarray) -> str:
    if row in others:
        return "moved"
    return "same" if compared and not silent[row] else "open"


def _is_number(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, int) and abs(value) > _LARGEST:
        return False
    return _missing(value) or isinstance(value, int | float | np.integer | np.floating)


def _missing(value: object) -> bool:
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
    )


def _number(value: object) -> float | None:
    """Rounded, so that the last places, which differ between machines, don't change a report; infinite counts as missing."""
    if _missing(value) or not np.isfinite(float(value)):  # type: ignore[arg-type]
        return None
    return float(f"{float(value):.{_DIGITS}g}")  # type: ignore[arg-type]


def _word(value: object) -> str | None:
    if _missing(value):
        return None
    if isinstance(value, float | np.floating):
        return f"{value:.{_DIGITS}g}"
    words = str(value)
    return words if len(words) <= _LETTERS else words[: _LETTERS - 1] + "…"
