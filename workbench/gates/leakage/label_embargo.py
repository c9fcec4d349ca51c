"""A training label that is known only after the first test prediction.

**What it does.** For every fold it compares when the training labels are known (`target_time + label_known_after`) with
when the first test prediction is made (`target_time - horizon`, or the `prediction_time` column). At that very instant a
label counts as known.

**Why it is bad.** The split is in time order and looks right: all training rows lie before all test rows. But whoever
makes the first test prediction makes it a horizon *before* the first test row, and the newest labels come in late. A model
that has them was trained on a day that had not happened yet. The error is largest where it is most tempting: just after a
change, which the model could not have learnt in time.

**Leaking** (24 h ahead, outcomes known 2 h later)

    cut = pd.Timestamp("2013-07-01", tz="UTC")
    train = np.flatnonzero(frame.target_hour < cut)
    test = np.flatnonzero(frame.target_hour >= cut)

**Repaired**

    train = np.flatnonzero(frame.target_hour + pd.Timedelta("2h") <= cut - pd.Timedelta("24h"))

**How it can be wrong.** It believes `horizon`, `prediction_time` and `label_known_after`; where these are wrong, so is the
verdict. `leakage/late-label` asks the running pipeline whether they are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Severity, Span
from workbench.gates.facts import Audit, Ints
from workbench.gates.leakage.time_order import order_kind
from workbench.gates.rule import Rule
from workbench.gates.spans import fold_span, folds_words, minute, order_broken, span_words, usable

MAX_SPANS = 12


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds, with each fold's periods as evidence."""
    times, prediction = audit.times, audit.contract.prediction
    audit.rest_on("prediction.horizon", "prediction.prediction_time", "prediction.label_known_after")
    audit.probed(len(audit.folds), "fold")
    late = {i: rows for i in usable(audit) if len(rows := late_labels(audit, i))}
    if not late:
        return
    worst = max(late, key=lambda i: len(late[i]))
    spans: list[Span] = [fold_span(audit, i, late[i]) for i in sorted(late, key=lambda i: i != worst)][:MAX_SPANS]
    fold = audit.folds[worst]
    first, known = int(times.prediction[fold.test].min()), int(times.known[late[worst]].max())
    ahead = int(times.target[fold.test].min()) - first
    lag = known - int(times.target[late[worst]].max())
    count = sum(len(rows) for rows in late.values())
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        column=prediction.target,
        lookahead=span_words(max(_excess(audit, i, late[i]) for i in late)),
        rows=count,
        evidence=[*spans, audit.rows(late[worst][np.argsort(-times.known[late[worst]])], len(np.unique(fold.train)))],
        message=f"In {folds_words(sorted(late), len(audit.folds))} the model is trained on labels that are not "
        "known yet when the "
        f"first test prediction is made: {count:,} training rows. The dates look right (fold {worst}: the "
        "last training row is about "
        f"{minute(int(times.target[late[worst]].max()))}, the first test row about "
        f"{minute(int(times.target[fold.test].min()))}), but "
        f"that test row is predicted {span_words(ahead)} before, at {minute(first)}, and a label is known "
        f"{span_words(lag)} after its "
        f"time: the last one at {minute(known)}, {span_words(known - first)} too late.",
        remedy=f"Purge the training rows whose label is known after the fold's first prediction, or leave an embargo of at least "
        f"{spans[0].needed_gap} between the last training and the first test target time (found: "
        f"{spans[0].found_gap}). In the split: "
        f"keep a training row only where {_clock(prediction.target_time, '+', lag)} <= the test's first "
        f"{prediction.prediction_time or _clock(prediction.target_time, '-', ahead)}.",
        location=audit.location("split"),
    )


def late_labels(audit: Audit, index: int) -> Ints:
    """Training rows of a fold before the test's time whose label is known only after its first prediction.

    Rows in the test's own time are another fault; where the order is broken all over, there is nothing to purge.
    """
    fold, times = audit.folds[index], audit.times
    broken = order_broken(audit, index)
    if len(broken) and order_kind(audit, index) in ("random", "reversed", "around"):
        return np.array([], dtype="int64")
    train = np.setdiff1d(np.unique(fold.train), broken)
    late: Ints = train[times.known[train] > times.prediction[fold.test].min()]
    return late


def _excess(audit: Audit, index: int, rows: Ints) -> int:
    return int(audit.times.known[rows].max() - audit.times.prediction[audit.folds[index].test].min())


def _clock(column: str | None, sign: str, nanos: int) -> str:
    return f"{column} {sign} {span_words(nanos)}" if nanos else str(column)


rule = Rule("leakage/label-embargo", "split", "Training labels are known only after the first test prediction.", check)
