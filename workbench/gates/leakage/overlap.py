"""The same row trained on and tested.

**What it does.** For every fold it looks for positions that are in both parts, and for rows of both parts with the same key
(the contract's entity and target time; without a time the entity alone names a row).

**Why it is bad.** The model is asked what it has been told. The score of these rows says nothing about new ones, and a row
doubled before the split (oversampling, a merge that multiplies rows, a concat that runs twice) does the same unseen.

**Leaking**

    rare = frame[frame.late == 1]
    frame = pd.concat([frame, rare, rare], ignore_index=True)      # balanced, then split
    yield train_test_split(np.arange(len(frame)), random_state=0)

**Repaired**

    def fit(train):                                                # balance inside fit: the test is never doubled
        train = pd.concat([train, train[train.late == 1]])

**How it can be wrong.** Where several rows rightly share entity and target time (two orders in one second), the contract's
entity is not what names a row: add the column that does.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Ints
from workbench.gates.rule import Rule
from workbench.gates.spans import folds_words, usable


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for shared positions and one for shared keys."""
    audit.probed(len(audit.folds), "fold")
    place = audit.location("split")
    same = {i: rows for i in usable(audit) if len(rows := np.intersect1d(audit.folds[i].train, audit.folds[i].test))}
    if same:
        worst = max(same, key=lambda i: len(same[i]))
        count, tested = sum(map(len, same.values())), len(np.unique(audit.folds[worst].test))
        yield Finding(
            rule=rule.id, severity=Severity.ERROR, stage="split", rows=count, evidence=[audit.rows(same[worst], tested)],
            message=f"The same rows are trained on and tested in {folds_words(sorted(same), len(audit.folds))}: in fold {worst} "
            f"{len(same[worst]):,} of {tested:,} test rows are training rows, too.",
            remedy="Give each row to one side: np.setdiff1d(train, test).", location=place,
        )  # fmt: skip
    key = row_keys(audit)
    shared = {i: rows for i in usable(audit) if len(rows := _twins(audit, i, key))}
    if shared:
        worst = max(shared, key=lambda i: len(shared[i]))
        count, tested = sum(map(len, shared.values())), len(np.unique(audit.folds[worst].test))
        names = " and ".join(f"`{k}`" for k in audit.keys)
        yield Finding(
            rule=rule.id, severity=Severity.ERROR, stage="split", column=", ".join(audit.keys), rows=count,
            evidence=[audit.rows(shared[worst], tested)],
            message="Copies of the same prediction stand on both sides of "
            f"{folds_words(sorted(shared), len(audit.folds))}: in fold "
            f"{worst} {len(shared[worst]):,} of {tested:,} test rows have the same {names} as a training row.",
            remedy="Make the rows of the feature frame unique before the split, and oversample or augment inside `fit` only; "
            f"where {names} doesn't name a row, add the column that does to `prediction.entity`.", location=place,
        )  # fmt: skip


def row_keys(audit: Audit) -> Ints:
    """A number per row that is the same for rows with the same key."""
    numbers: Ints = audit.frame.groupby(audit.keys, sort=False, dropna=False, observed=True).ngroup().to_numpy(dtype="int64")
    return numbers


def _twins(audit: Audit, index: int, key: Ints) -> Ints:
    fold = audit.folds[index]
    test = np.setdiff1d(fold.test, fold.train)
    train = np.setdiff1d(fold.train, fold.test)
    twins: Ints = test[np.isin(key[test], key[train])]
    return twins


rule = Rule("leakage/overlap", "split", "The same row is trained on and tested.", check)
