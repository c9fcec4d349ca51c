"""Test rows that are training rows with a little noise.

**What it does.** As `leakage/duplicates`, but numbers may differ by up to two thousandths of their column's standard deviation.
Large test parts are sampled evenly; the evidence says how many rows were looked at.

**Why it is bad.** Augmented copies, rounded re-exports and re-computed features give the answer away like exact copies do, and
no comparison for equality sees them.

**Leaking**

    noisy = frame.sample(frac=0.2)
    noisy[numbers] *= 1 + 1e-4 * rng.standard_normal(noisy[numbers].shape)
    frame = pd.concat([frame, noisy])                  # and then split

**Repaired**

    def fit(train):
        train = augmented(train)                       # only what is trained on

**How it can be wrong.** Measurements taken so often that neighbours hardly differ are near duplicates by nature. Where rows a
little further apart are as frequent, it takes them for that and stays silent.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Finding, Rows, Severity
from workbench.gates.facts import Audit
from workbench.gates.leakage.twins import near_twins
from workbench.gates.rule import Rule
from workbench.gates.spans import folds_words, usable

TOLERANCE = 0.002
SHARE = 0.001


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds."""
    audit.probed(len(audit.folds), "fold")
    found = {i: near_twins(audit, i, TOLERANCE) for i in usable(audit)}
    copies = {i: rows for i, (rows, _) in found.items() if len(rows)}
    if not copies:
        return
    worst = max(copies, key=lambda i: len(copies[i]))
    rows, looked_at = found[worst]
    example: Rows = audit.rows(rows, looked_at)
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR if len(rows) >= max(2, SHARE * looked_at) else Severity.WARNING,
        stage="split",
        rows=sum(map(len, copies.values())),
        evidence=[example],
        message="Test rows are training rows with a little noise in "
        f"{folds_words(sorted(copies), len(audit.folds))}: in fold {worst} "
        f"{len(rows):,} of {looked_at:,} test rows looked at differ from a training row by less than {TOLERANCE} standard "
        "deviations in every number and in nothing else.",
        remedy="Augment inside `fit` only, or keep all versions of a row on one side of the split.",
        location=audit.location("split"),
    )


rule = Rule("leakage/near-duplicates", "split", "Test rows are training rows with a little noise.", check)
