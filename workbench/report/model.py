"""The audit's result as models: what every report renders and what `workbench audit --json` prints.

The JSON is an interface: fields may be added, none renamed or removed. How an audit comes about is in `gates/audit.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.findings import Finding, Severity

GateStatus = Literal["pass", "fail", "not exercised", "error"]
Verdict = Literal["pass", "fail", "error"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GateResult(_Model):
    """One gate's outcome. `pass` means: nothing found at what was probed; never: there is no leak."""

    name: str
    status: GateStatus
    seconds: float = 0.0
    runs: int = 0
    """Runs of the pipeline that this gate asked for itself."""
    reason: str = ""
    """Why it is not a pass, where findings don't say it."""
    probed: int | None = None
    """How many folds, cutoffs, rows or columns were tried; `probed_what` says which."""
    probed_what: str = ""
    facts: list[str] = Field(default_factory=list)
    """Declared facts of the contract that the status rests on; a wrong fact makes it worthless."""
    rules: list[str] = Field(default_factory=list)
    """Rules that ran; a rule without a subject in this use case isn't among them."""


class Cost(_Model):
    """Seconds: one plain run of the pipeline, the whole audit (that run included), and their ratio."""

    pipeline_seconds: float = 0.0
    audit_seconds: float = 0.0
    ratio: float = 0.0


class Fault(_Model):
    """Why contract or pipeline can't be used: the same three fields as every error of the program."""

    kind: str
    message: str
    hint: str = ""
    detail: str = ""
    """A stage's own traceback or output; untrusted text."""


class AuditReport(_Model):
    """What every deterministic gate says about one use case as it stands."""

    format: Literal[1] = 1
    use_case: str
    verdict: Verdict
    findings: list[Finding] = Field(default_factory=list)
    gates: list[GateResult] = Field(default_factory=list)
    inapplicable: dict[str, str] = Field(default_factory=dict)
    """Gates that were asked and have no subject in this use case → why; a gate in neither list wasn't asked."""
    cost: Cost = Field(default_factory=Cost)
    tree: str = ""
    """Git tree id of what was audited; filled by a caller that knows it."""
    code_digest: str = ""
    contract_digest: str = ""
    scores: dict[str, float] = Field(default_factory=dict)
    """Scores that the gate computed itself from predictions: the primary metric and its baseline."""
    error: Fault | None = None

    def gate(self, name: str) -> GateResult | None:
        """The gate of that name, if it was part of the audit."""
        return next((gate for gate in self.gates if gate.name == name), None)

    @property
    def errors(self) -> list[Finding]:
        """Findings that fail a gate."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


class AuditReports(_Model):
    """`workbench audit --json` without a use case."""

    format: Literal[1] = 1
    reports: list[AuditReport]


@dataclass(frozen=True)
class RuleDoc:
    """A rule's page: `help` is Markdown, the docstring of the rule's module."""

    id: str
    gate: str
    summary: str
    help: str


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then warnings, then notes; within them by rows touched, then by rule and column."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
    return sorted(findings, key=lambda f: (order[f.severity], -(f.rows or 0), f.rule, f.column or ""))
