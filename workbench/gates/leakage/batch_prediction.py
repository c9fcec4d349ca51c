"""A prediction that depends on rows predicted later.

**What it does.** Predicts the first half of a fold's test rows (by prediction time; without a time, half of the declared groups
or of the rows) alone, with the same training rows, and compares with the predictions of the same rows when all are predicted
together.

**Why it is bad.** The test is one batch only in the back-test. In production the later rows are not there yet, so means, ranks,
quantiles, smoothing and scaling over the batch can't be had, and the score with them isn't the one that users get.

**Leaking**

    def postprocess(predictions, frame):
        return np.clip(predictions, None, np.quantile(predictions, 0.99))

**Repaired**

    def fit(train):
        model.limit = train["delay"].quantile(0.99)                # learnt once, then the same for every row

**How it can be wrong.** Where all test rows are predicted at the same instant, depending on each other is no leak and nothing is
said. Candidates that are ranked against each other are one group: without a time, say so in `prediction.groups`, and rows may
depend on the other rows of their group.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Floats, Mask
from workbench.gates.leakage.refits import (
    RELATIVE,
    Values,
    cheapest_fold,
    control,
    difference,
    fitted,
    noise,
    persists,
    sampled,
    shift,
    spread,
)
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.pipeline.results import Fold, FoldRun


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where the first half's predictions move."""
    index = cheapest_fold(audit)
    floor = noise(audit, index)
    fold = audit.folds[index]
    first = _first_half(audit, index)
    if first.all() or not first.any():
        raise NotApplicable("all test rows are predicted at the same instant, or belong to one group")
    together = control(audit, index)
    alone = _alone(audit, index, first)
    audit.probed(1, "fold")
    # A library may sum in another order for another number of rows: that is no leak.
    limit = max(10 * RELATIVE * max(spread(together.raw), floor.spread), 3.0 * floor.largest)
    by_model = difference(together.raw[first], alone.raw) > limit
    by_post = difference(together.predictions[first], alone.predictions) > limit
    rows = by_model if by_model.any() else by_post
    if rows.any() and not floor.is_stable:
        pair = (together.raw, alone.raw) if by_model.any() else (together.predictions, alone.predictions)
        rows &= _again(audit, index, first, shift(pair[0][first], pair[1]), raw=bool(by_model.any()))
    if not rows.any():
        if not floor.is_stable and not floor.is_small:
            raise NotExercised(
                "two fits on the same rows differ too much to compare predictions of a part with those of the whole"
            )
        return
    stage = "predict" if by_model.any() else "postprocess"
    when = "are predicted later" if audit.timed else "happen to be asked about with it"
    missing = "the later half of the test isn't" if audit.timed else "the other half of the test isn't"
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage=stage,
        rows=int(rows.sum()),
        evidence=[audit.rows(fold.test[first][rows], len(rows))],
        message=f"The {stage} stage makes a row's prediction depend on rows that {when}: {int(rows.sum()):,} of "
        f"{len(rows):,} test "
        f"predictions of fold {index} change when {missing} there.",
        remedy=f"Let {stage} treat every row alone; learn limits, scales and calibrations in fit, from training rows.",
        location=audit.location(stage),
    )


def _alone(audit: Audit, index: int, first: Mask) -> FoldRun:
    fold = sampled(audit, index)
    part = Fold(fold.train, fold.test[first])
    return audit.pipeline.run(audit.tables, until="predict", frame=audit.frame, folds=[part]).fold_runs[0]


def _again(audit: Audit, index: int, first: Mask, direction: Floats, *, raw: bool) -> bool:
    def whole() -> Values:
        one = fitted(audit, index, audit.frame, "predict")
        return (one.raw if raw else one.predictions)[first]

    def part() -> Values:
        one = _alone(audit, index, first)
        return one.raw if raw else one.predictions

    return persists(direction, whole, part)


def _first_half(audit: Audit, index: int) -> Mask:
    test = audit.folds[index].test
    if not audit.timed:
        groups = [name for name in audit.contract.prediction.groups if name in audit.frame.columns]
        order = np.arange(len(test))
        if groups:
            order = audit.frame[groups].iloc[test].groupby(groups, sort=False, dropna=False).ngroup().to_numpy()
        half: Mask = order < (order.max() + 1) / 2
        return half
    made = audit.times.prediction[test]
    first: Mask = made <= np.sort(made)[(len(made) - 1) // 2]
    if first.all():
        first = made < made.max()
    return first


rule = Rule("leakage/batch-prediction", "fit", "Predictions depend on rows that are predicted later.", check)
