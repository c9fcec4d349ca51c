"""Folds that test nothing, or the same thing twice.

**What it does.** Looks for folds without training or test rows, test rows that stand in a fold more than once, test rows
that several folds test, and rows that no fold uses.

**Why it is bad.** An empty fold is an evaluation that did not take place. A row that is tested twice counts twice, so the
score says more about it than about the rest, and its noise looks smaller than it is. Rows that no fold ever uses are
silently outside every claim that the score makes.

**Leaking**

    for start in starts:                       # windows of 60 days, every 30 days
        yield before(start), between(start, start + 60 * DAY)

**Repaired**

    for start in starts:
        yield before(start), between(start, start + 30 * DAY)

**How it can be wrong.** Repeated cross-validation tests rows several times on purpose: that is a warning, not an error.
The gap before a test period leaves rows out of one fold, but seldom out of all: a note says how many.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Rows, Severity, Text
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.sides import sides_of
from workbench.gates.spans import folds_words


def check(audit: Audit) -> Iterable[Finding]:
    """Yields at most one finding per fault."""
    sides = sides_of(audit)
    audit.probed(sides.folds, "fold")
    place = audit.location("split")
    train, test = sides.bounds()
    empty = [i for i in range(sides.folds) if not train[i].rows or not test[i].rows]
    if empty:
        which = folds_words(empty, sides.folds)
        counts = ", ".join(f"fold {i}: {train[i].rows:,} training, {test[i].rows:,} test rows" for i in empty[:5])
        yield Finding(
            rule=rule.id, severity=Severity.ERROR, stage="split", column="empty", rows=0, evidence=[Text(text=counts)],
            message=f"A side is empty in {which}: nothing is trained or nothing is tested there.",
            remedy="Choose the bounds of the folds from the data there are, and stop where a side would be empty.",
            location=place,
        )  # fmt: skip
    if sides.positions:
        yield from _of_positions(audit)


def _of_positions(audit: Audit) -> Iterable[Finding]:
    """What only positions of one frame can tell: rows tested twice, and rows that nobody uses."""
    frame, folds, place = audit.frame, audit.folds, audit.location("split")
    twice = {i: len(fold.test) - len(np.unique(fold.test)) for i, fold in enumerate(folds)}
    if any(twice.values()):
        count = sum(twice.values())
        yield Finding(
            rule=rule.id, severity=Severity.ERROR, stage="split", column="repeated", rows=count,
            evidence=[Rows(count=count, of=sum(len(f.test) for f in folds))],
            message=f"{count:,} test rows stand in the same fold's test part more than once, so their errors count "
            "more than once.",
            remedy="Give every test row once: return unique positions.", location=place,
        )  # fmt: skip
    tested = np.zeros(len(frame), dtype="int64")
    used = np.zeros(len(frame), dtype=bool)
    for fold in folds:
        tested[np.unique(fold.test)] += 1
        used[fold.test] = used[fold.train] = True
    shared = np.flatnonzero(tested > 1)
    if len(shared):
        yield Finding(
            rule=rule.id, severity=Severity.WARNING, stage="split", column="overlapping", rows=len(shared),
            evidence=[audit.rows(shared, int((tested > 0).sum()))],
            message=f"{len(shared):,} rows are tested by more than one fold (up to {int(tested.max())} times): the folds are not "
            "independent, and the score looks surer than it is.",
            remedy="Let the test periods follow one another without overlap, or say in the contract's README why they overlap.",
            location=place,
        )  # fmt: skip
    unused = np.flatnonzero(~used)
    if len(unused):
        yield Finding(
            rule=rule.id, severity=Severity.NOTE, stage="split", column="unused", rows=len(unused),
            evidence=[audit.rows(unused, len(frame))],
            message=f"{len(unused):,} of {len(frame):,} rows of the feature frame stand in no fold, neither "
            "trained on nor tested.",
            remedy="Check that they are left out on purpose: the score says nothing about them.", location=place,
        )  # fmt: skip


rule = Rule("leakage/fold-coverage", "split", "Folds are empty, overlap, or leave rows out.", check)
