"""Honest baselines: what can be said without a model by someone who stands where the prediction is made. No rule of its own.

`mean` and `prior` are learnt from each fold's training rows. `last_value` and `seasonal_naive` take the newest outcome of the
same entity that is known at the row's own prediction time, the latter at a whole number of seasons before the target time; an
entity without any gets the training mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.gates.facts import Audit, Floats, Ints
from workbench.gates.metric.scores import Values, classes, metrics_of
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.gates.spans import span_words

HOUR = 3600 * 10**9
DAY = 24 * HOUR
SEASONS_BACK = 4


def baseline_name(audit: Audit) -> str:
    """The declared baseline. Raises NotApplicable where there is none."""
    name = metrics_of(audit.contract).baseline
    if name is None:
        raise NotApplicable("the contract declares no baseline")
    return name


def baseline_predictions(audit: Audit, name: str) -> list[Values]:
    """The baseline's predictions for the test rows of every fold."""
    return audit.once(f"baseline {name}", lambda: [_of_fold(audit, name, i) for i in range(len(audit.base.fold_runs))])


def _of_fold(audit: Audit, name: str, index: int) -> Values:
    fold = audit.base.fold_runs[index].fold
    train = np.unique(fold.train)
    if audit.opaque and audit.timed:  # which rows it trained on nobody knows: those whose label was known then
        train = np.flatnonzero(audit.times.known <= audit.times.prediction[fold.test].min())
        if not len(train) and name in ("mean", "prior"):
            return np.full(len(fold.test), np.nan)
    if name == "mean":
        return np.full(len(fold.test), _mean(audit, train))
    if name == "prior":
        return prior(audit, train, len(fold.test))
    if name in ("last_value", "seasonal_naive"):
        return _naive(audit, np.asarray(fold.test), _mean(audit, train), seasonal=name == "seasonal_naive")
    if ":" in name:
        return np.asarray(audit.pipeline.baseline(name, audit.frame.iloc[train], audit.frame.iloc[fold.test]))
    raise NotExercised(f"there is no baseline `{name}`")


def _mean(audit: Audit, train: Ints) -> float:
    known = audit.target[train]
    known = known[~np.isnan(known)]
    if not len(known):
        raise NotExercised("a fold has no training row with an outcome")
    return float(known.mean())


def prior(audit: Audit, train: Ints, rows: int) -> Values:
    """The share of the second class for binary use cases, the most frequent class for others, for every row."""
    values = audit.column(audit.contract.prediction.target).iloc[train].dropna().to_numpy()
    if not len(values):
        raise NotExercised("a fold has no training row with an outcome")
    known = classes(audit)
    if len(known) == 2:
        return np.full(rows, float((values == known[1]).mean()))
    seen, counts = np.unique(values, return_counts=True)
    return np.full(rows, seen[counts.argmax()])


def season(audit: Audit) -> int:
    """The length of a season in nanoseconds, by the step between target times: a day for rows within the day, a week for
    daily rows, a year for weekly and longer ones."""
    moments = np.unique(audit.times.target)
    if len(moments) < 2:
        raise NotExercised("all rows have the same target time, so there is no season")
    steps, counts = np.unique(np.diff(moments), return_counts=True)
    step = int(steps[counts.argmax()])
    if step < DAY // 2:
        return DAY
    return 7 * DAY if step < 4 * DAY else 364 * DAY


def described(audit: Audit, name: str) -> str:
    """The baseline in words."""
    if name == "seasonal_naive":
        return f"seasonal_naive (the newest known outcome a whole number of {span_words(season(audit))} before)"
    return name


def _naive(audit: Audit, rows: Ints, mean: float, *, seasonal: bool) -> Floats:
    times, labels = audit.times, audit.target
    entity = audit.once("entity codes", lambda: _entities(audit))
    past = np.flatnonzero(~np.isnan(labels))
    made = np.full(len(rows), np.nan)
    if seasonal:
        length = season(audit)
        table = pd.Series(labels[past], index=pd.MultiIndex.from_arrays([entity[past], times.target[past]]))
        table = table[~table.index.duplicated(keep="last")]
        lag = times.known[rows] - times.target[rows]
        first = np.maximum(1, -(-(times.target[rows] + lag - times.prediction[rows]) // length))
        for more in range(SEASONS_BACK):
            open_rows = np.flatnonzero(np.isnan(made))
            wanted = times.target[rows[open_rows]] - (first[open_rows] + more) * length
            made[open_rows] = table.reindex(pd.MultiIndex.from_arrays([entity[rows[open_rows]], wanted])).to_numpy()
    rest = np.flatnonzero(np.isnan(made))
    if len(rest):
        made[rest] = _newest(times, labels, entity, past, rows[rest])
    made[np.isnan(made)] = mean
    return made


def _newest(times: Any, labels: Floats, entity: Ints, past: Ints, rows: Ints) -> Floats:
    known = pd.DataFrame({"at": times.known[past], "target": times.target[past], "entity": entity[past], "label": labels[past]})
    asked = pd.DataFrame({"at": times.prediction[rows], "entity": entity[rows], "order": np.arange(len(rows))})
    found = pd.merge_asof(
        asked.sort_values("at", kind="stable"), known.sort_values(["at", "target"], kind="stable")[["at", "entity", "label"]],
        on="at", by="entity",
    )  # fmt: skip
    made: Floats = found.sort_values("order")["label"].to_numpy()
    return made


def _entities(audit: Audit) -> Ints:
    names = list(audit.contract.prediction.entity)
    if not names:  # one series
        return np.zeros(len(audit.frame), dtype="int64")
    codes: Ints = audit.frame.groupby(names, sort=False, dropna=False, observed=True).ngroup().to_numpy(dtype="int64")
    return codes
