"""Training on the future of the test.

**What it does.** For every fold it asks whether a training row is about the time of the first test row, or later, and its
outcome wasn't known yet when the first test prediction is made.

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
between known values) is not a forecast: declare it without a target time. Where the contract declares `groups` and a fold keeps
them apart (new stores, new patients), the split asks how a model does on groups it has never met; then an overlap in time is a
warning, because groups that live through the same days still tell on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.sides import evidence, sides_of, timed_sides, total, worst
from workbench.gates.spans import fold_span, folds_words, minute

if TYPE_CHECKING:
    from workbench.engine.sides import Hits


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds whose training rows reach into the test's time; a warning for folds of new groups."""
    sides = timed_sides(audit)
    audit.rest_on("prediction.target_time")
    audit.probed(sides.folds, "fold")
    broken = broken_order(audit)
    if not broken:
        return
    new = new_groups(audit, list(broken))
    if new:
        audit.rest_on("prediction.groups")
    for severity, folds in ((Severity.ERROR, set(broken) - new), (Severity.WARNING, new)):
        if folds:
            yield _finding(audit, {i: broken[i] for i in sorted(folds)}, severity)


def _finding(audit: Audit, broken: Mapping[int, Hits], severity: Severity) -> Finding:
    sides = sides_of(audit)
    most = worst(broken)
    late, (train, test) = broken[most], (part[most] for part in sides.bounds())
    words, remedy = _kind(audit, most)
    if severity is Severity.WARNING:
        words = "The test's groups are new, but not its time."
    first, last = minute(int(test.first or 0)), minute(late.facts["last"])
    return Finding(
        rule=rule.id,
        severity=severity,
        stage="split",
        column=audit.contract.prediction.target_time,
        rows=total(broken),
        evidence=[fold_span(sides, most), evidence(audit, late, train.rows)],
        message=f"{words} In {folds_words(sorted(broken), sides.folds)} the model is trained on the test's own future: in "
        f"fold {most} {late.count:,} of {train.rows:,} training rows are about {first} or later, up to {last}, and the first "
        f"test row is about {first}.",
        remedy=remedy
        if severity is Severity.ERROR
        else "Cut by time within the groups as well, unless the model is only ever asked about new groups in a time that "
        "others have lived through.",
        location=audit.location("split"),
    )


def broken_order(audit: Audit) -> dict[int, Hits]:
    """Per fold whose order is broken: training rows about the first test row's time or later, known too late."""
    sides = sides_of(audit)

    def compute() -> dict[int, Hits]:
        train, test = sides.bounds()
        suspect = any(
            a.last is not None and b.first is not None and b.made is not None and a.last >= b.first for a, b in zip(train, test)
        )
        return sides.after_first_test() if suspect else {}

    return audit.once("broken order", compute)


def new_groups(audit: Audit, folds: list[int]) -> set[int]:
    """Those of `folds` in which the contract's groups, of which there is one at least, are kept apart."""
    groups = audit.contract.prediction.groups
    if not groups:
        return set()
    sides = sides_of(audit)
    shared = {i for index in range(len(groups)) for i in sides.shared_groups(index)}
    return set(folds) - shared


def order_kind(audit: Audit, index: int) -> str:
    """How the order of a fold is broken: `random`, `reversed`, `around`, `staggered` or `some`."""
    sides = sides_of(audit)
    train, test = (part[index] for part in sides.bounds())
    shape = audit.once("order", sides.order)[index]
    assert train.first is not None and test.first is not None
    if train.first >= test.first and shape["median_train"] > shape["median_test"] and shape["since_last"] > 0.9:
        return "reversed"
    ordered = bool(shape["ordered"])
    if shape["inside"] > 0.5 * shape["expected"] and shape["inside"] > 0.02 and not ordered:
        return "random"
    if shape["after"] > 0.02:
        return "around"
    return "staggered" if ordered else "some"


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
