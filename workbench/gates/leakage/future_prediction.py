"""Predictions of an undivided back-test that know the future.

**What it does.** For code that is not taken apart yet (`stages.backtest`), it runs the whole back-test again in worlds in which
everything that was not known at a cutoff has been changed. Every prediction made at or before the cutoff has to stay. It doesn't
matter which way the future came in: a feature, a label in the training, a scaler, a choice made on the test.

**Why it is bad.** Nobody standing at prediction time could have made these predictions.

**Leaking**

    model.fit(frame[frame.hour < cut][X], …)            # labels of the last day are not in yet at cut - 24 h

**Repaired**

    model.fit(frame[frame.hour + known_after <= cut - horizon][X], …)

**How it can be wrong.** It believes the contract's known times, and it can't say where in the code the leak is: take the code
apart into features, split, fit and predict, and the other rules will. A back-test that isn't reproducible can't be judged.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding, MovedCell, Severity, Trace
from workbench.gates.facts import Audit
from workbench.gates.leakage.refits import RELATIVE, difference, spread
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.gates.spans import iso, minute, span_words
from workbench.gates.traces import Moved, trace, written
from workbench.pipeline.asof import entity_keys, known_times
from workbench.pipeline.times import moment
from workbench.pipeline.worlds import poisoned, truncated

CUTOFFS = 4


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding for all cutoffs."""
    if audit.contract.stages.backtest is None:
        raise NotApplicable("the pipeline is taken apart; its parts have rules of their own")
    times = audit.times
    audit.rest_on("prediction.horizon", "prediction.prediction_time", "prediction.label_known_after")
    again = _matched(audit, audit.pipeline.backtest(audit.tables))
    base = audit.frame["prediction"].to_numpy()
    noise = difference(base, again)
    limit = max(RELATIVE * spread(base), 2.0 * float(noise.max(initial=0.0)))
    if limit > 0.02 * spread(base):
        raise NotExercised("two back-tests on the same tables differ too much to see what the future does to them")
    known = known_times(audit.contract, audit.tables)
    moved: dict[int, np.ndarray] = {}
    last: tuple[int, str, np.ndarray] | None = None
    cuts = _cutoffs(audit)
    for cut in cuts:
        before = times.prediction <= cut
        worlds = [("poisoned-a", poisoned(audit.tables, known, moment(cut), seed=3))]
        worlds += [("truncated", truncated(audit.tables, known, moment(cut)))] if cut == cuts[-1] else []
        for name, world in worlds:
            after = _matched(audit, audit.pipeline.backtest(world))
            # A test row whose outcome isn't known yet may be absent from a truncated world.
            rows = before & (difference(base, after) > limit) & ~((name == "truncated") & pd.isna(after))
            if rows.any():
                moved[cut] = moved.get(cut, np.zeros(len(base), dtype=bool)) | rows
                last = (cut, name, after)
    audit.probed(len(cuts), "cutoff")
    if last is None:
        return
    cut, name, after = last
    rows = moved[cut]
    yield _finding(
        audit, cut, name, np.flatnonzero(rows), after, (len(moved), len(cuts)), int(np.any(list(moved.values()), axis=0).sum())
    )


def _finding(
    audit: Audit,
    cut: int,
    world: str,
    rows: np.ndarray,
    after: np.ndarray,
    tried: tuple[int, int],
    count: int,
) -> Finding:
    row = int(rows[np.argmax(audit.times.prediction[rows])])
    entity = {name: str(audit.frame[name].iloc[row]) for name in audit.contract.prediction.entity}
    made = int(audit.times.prediction[row])
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="backtest",
        column="prediction",
        rows=count,
        lookahead=span_words(cut - made) if cut > made else None,
        evidence=[
            MovedCell(
                entity=entity, target_time=iso(int(audit.times.target[row])), prediction_time=iso(made), cutoff=iso(cut),
                world=world, before=written(audit.frame["prediction"].iloc[row]), after=written(after[row]),
                cohorts=tried[0], probed=tried[1],
            ),
            _trace(audit, cut, world, rows, after, row, entity),
        ],
        message=f"{count:,} predictions made by {minute(cut)} (UTC) or an earlier cutoff change when only what was "
        "not known then is changed: the back-test uses the future.",
        remedy="Take the back-test apart into features, split, fit and predict: the audit then names the "
        "feature, the fold or the fit.",
        location=audit.location("backtest"),
    )  # fmt: skip


def _trace(audit: Audit, cut: int, world: str, rows: np.ndarray, after: np.ndarray, row: int, entity: dict[str, str]) -> Trace:
    moved = Moved("prediction", cut, world, rows, pd.Series(after[rows]), row, silent=pd.isna(after))
    keys = np.asarray(entity_keys(audit.frame, audit.contract.prediction.entity))
    return trace(audit.frame["prediction"], audit.times.prediction, keys, entity, moved)


def _cutoffs(audit: Audit) -> list[int]:
    firsts = [int(audit.times.prediction[run.fold.test].min()) for run in audit.base.fold_runs if len(run.fold.test)]
    firsts = sorted(set(firsts))
    if not firsts:
        raise NotExercised("the back-test made no prediction")
    every = np.linspace(0, len(firsts) - 1, min(CUTOFFS - 1, len(firsts))).round().astype(int)
    middle = int(np.sort(audit.times.prediction)[len(audit.times.prediction) // 2])
    return sorted({*(firsts[i] for i in every), middle})


def _matched(audit: Audit, frame: pd.DataFrame) -> np.ndarray:
    """Predictions in the order of the base back-test, matched by key and fold; missing where a row is gone."""
    keys = [*audit.keys, "fold"]
    if frame[keys].duplicated().any() or audit.frame[keys].duplicated().any():
        raise NotExercised("the back-test has several predictions with the same entity, target time and fold")
    merged = audit.frame[keys].merge(frame[[*keys, "prediction"]], on=keys, how="left", sort=False)
    made: np.ndarray = merged["prediction"].to_numpy()
    return made


rule = Rule("leakage/future-prediction", "features", "Predictions of an undivided back-test know the future.", check)
