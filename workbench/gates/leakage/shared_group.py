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

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import NotApplicable, Rule
from workbench.gates.sides import evidence, sides_of, tested, total, worst
from workbench.gates.spans import folds_words


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per group column, and a note where rows belong to none."""
    groups = audit.contract.prediction.groups
    if not groups:
        raise NotApplicable("the contract declares no groups")
    audit.rest_on("prediction.groups")
    sides = sides_of(audit)
    audit.probed(sides.folds, "fold")
    for index, name in enumerate(groups):
        yield from _shared(audit, index, name)
        unknown = sides.without_group(index)
        if unknown.count:
            yield Finding(
                rule=rule.id, severity=Severity.NOTE, stage="split", column=name, source="missing", rows=unknown.count,
                evidence=[evidence(audit, unknown, sides.used())],
                message=f"{unknown.count:,} rows of the folds have no `{name}`, so nobody can say which side they belong to.",
                remedy=f"Fill `{name}`, or leave these rows out of the test.", location=audit.location("split"),
            )  # fmt: skip


def _shared(audit: Audit, index: int, name: str) -> Iterable[Finding]:
    sides = sides_of(audit)
    touched = sides.shared_groups(index)
    if not touched:
        return
    most = worst(touched)
    found, of = touched[most], tested(sides, most)
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        column=name,
        rows=total(touched),
        evidence=[evidence(audit, found, of, extra=[name])],
        message=f"`{name}` may not stand on both sides of a fold, and does in "
        f"{folds_words(sorted(touched), sides.folds)}: in "
        f"fold {most} {found.facts['values']:,} of its values are trained on and tested, in {found.count:,} of {of:,} test rows.",
        remedy=f"Split by `{name}`: give all rows of a value to one side (scikit-learn's GroupKFold), and keep the order in time "
        "within that where the data have one.",
        location=audit.location("split"),
    )


rule = Rule("leakage/shared-group", "split", "A declared group stands on both sides of a fold.", check)
