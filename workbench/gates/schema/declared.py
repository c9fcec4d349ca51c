"""The columns about which the contract declares facts, and the reference to compare with. No rule of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from workbench.findings import Finding, Location, Rows, Severity
from workbench.gates.facts import MAX_EXAMPLES, Audit, Mask
from workbench.gates.rule import NotApplicable
from workbench.gates.schema.profile import Profile, read_reference
from workbench.pipeline.contract import Column


@dataclass(frozen=True)
class Declared:
    """One column with its facts and its values."""

    source: str
    name: str
    facts: Column
    values: pd.Series

    @property
    def label(self) -> str:
        """`source.column`."""
        return f"{self.source}.{self.name}"


def declared(audit: Audit, *fields: str) -> list[Declared]:
    """Columns that declare at least one of these facts. Raises NotApplicable where none does."""
    found = [
        Declared(source, name, facts, audit.tables[source][name])
        for source, declaration in audit.contract.sources.items()
        for name, facts in declaration.columns.items()
        # `min = 0` is a fact; 0 == False.
        if any(getattr(facts, field) is not None and getattr(facts, field) is not False for field in fields)
    ]
    if not found:
        raise NotApplicable(f"the contract declares no column's {' or '.join(fields)}")
    audit.probed(sum(map(len, (d.facts.model_fields_set for d in found))), "declared fact")
    return found


def reference(audit: Audit) -> Profile:
    """The committed profile of the tables. Raises NotApplicable where the use case has none."""
    found = audit.once("reference", lambda: read_reference(audit.root, audit.contract.name))
    if found is None:
        raise NotApplicable("the use case has no reference.json to compare with")
    audit.probed(sum(len(table.columns) for table in found.tables.values()), "column")
    return found


def known_sources(audit: Audit) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables that the reference knows."""
    for source, frame in audit.tables.items():
        if source in reference(audit).tables:
            yield source, frame


def place(audit: Audit, source: str, column: str | None = None) -> Location:
    """The contract's line about a source or one of its columns."""
    keys = [("sources", source, "columns", column)] if column else []
    line = next((n for k in [*keys, ("sources", source)] if (n := audit.contract.line_of(*k))), None)
    return Location(path=audit.contract.path, line=line)


def broken(audit: Audit, rule: str, column: Declared, bad: Mask, message: str, remedy: str) -> Finding:
    """An error about the rows of one declared column that break its fact, some of them written out."""
    rows = column.values[bad]
    examples = [{"row": str(index), column.name: str(value)} for index, value in rows.head(MAX_EXAMPLES).items()]
    return Finding(
        rule=rule,
        severity=Severity.ERROR,
        stage="load",
        column=column.name,
        source=column.label,
        rows=len(rows),
        evidence=[Rows(count=len(rows), of=len(column.values), examples=examples)],
        message=message,
        remedy=remedy,
        location=place(audit, column.source, column.name),
    )
