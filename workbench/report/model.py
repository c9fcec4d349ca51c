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
WaiverState = Literal["used", "unused", "expired", "too long", "unknown rule"]


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
    waived: str = ""
    """Why people have accepted that it could not look, where all of its reasons are waived: still no pass, but no failure."""

    @property
    def stands(self) -> bool:
        """Whether nothing here is in the way: a pass, or waived."""
        return self.status == "pass" or bool(self.waived)


class WaiverResult(_Model):
    """What became of one waiver; only `used` ones cover something. `line` is where it stands in the file `path`."""

    rule: str
    state: WaiverState
    says: str
    path: str
    line: int


class Cost(_Model):
    """Seconds: one plain run of the pipeline (imports, load, all stages), what the audit took beyond it, and their ratio."""

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
    waivers: list[WaiverResult] = Field(default_factory=list)

    def gate(self, name: str) -> GateResult | None:
        """The gate of that name, if it was part of the audit."""
        return next((gate for gate in self.gates if gate.name == name), None)

    @property
    def errors(self) -> list[Finding]:
        """Findings that fail a gate: errors that nobody has waived."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR and not finding.waived]


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


class RulePage(_Model):
    """A rule's page in JSON."""

    id: str
    gate: str
    summary: str
    help: str


class RuleList(_Model):
    """`workbench rules --json`."""

    format: Literal[1] = 1
    rules: list[RulePage]


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then warnings, then notes, waived ones last; within them by the measured effect relative to the score, then
    by rows touched, then by rule and column. What was not measured stands behind every flattering effect and before the rest:
    it may be large, and nobody knows."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
    return sorted(
        findings,
        key=lambda f: (bool(f.waived), order[f.severity], *_by_effect(f), -(f.rows or 0), f.rule, f.column or ""),
    )


def _by_effect(finding: Finding) -> tuple[int, float]:
    share = finding.effect.share if finding.effect else None
    if share is None:
        return (1, 0.0)
    return (0, -share) if share > 0 else (2, -share)


def priority(finding: Finding) -> float:
    """SARIF's rank, 0 to 100: errors from 50, warnings from 20 to 49, by their effect; notes and what is waived below 10."""
    share = (finding.effect.share if finding.effect else None) or 0.0
    part = min(1.0, max(0.0, share))
    base, room = {Severity.ERROR: (50.0, 50.0), Severity.WARNING: (20.0, 29.0), Severity.NOTE: (5.0, 4.0)}[finding.severity]
    return 1.0 if finding.waived else round(base + room * part, 2)
