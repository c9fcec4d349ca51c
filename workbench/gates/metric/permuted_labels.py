"""A score that survives when there is nothing to learn.

**What it does.** Shuffles the labels of one fold's training rows among themselves, fits, and predicts the test. What was learnt
is now noise, so the predictions (before postprocess) may not explain the test's outcomes better than a constant does, not even
the best constant in hindsight.

**Why it is bad.** If predictions are good although the training labels were nonsense, the answer came in on another way: a file,
a table kept in a module, the test's own labels. It is found here without knowing which.

**Leaking**

    ANSWERS = load_labels()                              # when the module is imported
    def predict(model, frame): return model.predict(frame[X]) * 0.1 + 0.9 * frame.index.map(ANSWERS)

**Repaired**

    def predict(model, frame): return model.predict(frame[X])

**How it can be wrong.** A forecast that is taken from a feature instead of learnt (last week's value) is good without labels:
where the predictions are a linear function of features, or don't change when labels are shuffled, it is a warning to look at.
Several classes are counted as hits against the most frequent one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit, Floats
from workbench.gates.leakage.refits import cheapest_fold, sampled
from workbench.gates.metric.scores import classes, positive
from workbench.gates.rule import NotExercised, Rule
from workbench.pipeline.results import Fold

SKILL = 0.1
FOLLOWED = 0.98
"""Share of the best constant's loss that nonsense labels may not take away."""
FEWEST = 30
SURE = 3.0
"""Standard errors by which classes have to be told better than the most frequent one."""
UNLEARNT = "something that shuffling labels doesn't change"


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where a model trained on shuffled labels has skill."""
    index = cheapest_fold(audit)
    fold = sampled(audit, index)
    train = np.unique(fold.train)
    name = audit.contract.prediction.target
    values = audit.column(name)
    known = train[values.notna().to_numpy()[train]]
    if len(known) < FEWEST or len(fold.test) < FEWEST:
        raise NotExercised(f"fold {index} has fewer than {FEWEST} training or test rows, too few to tell skill from luck")
    shuffled = values.copy()
    shuffled.iloc[known] = values.iloc[np.random.default_rng(31).permutation(known)].array
    run = audit.pipeline.run(
        audit.tables, until="predict", frame=audit.frame.assign(**{name: shuffled}), folds=[Fold(fold.train, fold.test)]
    ).fold_runs[0]
    audit.probed(1, "fold")
    rows, base = np.asarray(fold.test), audit.base.fold_runs[index].raw
    if audit.contract.kind == "multiclass":
        truth, skill = _hits(audit, rows, run.raw)
        same = np.array_equal(np.asarray(base, dtype=object), np.asarray(run.raw, dtype=object))
        source = UNLEARNT if same else ""
    else:
        truth, made = _numbers(audit, rows, run.raw)
        skill = _skill(truth, made)
        source = "" if skill < SKILL else _single_source(audit, rows, made, _numbers(audit, rows, base)[1])
    if skill < SKILL:
        return
    yield Finding(
        rule=rule.id,
        severity=Severity.WARNING if source else Severity.ERROR,
        stage="predict",
        source=source or None,
        rows=len(truth),
        evidence=[Measurement(name="skill after training on shuffled labels", value=skill, expected=f"below {SKILL}")],
        message=f"Trained on shuffled labels, the model still takes {100 * skill:.0f} % off the loss of the best "
        "constant on the test "
        f"of fold {index}: "
        + (
            f"its predictions come from {source} rather than from the labels."
            if source
            else "the outcomes reach it on another way."
        ),
        remedy="Check that this is meant: a forecast that isn't learnt needs no training."
        if source
        else "Look for labels that fit or predict can reach past their arguments: module globals, files read at import, "
        "lookups by key.",
        location=audit.location("predict"),
    )


def _numbers(audit: Audit, rows: np.ndarray[Any, Any], raw: np.ndarray[Any, Any]) -> tuple[Floats, Floats]:
    """Outcomes and predictions as numbers, of the rows that have both; classes as 0 and 1."""
    known = classes(audit)
    if len(known) == 2:
        truth = (audit.column(audit.contract.prediction.target).to_numpy()[rows] == known[1]).astype("float64")
        truth[audit.column(audit.contract.prediction.target).isna().to_numpy()[rows]] = np.nan
        made = positive(np.asarray(raw), known)
    else:
        truth, made = audit.target[rows], np.asarray(raw, dtype="float64")
    both = np.isfinite(truth) & np.isfinite(made)
    if both.sum() < FEWEST:
        raise NotExercised(f"fewer than {FEWEST} test rows have an outcome and a prediction")
    return truth[both], made[both]


def _hits(audit: Audit, rows: np.ndarray[Any, Any], raw: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], float]:
    """Outcomes of the rows that have one, and the share of the most frequent class's misses that the predictions take away."""
    values = audit.column(audit.contract.prediction.target).iloc[rows].reset_index(drop=True)
    known = values.notna().to_numpy()
    if known.sum() < FEWEST:
        raise NotExercised(f"fewer than {FEWEST} test rows have an outcome and a prediction")
    truth = values[known].astype(object).to_numpy()
    hit = truth == np.asarray(raw, dtype=object)[known]
    most = truth == pd.Series(truth).mode().iloc[0]
    if most.all():
        raise NotExercised("all outcomes of the test are the same, so nothing can be explained")
    gain = hit.astype("float64") - most
    if gain.mean() < SURE * float(gain.std()) / np.sqrt(len(gain)):
        return truth, 0.0
    return truth, float(gain.mean() / (1 - most.mean()))


def _skill(truth: Floats, made: Floats) -> float:
    """Share of the best constant's loss that the predictions take away, by absolute or squared error, whichever is less.

    Scores of a classifier may be on any scale: negative skill, which is no finding.
    """
    worst = []
    for power, constant in ((1, float(np.median(truth))), (2, float(truth.mean()))):
        base = float((np.abs(truth - constant) ** power).mean())
        if base > 0:
            worst.append(1 - float((np.abs(truth - made) ** power).mean()) / base)
    if not worst:
        raise NotExercised("all outcomes of the test are the same, so nothing can be explained")
    return min(worst)


def _single_source(audit: Audit, rows: np.ndarray[Any, Any], made: Floats, honest: Floats) -> str:
    """What the predictions come from where that isn't the labels: a feature they follow, or themselves unchanged."""
    if len(honest) == len(made) and np.allclose(honest, made, rtol=1e-9, atol=1e-12):
        return UNLEARNT
    if len(made) != len(rows):
        return ""
    columns = []
    for name in audit.features:
        values = audit.frame[name].iloc[np.asarray(rows)]
        if pd.api.types.is_numeric_dtype(values.dtype):
            numbers = values.to_numpy(dtype="float64", na_value=np.nan)
            filled = np.where(np.isfinite(numbers), numbers, np.nanmean(numbers) if np.isfinite(numbers).any() else 0.0)
            if _follows(filled[:, None], made) > FOLLOWED:
                return f"the feature `{name}`"
            columns.append(filled)
    if columns and len(columns) < len(made) / 5 and _follows(np.column_stack(columns), made) > FOLLOWED:
        return "its features"
    return ""


def _follows(columns: Floats, made: Floats) -> float:
    """Share of the predictions' variance that a linear function of the columns explains."""
    design = np.column_stack([columns, np.ones(len(made))])
    rest = made - design @ np.linalg.lstsq(design, made, rcond=None)[0]
    whole = float(made.var())
    return 1.0 - float(rest.var()) / whole if whole > 0 else 0.0


rule = Rule("metric/permuted-labels", "metric", "The model scores well after training on shuffled labels.", check)
