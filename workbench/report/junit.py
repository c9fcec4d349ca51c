"""An audit as JUnit XML: one suite per use case, one case per gate; a gate that was not exercised is a failure, too."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from workbench.findings import Finding, Severity
from workbench.report.model import AuditReport, GateResult, ranked
from workbench.report.words import effect_words, evidence_words, place, touched, waiver_problems
from workbench.visible import visible


def junit(reports: Sequence[AuditReport], gate_of: dict[str, str]) -> str:
    """`gate_of` maps a rule's id to its gate."""
    suites = ElementTree.Element("testsuites", name="workbench audit")
    totals = {"tests": 0, "failures": 0, "errors": 0}
    for report in reports:
        suite = ElementTree.SubElement(
            suites, "testsuite", name=visible(report.use_case), time=f"{report.cost.audit_seconds:.3f}"
        )
        counts = {"tests": len(report.gates), "failures": 0, "errors": 0}
        for gate in report.gates:
            findings = [f for f in report.findings if gate_of.get(f.rule) == gate.name]
            state = _case(suite, report, gate, ranked(findings))
            if state:
                counts[state] += 1
        for waiver in waiver_problems(report):
            case = ElementTree.SubElement(suite, "testcase", classname=visible(report.use_case), name=f"waiver {waiver.rule}")
            where = f"{waiver.path}:{waiver.line}"
            ElementTree.SubElement(case, "system-out").text = visible(f"{waiver.state}: {waiver.says} ({where})")
            counts["tests"] += 1
        if report.error and not report.gates:
            case = ElementTree.SubElement(suite, "testcase", classname=visible(report.use_case), name="pipeline")
            _problem(case, "error", report.error.message, report.error.hint)
            counts["tests"] += 1
            counts["errors"] += 1
        for key, value in counts.items():
            suite.set(key, str(value))
            totals[key] += value
    for key, value in totals.items():
        suites.set(key, str(value))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, report: AuditReport, gate: GateResult, findings: list[Finding]) -> str:
    case = ElementTree.SubElement(
        suite, "testcase", classname=visible(report.use_case), name=gate.name, time=f"{gate.seconds:.3f}"
    )
    told = [f for f in findings if f.severity is not Severity.ERROR or f.waived]
    state = ""
    if gate.status == "fail":
        errors = [f for f in findings if f.severity is Severity.ERROR and not f.waived]
        head = f"{len(errors)} finding{'s' if len(errors) != 1 else ''}: {errors[0].message}" if errors else gate.reason
        _problem(case, "failure", head, "\n\n".join(_words(f) for f in errors), kind=errors[0].rule if errors else "fail")
        state = "failures"
    elif gate.status == "not exercised" and gate.waived:
        ElementTree.SubElement(case, "skipped", message=visible(f"not exercised: {gate.reason}; waived: {gate.waived}"))
    elif gate.status == "not exercised":
        _problem(case, "failure", f"not exercised: {gate.reason}", gate.reason, kind="not exercised")
        state = "failures"
    elif gate.status == "error":
        _problem(case, "error", gate.reason, report.error.hint if report.error else "")
        state = "errors"
    if told:
        ElementTree.SubElement(case, "system-out").text = "\n\n".join(_words(f) for f in told)
    return state


def _problem(case: ElementTree.Element, tag: str, message: str, body: str, kind: str = "error") -> None:
    problem = ElementTree.SubElement(case, tag, message=visible(message), type=kind)
    problem.text = visible(body, newlines=True)


def _words(finding: Finding) -> str:
    waived = f"waived: {finding.waived}" if finding.waived else ""
    lines = [f"{finding.severity.value}: {finding.rule} {place(finding)}".rstrip(), waived, finding.message, touched(finding)]
    lines.append(effect_words(finding.effect))
    lines += [line for evidence in finding.evidence for line in evidence_words(evidence)]
    return visible("\n".join(line for line in [*lines, f"What to do: {finding.remedy}"] if line), newlines=True)
