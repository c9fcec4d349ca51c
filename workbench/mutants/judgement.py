"""Whether an audit said of a mutant what it should have said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.findings import Finding, Severity
from workbench.mutants.model import Expected, Mutant

if TYPE_CHECKING:
    from workbench.report.model import AuditReport


@dataclass(frozen=True)
class Judgement:
    """`right`: a leak was caught by the right rule at the right place, a twin passed every gate that was asked.

    `sourced` says whether the source cell was named rightly too; None where that isn't judged or nothing was caught. `strays` are
    features of a leak that were called leaks and aren't. `reason` is empty where everything is right.
    """

    mutant: str
    right: bool
    sourced: bool | None
    strays: tuple[str, ...]
    reason: str


def judge(mutant: Mutant, report: AuditReport) -> Judgement:
    """Compares a report with what is true of the mutant. Warnings and notes are not held against a twin."""
    if report.error is not None:
        return Judgement(mutant.name, False, None, (), f"the audit could not run: {report.error.message} {report.error.detail}")
    if mutant.expects is None:
        return _twin(mutant, report)
    errors = [finding for finding in report.findings if finding.severity == Severity.ERROR]
    caught = [finding for finding in errors if _at_the_right_place(mutant.expects, finding)]
    sourced = None
    if caught and mutant.expects.sources:
        sourced = any(finding.source in mutant.expects.sources for finding in caught)
    reason = "" if caught else f"no such finding; {_said(report)}"
    return Judgement(mutant.name, bool(caught), sourced, _strays(mutant.expects, errors), reason)


def _twin(mutant: Mutant, report: AuditReport) -> Judgement:
    right = report.verdict == "pass"
    return Judgement(mutant.name, right, None, (), "" if right else _said(report))


def _at_the_right_place(expects: Expected, finding: Finding) -> bool:
    return (
        finding.rule in expects.rules
        and expects.stage in (None, finding.stage)
        and (not expects.columns or finding.column in expects.columns)
    )


def _strays(expects: Expected, errors: list[Finding]) -> tuple[str, ...]:
    if not expects.columns:
        return ()
    named = {finding.column for finding in errors if finding.rule in expects.rules and finding.column is not None}
    return tuple(sorted(named - expects.columns))


def _said(report: AuditReport) -> str:
    gates = [f"{gate.name} {gate.status}: {gate.reason}" for gate in report.gates if gate.status in ("not exercised", "error")]
    errors = [f"{finding.rule} ({finding.column or finding.stage}): {finding.message}" for finding in report.errors]
    return "; ".join([*errors, *gates]) or "the audit found nothing"
