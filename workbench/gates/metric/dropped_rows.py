"""Test rows without a prediction.

**What it does.** Checks that every test row of every fold has one prediction, and that it is a finite number (or a class).

**Why it is bad.** Whoever drops the rows a model can't answer is left with the easy ones: the score is about another task than
the one the use case has. In production these rows get no answer at all.

**Leaking**

    def postprocess(predictions, frame):
        return np.where(frame["confidence"] > 0.8, predictions, np.nan)

**Repaired**

    def postprocess(predictions, frame):
        return np.where(frame["confidence"] > 0.8, predictions, frame["last_known"])

**How it can be wrong.** A use case that may abstain needs a metric that prices abstaining, and a value that says it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.spans import folds_words


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds."""
    audit.probed(len(audit.base.fold_runs), "fold")
    missing = {}
    for i, run in enumerate(audit.base.fold_runs):
        predictions = np.asarray(run.predictions)
        lost = pd.isna(predictions)
        if predictions.dtype.kind == "f":
            lost |= np.isinf(predictions)
        rows = np.asarray(run.fold.test)
        absent = rows[len(predictions) :]
        gone = np.concatenate([rows[: len(predictions)][lost[: len(rows)]], absent])
        if len(gone):
            missing[i] = gone
    if not missing:
        return
    worst = max(missing, key=lambda i: len(missing[i]))
    tested = len(audit.base.fold_runs[worst].fold.test)
    raw = np.asarray(audit.base.fold_runs[worst].raw)
    by_post = audit.contract.stages.postprocess is not None and len(raw) == tested and not pd.isna(raw).any()
    stage = "postprocess" if by_post else "predict"
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage=stage,
        rows=sum(map(len, missing.values())),
        evidence=[audit.rows(missing[worst], tested)],
        message=f"The {stage} stage leaves test rows without a prediction in "
        f"{folds_words(sorted(missing), len(audit.base.fold_runs))}: "
        f"{len(missing[worst]):,} of {tested:,} in fold {worst}. A score without them is about other rows than the split says.",
        remedy="Return a finite prediction for every row; where the model has none, fall back to a baseline value.",
        location=audit.location(stage),
    )


rule = Rule("metric/dropped-rows", "metric", "Test rows have no prediction.", check)
