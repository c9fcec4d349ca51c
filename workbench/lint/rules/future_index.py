"""A later row read by its position.

**What it does.** Knows which variables count rows in a loop, and follows `x[i + 1]`, `df.iloc[i + k]`, and values that
are set under a condition on such a read, to features or to what a strategy or library function gives back.

**Why it is bad.** A signal at row i that looks at row i + 1 can't be acted on.

**Leaking**

    for i in range(len(df) - 1):
        if df["close"].iloc[i + 1] > df["close"].iloc[i]:
            df.loc[i, "signal"] = 1

**Repaired**

    for i in range(1, len(df)):
        if df["close"].iloc[i] > df["close"].iloc[i - 1]:
            df.loc[i, "signal"] = 1

**How it can be wrong.** A window `x[i : i + n]` whose label is `x[i + n]` is a sample, not a leak, and is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such read that reaches features."""
    for reach in facts.ahead:
        if reach.mark.kind == "index":
            yield hit(
                reach,
                f"{spoken(reach.mark)} reads a later row into row i.",
                "Read rows up to i only; what comes later may be the label.",
            )


rule = LintRule("lint/future-index", "A feature reads a later row by position.", check)
