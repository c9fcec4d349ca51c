"""A training label that still changes after it is said to be known.

**What it does.** Takes the fold with the latest test, changes every source cell that is not known when that fold's first
prediction is made, builds the feature frame again, and compares the training labels whose `label_known_after` says that they
were known by then. None of them may move.

**Why it is bad.** `leakage/label-embargo` believes what the contract declares about labels. Here the running pipeline is asked:
labels that are summed over a week, resampled across the cut, or made from a column that comes in later than declared are built
from what had not happened yet, and a gap computed from a wrong number is no gap.

**Leaking** (`label_known_after = "2h"`, but the label is the mean of the day)

    frame["delay"] = flights.groupby([flights.origin, flights.hour.dt.floor("D")])["delay"].transform("mean")

**Repaired**

    label_known_after = "26h"        # in the contract, a reviewed change; then the split's gap follows

**How it can be wrong.** It believes what `sources` declare about their cells: where `label_known_after` is right and a source's
`known_after` too long, mend the latter.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.rule import NotExercised, Rule
from workbench.gates.spans import iso, minute, span_words, usable
from workbench.pipeline.asof import known_times
from workbench.pipeline.times import moment
from workbench.pipeline.worlds import poisoned


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where training labels move although they count as known."""
    times, name = audit.times, audit.contract.prediction.target
    audit.rest_on(
        "prediction.label_known_after", *(f"sources.{s}.known_after" for s, v in audit.contract.sources.items() if v.time)
    )
    rows, cut = _subject(audit)
    if not len(rows):
        return  # no training label is known by then: the order and embargo rules report every one of them
    known = known_times(audit.contract, audit.tables)
    world = poisoned(audit.tables, known, moment(cut), seed=17)
    after = audit.pipeline.run(world, until="features").frame
    if after is None:
        raise NotExercised("the features stage gave no frame in the changed world")
    before_label, after_label = _paired(audit, rows, after)
    if not len(before_label):
        raise NotExercised("no training row of the fold is left in the changed world")
    moved = rows[_moved(before_label, after_label)]
    if not len(moved):
        return
    last = int(times.known[moved].max())
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="features",
        column=name,
        lookahead=span_words(cut - int(times.target[moved].min())),
        rows=len(moved),
        evidence=[audit.rows(moved[np.argsort(times.target[moved])], len(rows), extra=[name])],
        message=f"{len(moved):,} training labels change when only what is known after {minute(cut)} is changed, although "
        f"`label_known_after` says that they were all known by {iso(last)}: `{name}` is made from what comes in later.",
        remedy=f"Find out when `{name}` is really complete and declare it as `label_known_after`; then purge the "
        "training rows of the "
        "split accordingly. If the label is right, a source's `known_after` is too long.",
        location=audit.location("features"),
    )


def _subject(audit: Audit) -> tuple[Ints, int]:
    """Training rows whose label counts as known at the first prediction of the latest fold, and that instant."""
    folds = usable(audit)
    if not folds:
        raise NotExercised("no fold has rows on both sides")
    times = audit.times
    index = max(folds, key=lambda i: int(times.prediction[audit.folds[i].test].min()))
    cut = int(times.prediction[audit.folds[index].test].min())
    train = np.unique(audit.folds[index].train)
    rows: Ints = train[(times.known[train] <= cut) & audit.column(audit.contract.prediction.target).notna().to_numpy()[train]]
    return rows, cut


def _paired(audit: Audit, rows: Ints, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Labels of `rows` before and after, matched by key; a row that is gone has a missing label after."""
    name, keys = audit.contract.prediction.target, audit.keys
    if after is None or not {*keys, name} <= set(after.columns):
        raise NotExercised("the changed world's feature frame lacks the keys or the target")
    before = audit.frame[[*keys, name]].iloc[rows]
    labels = after[[*keys, name]].drop_duplicates(keys).rename(columns={name: "\0after"})
    merged = before.merge(labels, on=keys, how="left", sort=False)
    if len(merged) != len(rows):
        raise NotExercised("the rows of the changed world can't be matched by key")
    return merged[name], merged["\0after"]


def _moved(before: pd.Series, after: pd.Series) -> Mask:
    if pd.api.types.is_numeric_dtype(before.dtype) and pd.api.types.is_numeric_dtype(after.dtype):
        a, b = before.to_numpy(dtype="float64"), after.to_numpy(dtype="float64")
        moved: Mask = ~np.isclose(a, b, rtol=1e-9, atol=1e-12 * max(1.0, float(np.nanmax(np.abs(a)))), equal_nan=True)
        return moved
    moved = ~((before.astype(object) == after.astype(object)) | (before.isna() & after.isna())).to_numpy(dtype=bool)
    return moved


rule = Rule("leakage/late-label", "split", "A training label changes after it is said to be known.", check)
