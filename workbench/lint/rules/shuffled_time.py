"""Rows in the order of time, divided at random.

**What it does.** Reports `train_test_split`, `KFold(shuffle=True)`, ShuffleSplit and the like on tables whose rows are
moments: an index of time, rows sorted by time, lags or windows among the columns, or sliding windows.

**Why it is bad.** The model is trained on rows just before and just after each test row; what it has to do in earnest,
looking only back, is never tested.

**Leaking**

    df["lag"] = df["load"].shift(24)
    X_train, X_test, y_train, y_test = train_test_split(df[["lag"]], df["load"])

**Repaired**

    X_train, X_test, y_train, y_test = train_test_split(df[["lag"]], df["load"], shuffle=False)
    # or folds: TimeSeriesSplit(5, gap=24)

**How it can be wrong.** A date among the columns (a birthday) doesn't make a series, and isn't taken for one. Rows that
are sorted by time for another reason are.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.lint.facts import Facts
from workbench.lint.rule import Hit, LintRule
from workbench.lint.trace import CrossValidationEvent, Features, SplitEvent

_ORDERED = ("lagged", "time index", "sorted")
_WORDS = {"lagged": "lags or windows over rows", "time index": "an index of time", "sorted": "rows sorted by time"}


def _why(features: Features) -> str:
    if features.flowing:
        return "sliding windows"
    return next((_WORDS[word] for word in _ORDERED if word in features.order), "")


def check(facts: Facts) -> Iterable[Hit]:
    """Yields a hit for each random division of ordered rows."""
    events: list[SplitEvent | CrossValidationEvent] = [*facts.trace.splits, *facts.trace.cross_validations]
    for event in events:
        timed = getattr(event, "timed", False) or getattr(event, "grouped", False)
        why = _why(event.features)
        if event.shuffled and not timed and why:
            yield Hit(
                site=event.site,
                message=f"`{event.what}` divides at random what is ordered in time ({why}).",
                remedy="Divide by time: train on the past, test on what follows (shuffle=False, TimeSeriesSplit with a gap).",
                evidence=f"the table shows {why}",
            )


rule = LintRule("lint/shuffled-time", "A random split of rows that are ordered in time.", check)
