"""A value outside its declared range.

**What it does.** Compares each column that declares `min` or `max` with them; the bounds belong to the range, missing values
don't count. Times may be bounded by times.

**Why it is bad.** A negative duration, a temperature of 999 or a date in 1970 is a fault upstream or a unit that changed, and the
model will learn from it.

**Failing** (`humid = { min = 0, max = 100 }`)

    humid = -99

**Passing**

    humid = 61

**How it can be wrong.** A bound that was guessed from last year's values refuses this year's record.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding
from workbench.gates.facts import Audit, Mask
from workbench.gates.rule import Rule
from workbench.gates.schema.declared import Declared, broken, declared
from workbench.pipeline.times import to_utc


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column."""
    for column in declared(audit, "min", "max"):
        bad = _outside(audit, column)
        if bad.any():
            bounds = f"{_bound(column.facts.min)} to {_bound(column.facts.max)}"
            yield broken(
                audit, rule.id, column, bad,
                f"`{column.label}` has {int(bad.sum()):,} values outside its declared range {bounds}.",
                "Find out whether the source or its unit has changed; mend the values where the table is "
                "loaded, or the range in the "
                "contract if they are right.",
            )  # fmt: skip


def _outside(audit: Audit, column: Declared) -> Mask:
    low, high, values = column.facts.min, column.facts.max, column.values
    if isinstance(low, str) or isinstance(high, str):
        zone = audit.contract.sources[column.source].zone
        moments = to_utc(values, zone)
        below = moments < to_utc(pd.Series([low]), zone).iloc[0] if low is not None else False
        above = moments > to_utc(pd.Series([high]), zone).iloc[0] if high is not None else False
        bad: Mask = np.asarray(below | above, dtype=bool) & moments.notna().to_numpy()
        return bad
    # What isn't a number can't lie within bounds of numbers.
    plain = pd.api.types.is_numeric_dtype(values.dtype)
    numbers = (values if plain else pd.to_numeric(values.astype(object), errors="coerce")).to_numpy("float64", na_value=np.nan)
    with np.errstate(invalid="ignore"):
        inside = (numbers >= (low if low is not None else -np.inf)) & (numbers <= (high if high is not None else np.inf))
    bad = ~inside & values.notna().to_numpy()
    return bad


def _bound(value: object) -> str:
    return "…" if value is None else str(value)


rule = Rule("schema/range", "schema", "Values lie outside their declared range.", check)
