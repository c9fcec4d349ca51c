"""A shift to later rows in a feature.

**What it does.** Follows `shift(-k)`, `diff(-k)`, `pct_change(-k)`, `np.roll(x, -k)`, `lead(k)` and the same over
reversed rows to the features of a model. Where the file has no model, to what a function of features or a strategy gives
back.

**Why it is bad.** The row knows what comes after it.

**Leaking**

    df["f"] = df["traffic"].shift(-1)
    model.fit(df[["f"]], df["sales"])

**Repaired**

    df["f"] = df["traffic"].shift(1)
    df["target"] = df["sales"].shift(-1)                 # the future as the label is what forecasting is
    model.fit(df[["f"]], df["target"])

**How it can be wrong.** Columns that by their name are fixed ahead (plan, schedule, calendar, holiday, promo, forecast)
are not reported; whether they are is for a contract to say. A step whose sign the code doesn't show is not reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule, hit, spoken


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each such read that reaches features."""
    for reach in facts.ahead:
        if reach.mark.kind == "shift":
            yield hit(
                reach,
                f"{spoken(reach.mark)} reads later rows into a feature.",
                "Shift by a positive number, at least the horizon; if it is the label, keep it out of the features.",
            )


rule = LintRule("lint/future-shift", "A feature reads later rows by a shift.", check)
