"""A window that reaches into later rows.

**What it does.** Follows `rolling(center=True)`, forward windows, windows over reversed rows, and two-sided filters
(`savgol_filter`, `filtfilt`, `seasonal_decompose`, STL, `hpfilter`) to features.

**Why it is bad.** Half of the window, or all of it, lies after the row.

**Leaking**

    df["smooth"] = df["load"].rolling(24, center=True).mean()

**Repaired**

    df["smooth"] = df["load"].shift(1).rolling(24).mean()

**How it can be wrong.** Smoothing for a picture doesn't reach a model and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such read that reaches features."""
    for reach in facts.ahead:
        if reach.mark.kind == "window":
            yield hit(
                reach,
                f"{spoken(reach.mark)} computes a feature from a window that holds later rows.",
                "Use a trailing window; for a filter, one that runs forward only.",
            )


rule = LintRule("lint/future-window", "A feature is computed from a window with later rows.", check)
