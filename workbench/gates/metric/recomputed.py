"""A score that the gate can't confirm.

**What it does.** Computes the primary metric of every fold itself, from the predictions and the outcomes of all test rows, and
compares it with what the `metrics` stage returned under that name.

**Why it is bad.** A number that only the pipeline's own code can produce is a claim. Usual reasons why it differs: the metric
drops rows (failures, outliers, zeros), scales by something taken from the test, is computed on the training rows, or rounds.

**Leaking**

    def score(y_true, y_pred, frame):
        error = np.abs(y_true - y_pred)
        return {"mae": error[error < np.quantile(error, 0.95)].mean()}      # the worst 5 % are "outliers"

**Repaired**

    def score(y_true, y_pred, frame):
        return {"mae": np.abs(y_true - y_pred).mean()}

**How it can be wrong.** Binary predictions that are probabilities are turned into classes at 0.5; a metric with a threshold of
its own needs a name of its own and a `metrics.definition`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.metric.scores import ALIASES, Score, Values, fold_scores, overall, primary_score, scored
from workbench.gates.rule import Rule
from workbench.gates.spans import folds_words

RELATIVE = 1e-6


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where claim and computation differ."""
    score = primary_score(audit)
    audit.rest_on("metrics.primary", "metrics.direction")
    audit.probed(len(audit.base.fold_runs), "fold")
    values, weights = fold_scores(audit, score)
    audit.scores[score.name] = round(overall(values, weights), 9)
    if audit.contract.stages.metrics is None:
        return
    claims = [claimed_score(score, claimed) for claimed in audit.base.scores]
    if len(claims) != len(values) or all(claim is None for claim in claims):
        yield Finding(
            rule=rule.id, severity=Severity.NOTE, stage="metrics", column=score.name, source="absent",
            evidence=[Measurement(name=score.name, value=overall(values, weights), expected="nothing to compare with")],
            message=f"The metrics stage doesn't return `{score.name}`, so there is no claim to check; the gate's "
            "own number counts.",
            remedy=f"Let the metrics stage return `{score.name}`, if its output is shown to anyone.",
            location=audit.location("metrics"),
        )  # fmt: skip
        return
    wrong = [i for i, (claim, value) in enumerate(zip(claims, values)) if claim is not None and not _same(claim, float(value))]
    if not wrong:
        return
    i = max(wrong, key=lambda j: abs((claims[j] or 0.0) - values[j]))
    claim = claims[i]
    assert claim is not None
    flattering = score.better(claim, float(values[i]))
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="metrics",
        column=score.name,
        rows=sum(len(audit.base.fold_runs[j].fold.test) for j in wrong),
        evidence=[
            Measurement(name=f"{score.name} of fold {j}", value=float(claims[j] or 0.0), expected=f"{values[j]:.6g}")
            for j in wrong[:5]
        ],
        message=f"The metrics stage says {score.name} = {claim:.6g} for fold {i}, computed from its predictions it is "
        f"{values[i]:.6g}: {'better than it is' if flattering else 'not what it is'}, in {folds_words(wrong, len(values))}."
        + _reason(audit, score, i, claim),
        remedy="Compute it over every test row from the predictions as given, without leaving rows out and "
        "without anything taken "
        "from the test; or give it a name of its own and a `metrics.definition`.",
        location=audit.location("metrics"),
    )


def claimed_score(score: Score, claimed: dict[str, float]) -> float | None:
    """What a metrics stage said the primary score is, under its own or another usual name; None where it said nothing."""
    if score.name in claimed:
        return float(claimed[score.name])
    for name in ALIASES.get(score.name, ()):
        if name in claimed:
            value = float(claimed[name])
            return value if name.startswith("neg_") == score.name.startswith("neg_") else -value
    return None


def _same(claim: float, value: float) -> bool:
    if np.isnan(claim) or np.isnan(value):
        return bool(np.isnan(claim) and np.isnan(value))
    return abs(claim - value) <= RELATIVE * max(abs(claim), abs(value), 1e-9)


def _reason(audit: Audit, score: Score, index: int, claim: float) -> str:
    """Says it where the claim is what comes out after leaving rows out in a usual way."""
    rows, truth, made = scored(audit, index)
    if audit.contract.kind != "regression":
        return ""
    error = np.abs(truth - made)
    for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25):
        limit = np.quantile(error, 1 - share)
        if any(_claims(audit, score, rows, truth, made, keep, claim) for keep in (error < limit, error <= limit)):
            return f" It is what comes out without the {share:.0%} of rows with the largest error.".replace("%", " %")
    for words, keep in (("rows whose outcome is zero", truth != 0), ("rows whose outcome isn't positive", truth > 0)):
        if not keep.all() and _claims(audit, score, rows, truth, made, keep, claim):
            return f" It is what comes out without the {words}."
    return ""


def _claims(audit: Audit, score: Score, rows: Values, truth: Values, made: Values, keep: Values, claim: float) -> bool:
    if ":" in score.name or not keep.any() or keep.all():
        return False
    return _same(claim, score.compute(truth[keep], made[keep], audit.frame.iloc[rows[keep]]))


rule = Rule("metric/recomputed", "metric", "The gate can't confirm the score that the pipeline claims.", check)
