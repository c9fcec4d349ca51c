"""A value that is none of the declared categories.

**What it does.** Compares the values of each column that declares `categories` with the list; missing values don't count.

**Why it is bad.** A new carrier, a status in another spelling or a code that means something else now falls out of joins and
encodings silently, or lands in the bucket for the unknown.

**Failing** (`origin = { categories = ["EWR", "JFK", "LGA"] }`)

    "ewr", "TEB"

**Passing**

    "EWR"

**How it can be wrong.** Where new values are to be expected, don't declare the list.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from workbench.findings import Finding
from workbench.gates.facts import Audit, Mask
from workbench.gates.rule import Rule
from workbench.gates.schema.declared import broken, declared


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column."""
    for column in declared(audit, "categories"):
        known = column.facts.categories or []
        bad: Mask = column.values.notna().to_numpy() & ~column.values.astype(object).isin(known).to_numpy()
        if bad.any():
            new = [str(value) for value in pd.unique(column.values[bad])]
            listed = ", ".join(f"`{value}`" for value in new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
            yield broken(
                audit, rule.id, column, bad,
                f"`{column.label}` has values that are no declared category: {listed}.",
                "Map them where the table is loaded if they are another spelling; declare them if they are new.",
            )  # fmt: skip


rule = Rule("schema/categories", "schema", "Values are none of the declared categories.", check)
