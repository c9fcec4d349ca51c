"""Training rows chosen by looking at the test.

**What it does.** Takes one fold, changes what the feature frame says about its test rows (features and outcomes; not keys, times
and groups), and splits again. The same rows have to be trained on.

**Why it is bad.** Weights from a density ratio, the training rows nearest to the test, a trimming at quantiles of all rows: the
training was fitted to rows that nobody has yet, and in production there is no test to look at.

**Leaking**

    near = (frame.load.iloc[train] - frame.load.iloc[test].mean()).abs() < 5
    yield train[near], test

**Repaired**

    near = (frame.load.iloc[train] - frame.load.iloc[train[-500:]].mean()).abs() < 5       # the newest known rows
    yield train[near], test

**How it can be wrong.** Taking copies of test rows, or their groups, out of the training part is the right thing to do and isn't
reported. Where the test part follows from the outcomes (a stratified split), only features are changed; where it follows from
features as well, nothing can be said here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit, Ints
from workbench.gates.leakage.refits import UP
from workbench.gates.rule import NotExercised, Rule
from workbench.gates.spans import usable
from workbench.pipeline.redraw import redraw


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where other rows are trained on when only test rows are changed."""
    folds = usable(audit)
    if not folds:
        raise NotExercised("no fold has rows on both sides")
    index = folds[-1]
    fold = audit.folds[index]
    again = audit.repeat.folds
    if len(again) <= index or not np.array_equal(again[index].train, fold.train):
        raise NotExercised("the folds change from run to run, so a change can't be laid at the test's door")
    audit.probed(1, "fold")
    test = np.unique(fold.test)
    for with_outcomes in (True, False):
        world = _changed(audit, test, with_outcomes)
        try:
            changed = audit.pipeline.run(audit.tables, until="split", frame=world).folds
        except PipelineError:
            if with_outcomes:
                continue
            raise
        if len(changed) <= index:
            continue
        entered = np.setdiff1d(changed[index].test, test)
        lost = np.setdiff1d(np.setdiff1d(fold.train, changed[index].train), test)
        gained = np.setdiff1d(np.setdiff1d(changed[index].train, fold.train), test)
        counts = _counts_differ(fold.train, changed[index].train) and not len(lost) + len(gained)
        if not len(lost) and not len(gained) and not counts:
            return
        if len(entered):
            continue  # the test part itself follows from what was changed: stratified, or cut at a value
        if not counts and _purged(audit, world, test, fold.train, changed[index].train):
            return
        yield _finding(audit, index, lost, gained)
        return


def _changed(audit: Audit, rows: Ints, with_outcomes: bool) -> pd.DataFrame:
    frame, prediction = audit.frame, audit.contract.prediction
    kept = {*audit.keys, prediction.prediction_time, *prediction.groups, *(() if with_outcomes else (prediction.target,))}
    cells = np.zeros(len(frame), dtype=bool)
    cells[rows] = True
    fresh = {
        name: redraw(frame[name], cells, UP, np.random.default_rng([59, zlib.crc32(str(name).encode())]))
        for name in frame.columns
        if name not in kept
    }
    return frame.assign(**fresh)


def _counts_differ(before: Ints, after: Ints) -> bool:
    """Whether rows are repeated differently: weights are written like that, too."""
    return len(before) != len(after) or not np.array_equal(np.sort(before), np.sort(after))


def _purged(audit: Audit, world: pd.DataFrame, test: Ints, before: Ints, after: Ints) -> bool:
    """Whether no training row, here or in the world, has the value that a test row has in some column, or in all features.

    Then all that changed is which rows are left out as copies, or as being of a test row's group.
    """
    before, after = np.setdiff1d(before, test), np.setdiff1d(after, test)
    lost, gained = np.setdiff1d(before, after), np.setdiff1d(after, before)

    def explains(here: pd.Series, there: pd.Series) -> bool:
        told, asked = (part.isin(pd.unique(part.iloc[test].dropna())).to_numpy() for part in (here, there))
        return bool(told[gained].all() and asked[lost].all()) and not (told[before].any() or asked[after].any())

    names = list(audit.features)
    if names and explains(*(pd.util.hash_pandas_object(part[names], index=False) for part in (audit.frame, world))):
        return True
    return any(explains(audit.frame[name], world[name]) for name in audit.frame.columns)


def _finding(audit: Audit, index: int, lost: Ints, gained: Ints) -> Finding:
    rows = np.union1d(lost, gained)
    train = len(np.unique(audit.folds[index].train))
    words = f"{len(lost):,} training rows leave and {len(gained):,} join" if len(rows) else "training rows count differently"
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        rows=len(rows) or train,
        evidence=[audit.rows(rows if len(rows) else audit.folds[index].train, train)],
        message=f"Which rows are trained on depends on the test: when only the test rows of fold {index} are changed, {words}.",
        remedy="Choose, trim and weigh training rows by what training rows say; the test may decide only where it begins.",
        location=audit.location("split"),
    )


rule = Rule("leakage/split-sees-test", "split", "Training rows are chosen by looking at the test.", check)
