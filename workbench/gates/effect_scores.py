"""Two predictions of the same test rows, compared by the primary metric: what an effect's numbers are. No rule of its own.

Scores are those of `metric/scores.py`: per fold, averaged over folds by test rows. Where a score is a function of sums over rows
its draws cost next to nothing; any other is computed anew on each draw, and where even that is dear (many rows, a metric of the
use case's own) the interval comes from leaving out stretches of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.findings import Effect
from workbench.gates import effect_interval as interval
from workbench.gates.effect_interval import Units
from workbench.gates.facts import Audit, Floats, Ints, Mask
from workbench.gates.metric.scores import Score, Values, classes, outcomes, overall, positive, primary_score
from workbench.gates.rule import NotExercised

FEWEST_ROWS = 10
FEW_TIMES = 8
ROUNDING = 1e-9
MANY_ROWS = 20_000
"""Beyond this a score that isn't a function of sums is too dear to be drawn."""


@dataclass(frozen=True)
class Compared:
    """Test rows (positions, one entry per fold and row) with both predictions; a mask says on which rows each score stands."""

    rows: Ints
    fold: Ints
    claimed: Values
    honest: Values
    in_claimed: Mask
    in_honest: Mask

    @classmethod
    def of(cls, parts: Sequence[tuple[Ints, Values, Values]]) -> Compared:
        """From one (rows, claimed, honest) per fold; rows without one of the two predictions are left out of both."""
        kept = [(rows, a, b, ~(_missing(a) | _missing(b))) for rows, a, b in parts]
        rows = np.concatenate([r[k] for r, _, _, k in kept])
        fold = np.concatenate([np.full(int(k.sum()), i) for i, (*_, k) in enumerate(kept)])
        every = np.ones(len(rows), dtype=bool)
        return cls(rows, fold, _joined([a[k] for _, a, _, k in kept]), _joined([b[k] for _, _, b, k in kept]), every, every)


def effect_of(audit: Audit, compared: Compared, how: str, *, spread: float = 0.0) -> Effect:
    """The effect as measured. `spread`: by how much two fits of the same rows differ in score, which widens the interval.

    Raises NotExercised where there are too few rows or the metric isn't defined on them.
    """
    score = primary_score(audit)
    known = ~pd.isna(pd.Series(audit.column(audit.contract.prediction.target).to_numpy()[compared.rows])).to_numpy()
    compared = Compared(*(getattr(compared, name)[known] for name in Compared.__dataclass_fields__))
    if min(compared.in_claimed.sum(), compared.in_honest.sum()) < FEWEST_ROWS:
        raise NotExercised(f"fewer than {FEWEST_ROWS} test rows have an outcome and both predictions")
    view = _View(audit, score, compared)
    every = np.arange(len(compared.rows))
    claimed, honest = view.score(every, honest=False), view.score(every, honest=True)
    if not np.isfinite(claimed) or not np.isfinite(honest):
        raise NotExercised(f"`{score.name}` isn't defined on these test rows")
    gain = view.gain(claimed, honest)
    units = _units(audit, compared.rows)
    low, high, words = _bounds(view, gain, units)
    if not np.isfinite(low) or not np.isfinite(high):
        raise NotExercised(f"`{score.name}` isn't defined on enough parts of the test rows for an interval")
    if spread > 0:
        reach = 1.96 * spread
        low, high = gain - float(np.hypot(gain - low, reach)), gain + float(np.hypot(high - gain, reach))
        words += f"; two fits of the same rows differ by {spread:.3g}, which the interval includes"
    if max(abs(gain), abs(low), abs(high)) <= ROUNDING * max(abs(claimed), abs(honest)):
        honest, gain, low, high = claimed, 0.0, 0.0, 0.0
    return Effect(
        metric=score.name, claimed=_short(claimed), honest=_short(honest), gain=_short(gain), low=_short(low), high=_short(high),
        level=interval.LEVEL, how=f"{how}; {len(compared.rows):,} test rows, {words}.",
    )  # fmt: skip


def standard_error(audit: Audit) -> tuple[float, float]:
    """The primary score of the base run over all test rows and its standard error by blocks of rows.

    Raises NotExercised as `effect_of`.
    """
    score = primary_score(audit)
    parts = []
    for run in audit.base.fold_runs:
        made = np.asarray(run.predictions)
        rows = np.asarray(run.fold.test, dtype="int64")
        if len(made) == len(rows):
            parts.append((rows, made, made))
    if not parts:
        raise NotExercised("no fold has predictions")
    compared = Compared.of(parts)
    truth = audit.column(audit.contract.prediction.target).notna().to_numpy()[compared.rows]
    compared = Compared(*(getattr(compared, name)[truth] for name in Compared.__dataclass_fields__))
    if len(compared.rows) < FEWEST_ROWS:
        raise NotExercised(f"fewer than {FEWEST_ROWS} test rows have an outcome and a prediction")
    view = _View(audit, score, compared)
    value = view.score(np.arange(len(compared.rows)), honest=False)
    units = _units(audit, compared.rows)
    low, high, _ = _bounds(view, value, units, single=True)
    if not np.isfinite([value, low, high]).all():
        raise NotExercised(f"`{score.name}` isn't defined on enough parts of the test rows")
    return value, (high - low) / (2 * 1.96)


class _View:
    """The compared rows as the metric sees them."""

    def __init__(self, audit: Audit, score: Score, compared: Compared) -> None:
        self.audit, self.metric, self.compared = audit, score, compared
        self.truth = outcomes(audit, compared.rows)
        self.folds = int(compared.fold.max(initial=-1)) + 1
        metrics = audit.contract.metrics
        self.own = metrics is not None and bool(metrics.definition or ":" in metrics.primary)
        known = classes(audit)
        self.positive = known[1] if score.name == "roc_auc" and len(known) == 2 and not self.own else None

    def gain(self, claimed: float, honest: float) -> float:
        return honest - claimed if self.metric.direction == "minimize" else claimed - honest

    def score(self, chosen: Ints, *, honest: bool) -> float:
        """The score of chosen rows (positions in the comparison, perhaps repeated): the folds' mean by rows."""
        made = self.compared.honest if honest else self.compared.claimed
        counted = self.compared.in_honest if honest else self.compared.in_claimed
        chosen = chosen[counted[chosen]]
        values, weights = [], []
        for index in range(self.folds):
            part = chosen[self.compared.fold[chosen] == index]
            if len(part):
                frame = self.audit.frame.iloc[self.compared.rows[part]] if self.own else _NO_COLUMNS
                if self.positive is not None:
                    values.append(_area(self.truth[part] == self.positive, positive(np.asarray(made[part]), classes(self.audit))))
                else:
                    values.append(self.metric.compute(self.truth[part], made[part], frame))
                weights.append(float(len(part)))
        return overall(np.array(values), np.array(weights)) if values else float("nan")

    def difference(self, chosen: Ints) -> float:
        return self.gain(self.score(chosen, honest=False), self.score(chosen, honest=True))

    def errors(self, made: Values) -> Floats:
        """How wrong each prediction is, on any scale that shows which rows are alike."""
        kind = self.audit.contract.kind
        known = classes(self.audit)
        if kind == "regression":
            return np.asarray(np.abs(np.asarray(self.truth, dtype="float64") - np.asarray(made, dtype="float64")))
        if len(known) == 2:
            return np.asarray(np.abs((self.truth == known[1]).astype("float64") - positive(np.asarray(made), known)))
        return np.asarray(self.truth.astype(object) != np.asarray(made).astype(object), dtype="float64")


_NO_COLUMNS = pd.DataFrame()


def _area(positive: Mask, made: Floats) -> float:
    """The area under the ROC curve by ranks: what scikit-learn's scorer says, at a hundredth of its time for few rows."""
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others or not np.isfinite(made).all():
        return float("nan")
    ranks = rankdata(made)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * others))


def _bounds(view: _View, value: float, units: Units, *, single: bool = False) -> tuple[float, float, str]:
    """Low and high end, and in words how they came about; `single` asks for the claimed score instead of the gain."""
    if units.count < interval.FEWEST_UNITS:
        raise NotExercised(f"the test has {units.count} {units.noun}, too few for an interval")
    compared = view.compared
    counted = compared.in_honest * view.errors(compared.honest) - compared.in_claimed * view.errors(compared.claimed)
    length = interval.length_for(units, view.errors(compared.claimed) if single else counted)
    drawn = f"blocks of {length} {units.noun}" if length > 1 else f"whole {units.noun}"

    def asked(chosen: Ints) -> float:
        return view.score(chosen, honest=False) if single else view.difference(chosen)

    if view.own or (len(compared.rows) > MANY_ROWS and _sums(view.metric.name) is None):
        low, high = interval.left_out(asked, value, units)
        return low, high, f"interval from leaving out one of {min(interval.GROUPS, units.count)} parts of the {units.noun}"
    draws = _draws_of_sums(view, value, units, length, single=single)
    if draws is None:
        draws = interval.drawn_rows(asked, units, length)
    low, high = interval.percentiles(value, draws, units, length)
    return low, high, f"interval from {len(draws)} draws of {drawn}"


Columns = Callable[[Floats, Floats], list[Floats]]
Combine = Callable[[Floats], Floats]


def _sums(name: str) -> tuple[Columns, Combine] | None:
    """A score as (outcomes, predictions) → columns per row, and sums of them (in the last axis) → score."""

    def mean(sums: Floats) -> Floats:
        return np.asarray(sums[..., 0] / sums[..., 1])

    def root(sums: Floats) -> Floats:
        return np.sqrt(mean(sums))

    def explained(sums: Floats) -> Floats:
        spread = sums[..., 2] - sums[..., 1] ** 2 / sums[..., 3]
        return np.asarray(1 - sums[..., 0] / spread)

    def absolute(y: Floats, p: Floats) -> list[Floats]:
        return [np.abs(y - p), np.ones(len(y))]

    def squared(y: Floats, p: Floats) -> list[Floats]:
        return [(y - p) ** 2, np.ones(len(y))]

    known: dict[str, tuple[Columns, Combine]] = {
        "mae": (absolute, mean),
        "neg_mean_absolute_error": (absolute, lambda sums: -mean(sums)),
        "rmse": (squared, root),
        "neg_root_mean_squared_error": (squared, lambda sums: -root(sums)),
        "neg_mean_squared_error": (squared, lambda sums: -mean(sums)),
        "wape": (lambda y, p: [np.abs(y - p), np.abs(y)], mean),
        "r2": (lambda y, p: [(y - p) ** 2, y, y**2, np.ones(len(y))], explained),
    }
    return known.get(name)


def _draws_of_sums(view: _View, value: float, units: Units, length: int, *, single: bool) -> Floats | None:
    """Draws of a score that is made of sums; None where it isn't."""
    made = _sums(view.metric.name) if view.audit.contract.kind == "regression" else None
    if made is None:
        return None
    columns, combine = made
    compared, truth = view.compared, np.asarray(view.truth, dtype="float64")
    # Numbers far from zero lose digits in sums of squares.
    parts = []
    for predictions, counted in ((compared.claimed, compared.in_claimed), (compared.honest, compared.in_honest)):
        lines = [*columns(truth, np.asarray(predictions, dtype="float64")), np.ones(len(truth))]
        parts.append(np.stack(lines, axis=1) * counted[:, None])
    width = parts[0].shape[1]
    sums = np.zeros((len(truth), 2, view.folds, width))
    at = np.arange(len(truth))
    for side in range(2):
        sums[at, side, compared.fold] = parts[side]

    def statistic(flat: Floats) -> Floats:
        drawn = flat.reshape(-1, 2, view.folds, width)
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = combine(drawn[..., :-1])
        weights = drawn[..., -1] * np.isfinite(scores)
        mean = (np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0) * weights).sum(axis=2) / weights.sum(axis=2)
        claimed, honest = mean[:, 0], mean[:, 1]
        if single:
            return np.asarray(claimed)
        return np.asarray(honest - claimed if view.metric.direction == "minimize" else claimed - honest)

    flat = sums.reshape(len(truth), -1)
    whole = float(statistic(flat.sum(axis=0, keepdims=True))[0])
    if not np.isclose(whole, value, rtol=1e-6, atol=1e-9 * max(1.0, abs(value))):
        return None
    return interval.summed(statistic, flat, units, length)


def _units(audit: Audit, rows: Ints) -> Units:
    """What is drawn: times where the test has enough of them, else groups or entities that come several times, else rows."""
    if audit.timed:
        times = audit.times.target[rows]
        if len(np.unique(times)) >= FEW_TIMES:
            return Units.numbered(times, ordered=True, noun="times")
    prediction = audit.contract.prediction
    for names, noun in ((list(prediction.groups[:1]), "groups"), (list(prediction.entity), "entities")):
        if names and all(name in audit.frame.columns for name in names):
            codes = audit.frame.groupby(names, sort=False, dropna=False, observed=True).ngroup().to_numpy()[rows]
            if 2 * interval.FEWEST_UNITS <= len(np.unique(codes)) < len(np.unique(rows)):
                return Units.numbered(codes, ordered=False, noun=noun)
    return Units.numbered(rows, ordered=False, noun="rows")


def _missing(values: Values) -> Mask:
    gone: Mask = np.asarray(pd.isna(values))
    return gone | np.isinf(values) if values.dtype.kind == "f" else gone


def _joined(parts: list[Values]) -> Values:
    return np.concatenate(parts) if parts else np.array([], dtype="float64")


def _short(value: float) -> float:
    """Nine digits are beyond any interval, and the same on any machine."""
    return float(f"{value:.9g}")


def fits_apart(audit: Audit, folds: Sequence[int]) -> float:
    """By how much the scores of the base run and its repetition differ on these folds; 0 where nobody has repeated it yet."""
    repeat: Any = audit.__dict__.get("repeat")
    if repeat is None or len(repeat.fold_runs) != len(audit.base.fold_runs):
        return 0.0
    parts = []
    for i in folds:
        one, two = audit.base.fold_runs[i], repeat.fold_runs[i]
        if len(one.raw) != len(two.raw) or not np.array_equal(one.fold.test, two.fold.test):
            return 0.0
        parts.append((np.asarray(one.fold.test, dtype="int64"), np.asarray(one.predictions), np.asarray(two.predictions)))
    compared = Compared.of(parts)
    known = audit.column(audit.contract.prediction.target).notna().to_numpy()[compared.rows]
    chosen = np.flatnonzero(known)
    if not len(chosen):
        return 0.0
    view = _View(audit, primary_score(audit), compared)
    apart = abs(view.difference(chosen))
    return apart if np.isfinite(apart) and apart > 1e-9 * max(1.0, abs(view.score(chosen, honest=False))) else 0.0
