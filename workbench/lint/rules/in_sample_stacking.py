"""A model trained on another model's predictions for its own training rows.

**What it does.** Follows predictions that become features of a second model, for rows that the first model was fitted on
with labels.

**Why it is bad.** On its training rows the first model half knows the label; the second learns to trust it far more than
new rows will justify.

**Leaking**

    base.fit(X_train, y_train)
    meta.fit(base.predict(X_train).reshape(-1, 1), y_train)

**Repaired**

    meta.fit(cross_val_predict(base, X_train, y_train).reshape(-1, 1), y_train)

**How it can be wrong.** Where the first model predicts something that has nothing to do with the second's label, it does
no harm.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts, ordered
from workbench.lint.names import is_label
from workbench.lint.rows import covers
from workbench.lint.rule import Hit, LintRule


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each second model."""
    seen: set[int] = set()
    for fit in facts.trace.fits:
        if not fit.supervised:
            continue
        for mark in ordered(fit.features.marks(facts.labels | fit.label_names, is_label)):
            inside = any(covers(a, f) for a in mark.rows for f in fit.features.rows)
            if mark.kind == "model" and inside and fit.site.line not in seen:
                seen.add(fit.site.line)
                yield Hit(
                    site=fit.site,
                    message=f"{fit.name} is fitted on predictions of {mark.what} for rows that {mark.what} was fitted on.",
                    remedy="Use out-of-fold predictions (cross_val_predict, StackingClassifier) for the training rows.",
                    evidence=f"{mark.what} is fitted at line {mark.site.line}",
                    others=(mark.site,),
                )


rule = LintRule("lint/in-sample-stacking", "A second model is trained on in-sample predictions of the first.", check)
