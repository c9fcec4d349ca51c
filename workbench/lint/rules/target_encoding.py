"""A category replaced by a mean of the label over all rows.

**What it does.** Follows group statistics of a label (`df.groupby("city")["price"].mean()` mapped back or transformed)
and target encoders to a model that predicts this label and is evaluated on rows which took part.

**Why it is bad.** Each test row's own label is part of its feature.

**Leaking**

    df["city_price"] = df["city"].map(df.groupby("city")["price"].mean())
    train, test = train_test_split(df)
    model.fit(train[["city_price"]], train["price"])

**Repaired**

    train, test = train_test_split(df)
    means = train.groupby("city")["price"].mean()
    test["city_price"] = test["city"].map(means)         # and for the training rows: means of other folds

**How it can be wrong.** What the label is follows from what models are fitted on; without a model in the file a group
mean is `lint/statistic-before-split`. Means over the training part that are used on that part without folds overfit, and
are not reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such place."""
    for reach in facts.statistics:
        if reach.mark.kind == "encode" or (reach.mark.kind == "group" and reach.mark.names & facts.labels):
            yield hit(
                reach,
                f"{spoken(reach.mark)} puts labels of held-out rows into a feature.",
                "Compute the means from the training rows, for these themselves over folds (TargetEncoder in a Pipeline).",
            )


rule = LintRule("lint/target-encoding", "A mean of the label over all rows is a feature.", check)
