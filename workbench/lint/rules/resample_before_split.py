"""Rows drawn again, or made from others, before the split.

**What it does.** Follows oversampling (SMOTE, ADASYN, RandomOverSampler, `resample`, `sample(replace=True)`, a table
appended to itself) to a split or to folds of what it gives back. Undersampling before a split is a note: no row stands on
both sides, but the test's rows are no longer as they come.

**Why it is bad.** Copies of a row, or rows made between two of them, land on both sides: the model is tested on what it
has seen.

**Leaking**

    X, y = SMOTE().fit_resample(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X, y)

**Repaired**

    X_train, X_test, y_train, y_test = train_test_split(X, y)
    X_train, y_train = SMOTE().fit_resample(X_train, y_train)

**How it can be wrong.** Augmentation by functions of one's own that nobody can tell from other functions is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Severity
from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such place; a note for undersampling."""
    for reach in facts.statistics:
        if reach.mark.kind == "resample":
            yield hit(
                reach,
                f"{spoken(reach.mark)} makes rows from rows before they are divided: copies stand on both sides.",
                "Divide first and resample the training part only, or use imblearn's Pipeline inside the folds.",
            )
        elif reach.mark.kind == "undersample":
            found = hit(
                reach,
                f"{spoken(reach.mark)} drops rows before they are divided: the test no longer has the classes as they come.",
                "Divide first and undersample the training part only.",
            )
            yield Hit(found.site, found.message, found.remedy, found.evidence, severity=Severity.NOTE, others=found.others)


rule = LintRule("lint/resample-before-split", "Rows are resampled before the split.", check)
