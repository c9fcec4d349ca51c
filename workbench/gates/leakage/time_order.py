"""Training on the future of the test.

**What it does.** For every fold it asks whether a training row is about the time of the first test row, or later.

**Why it is bad.** Whoever makes the first test prediction has not lived through what the model was trained on. On data
with time, neighbours in time resemble each other, so a shuffled split lets the model look the answer up, and the score
can't be had in production. A block with training rows on both sides has the same fault for the rows after it.

**Leaking**

    from sklearn.model_selection import KFold

    def folds(frame):
        return KFold(5, shuffle=True, random_state=0).split(frame)

**Repaired**

    def folds(frame):
        for start in pd.date_range("2013-07-01", "2013-12-01", freq="MS", tz="UTC"):
            test = (frame.target_hour >= start) & (frame.target_hour < start + pd.offsets.MonthBegin())
            known = frame.target_hour + pd.Timedelta("2h") <= start - pd.Timedelta("24h")
            yield np.flatnonzero(known), np.flatnonzero(test)

**How it can be wrong.** It believes `prediction.target_time`. A use case that really is asked about the past (filling gaps
between known values) is not a forecast: declare it without a target time.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.spans import fold_span, folds_words, minute, order_broken, usable


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds whose training rows reach into the test's time."""
    times = audit.times
    audit.rest_on("prediction.target_time")
    broken = {i: late for i in usable(audit) if len(late := order_broken(audit, i))}
    audit.probed(len(audit.folds), "fold")
    if not broken:
        return
    worst = max(broken, key=lambda i: len(broken[i]))
    fold, late = audit.folds[worst], broken[worst]
    rows = sum(map(len, broken.values()))
    train = len(np.unique(fold.train))
    words, remedy = _kind(audit, worst)
    first = minute(int(times.target[fold.test].min()))
    last = minute(int(times.target[late].max()))
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        column=audit.contract.prediction.target_time,
        rows=rows,
        evidence=[fold_span(audit, worst), audit.rows(late, train)],
        message=f"{words} In {folds_words(sorted(broken), len(audit.folds))} the model is trained on the test's own future: in "
        f"fold {worst} {len(late):,} of {train:,} training rows are about {first} or later, up to {last}, and the first test "
        f"row is about {first}.",
        remedy=remedy,
        location=audit.location("split"),
    )


def order_kind(audit: Audit, index: int) -> str:
    """How the order of a fold is broken: `random`, `reversed`, `around`, `staggered` or `some`."""
    fold, times = audit.folds[index], audit.times
    train, test = times.target[np.unique(fold.train)], times.target[np.unique(fold.test)]
    if train.min() >= test.min() and np.median(train) > np.median(test) and (train >= test.max()).mean() > 0.9:
        return "reversed"
    inside = (train >= test.min()) & (train <= test.max())
    expected = _share_of_time(audit, int(test.min()), int(test.max()))
    if inside.mean() > 0.5 * expected and inside.mean() > 0.02 and not _ordered_within(audit, index):
        return "random"
    if (train > test.max()).mean() > 0.02:
        return "around"
    return "staggered" if _ordered_within(audit, index) else "some"


def _share_of_time(audit: Audit, first: int, last: int) -> float:
    target = audit.times.target
    return float(((target >= first) & (target <= last)).mean())


def _ordered_within(audit: Audit, index: int) -> bool:
    """Whether every entity, looked at alone, is in order: a cut of its own for each."""
    fold, times = audit.folds[index], audit.times
    entity = (
        audit.frame.groupby(list(audit.contract.prediction.entity), sort=False, dropna=False, observed=True).ngroup().to_numpy()
    )
    count = int(entity.max()) + 1
    last, first = np.full(count, np.iinfo(np.int64).min), np.full(count, np.iinfo(np.int64).max)
    np.maximum.at(last, entity[fold.train], times.target[fold.train])
    np.minimum.at(first, entity[fold.test], times.target[fold.test])
    both = np.isin(np.arange(count), entity[fold.train]) & np.isin(np.arange(count), entity[fold.test])
    return bool(both.sum() > 1 and (last[both] < first[both]).all())


def _kind(audit: Audit, index: int) -> tuple[str, str]:
    cut = "cut by time: train on what lies before the test period, its labels known before the first prediction of the test"
    return {
        "random": ("The split looks random although the data have a time.", f"Replace the random split: {cut}."),
        "reversed": ("The split trains on the later part and tests on the earlier one.", f"Turn it round: {cut}."),
        "around": ("The split trains on both sides of the test period.", f"Use only what comes before: {cut}."),
        "staggered": (
            "Each entity is cut at a time of its own, so one entity's training rows tell another's test period.",
            f"Use one cut for all entities of a fold: {cut}.",
        ),
        "some": (
            "Most of the split is in order, but some training rows belong to the test period.",
            f"Take these rows out of the training part: {cut}.",
        ),
    }[order_kind(audit, index)]


rule = Rule("leakage/time-order", "split", "Training rows lie in the test's future.", check)
