"""Source tables against contract and reference: the rules of the gate `schema`, asked before anything is built on the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import PipelineError
from workbench.findings import Finding
from workbench.gates.facts import Audit
from workbench.gates.registry import rules
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.gates.schema.profile import Profile, profile_column, read_reference
from workbench.loop.schema_change import SchemaChange, find_changes
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.results import Run
from workbench.pipeline.runner import Pipeline
from workbench.skills.run import SkillContext

_CURE = "migrate"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Input(_Model):
    """Nothing to choose: the use case is the context's."""


class Break(_Model):
    """One way in which a table isn't what it should be; `rows` null where it is the whole column or table."""

    kind: str
    table: str
    column: str = ""
    severity: str = "error"
    message: str
    remedy: str = ""
    rows: int | None = None
    cure: str | None = None


class Table(_Model):
    """Size of a source table."""

    rows: int
    columns: int


class Output(_Model):
    """`ok`: no break is an error and every rule that applies could look."""

    ok: bool
    breaks: list[Break] = Field(default_factory=list)
    tables: dict[str, Table] = Field(default_factory=dict)
    unlooked: dict[str, str] = Field(default_factory=dict)
    error: str = ""


class _Tables(Audit):
    """An audit that has loaded the tables and run nothing on them."""

    @property
    def base(self) -> Run:
        """Nothing was run: who asks can't look. Raises NotExercised."""
        raise NotExercised("the tables alone were looked at")


def run(context: SkillContext, input: Input) -> Output:
    """Loads the tables of the use case in `context.root` and judges them. Raises ContractError for a wrong contract."""
    contract = load_contract(context.root, context.use_case)
    with Pipeline(context.settings, contract, root=context.root, progress=context.progress) as pipeline:
        try:
            tables = pipeline.load(check=False)
        except PipelineError as error:
            return Output(ok=False, error=error.message)
        sizes = {name: Table(rows=len(table), columns=table.shape[1]) for name, table in tables.items()}
        reference = read_reference(context.root, context.use_case)
        changes = find_changes(contract, tables, reference)
        breaks = [*_changed(contract, changes), *_new_values(tables, reference)]
        subject = _Tables(
            settings=context.settings, contract=contract, pipeline=pipeline, root=context.root, progress=context.say
        )
        subject.tables = tables
        unlooked: dict[str, str] = {}
        try:
            subject.tables = pipeline.load()
        except PipelineError as error:
            if not breaks:
                breaks.append(Break(kind="contract", table="", message=error.message, remedy=error.hint))
            return Output(ok=False, breaks=breaks, tables=sizes, unlooked={"schema": error.message})
        subject.enter("schema")
        for rule in rules():
            if rule.gate != "schema":
                continue
            try:
                found = list(rule.check(subject))
            except NotApplicable:
                continue
            except NotExercised as stop:
                unlooked[rule.id] = stop.reason
                continue
            named = {(one.kind, one.table, one.column) for one in breaks}
            breaks += [one for one in map(_of, found) if (one.kind, one.table, one.column) not in named]
    bad = any(one.severity == "error" for one in breaks)
    return Output(ok=not bad and not unlooked, breaks=breaks, tables=sizes, unlooked=unlooked)


def _changed(contract: Contract, changes: SchemaChange) -> Iterator[Break]:
    """What looks renamed, retyped or rescaled upstream, and what is gone without a trace."""

    def why(table: str, column: str = "") -> str:
        return "; ".join(changes.evidence.get(f"{table}.{column}" if column else table, []))

    for now, ours in changes.tables.items():
        said = why(now) or why(ours) or f"The table `{ours}` is `{now}` now."
        yield Break(kind="renamed", table=ours, message=said, cure=_CURE)
    for table, columns in changes.renames.items():
        for now, ours in columns.items():
            said = why(table, now) or why(table, ours) or f"`{table}.{ours}` is called `{now}` now."
            yield Break(kind="renamed", table=table, column=ours, message=said, cure=_CURE)
    for table, casts in changes.retypes.items():
        for column, cast in casts.items():
            said = why(table, column) or f"`{table}.{column}` has another type now."
            yield Break(kind="retyped", table=table, column=column, message=said, remedy=f"read it as {cast}", cure=_CURE)
    for table, scales in changes.scales.items():
        for column, (factor, offset) in scales.items():
            said = (
                why(table, column)
                or f"`{table}.{column}` is {factor:g} times what it was{f' plus {offset:g}' if offset else ''}."
            )
            yield Break(kind="rescaled", table=table, column=column, message=said, cure=_CURE)
    for place, reason in changes.unexplained.items():
        table, _, column = place.partition(".")
        kind = "missing-column" if column and "is gone" in reason else "missing-table" if not column else "retyped"
        yield Break(kind=kind, table=table, column=column, message=f"`{place}`: {reason}.")


def _new_values(tables: Mapping[str, pd.DataFrame], reference: Profile | None) -> Iterator[Break]:
    """Text columns with few values none of which was there before: renamed categories, which nothing here can map back."""
    for table, known in reference.tables.items() if reference else ():
        for column, before in known.columns.items():
            if not before.categories or column not in tables.get(table, {}):
                continue
            values = tables[table][column].dropna()
            now = profile_column(values)
            if now.kind != before.kind or not len(values) or values.astype(str).isin(before.categories).any():
                continue
            new = ", ".join(f"`{value}`" for value in sorted(map(str, values.unique()))[:5])
            was = ", ".join(f"`{value}`" for value in list(before.categories)[:5])
            message = f"`{table}.{column}` holds none of the values that it held ({was}), but {new}."
            remedy = (
                "Map them where the table is loaded if they are renamed; take a new reference (skill `profile`) if they are new."
            )
            yield Break(kind="categories", table=table, column=column, message=message, remedy=remedy, rows=len(values))


def _of(finding: Finding) -> Break:
    # What has a cure was named by what changed already.
    kind = finding.rule.partition("/")[2].replace("renamed", "missing-column")
    table, _, column = (finding.source or "").partition(".")
    return Break(
        kind=kind,
        table=table,
        column=finding.column or column,
        severity=finding.severity.value,
        message=finding.message,
        remedy=finding.remedy,
        rows=finding.rows if isinstance(finding.rows, int) else None,
    )
