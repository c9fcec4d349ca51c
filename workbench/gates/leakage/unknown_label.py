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

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.sides import evidence, sides_of


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for test rows and one for training rows."""
    sides = sides_of(audit)
    audit.probed(sides.folds, "fold")
    for side, severity in (("test", Severity.ERROR), ("training", Severity.WARNING)):
        test = side == "test"
        if not any(part.unlabelled for part in sides.bounds()[test]):
            continue
        unknown, of = sides.unlabelled("test" if test else "train"), sides.distinct("test" if test else "train")
        yield Finding(
            rule=rule.id,
            severity=severity,
            stage="split",
            column=audit.contract.prediction.target,
            source=side,
            rows=unknown.count,
            evidence=[evidence(audit, unknown, of)],
            message=f"{unknown.count:,} of {of:,} {side} rows have no outcome "
            + ("and can't be scored." if test else "and teach nothing; `fit` has to leave them out."),
            remedy="Leave rows with a missing target out of the test part of the folds."
            if test
            else "Leave rows with a missing target out of the training part of the folds.",
            location=audit.location("split"),
        )


rule = Rule("leakage/unknown-label", "split", "Rows without an outcome are scored or trained on.", check)
