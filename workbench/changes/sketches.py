"""From the runs of base and result to figures that can be drawn; the runs are of untrusted code, so nothing here may fail.

A frame or a prediction that can't be drawn is left out: what differs is said in words by `fingerprints.py` all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd

from workbench.changes.figures import BUCKETS, MOST_COLUMNS, MOST_FOLDS, MOST_SLICES, Figures, FoldRows, SliceScore, Where
from workbench.changes.fingerprints import Keys
from workbench.errors import PipelineError
from workbench.findings import Trace
from workbench.pipeline.contract import Contract
from workbench.pipeline.results import Fold, FoldRun, Run
from workbench.pipeline.times import target_times
from workbench.visible import visible

_Made = TypeVar("_Made")
_ROWS = 48
_DAY = 86_400_000_000_000
_CANNOT = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, PipelineError)
"""What columns of any type, made by code that isn't ours, may answer with."""


@dataclass
class Sketch:
    """Collects the figures of one use case; `contract` is the base's."""

    contract: Contract
    folds: list[FoldRows] = field(default_factory=list)
    values: list[Trace] = field(default_factory=list)
    error: str = ""
    slices: list[SliceScore] = field(default_factory=list)

    @property
    def figures(self) -> Figures:
        """What was collected."""
        return Figures(folds=self.folds, values=self.values, error=self.error, slices=self.slices)

    def moved_rows(self, times: pd.Series | None, before: Sequence[Fold], after: Sequence[Fold]) -> None:
        """Rows of each fold over time, where they are other ones now."""
        if times is not None:
            self.folds = _drawable(lambda: _fold_rows(times, before, after), [])

    def moved_values(self, before: pd.DataFrame, after: pd.DataFrame, folds: Sequence[Fold], keys: Keys) -> None:
        """Values of the features that changed most, around the time at which the last test begins."""
        self.values = _drawable(lambda: _traces(self.contract, before, after, folds, keys), [])

    def moved_scores(self, frame: pd.DataFrame, before: Sequence[FoldRun], after: Run, keys: Keys) -> None:
        """Errors by slice, on the test rows that both sides predict."""
        nothing: tuple[str, list[SliceScore]] = ("", [])
        self.error, self.slices = _drawable(lambda: _slices(self.contract, frame, before, after, keys), nothing)


def _drawable(make: Callable[[], _Made], otherwise: _Made) -> _Made:
    try:
        return make()
    except _CANNOT:
        return otherwise


def _fold_rows(times: pd.Series, before: Sequence[Fold], after: Sequence[Fold]) -> list[FoldRows]:
    clock = _nanoseconds(times)
    there = clock[clock != pd.NaT.value]
    low, high = int(there.min()), int(there.max())
    begin, end = (pd.Timestamp(one, tz="UTC").isoformat() for one in (low, high))
    count = max(1, min(BUCKETS, len(np.unique(there))))
    # Shares of the whole, as floats: the differences of nanoseconds fit those exactly enough for a drawing.
    places = np.minimum(((clock - low) / max(high - low, 1) * count).astype("int64"), count - 1)
    nothing = np.array([], dtype="int64")
    found = []
    for number in range(max(len(before), len(after))):
        old = before[number] if number < len(before) else Fold(nothing, nothing)
        new = after[number] if number < len(after) else Fold(nothing, nothing)
        for side, was, now in (("training", old.train, new.train), ("test", old.test, new.test)):
            came, went = np.setdiff1d(now, was), np.setdiff1d(was, now)
            if len(came) + len(went) == 0:
                continue
            stay = clock[np.intersect1d(was, now)]
            counts = [_counted(places, clock, rows, count) for rows in (was, now, came, went)]
            found.append(
                FoldRows(
                    fold=number + 1, side="training" if side == "training" else "test", begin=begin, end=end,
                    before=counts[0], after=counts[1], came=counts[2], went=counts[3],
                    came_where=_where(clock[came], stay), went_where=_where(clock[went], stay),
                )
            )  # fmt: skip
    return found[:MOST_FOLDS]


def _counted(places: np.ndarray, clock: np.ndarray, rows: np.ndarray, count: int) -> list[int]:
    dated = rows[clock[rows] != pd.NaT.value]
    return [int(one) for one in np.bincount(places[dated], minlength=count)]


def _where(moved: np.ndarray, stay: np.ndarray) -> Where:
    moved, stay = moved[moved != pd.NaT.value], stay[stay != pd.NaT.value]
    if not len(stay):
        return Where(alone=len(moved))
    earlier, later = int((moved < stay.min()).sum()), int((moved > stay.max()).sum())
    return Where(earlier=earlier, among=len(moved) - earlier - later, later=later)


def _nanoseconds(times: pd.Series) -> np.ndarray:
    return np.asarray(times.dt.as_unit("ns").dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(), dtype="int64")


def _traces(contract: Contract, before: pd.DataFrame, after: pd.DataFrame, folds: Sequence[Fold], keys: Keys) -> list[Trace]:
    names = [name for name in keys.columns if name in before.columns and name in after.columns]
    old, new = (_named(frame, names) for frame in (before, after))
    shared = old.intersection(new, sort=False)
    here, there = before.take(old.get_indexer(shared)), after.take(new.get_indexer(shared))
    clock = _nanoseconds(target_times(contract, here))
    tests = [before_clock for fold in folds if len(before_clock := _tested(contract, before, fold))]
    cutoff = int(tests[-1].min()) if tests else int(np.median(clock))
    columns = [name for name in before.columns if name in after.columns and name not in (*keys.columns, keys.target)]
    changed = {name: rows for name in columns if (rows := _apart(here[name], there[name])).any()}
    most = sorted(changed, key=lambda name: -int(changed[name].sum()))[:MOST_COLUMNS]
    return [_trace(contract, here, there, name, changed[name], clock, cutoff) for name in most]


def _tested(contract: Contract, frame: pd.DataFrame, fold: Fold) -> np.ndarray:
    return _nanoseconds(target_times(contract, frame.take(fold.test)))


def _trace(
    contract: Contract, here: pd.DataFrame, there: pd.DataFrame, name: str, changed: np.ndarray, clock: np.ndarray, cutoff: int
) -> Trace:
    """The rows of the entity in which most of the values near the cutoff are other ones, around the cutoff."""
    entity = [one for one in contract.prediction.entity if one in here.columns]
    rows = np.arange(len(here))
    who: dict[str, str] = {}
    if entity:
        groups = here[entity].astype(str).agg("\x1f".join, axis=1).to_numpy()
        best = pd.Series(changed).groupby(groups).sum().idxmax()
        rows = rows[groups == best]
        who = {one: visible(str(here[one].iloc[rows[0]]), limit=60) for one in entity}
    rows = rows[np.argsort(clock[rows], kind="stable")]
    made = int((clock[rows] <= cutoff).sum())
    moved = np.flatnonzero(changed[rows])
    middle = made if len(moved) == 0 or (np.abs(moved - made) <= _ROWS // 2).any() else int(moved[np.abs(moved - made).argmin()])
    start = max(0, min(middle - _ROWS // 2, len(rows) - _ROWS))
    shown = rows[start : start + _ROWS]
    return Trace(
        column=visible(str(name), limit=100), entity=who, series=bool(entity),
        cutoff=pd.Timestamp(cutoff, tz="UTC").isoformat(), world="change",
        times=[pd.Timestamp(int(clock[row]), tz="UTC").isoformat() for row in shown],
        with_future=_values(here[name], shown), without_future=_values(there[name], shown),
        state=["moved" if changed[row] else "same" for row in shown], made=int(min(max(made - start, 0), len(shown))),
    )  # fmt: skip


def _values(column: pd.Series, rows: np.ndarray) -> list[float | str | None]:
    found: list[float | str | None] = []
    for value in column.take(rows):
        if pd.isna(value):
            found.append(None)
        elif isinstance(value, int | float | np.number | np.bool_):
            found.append(float(f"{float(value):.7g}") if np.isfinite(float(value)) else str(value))
        else:
            found.append(visible(str(value), limit=60))
    return found


def _apart(before: pd.Series, after: pd.Series) -> np.ndarray:
    old, new = before.reset_index(drop=True), after.reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(old.dtype) and pd.api.types.is_numeric_dtype(new.dtype):
        a, b = (one.to_numpy(dtype="float64", na_value=np.nan) for one in (old, new))
        near = np.isclose(a, b, rtol=1e-12, atol=0.0) | (np.isnan(a) & np.isnan(b))
        return np.asarray(~near, dtype=bool)
    return np.asarray((old.astype(str) != new.astype(str)), dtype=bool)


def _named(frame: pd.DataFrame, names: Sequence[str]) -> pd.Index:
    if not names:
        return pd.RangeIndex(len(frame))
    joined = frame[list(names)].astype(str).agg("\x1f".join, axis=1).reset_index(drop=True)
    return pd.Index(joined + "\x1e" + joined.groupby(joined).cumcount().astype(str))


def _slices(
    contract: Contract, frame: pd.DataFrame, before: Sequence[FoldRun], after: Run, keys: Keys
) -> tuple[str, list[SliceScore]]:
    assert after.frame is not None
    names = [name for name in keys.columns if name in frame.columns and name in after.frame.columns]
    old, new = _predicted(frame, before, names), _predicted(after.frame, after.fold_runs, names)
    shared = old.index.intersection(new.index, sort=False)
    if not len(shared) or old.index.has_duplicates or new.index.has_duplicates:
        return "", []
    old, new = old.loc[shared], new.loc[shared]
    rows = frame.take(old["row"].to_numpy(dtype="int64"))
    word, errors = _errors(contract, rows[keys.target], old["said"], new["said"])
    known = np.isfinite(errors[0]) & np.isfinite(errors[1])
    if not known.any() or np.array_equal(errors[0][known], errors[1][known]):
        return "", []
    days = _drawable(lambda: _nanoseconds(target_times(contract, rows)) // _DAY, np.arange(len(rows)))
    scores = [_score("", "", errors, days, known)]
    by = [name for name in (contract.slices.by if contract.slices else contract.prediction.entity) if name in rows.columns]
    for name in by:
        texts = rows[name].astype(str).to_numpy()
        for value in pd.Series(texts[known]).value_counts().index[: MOST_SLICES - 1]:
            scores.append(_score(name, value, errors, days, known & (texts == value)))
    return word, scores[:MOST_SLICES]


def _predicted(frame: pd.DataFrame, folds: Sequence[FoldRun], names: Sequence[str]) -> pd.DataFrame:
    """Prediction and row of every tested row, by fold and key."""
    index = _named(frame, names)
    parts = [
        pd.DataFrame(
            {"said": one.predictions, "row": one.fold.test}, index=[f"{number}\x1d{key}" for key in index[one.fold.test]]
        )
        for number, one in enumerate(folds)
    ]
    return pd.concat(parts) if parts else pd.DataFrame({"said": [], "row": []})


def _errors(contract: Contract, truth: pd.Series, old: pd.Series, new: pd.Series) -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    """What is taken for the error of a row, in words, and both sides' errors."""
    if all(pd.api.types.is_numeric_dtype(one.dtype) for one in (truth, old, new)):
        y, a, b = (one.to_numpy(dtype="float64", na_value=np.nan) for one in (truth, old, new))
        if contract.kind == "regression":
            return "mean absolute error", (np.abs(y - a), np.abs(y - b))
        return "mean squared error of the prediction", ((y - a) ** 2, (y - b) ** 2)
    texts = [one.astype(str).to_numpy() for one in (truth, old, new)]
    return "share of wrong answers", ((texts[0] != texts[1]).astype("float64"), (texts[0] != texts[2]).astype("float64"))


def _band(free: int) -> float:
    """How many standard errors 95 % lie within (Student's t), for that many degrees of freedom."""
    few = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
    return few[free - 1] if free <= len(few) else 1.96 * (1 + 1.25 / free)


def _score(
    column: str, value: str, errors: tuple[np.ndarray, np.ndarray], days: np.ndarray, rows: np.ndarray
) -> SliceScore:  # fmt: skip
    before, after = errors[0][rows], errors[1][rows]
    apart = after - before
    # Rows of one day have their weather, strikes and sales in common; so days are what varies freely, not rows.
    sums = pd.Series(apart - apart.mean()).groupby(days[rows]).sum().to_numpy()
    noise = None
    if len(sums) > 1:
        noise = float(_band(len(sums) - 1) * np.sqrt(len(sums) / (len(sums) - 1) * float((sums**2).sum())) / len(apart))
    return SliceScore(
        column=visible(column, limit=60), value=visible(str(value), limit=60), rows=int(rows.sum()),
        before=float(before.mean()), after=float(after.mean()), noise=noise,
    )  # fmt: skip
