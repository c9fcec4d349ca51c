"""A column that is gone while another one looks like it.

**What it does.** Looks for columns that the reference knows and the tables lack, and compares their values (by a sketch kept in
the reference) and names with the columns that are new.

**Why it is bad.** Code that picks columns by name fails, or worse, goes on without the column. Saying what happened is half of
the repair.

**Failing**

    reference: carrier; now: carrier_code, with the same values

**Passing**

    `load` gives the column its name back, or the reference is taken anew

**How it can be wrong.** Columns of few values (months, flags) resemble each other; names decide there, and the message says how
much matched.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.gates.schema.declared import place, reference
from workbench.gates.schema.drift import explain_missing, missing_columns


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per column that is gone, with its likely new name where there is one."""
    known = reference(audit)
    renames = {(r.source, r.column): r for r in explain_missing(audit.contract, audit.tables, known)}
    for source, gone in missing_columns(audit.contract, audit.tables, known).items():
        for column in gone:
            rename = renames.get((source, column))
            yield Finding(
                rule=rule.id,
                severity=Severity.ERROR,
                stage="load",
                column=column,
                source=f"{source}.{rename.to}" if rename else f"{source}.{column}",
                evidence=[
                    Measurement(
                        name=f"{'values' if rename.by == 'values' else 'letters'} alike", value=rename.match, expected="0"
                    )
                ]
                if rename
                else [],
                message=f"In `{source}`, {rename.sentence}."
                if rename
                else f"`{source}` has lost its column `{column}`; no new column looks like it.",
                remedy=f"Rename it back where the table is loaded: `{rename.to}` → `{column}`."
                if rename
                else "Ask the source's owner, or stop using it and take a new reference.",
                location=place(audit, source, column),
            )


rule = Rule("schema/renamed", "schema", "A column is gone; another one may be it.", check)
