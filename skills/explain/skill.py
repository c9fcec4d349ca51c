"""Turns a failure into causes with evidence, each with the skill that can cure it, if one can. It repairs nothing.

A failure is a build's error (`errors.py` reads it, and looks at the tables) or an audit's report (`findings.py`).
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from skills.explain.errors import Failed, of_error
from skills.explain.findings import of_findings, of_gates
from workbench.errors import PipelineError, WorkbenchError
from workbench.gates.schema.profile import read_reference
from workbench.loop.diagnosis import Diagnosis, ranked
from workbench.loop.schema_change import SchemaChange, clocks_aligned, code_words, find_changes, guess_rename, missing_column
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.report.model import AuditReport
from workbench.skills.run import SkillContext


class Input(BaseModel):
    """One of both: `error` is a build's (`stage`, `message`, `hint`, `detail`), `report` an audit's JSON."""

    model_config = ConfigDict(extra="forbid")

    error: Failed | None = None
    report: dict[str, Any] | None = None


class Output(BaseModel):
    """`diagnoses`: the one that blocks first at the front; never empty where there was a failure."""

    ok: bool
    diagnoses: list[Diagnosis] = Field(default_factory=list)
    summary: str = ""
    reason: str = ""


def run(context: SkillContext, input: Input) -> Output:
    """Reads the failure; for one of the tables it runs the load stage of the tree at `context.root`, unchecked."""
    diagnoses: list[Diagnosis] = []
    if input.report is not None:
        report = AuditReport.model_validate(
            {k: v for k, v in input.report.items() if k in AuditReport.model_fields} | _findings(input.report)
        )
        if report.error is not None:
            failed = Failed(stage="", **report.error.model_dump(include={"kind", "message", "hint", "detail"}))
            diagnoses += of_error(context.root, failed, lambda said: schema_change(context, said))
        diagnoses += of_findings(report.findings)
        diagnoses += of_gates(report.gates, bool(diagnoses))
    if input.error is not None:
        diagnoses += of_error(context.root, input.error, lambda said: schema_change(context, said))
    if not diagnoses:
        return Output(ok=False, reason="there is no failure in what was given: neither an error nor a finding that fails a gate")
    order = ranked(diagnoses)
    cures = [d.cure.skill for d in order if d.cure is not None]
    summary = f"{len(order)} cause{'s' if len(order) > 1 else ''}; first: {order[0].message}"
    return Output(ok=True, diagnoses=order, summary=summary, reason="" if cures else "no skill is known to cure any of them")


def _findings(report: dict[str, Any]) -> dict[str, Any]:
    """The findings without what is computed from them, which a strict model doesn't take as input."""
    found = [{k: v for k, v in finding.items() if k != "fingerprint"} for finding in report.get("findings", [])]
    return {"findings": found}


def schema_change(context: SkillContext, said: str) -> SchemaChange | str:
    """What changed about the tables, or in a sentence why it can't be said; `said` is the failure's own text."""
    try:
        contract = load_contract(context.root, context.use_case)
        with Pipeline(context.settings, contract, root=context.root, progress=context.progress) as pipeline:
            tables = pipeline.load(check=False)
        change = find_changes(contract, tables, read_reference(context.root, context.use_case))
    except PipelineError as error:
        return f"the load stage itself fails: {error.message}"
    except WorkbenchError as error:
        return error.message
    column = missing_column(said)
    if not change and column is not None:
        guess = guess_rename(tables, column, code_words(context.root, contract))
        change = guess if guess else change
    if not change and re.search(r"tz-naive|tz-aware|merge on datetime64|datetime64\[\w+, ", said):
        change = next(iter(clocks_aligned(contract, tables)), change)
    return change
