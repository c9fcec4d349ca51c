"""A slice that pays for the others' good score.

**What it does.** Cuts the test rows of all folds by each column of `slices.by`, and compares model and baseline on each slice
alone. No slice may be worse than its baseline by more than `slices.max_regression` (relative for errors, absolute otherwise).

**Why it is bad.** One number over everything hides the airport, country or customer group for which the release makes things
worse; they notice first.

**Failing**

    mae over all 11.2 (baseline 11.8), at LGA 14.0 (baseline 12.5)

**Passing**

    mae at EWR 12.1 (12.9), JFK 10.4 (10.9), LGA 11.1 (11.6)

**How it can be wrong.** Slices of fewer than 30 test rows are too noisy to judge; a note names them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.metric.baselines import baseline_name, baseline_predictions
from workbench.gates.metric.scores import primary_score, scored
from workbench.gates.rule import NotApplicable, NotExercised, Rule

FEWEST = 30
MOST_SLICES = 500


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per slice that does not hold."""
    slices = audit.contract.slices
    if slices is None:
        raise NotApplicable("the contract declares no slices")
    name, score = baseline_name(audit), primary_score(audit)
    allowed = slices.max_regression or 0.0
    audit.rest_on("slices.by", "slices.max_regression")
    parts = [scored(audit, i) for i in range(len(audit.base.fold_runs))]
    rows, truth, made = (np.concatenate([part[k] for part in parts]) for k in range(3))
    base = np.concatenate(baseline_predictions(audit, name))
    rows, truth, made, base = (part[~pd.isna(base)] for part in (rows, truth, made, base))
    judged, thin = 0, []
    for column in slices.by:
        values = audit.column(column).iloc[rows].reset_index(drop=True)
        if values.nunique() > MOST_SLICES:
            raise NotExercised(f"`{column}` has {values.nunique():,} values, too many to be slices")
        for value, places in values.groupby(values, sort=True, dropna=False, observed=True).indices.items():
            label = f"{column}={value}"
            if len(places) < FEWEST:
                thin.append(label)
                continue
            frame = audit.frame.iloc[rows[places]]
            reached = score.compute(truth[places], made[places], frame)
            reference = score.compute(truth[places], base[places], frame)
            if np.isnan(reached) or np.isnan(reference):
                thin.append(label)
                continue
            judged += 1
            limit = score.required(reference, -allowed)
            if score.better(limit, reached):
                yield _finding(audit, score.name, column, label, len(places), (reached, reference, limit), name, allowed)
    if thin:
        yield _too_thin(audit, thin)
    if not judged:
        raise NotExercised(f"no slice has the {FEWEST} test rows it takes to judge one")
    audit.probed(judged, "slice")


def _finding(
    audit: Audit,
    score: str,
    column: str,
    label: str,
    rows: int,
    numbers: tuple[float, float, float],
    baseline: str,
    allowed: float,
) -> Finding:
    reached, reference, limit = numbers
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="fit",
        column=column,
        source=label,
        rows=rows,
        evidence=[Measurement(name=f"{score} at {label}", value=reached, expected=f"no worse than {limit:.6g}")],
        message=f"At {label} the model's {score} is {reached:.6g}, the baseline {baseline} has {reference:.6g}: "
        "worse by more than the "
        f"{allowed:g} that a slice may lose, on {rows:,} test rows.",
        remedy=f"Look at what is different at {label}; fit or release it apart from the others, or serve the baseline there.",
        location=audit.location("fit"),
    )


def _too_thin(audit: Audit, thin: list[str]) -> Finding:
    named = ", ".join(thin[:5]) + (f" and {len(thin) - 5} more" if len(thin) > 5 else "")
    return Finding(
        rule=rule.id, severity=Severity.NOTE, stage="fit", column="thin", rows=None,
        message=f"Too few test rows (or one class only) to judge {named}: fewer than {FEWEST} rows say nothing about a slice.",
        remedy="Test longer, or declare coarser slices.", location=audit.location("split"),
    )  # fmt: skip


rule = Rule("metric/slices", "metric", "A slice does worse than its baseline.", check)
