"""Rows without an outcome among those that are scored or trained on.

**What it does.** Counts rows of each fold's test and training part whose target is missing.

**Why it is bad.** A test row without an outcome can't be scored: either the score is NaN, or the metric drops the row and the
score is about another set of rows than the split says. Often such rows are not missing by chance: cancelled, refused, not
yet over. In the training part they are harmless as long as `fit` leaves them out, hence a warning.

**Leaking**

    frame["delay"] = frame["delay"].fillna(0)          # made up outcomes: even worse, and not seen here
    yield train, np.flatnonzero(frame.hour >= cut)     # outcomes partly missing

**Repaired**

    known = frame["delay"].notna()
    yield train, np.flatnonzero((frame.hour >= cut) & known)

**How it can be wrong.** A metric made for unknown outcomes (censored survival times) may want these rows; give it a target
column that says so instead of a missing value.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Ints
from workbench.gates.rule import Rule


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for test rows and one for training rows."""
    audit.probed(len(audit.folds), "fold")
    missing = audit.column(audit.contract.prediction.target).isna().to_numpy()
    for side, severity in (("test", Severity.ERROR), ("training", Severity.WARNING)):
        rows = _rows(audit, "test" if side == "test" else "train")
        unknown: Ints = rows[missing[rows]]
        if not len(unknown):
            continue
        test = side == "test"
        yield Finding(
            rule=rule.id,
            severity=severity,
            stage="split",
            column=audit.contract.prediction.target,
            source=side,
            rows=len(unknown),
            evidence=[audit.rows(unknown, len(rows))],
            message=f"{len(unknown):,} of {len(rows):,} {side} rows have no outcome "
            + ("and can't be scored." if test else "and teach nothing; `fit` has to leave them out."),
            remedy="Leave rows with a missing target out of the test part of the folds."
            if test
            else "Leave rows with a missing target out of the training part of the folds.",
            location=audit.location("split"),
        )


def _rows(audit: Audit, side: str) -> Ints:
    parts = [getattr(fold, side) for fold in audit.folds]
    rows: Ints = np.unique(np.concatenate(parts)) if parts else np.array([], dtype="int64")
    return rows


rule = Rule("leakage/unknown-label", "split", "Rows without an outcome are scored or trained on.", check)
