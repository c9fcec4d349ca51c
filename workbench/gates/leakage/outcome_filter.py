"""A test set chosen by its outcome.

**What it does.** Runs the split on the same feature frame with the known outcomes shuffled among the rows. Which rows are
tested, and which are left out altogether, must not depend on how things turned out.

**Why it is bad.** At prediction time nobody knows which rows will turn out well. A test set without the zeros, the outliers
or the cancelled ones is easier than the world, and its score can't be had there.

**Leaking**

    test = np.flatnonzero((frame.hour >= cut) & (frame.delay < frame.delay.quantile(0.99)))

**Repaired**

    test = np.flatnonzero(frame.hour >= cut)           # outliers may be left out of the training part

**How it can be wrong.** Stratified splits use the outcome to share rows out and leave none away: they pass. A split that
stratifies and at the same time takes outliers out of the training part alone is reported although it is sound.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Mask
from workbench.gates.rule import NotExercised, Rule
from workbench.pipeline.runner import Fold


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
    moved = np.flatnonzero((before_tested != after_tested) & (before_used != after_used))
    if not len(moved):
        return
    out = np.flatnonzero(~before_used)
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        column=name,
        rows=len(out) or len(moved),
        evidence=[audit.rows(out if len(out) else moved, len(frame), extra=[name])],
        message=f"Which rows are tested depends on how they turned out: with the outcomes shuffled, {len(moved):,} rows enter or "
        f"leave the test. {len(out):,} rows are left out of the evaluation, as nobody could do at prediction time.",
        remedy=f"Choose the test rows without looking at `{name}`; leave outliers out of the training part only.",
        location=audit.location("split"),
    )


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
