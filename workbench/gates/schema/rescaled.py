"""A column in another unit than before.

**What it does.** Compares the deciles of each number column with the reference's. An error where all of them are the same linear
map of the old ones (the same rows in another unit), a warning where a usual conversion brings them much closer.

**Why it is bad.** Nothing fails: the model goes on multiplying by coefficients that were learnt for miles, and every prediction
is quietly wrong.

**Failing**

    distance: median 872 → 1403, every decile times 1.609

**Passing**

    `load` converts it back, or the reference is taken anew and the model fitted again

**How it can be wrong.** A real change of scale (a price that doubles) can look like a conversion, hence the warning.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.schema.declared import known_sources, place, reference
from workbench.gates.schema.drift import rescaled


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column."""
    known = reference(audit)
    for source, frame in known_sources(audit):
        for change in rescaled(source, frame, known.tables[source].columns):
            sure = "is in another unit" if change.exact else "looks as if it were in another unit"
            yield Finding(
                rule=rule.id,
                severity=Severity.ERROR if change.exact else Severity.WARNING,
                stage="load",
                column=change.column,
                source=f"{source}.{change.column}",
                rows=len(frame),
                evidence=[Measurement(name="factor against the reference", value=change.factor, expected="1")],
                message=f"`{source}.{change.column}` {sure} now: {change.words}.",
                remedy="Convert it back where the table is loaded; if the new unit is to stay, take a new "
                "reference and fit again.",
                location=place(audit, source, change.column),
            )


rule = Rule("schema/rescaled", "schema", "A column is in another unit than before.", check)
