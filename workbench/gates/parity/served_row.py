"""Serving builds another row than training used.

**What it does.** Asks the contract's `serve` stage for some rows of the feature frame: the request names entity, target time and
prediction time, the tables are as they stood when the prediction is made. Every feature has to be the one in the frame, to
rounding, and so has the prediction where the answer carries one. The rows are those where two code paths part: the first ones,
the newest, rare and missing values, days on which a clock is changed.

**Why it is bad.** The model was fitted and scored on one row and answers on another. Nothing fails and no score falls: it is the
offline number that is wrong, and production finds out.

**Leaking** (training: `ewm` over the whole history; serving: over the last day)

    def serve(request, tables):
        recent = tables["sales"].query("store == @request['store']").tail(24)
        return {"trend": recent["units"].ewm(halflife=48).mean().iloc[-1]}

**Repaired**

    def serve(request, tables):
        frame = build(tables)                                    # the features stage itself, on the same tables
        row = frame[(frame["store"] == request["store"]) & (frame["hour"] == pd.Timestamp(request["hour"]).tz_localize(None))]
        return row.iloc[0][FEATURES].to_dict()

**How it can be wrong.** It looks at some tens of rows. A feature that reads the future differs as well: mend that first. A served
prediction may come from a model fitted on other rows than the fold's, so a difference there alone is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.findings import Finding, Severity, Text
from workbench.gates.parity.asked_rows import FORMS, Asked, answers, chosen_rows
from workbench.gates.parity.differing import cause, differs
from workbench.gates.rule import NotApplicable, NotExercised, Rule

if TYPE_CHECKING:
    from workbench.gates.audit import Audit

PREDICTION = "prediction"
LEFT_OUT = object()


@dataclass(frozen=True)
class Differences:
    """What one way of asking showed: feature → places (in `asked`) where the answer differs, and requests that failed."""

    form: str
    asked: Sequence[Asked]
    by_feature: dict[str, list[int]]
    failed: list[int]


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per feature that differs; NotApplicable without a `serve` stage."""
    if audit.contract.stages.serve is None:
        raise NotApplicable("the contract names no serve stage")
    groups = chosen_rows(audit)
    if not groups:
        raise NotExercised("no row of the feature frame has a key of its own, so none can be asked for")
    form = _understood(audit, groups[:1])
    seen = _compared(audit, answers(audit, groups, form), form)
    audit.probed(len(seen.asked), "rows")
    audit.rest_on("prediction.horizon", "prediction.prediction_time")
    yield from _failed(audit, seen)
    for name, places in seen.by_feature.items():
        yield _differing(audit, seen, name, places)
    if form != FORMS[0]:
        yield _form(audit, seen)
    yield from _predictions(audit, seen)


def _understood(audit: Audit, groups: Sequence[np.ndarray]) -> str:
    """The first form of a request that the stage answers at all; the service's own where it answers none."""
    for form in FORMS if audit.timed else ():
        if any(one.answer.made is not None for one in answers(audit, groups, form)):
            return form
    return FORMS[0]


def _compared(audit: Audit, asked: Sequence[Asked], form: str) -> Differences:
    by_feature: dict[str, list[int]] = {}
    failed = [place for place, one in enumerate(asked) if one.answer.made is None]
    told = {name for one in asked for name in one.answer.made or {}}
    if len(failed) < len(asked) and not told & {*audit.features, PREDICTION}:
        raise NotExercised("the serve stage returns neither a feature nor a prediction")
    names = audit.features if told & set(audit.features) else []
    for place, one in enumerate(asked):
        made = one.answer.made
        for name in names if made is not None else []:
            assert made is not None
            if differs(audit.frame[name], one.position, made.get(name, LEFT_OUT), LEFT_OUT):
                by_feature.setdefault(name, []).append(place)
    return Differences(form, asked, by_feature, failed)


def _failed(audit: Audit, seen: Differences) -> Iterable[Finding]:
    if not seen.failed:
        return
    first = seen.asked[seen.failed[0]].answer.error
    assert first is not None
    positions = np.array([seen.asked[place].position for place in seen.failed])
    yield Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="serve",
        rows=len(seen.failed),
        evidence=[audit.rows(positions, len(seen.asked))],
        message=f"The serve stage can't answer {len(seen.failed)} of {len(seen.asked)} requests for rows that training used: "
        f"{first.message}",
        remedy=f"{first.hint[:1].upper()}{first.hint[1:]}; it gets the tables as they stood when the prediction is made: rows "
        "and values that weren't known then are missing.",
        location=audit.location("serve"),
    )


def _differing(audit: Audit, seen: Differences, name: str, places: Sequence[int]) -> Finding:
    pairs = [(seen.asked[p].position, (seen.asked[p].answer.made or {}).get(name, LEFT_OUT)) for p in places]
    trained = [audit.frame[name].iloc[position] for position, _ in pairs]
    served = [value for _, value in pairs]
    answered = len(seen.asked) - len(seen.failed)
    shown = [
        {**example, "trained on": str(before), "served": "nothing" if after is LEFT_OUT or after is None else str(after)}
        for example, before, after in zip(audit.rows(np.array([p for p, _ in pairs]), answered).examples, trained, served)
    ]
    left_out = all(value is LEFT_OUT for value in served)
    what = "is left out by the serve stage" if left_out else "is another value when served than training used"
    why = "" if left_out else cause(trained, [None if value is LEFT_OUT else value for value in served])
    evidence = audit.rows(np.array([p for p, _ in pairs]), answered).model_copy(update={"examples": shown})
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="serve",
        column=name,
        rows=len(places),
        evidence=[evidence],
        message=f"`{name}` {what}, in {len(places)} of {answered} rows asked for" + (f": {why}." if why else "."),
        remedy="Build the row with one and the same code for both: let serve call the features stage on its tables, or share the "
        "function, its window lengths, units, categories and fills.",
        location=audit.location("serve"),
    )


def _form(audit: Audit, seen: Differences) -> Finding:
    words = {"local text": "as text without its offset", "times": "as a time object"}[seen.form]
    return Finding(
        rule=rule.id,
        severity=Severity.WARNING,
        stage="serve",
        column=audit.contract.prediction.target_time,
        evidence=[Text(text=f"asked with times {words} it answers; with ISO 8601 text in UTC it fails")],
        message=f"The serve stage understands the request's `{audit.contract.prediction.target_time}` only {words}; the service "
        "sends ISO 8601 in UTC (2013-06-14T09:00:00+00:00).",
        remedy='Read it with pd.to_datetime(request["…"], utc=True), and bring it into the zone of the tables.',
        location=audit.location("serve"),
    )


def _predictions(audit: Audit, seen: Differences) -> Iterable[Finding]:
    """Served predictions against those of the folds, where a row was tested."""
    if PREDICTION in audit.features:
        return
    made: dict[int, object] = {}
    for run in audit.base.fold_runs:
        made.update(zip(run.fold.test.tolist(), run.predictions.tolist()))
    pairs = [
        (one.position, made[one.position], one.answer.made[PREDICTION])
        for one in seen.asked
        if one.answer.made is not None and PREDICTION in one.answer.made and one.position in made
    ]
    column = pd.Series([before for _, before, _ in pairs])
    wrong = [place for place, (_, _, after) in enumerate(pairs) if differs(column, place, after, LEFT_OUT)]
    if wrong and not seen.by_feature:
        _, before, after = pairs[wrong[0]]
        yield Finding(
            rule=rule.id,
            severity=Severity.WARNING,
            stage="serve",
            column=PREDICTION,
            rows=len(wrong),
            evidence=[audit.rows(np.array([pairs[place][0] for place in wrong]), len(pairs))],
            message=f"The served prediction is another than the fold's for {len(wrong)} of {len(pairs)} tested rows: {after} "
            f"instead of {before} in the first.",
            remedy="If it comes from a model fitted on other rows, that is to be expected; else serve and predict differ.",
            location=audit.location("serve"),
        )


rule = Rule("parity/served-row", "parity", "Serving builds another row than training used.", check)
