"""A test set chosen by its outcome.

**What it does.** Runs the split on the same feature frame with the known outcomes shuffled among the rows. Which rows are
tested must not depend on how things turned out: neither may rows leave the evaluation, nor may some outcomes be tested more often
than others.

**Why it is bad.** At prediction time nobody knows which rows will turn out well. A test set without the zeros, the outliers
or the cancelled ones is easier than the world, and its score can't be had there.

**Leaking**

    test = np.flatnonzero((frame.hour >= cut) & (frame.delay < frame.delay.quantile(0.99)))

**Repaired**

    test = np.flatnonzero(frame.hour >= cut)           # outliers may be left out of the training part

**How it can be wrong.** Stratified splits use the outcome to share rows out evenly: tested rows have the outcomes that all rows
have, and nothing is said. A split that is nearly stratified and leaves out few rows on top of it may pass.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Mask
from workbench.gates.rule import NotExercised, Rule
from workbench.pipeline.results import Fold

CERTAIN = 1e-6
"""Chance below which tested rows were chosen by their outcome."""
TOO_EVEN = 0.01
"""Chance of so little difference below which the split shares outcomes out evenly on purpose."""
BINS = 10


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where rows leave or enter the evaluation when outcomes are shuffled."""
    folds, frame, name = audit.folds, audit.frame, audit.contract.prediction.target
    values = audit.column(name)
    known = np.flatnonzero(values.notna().to_numpy())
    shuffled = values.copy()
    order = np.random.default_rng(20130701).permutation(len(known))
    shuffled.iloc[known] = values.iloc[known[order]].array
    if shuffled.equals(values):
        raise NotExercised(f"`{name}` is the same in every row, so shuffling it changes nothing")
    if _reach_changes(audit):
        raise NotExercised("the folds change from run to run, so a change can't be laid at the outcomes' door")
    changed = audit.pipeline.run(audit.tables, until="split", frame=frame.assign(**{name: shuffled})).folds
    before_tested, before_used = _reach(folds, len(frame))
    after_tested, after_used = _reach(changed, len(frame))
    if np.array_equal(before_tested, after_tested):
        return
    uneven, even = _evenness(shuffled, after_tested)
    moved = np.flatnonzero((before_tested != after_tested) & (before_used != after_used))
    if uneven >= CERTAIN and (not len(moved) or even < TOO_EVEN):
        return
    if not len(moved):
        moved = np.flatnonzero(before_tested != after_tested)
    out = np.flatnonzero(~before_used)
    untested = np.flatnonzero(~before_tested)
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        column=name,
        rows=len(out) or len(moved),
        evidence=[audit.rows(out if len(out) else moved, len(frame), extra=[name])],
        message=f"Which rows are tested depends on how they turned out: with the outcomes shuffled, {len(moved):,} rows enter or "
        f"leave the test. "
        + (f"{len(out):,} rows are left out of the evaluation" if len(out) else f"{len(untested):,} rows are never tested")
        + ", as nobody could choose at prediction time.",
        remedy=f"Choose the test rows without looking at `{name}`; leave outliers out of the training part only.",
        location=audit.location("split"),
    )


def _evenness(outcomes: pd.Series, tested: Mask) -> tuple[float, float]:
    """How likely chance makes tested and untested rows differ in their outcomes as much as they do, and as little."""
    from scipy.stats import chi2, chi2_contingency  # slow to load, and seldom needed

    known = outcomes.notna().to_numpy()
    codes = pd.Series(pd.factorize(outcomes[known], sort=True)[0])
    if codes.nunique() > BINS:
        codes = (BINS * (codes.rank() - 1) / len(codes)).astype(int)
    table = pd.crosstab(codes, tested[known]).to_numpy()
    if min(table.shape) < 2:
        return 1.0, 1.0
    found = chi2_contingency(table, correction=False)
    return float(found.pvalue), float(chi2.cdf(found.statistic, found.dof))


def _reach_changes(audit: Audit) -> bool:
    first, second = _reach(audit.folds, len(audit.frame)), _reach(audit.repeat.folds, len(audit.frame))
    return any(not np.array_equal(a, b) for a, b in zip(first, second))


def _reach(folds: list[Fold], rows: int) -> tuple[Mask, Mask]:
    tested, used = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    for fold in folds:
        tested[fold.test] = True
        used[fold.test] = used[fold.train] = True
    return tested, used


rule = Rule("leakage/outcome-filter", "split", "The test rows are chosen by their outcome.", check)
