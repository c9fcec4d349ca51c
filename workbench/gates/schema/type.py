"""A column of another type than declared.

**What it does.** Looks at what each column with a declared `type` holds: numbers, whole numbers, text, booleans or times. Whole
numbers are numbers; numbers without a fraction are whole.

**Why it is bad.** Text that looks like numbers sorts and compares wrongly, times as text are in no zone, and most code goes on
without a word.

**Failing** (`dep_time = { type = "integer" }`)

    "0517", "0533", …

**Passing**

    517, 533, …

**How it can be wrong.** A column without any value has no type: that is `schema/null-rate`'s to report.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.findings import Finding
from workbench.gates.facts import Audit, Mask
from workbench.gates.rule import Rule
from workbench.gates.schema.declared import broken, declared
from workbench.gates.schema.profile import kind_of


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column."""
    for column in declared(audit, "type"):
        found, wanted = kind_of(column.values), column.facts.type
        bad = _bad(column.values, found, str(wanted))
        if bad.any():
            yield broken(
                audit, rule.id, column, bad,
                f"`{column.label}` is declared as {wanted} and holds {found} values.",
                "Convert it where the table is loaded; if the source has changed for good, change the contract.",
            )  # fmt: skip


def _bad(values: pd.Series, found: str, wanted: str) -> Mask:
    present: Mask = values.notna().to_numpy()
    if found in ("empty", wanted) or (wanted == "number" and found == "integer"):
        return np.zeros(len(values), dtype=bool)
    if wanted == "integer" and found == "number":
        numbers = values.to_numpy(dtype="float64", na_value=np.nan)
        with np.errstate(invalid="ignore"):
            present = present & (numbers != np.floor(numbers))
    return present


rule = Rule("schema/type", "schema", "A column holds another type than declared.", check)
