"""A source column that is handed on as a feature though it is known only after the prediction.

**What it does.** Looks at every feature that carries the name of a source column and holds that column's values for the row's own
entity and target time, and asks the contract when those cells are known. It compares tables, and runs nothing;
a feature that the features gate proved blind to the future is left alone.

**Why it is bad.** The feature is the outcome's own surroundings: how many came, what was returned, what the weather turned out to
be. It can't be had when the prediction is made.

**Leaking** (`footfall` takes its table's `known_after = "1d"`, the prediction is made three days before)

    frame = sales[["store", "date", "units", "footfall"]]

**Repaired**

    frame["footfall"] = sales.groupby("store")["footfall"].shift(4)      # horizon and delay

Or, where the column really is a plan, the contract says so: `footfall = { known = "always" }`, a reviewed change.

**How it can be wrong.** It believes the contract. A column that holds something else under a source column's name is told apart
by its values; what was derived from a late column is the features gate's to find.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.findings import Finding, Severity, Text
from workbench.gates.availability.declared_times import declared_fact, event_times
from workbench.gates.leakage.future_feature import explored
from workbench.gates.rule import NotExercised, Rule
from workbench.gates.spans import span_words
from workbench.pipeline.asof import ALWAYS, NEVER, entity_keys, known_times

if TYPE_CHECKING:
    from workbench.gates.audit import Audit

SAME = 0.999
"""Share of the matched rows that must carry the source's value."""
FEWEST = 20
"""Matched rows from which that says anything."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per feature; NotApplicable without a time."""
    times = audit.times
    clocks = {source: facts.time for source, facts in audit.contract.sources.items() if facts.time is not None}
    named = [(name, source) for name in audit.features for source, clock in clocks.items()
             if source in audit.tables and name in audit.tables[source].columns and name != clock]  # fmt: skip
    audit.probed(len(audit.features), "features")
    if not named:
        return
    blind = _blind(audit)
    known = audit.once("known times", lambda: known_times(audit.contract, audit.tables))
    for name, source in named:
        if name in blind:
            continue
        rows, cells = _matched(audit, source)
        when = known.cells[source][name][cells]
        told_when = (when != NEVER) & (when != ALWAYS) & (times.prediction[rows] != NEVER)
        late = np.where(told_when, when, 0) - np.where(told_when, times.prediction[rows], 0)
        told = _same(audit.frame[name].iloc[rows], audit.tables[source][name].iloc[cells])
        too_late = late > 0
        if len(rows) < FEWEST or told.mean() < SAME or too_late.mean() < SAME or audit.frame[name].nunique() < 3:
            continue
        yield _finding(audit, name, source, rows[too_late], int(np.median(late[too_late])))


def _blind(audit: Audit) -> frozenset[str]:
    """Features that no world has moved: an old value that hasn't changed since is the same value, and no leak."""
    try:
        seen = explored(audit)
    except NotExercised:
        return frozenset()
    return frozenset() if seen.reason else frozenset(seen.reference.columns) - {*seen.outcome.hits, *seen.reference.unstable}


def _matched(audit: Audit, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the frame's rows and of the one source row for the same entity and target time."""
    names = [name for name in audit.contract.prediction.entity if name in audit.tables[source].columns]
    events = event_times(audit.contract, audit.tables, source)
    assert events is not None
    table = pd.DataFrame({"entity": entity_keys(audit.tables[source], names), "time": events, "cell": np.arange(len(events))})
    table = table.drop_duplicates(["entity", "time"], keep=False)
    frame = pd.DataFrame(
        {"entity": entity_keys(audit.frame, names), "time": audit.times.target, "row": np.arange(len(audit.frame))}
    )
    both = frame.merge(table, on=["entity", "time"])
    return both["row"].to_numpy(), both["cell"].to_numpy()


def _same(one: pd.Series, other: pd.Series) -> np.ndarray:
    left, right = one.reset_index(drop=True), other.reset_index(drop=True)
    missing = left.isna() & right.isna()
    if pd.api.types.is_numeric_dtype(left.dtype) and pd.api.types.is_numeric_dtype(right.dtype):
        close = np.isclose(left.to_numpy(dtype="float64", na_value=np.nan), right.to_numpy(dtype="float64", na_value=np.nan))
        return np.asarray(close | missing.to_numpy())
    return np.asarray((left.astype(object) == right.astype(object)) | missing, dtype=bool)


def _finding(audit: Audit, name: str, source: str, rows: np.ndarray, late: int) -> Finding:
    fact = declared_fact(audit.contract, source, name)
    audit.rest_on(*fact.paths)
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="features",
        column=name,
        source=f"{source}.{name}",
        lookahead=span_words(late),
        rows=len(rows),
        evidence=[audit.rows(rows, len(audit.frame), extra=[name]), Text(text=f"the contract says so: {fact.words}")],
        message=f"The feature `{name}` is `{source}.{name}` of the target time itself, which is known {span_words(late)} after "
        "the prediction is made.",
        remedy=f"Use an older value of `{source}.{name}` (lagged by the horizon and its delay), or leave it out; if it is a "
        "plan that is known beforehand, declare it so.",
        location=audit.location("features"),
    )


rule = Rule("availability/late-column", "availability", "A feature is a source column that is known too late.", check)
