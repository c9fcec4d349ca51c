"""A score that is too good to be true.

**What it does.** Compares the primary metric with a constant learnt from the training rows, and with chance for ranking scores.
It warns where almost nothing of the error is left, or where half of the test's outcomes are hit exactly although hardly any two
are alike.

**Why it is bad.** Real outcomes have a part that nobody can know before. A model without it has usually seen the answer: a copy
of the target among the features, a label of the future, the test in the training. The other rules say where; this one says look.

**Suspicious**

    mae 0.02 minutes, the training mean has 11.9

**Credible**

    mae 8.4 minutes, the training mean has 11.9

**How it can be wrong.** Some targets are computable from known facts (a price from a tariff). Then it is not a prediction, and
the warning can stand.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.metric.baselines import baseline_predictions
from workbench.gates.metric.scores import fold_scores, overall, primary_score, scored
from workbench.gates.rule import Rule

LEFT = 0.02
"""Share of the constant's error below which a score is suspicious."""
RANKING = (
    "roc_auc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
    "r2",
    "explained_variance",
)
PERFECT = 0.995


def check(audit: Audit) -> Iterable[Finding]:
    """Yields at most one warning."""
    score = primary_score(audit)
    values, weights = fold_scores(audit, score)
    reached = overall(values, weights)
    reason = ""
    if score.is_loss:
        constant = "mean" if audit.contract.kind == "regression" else "prior"
        bases, _ = fold_scores(audit, score, baseline_predictions(audit, constant))
        base = overall(bases, weights)
        if base and abs(reached) < LEFT * abs(base):
            reason = f"{100 * (1 - abs(reached / base)):.1f} % of the error of a constant ({base:.6g}) is gone"
    elif score.name.startswith(RANKING) and reached > PERFECT:
        reason = "hardly an error is left"
    if not reason and audit.contract.kind == "regression":
        hit = _exact_hits(audit)
        reason = f"{100 * hit:.0f} % of the outcomes are hit exactly" if hit >= 0.5 else ""
    if reason:
        yield Finding(
            rule=rule.id,
            severity=Severity.WARNING,
            stage="metrics",
            column=score.name,
            evidence=[Measurement(name=score.name, value=reached, expected="an error that a prediction can't avoid")],
            message=f"{score.name} = {reached:.6g} is too good to be true: {reason}.",
            remedy="Find the feature that carries it and ask when its value is known; drop it and see whether the score stays.",
            location=audit.location("features"),
        )


def _exact_hits(audit: Audit) -> float:
    """Share of test rows whose outcome is predicted to nine digits, where outcomes are as good as continuous."""
    parts = [scored(audit, i) for i in range(len(audit.base.fold_runs))]
    truth = np.concatenate([part[1] for part in parts])
    made = np.concatenate([np.asarray(part[2], dtype="float64") for part in parts])
    if len(np.unique(truth)) < 0.2 * len(truth):
        return 0.0
    return float(np.isclose(truth, made, rtol=1e-9, atol=1e-12).mean())


rule = Rule("metric/too-good", "metric", "The score is too good to be true.", check)
