"""A model that is no better than not having one.

**What it does.** Computes the declared baseline for every test row, honestly: from training rows, or from outcomes known at the
row's own prediction time. Compares the primary metric, averaged over folds by test rows. The model has to be better by
`metrics.margin`: relative for errors, absolute for other scores.

**Why it is bad.** A model that loses to last week's value costs money and trust and earns nothing. A pipeline that is compared
with a weak or wrongly computed baseline looks good for no reason, so the gate computes it itself.

**Failing**

    mae 11.9, seasonal_naive 11.8

**Passing**

    mae 11.2, seasonal_naive 11.8, margin 0.02

**How it can be wrong.** A season is a day for rows within the day, a week for daily rows and a year for longer ones; where the
season is another, name a baseline of your own as `module:callable`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.metric.baselines import baseline_name, baseline_predictions, described
from workbench.gates.metric.scores import fold_scores, metrics_of, overall, primary_score
from workbench.gates.rule import NotExercised, Rule


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where the baseline is not beaten by the margin."""
    name, score = baseline_name(audit), primary_score(audit)
    audit.rest_on("metrics.baseline", "metrics.margin")
    margin = metrics_of(audit.contract).margin or 0.0
    values, weights = fold_scores(audit, score)
    bases, _ = fold_scores(audit, score, baseline_predictions(audit, name))
    values = np.where(np.isnan(bases), np.nan, values)
    reached, base = overall(values, weights), overall(np.where(np.isnan(values), np.nan, bases), weights)
    if np.isnan(reached) or np.isnan(base):
        raise NotExercised(f"`{score.name}` is not defined on any fold (a single class?)")
    audit.scores[f"{score.name} of {name}"] = round(base, 9)
    required = score.required(base, margin)
    if score.better(reached, base) and not score.better(required, reached):
        return
    worse = [i for i in range(len(values)) if not (np.isnan(values[i]) or score.better(float(values[i]), float(bases[i])))]
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="fit",
        column=score.name,
        evidence=[
            Measurement(
                name=score.name, value=reached, expected=f"{'≤' if score.direction == 'minimize' else '≥'} {required:.6g}"
            ),
            *(Measurement(name=f"fold {i}", value=float(values[i]), expected=f"better than {bases[i]:.6g}") for i in worse[:5]),
        ],
        message=f"The model's {score.name} of {reached:.6g} doesn't beat the baseline {described(audit, name)} "
        f"with {base:.6g} by the "
        f"margin of {margin:g}; {required:.6g} is needed. It loses to the baseline in {len(worse)} of {len(values)} folds.",
        remedy="Improve the model, or release the baseline: it is simpler. A lower margin is a decision about "
        "the use case, made in "
        "its contract.",
        location=audit.location("fit"),
    )


rule = Rule("metric/baseline", "metric", "The model doesn't beat the declared baseline.", check)
