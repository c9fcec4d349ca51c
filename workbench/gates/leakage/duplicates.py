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

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.leakage.twins import exact_twins
from workbench.gates.rule import Rule
from workbench.gates.sides import evidence, sides_of, tested, total, worst
from workbench.gates.spans import folds_words

SHARE = 0.001
"""Share of a fold's test rows from which copies fail the gate; fewer are a warning."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds."""
    sides = sides_of(audit)
    audit.probed(sides.folds, "fold")
    copies = exact_twins(audit)
    if not copies:
        return
    most = worst(copies)
    found, of = copies[most], tested(sides, most)
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR if found.count >= max(2, SHARE * of) else Severity.WARNING,
        stage="split",
        rows=total(copies),
        evidence=[evidence(audit, found, of)],
        message=f"Test rows are copies of training rows in {folds_words(sorted(copies), sides.folds)}: in fold {most} "
        f"{found.count:,} of {of:,} have the same features and the same target as a training row.",
        remedy="Drop duplicates before the split (where the tables are loaded), or keep all copies of a row on one side.",
        location=audit.location("split"),
    )


rule = Rule("leakage/duplicates", "split", "Test rows are copies of training rows.", check)
