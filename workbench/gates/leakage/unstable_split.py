"""The same input, other folds.

**What it does.** Runs the pipeline a second time in a fresh process and compares the folds.

**Why it is bad.** If the folds change from run to run, two scores can't be compared, a good one can be had by trying again,
and nobody can review what was trained on what. Every other rule of this gate has then looked at folds that are gone.

**Leaking**

    yield train_test_split(np.arange(len(frame)), test_size=0.2)

**Repaired**

    yield train_test_split(np.arange(len(frame)), test_size=0.2, random_state=0)

**How it can be wrong.** A feature frame whose rows change from run to run changes the folds, too: look at the features first.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity, Text
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.spans import folds_words


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where the second run's folds differ."""
    first, second = audit.folds, audit.repeat.folds
    if len(first) != len(second):
        yield _finding(audit, f"the first run has {len(first)} folds, the second {len(second)}", "The number of folds changes", 0)
        return
    changed = [
        i
        for i, (a, b) in enumerate(zip(first, second))
        if not (np.array_equal(a.train, b.train) and np.array_equal(a.test, b.test))
    ]
    if changed:
        i = changed[0]
        moved = len(np.setxor1d(first[i].test, second[i].test))
        sides = "test" if moved else "training"
        moved = moved or len(np.setxor1d(first[i].train, second[i].train))
        words = (
            f"fold {i}: {moved:,} {sides} rows are in one of the two runs only"
            if moved
            else f"fold {i}: the same rows in another order"
        )
        yield _finding(audit, words, f"The rows of {folds_words(changed, len(first))} change", moved)


def _finding(audit: Audit, words: str, what: str, rows: int) -> Finding:
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        rows=rows,
        evidence=[Text(text=words)],
        message=f"{what} from run to run on the same input, so no score can be reproduced.",
        remedy="Give every random choice in the split a fixed seed, and don't let it depend on the time of day, "
        "on sets or on hashes.",
        location=audit.location("split"),
    )


rule = Rule("leakage/unstable-split", "split", "The same input gives other folds.", check)
