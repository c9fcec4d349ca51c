"""A mean, rank, quantile or other number of all rows in a feature, before the split.

**What it does.** Follows numbers that were computed from all rows (`mean`, `std`, `median`, `quantile`, `rank`, `qcut`,
`groupby(…).transform("mean")`, NumPy's and polars' forms) into the features of a model that is then evaluated on part of
these rows.

**Why it is bad.** Filling, scaling or binning by numbers of all rows tells the model about the rows that it is tested on;
in a time series it tells every row about its future.

**Leaking**

    df["age"] = df["age"].fillna(df["age"].mean())
    train, test = train_test_split(df)

**Repaired**

    train, test = train_test_split(df)
    mean = train["age"].mean()
    train["age"], test["age"] = train["age"].fillna(mean), test["age"].fillna(mean)

**How it can be wrong.** Numbers that only draw a line between rows (a cut at a quantile of time) don't count, nor do the
first and last time. Groups by date or time are taken to be of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such place."""
    for reach in facts.statistics:
        of_label = reach.mark.kind == "group" and bool(reach.mark.names & facts.labels)
        if reach.mark.kind in ("statistic", "group") and not of_label:
            yield hit(
                reach,
                f"{spoken(reach.mark)} is computed from rows that are held out later, and becomes part of the features.",
                "Compute it from the training rows, or for a time series from the rows so far (rolling, expanding).",
            )


rule = LintRule("lint/statistic-before-split", "A statistic of all rows is used in features before the split.", check)
