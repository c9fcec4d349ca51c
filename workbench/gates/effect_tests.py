"""What a leak in the test rows or in the metric is worth: the gate's own recomputation. No rule of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.findings import Effect, Finding
from workbench.gates.effect_scores import Compared, effect_of, fits_apart
from workbench.gates.effect_splits import affordable, on_folds, refit
from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.metric.baselines import prior
from workbench.gates.metric.recomputed import claimed_score
from workbench.gates.metric.scores import fold_scores, overall, primary_score
from workbench.gates.rule import NotExercised
from workbench.pipeline.results import Fold


def recomputed(audit: Audit, finding: Finding) -> Effect:
    """What the metrics stage claims against what the gate computes: the same predictions, so that nothing is left to chance."""
    score = primary_score(audit)
    values, weights = fold_scores(audit, score)
    claims = np.array([np.nan if (claim := claimed_score(score, said)) is None else claim for said in audit.base.scores])
    if len(claims) != len(values):
        raise NotExercised("the metrics stage doesn't claim the score for each fold")
    both = np.isfinite(claims) & np.isfinite(values)
    claimed = overall(np.where(both, claims, np.nan), weights)
    honest = overall(np.where(both, values, np.nan), weights)
    if not np.isfinite([claimed, honest]).all():
        raise NotExercised(f"`{score.name}` isn't defined on any fold")
    gain = honest - claimed if score.direction == "minimize" else claimed - honest
    how = "claim and computation are on the same predictions and rows, so the difference is exact."
    return Effect(metric=score.name, claimed=claimed, honest=honest, gain=gain, low=gain, high=gain, how=how)


def answered(audit: Audit, finding: Finding) -> Effect:
    """Test rows without a prediction, answered with the training rows' mean or most frequent class."""
    parts = []
    filled = 0
    for run in audit.base.fold_runs:
        rows, made = np.asarray(run.fold.test, dtype="int64"), np.asarray(run.predictions)
        if len(made) > len(rows):
            raise NotExercised("there are more predictions than test rows")
        if len(made) < len(rows):
            made = np.concatenate([made.astype("float64"), np.full(len(rows) - len(made), np.nan)])
        gone: Mask = np.asarray(pd.isna(made)) | (np.isinf(made) if made.dtype.kind == "f" else False)
        fallback = _fallback(audit, np.unique(run.fold.train), int(gone.sum()))
        whole = made.copy()
        whole[gone] = fallback
        filled += int(gone.sum())
        parts.append((rows, whole, ~gone))
    rows = np.concatenate([part[0] for part in parts])
    made = np.concatenate([part[1] for part in parts])
    fold = np.concatenate([np.full(len(part[0]), i) for i, part in enumerate(parts)])
    there = np.concatenate([part[2] for part in parts])
    what = "the training mean" if audit.contract.kind == "regression" else "the training rows' class frequency"
    how = f"{filled:,} rows without a prediction answered with {what}, no new fit"
    return effect_of(audit, Compared(rows, fold, made, made, there, np.ones(len(rows), dtype=bool)), how)


def _fallback(audit: Audit, train: Ints, count: int) -> np.ndarray:
    if audit.contract.kind != "regression":
        return prior(audit, train, count)
    known = audit.target[train]
    known = known[~np.isnan(known)]
    if not len(known):
        raise NotExercised("no training row has an outcome to fall back to")
    return np.full(count, float(known.mean()))


def counted_once(audit: Audit, finding: Finding) -> Effect:
    """Test rows that count several times against each row once: in the first fold that tests it."""
    rows = np.concatenate([np.asarray(run.fold.test, dtype="int64") for run in audit.base.fold_runs])
    fold = np.concatenate([np.full(len(run.fold.test), i) for i, run in enumerate(audit.base.fold_runs)])
    made = np.concatenate([np.asarray(run.predictions) for run in audit.base.fold_runs])
    if len(made) != len(rows) or pd.isna(made).any():
        raise NotExercised("some test rows have no prediction")
    once = np.zeros(len(rows), dtype=bool)
    named = rows if finding.column == "overlapping" else rows + fold * (len(audit.frame) + 1)
    once[np.unique(named, return_index=True)[1]] = True
    how = "each test row counted once, no new fit"
    return effect_of(audit, Compared(rows, fold, made, made, np.ones(len(rows), dtype=bool), once), how)


def unfiltered(audit: Audit, finding: Finding) -> Effect:
    """Test rows that were left out by their outcome are tested, too: those of no fold that lie in the test's period."""
    used = np.zeros(len(audit.frame), dtype=bool)
    for each in audit.folds:
        used[each.train] = used[each.test] = True
    out = np.flatnonzero(~used & audit.column(audit.contract.prediction.target).notna().to_numpy())
    folds = affordable(audit)
    chosen = [_with(audit, audit.folds[i], out, place, len(folds)) for place, i in enumerate(folds)]
    if not sum(len(extra) for _, extra in chosen):
        raise NotExercised("the rows left out lie outside the test's period")
    runs = refit(audit, [fold for fold, _ in chosen])
    rows = np.concatenate([fold.test for fold, _ in chosen])
    made = np.concatenate([np.asarray(run.predictions) for run in runs])
    fold = np.concatenate([np.full(len(each.test), i) for i, (each, _) in enumerate(chosen)])
    old = np.concatenate([np.arange(len(each.test)) < len(each.test) - len(extra) for each, extra in chosen])
    known = ~np.asarray(pd.isna(made))
    added = sum(len(extra) for _, extra in chosen)
    how = f"{added:,} rows that the split left out tested, too" + on_folds(audit, folds)
    compared = Compared(rows[known], fold[known], made[known], made[known], old[known], np.ones(int(known.sum()), dtype=bool))
    return effect_of(audit, compared, how, spread=fits_apart(audit, folds))


def _with(audit: Audit, fold: Fold, out: Ints, place: int, of: int) -> tuple[Fold, Ints]:
    if audit.timed:
        times = audit.times.target
        extra = out[(times[out] >= times[fold.test].min()) & (times[out] <= times[fold.test].max())]
    else:
        extra = out[place::of]
    return Fold(fold.train, np.concatenate([fold.test, extra])), extra
