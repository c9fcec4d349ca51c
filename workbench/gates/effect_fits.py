"""What a fit or a prediction that knows the test is worth: done again with the test's content blanked. No rule of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Effect, Finding
from workbench.gates.effect_scores import Compared, effect_of, fits_apart
from workbench.gates.effect_splits import affordable, on_folds, refit
from workbench.gates.facts import Audit, Ints
from workbench.gates.leakage.refits import changed_frame, cheapest_fold
from workbench.gates.metric.scores import classes, positive
from workbench.gates.rule import NotExercised
from workbench.pipeline.asof import Cut, known_times
from workbench.pipeline.results import Fold, FoldRun
from workbench.pipeline.worlds import truncated


def blind_fit(audit: Audit, finding: Finding) -> Effect:
    """Fits that cannot see the test: from the feature frame alone, or from a world without the test, or from changed test rows.

    Which of them, the finding decides: what comes in by a module's state isn't there when the stages before don't run.
    """
    if finding.source != "module state":
        return _changed(audit)
    folds = affordable(audit)
    try:
        runs = refit(audit, [audit.folds[i] for i in folds])
    except PipelineError:
        return _as_of(audit)
    how = "fitted on the training rows alone, the stages before it not run in the same process" + on_folds(audit, folds)
    return _of_runs(audit, folds, runs, how)


def _changed(audit: Audit) -> Effect:
    """The fit sees other test rows than those it is then asked about."""
    index = cheapest_fold(audit)
    fold = audit.folds[index]
    rows = np.unique(fold.test)
    run = audit.pipeline.run(
        audit.tables, until="predict", frame=changed_frame(audit, index, "features and labels"), folds=[fold],
        probe=audit.frame.iloc[rows].reset_index(drop=True),
    ).fold_runs[0]  # fmt: skip
    return _of_probe(audit, index, rows, run, f"fitted with every row outside the training part changed, on fold {index}")


def _as_of(audit: Audit) -> Effect:
    """The whole pipeline on the tables as of the fold's first prediction; then its model is asked about the test rows."""
    if not audit.timed:
        raise NotExercised("fit can't run without what it reads, and without a time there is no world before the test")
    index = affordable(audit)[-1]
    fold = audit.folds[index]
    cut = Cut(int(audit.times.prediction[fold.test].min()))
    tables = truncated(audit.tables, known_times(audit.contract, audit.tables), cut)
    frame = audit.pipeline.run(tables, until="features").frame
    if frame is None:
        raise NotExercised("the features stage gave no frame in the world before the test")
    train = _same_rows(audit, frame, np.unique(fold.train))
    rows = np.unique(fold.test)
    probe = audit.frame.iloc[rows].reset_index(drop=True)
    run = audit.pipeline.run(tables, until="predict", folds=[Fold(train, train[-1:])], probe=probe).fold_runs[0]
    return _of_probe(audit, index, rows, run, f"the pipeline run as of the first prediction of fold {index}")


def _same_rows(audit: Audit, frame: pd.DataFrame, wanted: Ints) -> Ints:
    keys = audit.keys
    there = pd.MultiIndex.from_frame(frame[keys].astype(str))
    asked = pd.MultiIndex.from_frame(audit.frame[keys].iloc[wanted].astype(str))
    if not there.is_unique:
        raise NotExercised("the rows of the world before the test can't be matched by key")
    places = there.get_indexer(asked)
    found: Ints = places[places >= 0].astype("int64")
    if len(found) < 0.9 * len(wanted):
        raise NotExercised("the world before the test lacks training rows")
    return found


def _of_probe(audit: Audit, index: int, rows: Ints, run: FoldRun, how: str) -> Effect:
    """Raw predictions of a model for the real test rows against the base run's raw ones: a probe has no postprocess."""
    if run.probe is None:
        raise NotExercised("the changed fit made no predictions")
    base, fold = np.asarray(audit.base.fold_runs[index].raw), np.asarray(audit.folds[index].test)
    order = np.unique(fold, return_index=True)[1]
    if audit.contract.stages.postprocess is not None:
        how += ", before postprocess"
    return effect_of(audit, Compared.of([(rows, base[order], np.asarray(run.probe))]), how, spread=fits_apart(audit, [index]))


def blind_prediction(audit: Audit, finding: Finding) -> Effect:
    """Predictions for test rows whose outcome is hidden: what stands in its place knows nothing of it.

    For a postprocess that is the model's own prediction, so that a correction by the outcome has nothing to correct; for
    `predict`, the middle (or most frequent) outcome of the training rows.
    """
    folds = affordable(audit)
    target = audit.contract.prediction.target
    runs = []
    by_post = finding.stage == "postprocess"
    for i in folds:
        hidden = _hidden(audit, i, by_post=by_post)
        runs += refit(audit, [audit.folds[i]], audit.frame.assign(**{target: hidden}))
    instead = "the model's own prediction" if by_post else "the training rows' middle outcome"
    how = f"the test rows' outcome hidden ({instead} in its place)" + on_folds(audit, folds)
    return _of_runs(audit, folds, runs, how)


def _hidden(audit: Audit, index: int, *, by_post: bool) -> pd.Series:
    """The target with every row outside the fold's training part replaced."""
    fold, values = audit.folds[index], audit.column(audit.contract.prediction.target)
    known = values.iloc[np.unique(fold.train)].dropna()
    if not len(known):
        raise NotExercised("a fold has no training row with an outcome")
    numeric = audit.contract.kind == "regression"
    hidden = values.astype("float64") if numeric else values.copy()
    outside = np.setdiff1d(np.arange(len(values)), fold.train)
    hidden.iloc[outside] = known.sort_values().iloc[(len(known) - 1) // 2] if numeric else known.mode().iloc[0]
    raw = np.asarray(audit.base.fold_runs[index].raw)
    if not by_post:
        return hidden
    if numeric:
        hidden.iloc[fold.test] = raw.astype("float64")
        return hidden
    there = classes(audit)
    if len(there) == 2:
        hidden.iloc[fold.test] = there[(positive(raw, there) >= 0.5).astype(int)]
    elif np.isin(raw, there).all():
        hidden.iloc[fold.test] = raw
    return hidden


def predicted_apart(audit: Audit, finding: Finding) -> Effect:
    """The first half of a fold's test rows, predicted when the later half isn't there: what the later rows alone do to them."""
    index = cheapest_fold(audit)
    fold = audit.folds[index]
    if audit.timed:
        made = audit.times.prediction[fold.test]
        first = made <= np.sort(made)[(len(made) - 1) // 2]
        first = first if not first.all() else made < made.max()
    else:
        first = np.arange(len(fold.test)) < (len(fold.test) + 1) // 2
    (alone,) = refit(audit, [Fold(fold.train, fold.test[first])])
    together = np.asarray(audit.base.fold_runs[index].predictions)[first]
    how = f"the first half of the test rows of fold {index} predicted without the later half"
    rows = np.asarray(fold.test[first], dtype="int64")
    return effect_of(
        audit, Compared.of([(rows, together, np.asarray(alone.predictions))]), how, spread=fits_apart(audit, [index])
    )


def _of_runs(audit: Audit, folds: Sequence[int], runs: Sequence[FoldRun], how: str) -> Effect:
    parts = [
        (
            np.asarray(audit.folds[i].test, dtype="int64"),
            np.asarray(audit.base.fold_runs[i].predictions),
            np.asarray(run.predictions),
        )
        for i, run in zip(folds, runs, strict=True)
    ]
    return effect_of(audit, Compared.of(parts), how, spread=fits_apart(audit, folds))
