"""Copies of training rows in the test.

**What it does.** For every fold it looks for test rows whose features and target all equal those of a training row with
another key. Only rows with several rare values are judged, and only where rows that agree in all columns but one are far
fewer than those that agree in all: coincidence has near misses, a copy has none.

**Why it is bad.** A model that has stored its training rows gets the copies right whatever it has learnt. Concatenations that
run twice, joins that multiply rows and exports with overlapping pages make such copies.

**Leaking**

    flights = pd.concat([january, february, january.sample(500).assign(id=new_ids)])

**Repaired**

    flights = flights.drop_duplicates(subset=measured_columns)

**How it can be wrong.** It stays silent on frames of few coarse columns, where copies can't be told from coincidence.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.leakage.twins import exact_twins
from workbench.gates.rule import Rule
from workbench.gates.spans import folds_words, usable

SHARE = 0.001
"""Share of a fold's test rows from which copies fail the gate; fewer are a warning."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds."""
    audit.probed(len(audit.folds), "fold")
    copies = {i: rows for i in usable(audit) if len(rows := exact_twins(audit, i))}
    if not copies:
        return
    worst = max(copies, key=lambda i: len(copies[i]))
    rows, tested = copies[worst], len(np.unique(audit.folds[worst].test))
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR if len(rows) >= max(2, SHARE * tested) else Severity.WARNING,
        stage="split",
        rows=sum(map(len, copies.values())),
        evidence=[audit.rows(rows, tested)],
        message=f"Test rows are copies of training rows in {folds_words(sorted(copies), len(audit.folds))}: in fold {worst} "
        f"{len(rows):,} of {tested:,} have the same features and the same target as a training row.",
        remedy="Drop duplicates before the split (where the tables are loaded), or keep all copies of a row on one side.",
        location=audit.location("split"),
    )


rule = Rule("leakage/duplicates", "split", "Test rows are copies of training rows.", check)
