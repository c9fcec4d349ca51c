"""The result of a lint as models: what `workbench lint --json` prints. Fields may be added, none renamed or removed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.findings import Finding, Severity
from workbench.report.model import AuditReport, Fault, GateResult


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AllowedFinding(_Model):
    """A finding that a comment in the code allows, with the reason given there."""

    finding: Finding
    reason: str


class FileReport(_Model):
    """One file: what was found, or why it was not analysed."""

    path: str
    findings: list[Finding] = Field(default_factory=list)
    allowed: list[AllowedFinding] = Field(default_factory=list)
    error: Fault | None = None
    seconds: float = 0.0


class LintReport(_Model):
    """What the static rules say about files. `pass` means: nothing found in what was analysed."""

    format: Literal[1] = 1
    verdict: Literal["pass", "fail", "error"]
    files: list[FileReport] = Field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """All findings, in the order of files and lines."""
        return [finding for file in self.files for finding in file.findings]


def fails(finding: Finding) -> bool:
    """Errors and warnings fail a lint; notes don't."""
    return finding.severity is not Severity.NOTE


def as_audits(report: LintReport, rules: list[str]) -> list[AuditReport]:
    """The same as audits, one per file, for the report formats that all gates share."""
    audits = []
    for file in report.files:
        status: Literal["pass", "fail", "error"] = "pass"
        if file.error is not None:
            status = "error"
        elif any(fails(f) for f in file.findings):
            status = "fail"
        reason = file.error.message if file.error is not None else ""
        gate = GateResult(name="static", status=status, seconds=file.seconds, reason=reason, rules=rules)
        audits.append(AuditReport(use_case=file.path, verdict=status, findings=file.findings, gates=[gate], error=file.error))
    return audits
