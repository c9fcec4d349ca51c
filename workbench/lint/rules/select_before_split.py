"""Features chosen by the labels of rows that are held out.

**What it does.** Follows selectors (SelectKBest, RFE, SelectFromModel …) and columns picked by their correlation with
other columns to a model that is evaluated on rows which took part in the choice.

**Why it is bad.** Among enough noise columns some fit any labels by chance. Chosen on all rows they fit the test's
labels, too: the score of pure noise can look excellent. This is among the largest leaks there are.

**Leaking**

    X = SelectKBest(k=20).fit_transform(X, y)
    cross_val_score(LogisticRegression(), X, y)

**Repaired**

    cross_val_score(make_pipeline(SelectKBest(k=20), LogisticRegression()), X, y)

**How it can be wrong.** A choice made by a person who looked at a plot can't be seen in the code.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such place."""
    for reach in facts.statistics:
        if reach.mark.kind == "select":
            yield hit(
                reach,
                f"{spoken(reach.mark)} chooses features by rows that are held out later.",
                "Choose on the training rows only: put the selector into a Pipeline with the model.",
            )


rule = LintRule("lint/select-before-split", "Features are selected before the split.", check)
