"""A prediction that knows its own outcome.

**What it does.** Changes the labels of all rows outside a fold's training part, fits and predicts again, and compares the
predictions for the test rows. Their features are the same, so nothing may move.

**Why it is bad.** The frame that `predict` and `postprocess` get still carries the target column. A model that reads it, or a
correction fitted to it (a bias removed, a sum reconciled, a threshold chosen), scores with the answer in hand.

**Leaking**

    def postprocess(predictions, frame):
        return predictions + (frame["delay"] - predictions).mean()

**Repaired**

    def fit(train):
        model = …
        model.bias = (train["delay"] - model.predict(train[X])).mean()       # on rows held out of the training part

**How it can be wrong.** A fit that isn't reproducible is compared within its noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding, Rows, Severity
from workbench.gates.facts import Audit, Floats
from workbench.gates.leakage.refits import (
    Values,
    changed_frame,
    chosen_folds,
    control,
    difference,
    fitted,
    moved,
    noise,
    persists,
    refitted,
    shift,
)
from workbench.gates.rule import NotExercised, Rule


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where test predictions follow the test labels."""
    index = chosen_folds(audit)[0]
    floor = noise(audit, index)
    before, after = control(audit, index), refitted(audit, index, "labels", until="predict")
    audit.probed(1, "fold")
    if floor.is_stable and before.probe is not None and after.probe is not None and moved(before.probe, after.probe, floor).any():
        return  # the model itself moved, which leakage/fit-sees-test reports
    by_model = moved(before.raw, after.raw, floor)
    by_post = moved(before.predictions, after.predictions, floor)
    rows = by_model if by_model.any() else by_post
    stage = "predict" if by_model.any() else "postprocess"
    pair = (before.raw, after.raw) if by_model.any() else (before.predictions, after.predictions)
    if rows.any() and not floor.is_stable:
        rows &= _again(audit, index, shift(*pair), raw=bool(by_model.any()))
    if not rows.any():
        if not floor.is_stable and not floor.is_small:
            raise NotExercised("two fits on the same rows differ too much to see what the test labels do to the predictions")
        return
    positions = np.asarray(before.fold.test)[rows]
    example: Rows = audit.rows(positions[np.argsort(-difference(*pair)[rows], kind="stable")], len(rows))
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage=stage,
        column=audit.contract.prediction.target,
        rows=int(rows.sum()),
        evidence=[example],
        message=f"The {stage} stage reads the outcome: {int(rows.sum()):,} of {len(rows):,} test predictions of "
        f"fold {index} change when only `{audit.contract.prediction.target}` of the test rows is changed.",
        remedy=f"Let {stage} use features only; learn corrections and thresholds in fit, from training rows.",
        location=audit.location(stage),
    )


def _again(audit: Audit, index: int, direction: Floats, *, raw: bool) -> bool:
    def ask(frame: pd.DataFrame) -> Callable[[], Values]:
        def run() -> Values:
            one = fitted(audit, index, frame, "predict")
            return one.raw if raw else one.predictions

        return run

    return persists(direction, ask(audit.frame), ask(changed_frame(audit, index, "labels")))


rule = Rule("leakage/predict-sees-label", "fit", "Predictions depend on the test rows' own labels.", check)
