"""A group that stands on both sides of a fold although the contract says it may not.

**What it does.** For each column of `prediction.groups` and each fold it looks for values that both training and test rows
have. Rows without a value belong to no group; a note says how many there are.

**Why it is bad.** Rows of one aircraft, patient or household resemble each other more than they resemble the next one's. A
model recognises the group instead of learning the rule, scores well on groups it has met, and fails on the first new one.

**Leaking**

    KFold(5).split(frame)

**Repaired**

    GroupKFold(5).split(frame, groups=frame["tailnum"])

**How it can be wrong.** It believes `prediction.groups`. If the model will only ever be asked about groups it knows, the
column doesn't belong there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Ints
from workbench.gates.rule import NotApplicable, Rule
from workbench.gates.spans import folds_words, usable


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per group column."""
    groups = audit.contract.prediction.groups
    if not groups:
        raise NotApplicable("the contract declares no groups")
    audit.rest_on("prediction.groups")
    audit.probed(len(audit.folds), "fold")
    for name in groups:
        values = audit.column(name)
        code = values.groupby(values, sort=False, dropna=True, observed=True).ngroup().to_numpy()
        missing = values.isna().to_numpy()
        code = np.where(missing, -1, code)
        yield from _shared(audit, name, code)
        used = np.unique(np.concatenate([part for fold in audit.folds for part in (fold.train, fold.test)]))
        unknown = used[missing[used]]
        if len(unknown):
            yield Finding(
                rule=rule.id, severity=Severity.NOTE, stage="split", column=name, source="missing", rows=len(unknown),
                evidence=[audit.rows(unknown, len(used))],
                message=f"{len(unknown):,} rows of the folds have no `{name}`, so nobody can say which side they belong to.",
                remedy=f"Fill `{name}`, or leave these rows out of the test.", location=audit.location("split"),
            )  # fmt: skip


def _shared(audit: Audit, name: str, code: Ints) -> Iterable[Finding]:
    touched = {}
    for i in usable(audit):
        fold = audit.folds[i]
        test = np.unique(fold.test)
        rows = test[(code[test] >= 0) & np.isin(code[test], code[fold.train])]
        if len(rows):
            touched[i] = rows
    if not touched:
        return
    worst = max(touched, key=lambda i: len(touched[i]))
    rows, tested = touched[worst], len(np.unique(audit.folds[worst].test))
    count = len(np.unique(code[rows]))
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        column=name,
        rows=sum(map(len, touched.values())),
        evidence=[audit.rows(rows, tested, extra=[name])],
        message=f"`{name}` may not stand on both sides of a fold, and does in "
        f"{folds_words(sorted(touched), len(audit.folds))}: in "
        f"fold {worst} {count:,} of its values are trained on and tested, in {len(rows):,} of {tested:,} test rows.",
        remedy=f"Split by `{name}`: give all rows of a value to one side (scikit-learn's GroupKFold), and keep the order in time "
        "within that where the data have one.",
        location=audit.location("split"),
    )


rule = Rule("leakage/shared-group", "split", "A declared group stands on both sides of a fold.", check)
