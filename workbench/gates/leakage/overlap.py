"""The same row trained on and tested.

**What it does.** For every fold it looks for positions that are in both parts, and for rows of both parts with the same key
(the contract's entity and target time; without a time the entity alone names a row). A row without any entity has no name and
is left to `leakage/duplicates`.

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
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.sides import evidence, sides_of, tested, total, two_sided, worst
from workbench.gates.spans import folds_words


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for shared positions and one for shared keys."""
    sides = sides_of(audit)
    audit.probed(sides.folds, "fold")
    place = audit.location("split")
    if sides.positions:
        yield from _same_positions(audit)
    shared = sides.shared_keys()
    if shared:
        most = worst(shared)
        names = " and ".join(f"`{k}`" for k in audit.keys)
        yield Finding(
            rule=rule.id, severity=Severity.ERROR, stage="split", column=", ".join(audit.keys), rows=total(shared),
            evidence=[evidence(audit, shared[most], tested(sides, most))],
            message="Copies of the same prediction stand on both sides of "
            f"{folds_words(sorted(shared), sides.folds)}: in fold "
            f"{most} {shared[most].count:,} of {tested(sides, most):,} test rows have the same {names} as a training row.",
            remedy="Make the rows of the feature frame unique before the split, and oversample or augment inside `fit` only; "
            f"where {names} doesn't name a row, add the column that does to `prediction.entity`.", location=place,
        )  # fmt: skip


def _same_positions(audit: Audit) -> Iterable[Finding]:
    sides = sides_of(audit)
    folds = audit.folds
    same = {i: rows for i in two_sided(sides) if len(rows := np.intersect1d(folds[i].train, folds[i].test))}
    if not same:
        return
    most = max(same, key=lambda i: len(same[i]))
    yield Finding(
        rule=rule.id, severity=Severity.ERROR, stage="split", rows=sum(map(len, same.values())),
        evidence=[audit.rows(same[most], tested(sides, most))],
        message=f"The same rows are trained on and tested in {folds_words(sorted(same), sides.folds)}: in fold {most} "
        f"{len(same[most]):,} of {tested(sides, most):,} test rows are training rows, too.",
        remedy="Give each row to one side: np.setdiff1d(train, test).", location=audit.location("split"),
    )  # fmt: skip


rule = Rule("leakage/overlap", "split", "The same row is trained on and tested.", check)
