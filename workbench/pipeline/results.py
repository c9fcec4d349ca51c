"""What runs of a use case give: feature frame, folds, predictions, a fitted model; read from what the confined process left."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.pipeline import frames
from workbench.pipeline.answers import Ran

# Far above what the tables of a use case on one machine have; a file beyond it is a fault, not a table.
FRAME_LIMIT = 64_000_000_000


@dataclass(frozen=True)
class Fold:
    """One fold: int64 positions into the feature frame."""

    train: np.ndarray
    test: np.ndarray


@dataclass
class FoldRun:
    """What one fold gave: `predictions` for its test rows after postprocess, `raw` before.

    `model_digest` is a hash of the fitted state where it can be taken; `probe` the raw predictions for the extra frame.
    A fold with an empty side isn't fitted: its predictions are NaN.
    """

    fold: Fold
    predictions: np.ndarray
    raw: np.ndarray
    model_digest: str | None = None
    probe: np.ndarray | None = None


@dataclass
class Run:
    """What one run of the stages gave, as far as it went.

    `scores` are the metrics stage's own words per fold; `opened` is `stage: kind: path`, kind read, write, connect,
    resolve or start. Both are what stage code says about itself.
    """

    frame: pd.DataFrame | None = None
    folds: list[Fold] = field(default_factory=list)
    fold_runs: list[FoldRun] = field(default_factory=list)
    scores: list[dict[str, float]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedModel:
    """A model file in its native, safe format; `features` are its input columns in order."""

    path: Path
    flavor: str
    sha256: str
    size: int
    train_rows: int
    features: tuple[str, ...] = ()


def read_result(path: Path, stage: str) -> pd.DataFrame:
    try:
        return frames.read_untrusted(path, FRAME_LIMIT)
    except ValueError as error:
        raise PipelineError(f"Stage `{stage}` left a result that can't be used: {error}.", "run it again", stage=stage) from None


def unusable(why: str) -> PipelineError:
    """The error for an answer that doesn't fit what was asked."""
    return PipelineError(f"The stages left an answer that can't be used: {why}.", "stage code must not write its own answers")


def read_run(answer: Ran, out: Path, frame: pd.DataFrame | None, folds: Sequence[Fold] | None) -> Run:
    """A run's answer and files as a Run; what doesn't fit together is an error, not a guess."""
    whole = frame.reset_index(drop=True) if frame is not None else read_result(out / "frame", "features")
    result = Run(frame=whole, scores=answer.scores, opened=answer.opened, seconds=answer.seconds)
    result.folds = list(folds) if folds is not None and answer.folds else _read_folds(answer, out, len(whole))
    for number, (fold, digest) in enumerate(zip(result.folds, answer.digests)):
        columns = read_result(out / f"fold-{number}", "predict")
        if list(columns.columns) != ["predictions", "raw"] or len(columns) != len(fold.test):
            raise unusable("predictions for other rows")
        one = FoldRun(fold, columns["predictions"].to_numpy(copy=True), columns["raw"].to_numpy(copy=True), digest)
        if (out / f"probe-{number}").exists():
            one.probe = read_result(out / f"probe-{number}", "predict").iloc[:, 0].to_numpy(copy=True)
        result.fold_runs.append(one)
    return result


def _read_folds(answer: Ran, out: Path, rows: int) -> list[Fold]:
    if not answer.folds:
        return []
    positions = read_result(out / "folds", "split").iloc[:, 0].to_numpy(copy=True)
    lengths = [length for fold in answer.folds for length in fold]
    if positions.dtype != np.dtype("int64") or sum(lengths) != len(positions):
        raise unusable("folds of another size")
    if len(positions) and not 0 <= int(positions.min()) <= int(positions.max()) < rows:
        raise unusable("folds outside the frame")
    sides = [positions[a:b] for a, b in itertools.pairwise(np.cumsum([0, *lengths]))]
    return [Fold(train, test) for train, test in zip(sides[::2], sides[1::2])]
