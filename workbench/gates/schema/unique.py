"""A column that says its values are unique, and isn't.

**What it does.** Looks for values that stand more than once in a column declared `unique`; missing values don't count.

**Why it is bad.** A join on a key that isn't unique multiplies rows. Doubled rows count twice in the fit and in the score, and
copies end up on both sides of the split.

**Failing** (`faa = { unique = true }`)

    "JFK", "JFK", "LGA"

**Passing**

    "JFK", "LGA"

**How it can be wrong.** A table that keeps every version of a row has no unique column.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Finding
from workbench.gates.facts import Audit, Mask
from workbench.gates.rule import Rule
from workbench.gates.schema.declared import broken, declared


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column."""
    for column in declared(audit, "unique"):
        bad: Mask = column.values.notna().to_numpy() & column.values.duplicated(keep=False).to_numpy()
        if bad.any():
            values = column.values[bad].nunique()
            yield broken(
                audit, rule.id, column, bad,
                f"`{column.label}` is declared unique, and {values:,} of its values stand in more than one row.",
                "Drop the copies where the table is loaded, by a rule that says which one is right.",
            )  # fmt: skip


rule = Rule("schema/unique", "schema", "A column declared unique has values twice.", check)
