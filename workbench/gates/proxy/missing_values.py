"""Whether a value is there tells the target.

**What it does.** For each feature with missing values it asks whether those with a value, or those without, are all of one class,
far beyond what chance would give; for a target that is a quantity, whether the two sides have outcomes apart. Features that the
features gate proved blind to the future are left alone.

**Why it is bad.** A reason, a date or a code that is filled in only when something happened says that it happened. The value
itself may look harmless, and imputation hides it, but a tree splits on the gap.

**Leaking** (target `returned`)

    frame["has_reason"] = orders["return_reason"].isna()

**Repaired**

    features = [...]                       # without what is written when the parcel comes back

**How it can be wrong.** A value can be missing for a cause that is known beforehand and decides the outcome (no prescription, no
refill); then a waiver says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.findings import Finding, Measurement, Severity, Text
from workbench.gates.proxy.relation import Target, purest
from workbench.gates.proxy.standing import sample, standing
from workbench.gates.proxy.target_copy import SAID
from workbench.gates.rule import Rule

if TYPE_CHECKING:
    from workbench.gates.audit import Audit

APART = 0.999
"""Share of pairs, one with and one without a value, in which the same side has the higher outcome."""
FEWEST = 20
COVERED = 0.2
"""Share of the class that has to be covered for an error; a few odd rows are a warning."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per feature."""
    seen = sample(audit)
    audit.probed(len(seen.columns), "features")
    for name, column in seen.columns.items():
        told = _classes(audit, column, seen.target) if seen.target.codes is not None else _quantity(column, seen.target)
        if told is None:
            continue
        where = standing(audit, name)
        if where == "blind":
            continue
        words, share, covered = told
        target = audit.contract.prediction.target
        yield Finding(
            rule=rule.id,
            severity=Severity.ERROR if where in ("moved", "unseen") and covered >= COVERED else Severity.WARNING,
            stage="features",
            column=name,
            rows=int(column.isna().sum()),
            evidence=[
                Measurement(name="share", value=share, expected="what the target's own distribution gives"),
                Text(text=SAID[where]),
            ],
            message=f"Whether `{name}` is missing tells `{target}`: {words}, {SAID[where]}.",
            remedy=f"Find out when `{name}` is filled in; if that is done with or after the outcome, take it out of the "
            "features, together with every indicator that it is missing.",
            location=audit.location("features"),
        )


def _classes(audit: Audit, column: pd.Series, target: Target) -> tuple[str, float, float] | None:
    found = purest(column, target)
    if found is None:
        return None
    missing, code, share, covered = found
    values = np.unique(target.values)
    label = _label(audit, float(values[code]))
    side = "without a value" if missing else "with a value"
    return f"{100 * share:.1f} % of the rows {side} are `{label}`, {100 * covered:.0f} % of all there are", share, covered


def _label(audit: Audit, value: float) -> str:
    """The class as the frame writes it."""
    rows = np.flatnonzero(audit.target == value)
    return str(audit.frame[audit.contract.prediction.target].iloc[rows[0]])


def _quantity(column: pd.Series, target: Target) -> tuple[str, float, float] | None:
    missing = column.isna().to_numpy()
    inside, outside = int(missing.sum()), int((~missing).sum())
    if min(inside, outside) < FEWEST:
        return None
    ranks = pd.Series(target.values).rank().to_numpy()
    pairs = (float(ranks[missing].sum()) - inside * (inside + 1) / 2) / (inside * outside)
    if max(pairs, 1 - pairs) < APART:
        return None
    side = "higher" if pairs > 0.5 else "lower"
    return f"outcomes are {side} wherever it is missing, in {100 * max(pairs, 1 - pairs):.1f} % of all pairs", pairs, 1.0


rule = Rule("proxy/missing-values", "proxy", "Whether a value is missing tells the target.", check)
