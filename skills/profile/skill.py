"""Profiles the source tables and proposes the profile as the use case's reference; writes nothing itself."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field

from workbench.gates.schema.profile import REFERENCE, Profile, profile
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.skills.run import SkillContext


class Input(BaseModel):
    """Nothing to choose: the use case is the context's."""

    model_config = ConfigDict(extra="forbid")


class Table(BaseModel):
    """Size of a source table."""

    rows: int
    columns: int


class Output(BaseModel):
    """The proposed reference as an edit; no edit where the file says the same already."""

    ok: bool
    edits: dict[str, str | None] = Field(default_factory=dict)
    summary: str
    tables: dict[str, Table]


def run(context: SkillContext, input: Input) -> Output:
    """Profiles the tables that the use case in `context.root` loads. Raises PipelineError where it can't load them."""
    contract = load_contract(context.root, context.use_case)
    with Pipeline(context.settings, contract, root=context.root, progress=context.progress) as pipeline:
        found = profile(pipeline.load())
    path = f"pipelines/{context.use_case}/{REFERENCE}"
    text = _text(found)
    target = context.root / path
    same = target.is_file() and target.read_bytes() == text.encode()
    tables = {name: Table(rows=table.rows, columns=len(table.columns)) for name, table in found.tables.items()}
    sizes = ", ".join(f"{name} ({table.rows} rows, {table.columns} columns)" for name, table in tables.items())
    summary = f"{'reference is up to date' if same else 'new reference'}: {sizes}"
    return Output(ok=True, edits={} if same else {path: text}, summary=summary, tables=tables)


def _text(found: Profile) -> str:
    """JSON with one line a column, so that a diff of it says which columns changed."""
    tables = []
    for name, table in found.tables.items():
        columns = [
            f"        {json.dumps(column)}: {json.dumps(facts.model_dump(mode='json', exclude_none=True), sort_keys=True)}"
            for column, facts in table.columns.items()
        ]
        body = ",\n".join(columns)
        tables.append(f'    {json.dumps(name)}: {{\n      "rows": {table.rows},\n      "columns": {{\n{body}\n      }}\n    }}')
    joined = ",\n".join(tables)
    return f'{{\n  "format": {found.format},\n  "tables": {{\n{joined}\n  }}\n}}\n'
