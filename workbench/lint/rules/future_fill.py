"""A gap filled from later rows.

**What it does.** Follows `bfill`, `fillna(method="bfill")`, `fill_null(strategy="backward")` and `interpolate()` to
features, where something in the file shows rows in the order of time.

**Why it is bad.** The filled value was not known yet. It hides well: only rows before a gap's end are touched.

**Leaking**

    df["rain"] = df["rain"].interpolate()

**Repaired**

    df["rain"] = df["rain"].ffill()

**How it can be wrong.** In a table without order a fill from a neighbour is another mistake and not reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such read that reaches features."""
    for reach in facts.ahead:
        if reach.mark.kind == "fill":
            yield hit(
                reach,
                f"{spoken(reach.mark)} fills a feature from later rows.",
                "Fill forward, or with a number known from the training rows, and add a column that says what was missing.",
            )


rule = LintRule("lint/future-fill", "A feature is filled from later rows.", check)
