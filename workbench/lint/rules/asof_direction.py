"""An as-of join that looks forward.

**What it does.** Follows `merge_asof(direction="forward")`, `"nearest"` and polars' `join_asof(strategy=…)` to features.

**Why it is bad.** The nearest row is a later one about half the time, the forward one always.

**Leaking**

    joined = pd.merge_asof(trades, quotes, on="time", direction="nearest")

**Repaired**

    joined = pd.merge_asof(trades, quotes, on="time")    # backward is the default

**How it can be wrong.** A backward join on the event time of a table that is published later leaks as well; only a
contract can say so.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such read that reaches features."""
    for reach in facts.ahead:
        if reach.mark.kind == "asof":
            yield hit(
                reach,
                f"{spoken(reach.mark)} joins rows that lie later.",
                "Join backward, on the time at which the other table was known.",
            )


rule = LintRule("lint/asof-direction", "An as-of join looks forward.", check)
