"""What the features gate can say about a feature, and the relations of all features: what the proxy rules share. No rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from workbench.gates.leakage.future_feature import explored
from workbench.gates.proxy.relation import FEWEST, SAMPLE, Relation, Target, as_ordered, chance, relation
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.asof import ALWAYS, known_times

if TYPE_CHECKING:
    from workbench.gates.audit import Audit

Standing = Literal["moved", "blind", "declared", "unseen"]
"""`moved`: read from the future; `blind`: proved not to know it; `declared`: a source column of which the contract says that it
is always known, so that no world can change it; `unseen`: the features gate can't tell (no time, or nothing could be tried)."""


@dataclass(frozen=True)
class Sample:
    """Rows with an outcome (positions in the frame), their target, and the features' columns at these rows."""

    rows: np.ndarray
    target: Target
    columns: dict[str, pd.Series]
    relations: dict[str, Relation]


def sample(audit: Audit) -> Sample:
    """The relations of all features, computed once. Raises NotApplicable where there is too little to say anything."""
    return audit.once("proxy sample", lambda: _sample(audit))


def _sample(audit: Audit) -> Sample:
    values = audit.target
    rows = np.flatnonzero(np.isfinite(values))
    if len(rows) < FEWEST:
        raise NotApplicable(f"only {len(rows)} rows have an outcome: too few for any statistics")
    rng = np.random.default_rng(11)
    if len(rows) > SAMPLE:
        rows = np.sort(rng.choice(rows, SAMPLE, replace=False))
    if not audit.features:
        raise NotApplicable("the feature frame has no feature")
    target = Target.of(values[rows], quantity=audit.contract.kind == "regression")
    columns = {name: audit.frame[name].iloc[rows].reset_index(drop=True) for name in audit.features}
    return Sample(rows, target, columns, {name: relation(column, target, rng) for name, column in columns.items()})


def luck(audit: Audit) -> float:
    """What the best of the features would tell of a permuted target; needed for small samples only."""
    seen = sample(audit)
    return audit.once("proxy chance", lambda: chance(seen.columns, seen.target, np.random.default_rng(12)))


def standing(audit: Audit, name: str) -> Standing:
    """What the as-of test says about a feature."""
    if not audit.timed:
        return "unseen"
    try:
        seen = explored(audit)
    except (NotExercised, NotApplicable):
        return "unseen"
    if name in seen.outcome.hits:
        return "moved"
    if seen.reason or name in seen.reference.unstable:
        return "unseen"
    return "declared" if _always_known(audit, name) else "blind"


def _always_known(audit: Audit, name: str) -> bool:
    known = audit.once("known times", lambda: known_times(audit.contract, audit.tables))
    cells = [columns[name] for columns in known.cells.values() if name in columns]
    return bool(cells) and all(bool((times == ALWAYS).all()) for times in cells)


def is_identifier(column: pd.Series) -> bool:
    """Whether a feature numbers the rows: nearly unique, whole, and dense, or in the order of the rows."""
    ordered = as_ordered(column)
    if ordered is None or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return False
    there = np.isfinite(ordered)
    values = ordered[there]
    distinct = len(np.unique(values))
    if distinct < 0.95 * len(column) or distinct < FEWEST or not bool((values == np.floor(values)).all()):
        return False
    if float(np.ptp(values)) + 1 <= 4 * distinct:
        return True
    ranks = pd.Series(values).rank()
    return bool(abs(ranks.corr(pd.Series(np.arange(len(values), dtype="float64")))) > 0.9999)
