"""Fits again in worlds where only what lies outside a fold's training part has been changed. No rule of its own.

A fold's model may know its training rows and nothing else. So every other row of the feature frame is changed, its features,
its label, or both (each alone misses some leaks), the training rows are left to the bit, and the fold is fitted again. The
reference is a fit on the unchanged frame handed over in the same way; how far two such fits are apart by themselves is noise.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.gates.facts import Audit, Floats, Mask
from workbench.gates.rule import NotExercised
from workbench.gates.spans import usable
from workbench.pipeline.redraw import Draw, redraw
from workbench.pipeline.results import Fold, FoldRun

Part = Literal["features", "labels", "features and labels"]
Values = np.ndarray[Any, Any]
UP = Draw(direction=1, unseen=False, flipped=1.0, emptied=0.1)
DOWN = Draw(direction=-1, unseen=False, flipped=0.7, emptied=0.2)
PROBE_ROWS = 2000
FIT_ROWS = 3000
"""Training rows that a refit needs to show that it reads something besides them."""
FRESH = 5
"""Fresh runs of each kind to confirm a difference where fits aren't reproducible."""
RELATIVE = 1e-7
"""Differences below this, relative to the predictions' own spread, are rounding (a BLAS may sum in another order)."""


@dataclass(frozen=True)
class Noise:
    """How far apart two fits on the same rows are: `largest` and root mean square difference of raw predictions."""

    largest: float
    typical: float
    spread: float
    same_state: bool
    """Whether the fitted state could be taken and was bit for bit the same."""

    @property
    def is_stable(self) -> bool:
        """Whether the differences are rounding."""
        return self.largest <= RELATIVE * max(self.spread, 1e-300)

    @property
    def is_small(self) -> bool:
        """Whether the model is the same for practical purposes: noise below two per cent of the predictions' spread."""
        return self.typical <= 0.02 * self.spread


def chosen_folds(audit: Audit) -> list[int]:
    """The folds that are fitted again: the one with the fewest training rows, and the latest one.

    Raises NotExercised where no fold has rows on both sides.
    """
    folds = usable(audit)
    if not folds:
        raise NotExercised("no fold has rows on both sides")
    small = min(folds, key=lambda i: len(audit.folds[i].train))
    return list(dict.fromkeys([small, folds[-1]]))


def cheapest_fold(audit: Audit) -> int:
    """The fold with the fewest training rows."""
    return chosen_folds(audit)[0]


def sampled(audit: Audit, index: int) -> Fold:
    """The fold with part of its training rows, evenly taken: what fit reaches past its argument it reaches with few rows, too.

    All of them where it can't be fitted on so few.
    """
    return _reference(audit, index)[0]


def noise(audit: Audit, index: int) -> Noise:
    """How far two fits on the same rows are apart, measured on the cheapest fold: the base run's and one on its frame alone.

    Where these differ, by three more fits on the frame: what the stages before leave behind isn't noise.
    """
    return audit.once("noise", lambda: _noise(audit, cheapest_fold(audit)))


def _noise(audit: Audit, index: int) -> Noise:
    one = audit.base.fold_runs[index]
    try:
        two = alone(audit, index)
    except PipelineError:  # it can't be fitted on the frame alone, which leakage/fit-sees-test reports
        return Noise(0.0, 0.0, spread(one.raw), same_state=True)
    same = one.model_digest is not None and one.model_digest == two.model_digest
    if not difference(one.raw, two.raw).max(initial=0.0) > RELATIVE * spread(one.raw):
        return Noise(0.0, 0.0, spread(one.raw), same_state=same)
    again = [two, *(_fit(audit, audit.folds[index], audit.frame, "predict", index) for _ in range(2))]
    apart = [difference(a.raw, b.raw) for i, a in enumerate(again) for b in again[:i]]
    digests = {run.model_digest for run in again}
    return Noise(
        largest=max(float(pair.max(initial=0.0)) for pair in apart),
        typical=max(float(np.sqrt((pair**2).mean())) if len(pair) else 0.0 for pair in apart),
        spread=spread(one.raw),
        same_state=len(digests) == 1 and None not in digests,
    )


def alone(audit: Audit, index: int) -> FoldRun:
    """The whole fold fitted on the unchanged frame, without the stages before it. Raises PipelineError."""
    return audit.once(f"alone {index}", lambda: _fit(audit, audit.folds[index], audit.frame, "predict", index))


def control(audit: Audit, index: int) -> FoldRun:
    """The sampled fold fitted on the unchanged frame: the reference for every changed world. Raises PipelineError."""
    return _reference(audit, index)[1]


def _reference(audit: Audit, index: int) -> tuple[Fold, FoldRun]:
    """The fold as far as it is fitted again, and that fit."""

    def compute() -> tuple[Fold, FoldRun]:
        fold = audit.folds[index]
        few = fold.train[:: max(1, len(fold.train) // FIT_ROWS)]
        if len(few) < len(fold.train):
            with contextlib.suppress(PipelineError):
                return Fold(few, fold.test), _fit(audit, Fold(few, fold.test), audit.frame, "predict", index)
        return fold, alone(audit, index)

    return audit.once(f"reference {index}", compute)


def refitted(audit: Audit, index: int, part: Part, *, until: Literal["fit", "predict"]) -> FoldRun:
    """The fold fitted in a world whose other rows are changed. Raises PipelineError (its `stage` says which) where it fails."""

    def compute() -> FoldRun:
        return fitted(audit, index, changed_frame(audit, index, part), until)

    return audit.once(f"refit {index} {part} {until}", compute)


def changed_frame(audit: Audit, index: int, part: Part) -> pd.DataFrame:
    """The feature frame with every row outside the fold's training part changed; keys, times and groups stay."""
    frame, prediction = audit.frame, audit.contract.prediction
    outside: Mask = np.ones(len(frame), dtype=bool)
    outside[audit.folds[index].train] = False  # all training rows, also those left out of the sample
    kept = {*audit.keys, prediction.prediction_time, *prediction.groups}
    draw = UP if part == "features" else DOWN
    changed: dict[str, pd.Series] = {}
    for name in frame.columns:
        is_target = name == prediction.target
        if name in kept or (is_target and part == "features") or (not is_target and part == "labels"):
            continue
        rng = np.random.default_rng([23, index, zlib.crc32(f"{name} {part}".encode())])
        changed[name] = redraw(frame[name], outside, draw, rng)
    return frame.assign(**changed)


def probe(audit: Audit, index: int) -> pd.DataFrame:
    """Fixed rows that every refitted model is asked about: test rows of the fold as they are, evenly taken."""
    test = np.unique(audit.folds[index].test)
    return audit.frame.iloc[test[:: max(1, len(test) // PROBE_ROWS)]].reset_index(drop=True)


def fitted(audit: Audit, index: int, frame: pd.DataFrame, until: Literal["fit", "predict"]) -> FoldRun:
    """One fresh fit of the sampled fold on the training rows of `frame`."""
    return _fit(audit, sampled(audit, index), frame, until, index)


def _fit(audit: Audit, fold: Fold, frame: pd.DataFrame, until: Literal["fit", "predict"], index: int) -> FoldRun:
    asked = probe(audit, index) if until == "predict" else None
    return audit.pipeline.run(audit.tables, until=until, frame=frame, folds=[fold], probe=asked).fold_runs[0]


def read_by_model(audit: Audit, columns: Sequence[str]) -> frozenset[str]:
    """Those of the columns that fit or predict turn out to read: with other values in them it fails, or predicts otherwise.

    All of them where the fold can't be fitted again at all. Raises NotExercised where there is no fold to fit.
    """
    if not columns:
        return frozenset()
    index = cheapest_fold(audit)
    try:
        before, floor = alone(audit, index), noise(audit, index)
    except PipelineError:
        return frozenset(columns)
    turned = np.random.default_rng(37).permutation(len(audit.frame))
    read = set()
    for name in columns:
        other = audit.frame[name].take(turned).set_axis(audit.frame.index)
        try:
            after = _fit(audit, audit.folds[index], audit.frame.assign(**{name: other}), "predict", index)
        except PipelineError:
            read.add(name)
            continue
        if moved(before.raw, after.raw, floor).any():
            read.add(name)
    return frozenset(read)


def shift(before: Values, after: Values) -> Floats:
    """`after` minus `before` per row, for `persists`; nothing for classes."""
    if before.dtype.kind not in "iufb" or after.dtype.kind not in "iufb":
        return np.zeros(len(before))
    return np.asarray(after.astype("float64") - before.astype("float64"))


def persists(direction: Floats, reference: Callable[[], Values], changed: Callable[[], Values]) -> bool:
    """Whether what one changed run showed (`direction`: its predictions minus the reference's) comes again in fresh runs.

    For fits that aren't reproducible: a single difference says little there. Fresh runs of both kinds are measured along
    the direction, and have to lie apart by eight standard errors.
    """
    if not np.isfinite(direction).all() or not (direction != 0).any():
        return False
    unit = direction / np.sqrt((direction**2).sum())
    honest, other = (
        np.array([float(np.asarray(run(), dtype="float64") @ unit) for _ in range(FRESH)]) for run in (reference, changed)
    )
    error = float(np.sqrt((honest.var(ddof=1) + other.var(ddof=1)) / FRESH))
    return bool(other.mean() - honest.mean() > 8 * error)


def difference(one: Values, two: Values) -> Floats:
    """Absolute difference per row; for classes 1 where they differ. Missing equals missing."""
    if one.dtype.kind in "iufb" and two.dtype.kind in "iufb":
        a, b = one.astype("float64"), two.astype("float64")
        both = np.isnan(a) & np.isnan(b)
        with np.errstate(invalid="ignore"):
            apart = np.abs(a - b)
        apart[both | (a == b)] = 0.0
        return np.where(np.isnan(apart), np.inf, apart)
    differ: Floats = (one.astype(object) != two.astype(object)).astype("float64")
    return differ


def spread(predictions: Values) -> float:
    """Standard deviation of predictions, or their size where they are all alike; 1 for classes."""
    if predictions.dtype.kind not in "iufb":
        return 1.0
    numbers = predictions.astype("float64")
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return 1.0
    return float(numbers.std()) or float(np.abs(numbers).max()) or 1.0


def moved(before: Values, after: Values, floor: Noise) -> Mask:
    """Rows whose prediction moved by more than rounding and more than three times what noise alone did."""
    apart = difference(before, after)
    return apart > max(RELATIVE * max(spread(before), floor.spread), 3.0 * floor.largest)
