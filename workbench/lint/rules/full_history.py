"""Each row of a time series compared with its whole history, the future included.

**What it does.** In functions that give back features, indicators or signals (a strategy's `populate_…`, a library's
functions), it reports numbers of all rows (`min`, `max`, `mean`, `quantile`, a scaler's fit, `groupby(…).transform`, the
last row) that end up in every row.

**Why it is bad.** A back-test hands over the whole history at once: normalised by its maximum, the first row knows the
last.

**Leaking**

    dataframe["n"] = (dataframe["close"] - dataframe["close"].min()) / (dataframe["close"].max() - dataframe["close"].min())

**Repaired**

    low, high = dataframe["close"].rolling(500).min(), dataframe["close"].rolling(500).max()
    dataframe["n"] = (dataframe["close"] - low) / (high - low)

**How it can be wrong.** A function that is only ever given the past is fine; the code doesn't show that.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each number of the whole history that every row gets."""
    last = [reach for reach in facts.ahead if reach.mark.kind == "history"]
    for reach in [*facts.whole_history, *last]:
        yield hit(
            reach,
            f"{spoken(reach.mark)} is computed from the whole history, and every row gets it: early rows know late ones.",
            "Use a rolling or expanding window, or numbers fitted on a training period.",
        )


rule = LintRule("lint/full-history", "A number of the whole history is used in every row.", check)
