"""A column that holds another kind of value than before.

**What it does.** Compares the kind of each column (number, text, boolean, time) with the reference's. Whole numbers that became
numbers are left aside: one missing value does that.

**Why it is bad.** A time that became text loses its zone and its order, a code that became a number loses its leading zeros. Code
that doesn't fail on it computes something else.

**Failing**

    reference: time_hour holds times; now it holds text

**Passing**

    `load` parses it, or the reference is taken anew

**How it can be wrong.** A column of mixed values may change its kind with one row.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.schema.declared import known_sources, place, reference
from workbench.gates.schema.drift import retyped


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column."""
    known = reference(audit)
    for source, frame in known_sources(audit):
        for change in retyped(source, frame, known.tables[source].columns):
            same = f" {100 * change.match:.0f} % of the values are the same when read as before." if change.match else ""
            yield Finding(
                rule=rule.id,
                severity=Severity.ERROR,
                stage="load",
                column=change.column,
                source=f"{source}.{change.column}",
                rows=len(frame),
                evidence=[
                    Measurement(name="share of values that are the same when read as before", value=change.match, expected="1")
                ],
                message=f"`{source}.{change.column}` held {change.was} values and holds {change.now} values now.{same}",
                remedy=f"Convert it back to {change.was} where the table is loaded; take a new reference if it is to stay so.",
                location=place(audit, source, change.column),
            )


rule = Rule("schema/retyped", "schema", "A column holds another kind of value than before.", check)
