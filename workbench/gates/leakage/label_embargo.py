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
from typing import TYPE_CHECKING

from workbench.findings import Finding, Severity, Span
from workbench.gates.facts import Audit
from workbench.gates.leakage.time_order import broken_order, new_groups, order_kind
from workbench.gates.rule import Rule
from workbench.gates.sides import evidence, sides_of, timed_sides, total, worst
from workbench.gates.spans import fold_span, folds_words, minute, span_words

if TYPE_CHECKING:
    from workbench.engine.sides import Hits

MAX_SPANS = 12


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all folds, with each fold's periods as evidence."""
    sides, prediction = timed_sides(audit), audit.contract.prediction
    audit.rest_on("prediction.horizon", "prediction.prediction_time", "prediction.label_known_after")
    audit.probed(sides.folds, "fold")
    late = late_labels(audit)
    if not late:
        return
    most = worst(late)
    spans: list[Span] = [fold_span(sides, i, late[i]) for i in sorted(late, key=lambda i: i != most)][:MAX_SPANS]
    train, test = (part[most] for part in sides.bounds())
    assert test.made is not None and test.first is not None
    first, known, last = test.made, late[most].facts["known"], late[most].facts["last"]
    ahead, lag = test.first - first, known - last
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="split",
        column=prediction.target,
        lookahead=span_words(max(_excess(audit, i, late[i]) for i in late)),
        rows=total(late),
        evidence=[*spans, evidence(audit, late[most], train.rows)],
        message=f"In {folds_words(sorted(late), sides.folds)} the model is trained on labels that are not "
        "known yet when the "
        f"first test prediction is made: {total(late):,} training rows. The dates look right (fold {most}: the "
        "last training row is about "
        f"{minute(last)}, the first test row about {minute(test.first)}), but "
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


def late_labels(audit: Audit) -> dict[int, Hits]:
    """Per fold: training rows before the test's time whose label is known only after its first prediction.

    Rows in the test's own time are another fault; where the order is broken all over, there is nothing to purge.
    """
    sides = sides_of(audit)
    train, test = sides.bounds()
    suspect = [
        i for i, (a, b) in enumerate(zip(train, test)) if a.known is not None and b.made is not None and a.known > b.made
    ]  # fmt: skip
    broken = [i for i in suspect if i in broken_order(audit)]
    aside = {i for i in broken if order_kind(audit, i) in ("random", "reversed", "around")} | new_groups(audit, broken)
    asked = [i for i in suspect if i not in aside]
    return sides.late_labels(asked) if asked else {}


def _excess(audit: Audit, index: int, late: Hits) -> int:
    return late.facts["known"] - int(sides_of(audit).bounds()[1][index].made or 0)


def _clock(column: str | None, sign: str, nanos: int) -> str:
    return f"{column} {sign} {span_words(nanos)}" if nanos else str(column)


rule = Rule("leakage/label-embargo", "split", "Training labels are known only after the first test prediction.", check)
