"""An audit as SARIF 2.1.0 for code scanning: relative URIs, our own fingerprints, the rules' pages as help."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from workbench.findings import Finding, Severity
from workbench.report.model import AuditReport, RuleDoc, priority, ranked
from workbench.report.words import effect_words, evidence_words, touched, waiver_problems
from workbench.visible import visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_RESULTS = 25_000
"""What code scanning takes per run; the errors come first, so the rest that is cut is the least."""
ROOT_ID = "WORKSPACE"


def sarif(reports: Sequence[AuditReport], rules: Sequence[RuleDoc], version: str) -> str:
    """One SARIF log with one run; findings without a place of their own point at the use case's contract."""
    known = {rule.id: rule for rule in rules}
    findings = [(report.use_case, finding) for report in reports for finding in report.findings]
    order = {id(f): i for i, f in enumerate(ranked([f for _, f in findings]))}
    findings.sort(key=lambda pair: order[id(pair[1])])
    for _, finding in findings:
        known.setdefault(finding.rule, RuleDoc(finding.rule, "", finding.rule, ""))
    ids = sorted(known)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "workbench",
                "semanticVersion": version,
                "version": version,
                "rules": [_rule(known[i]) for i in ids],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT_ID: {"description": {"text": "The root of the workspace."}}},
        "invocations": [_invocation(reports)],
        "results": [_result(use_case, finding, ids.index(finding.rule)) for use_case, finding in findings[:MAX_RESULTS]],
        "properties": {"verdicts": {report.use_case: report.verdict for report in reports}},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(rule: RuleDoc) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.replace("/", "-").split("-")),
        "shortDescription": {"text": rule.summary or rule.id},
        "fullDescription": {"text": rule.summary or rule.id},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [tag for tag in ("machine-learning", rule.gate) if tag]},
    }
    if rule.help:
        entry["help"] = {"text": rule.help, "markdown": rule.help}
    return entry


def _result(use_case: str, finding: Finding, index: int) -> dict[str, Any]:
    details = [
        touched(finding),
        effect_words(finding.effect),
        *(line for e in finding.evidence[:4] for line in evidence_words(e)),
    ]
    body = "\n".join([visible(finding.message), *(d for d in details if d), f"What to do: {visible(finding.remedy)}"])
    place = finding.location
    path = place.path if place else f"pipelines/{use_case}/contract.toml"
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(path), "uriBaseId": ROOT_ID}}
    region = {"startLine": place.line if place and place.line else 1}
    if place and place.line and place.column:
        region["startColumn"] = place.column
    physical["region"] = region
    subject = [finding.column, finding.source]
    accepted = {"kind": "external", "status": "accepted", "justification": visible(finding.waived or "")}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity.value,
        "rank": priority(finding),
        "message": {"text": body},
        "locations": [
            {
                "physicalLocation": physical,
                "logicalLocations": [
                    {
                        "fullyQualifiedName": ".".join([use_case, finding.stage, *(visible(s) for s in subject if s)]),
                        "kind": "member",
                    }
                ],
            }
        ],
        "partialFingerprints": {"workbench/v1": finding.fingerprint},
        **({"suppressions": [accepted]} if finding.waived else {}),
        "properties": {
            "stage": finding.stage,
            "useCase": use_case,
            **({"rows": finding.rows} if finding.rows is not None else {}),
            **({"effect": finding.effect.model_dump(mode="json", exclude_none=True)} if finding.effect else {}),
        },
    }


def _invocation(reports: Sequence[AuditReport]) -> dict[str, Any]:
    notes = []
    for report in reports:
        if report.error:
            notes.append(_notification(f"{report.use_case}: {report.error.message} {report.error.hint}".strip(), Severity.ERROR))
        for gate in report.gates:
            if gate.status in ("not exercised", "error"):
                waived, level = (f" (waived: {gate.waived})", Severity.WARNING) if gate.waived else ("", Severity.ERROR)
                notes.append(_notification(f"{report.use_case}: gate {gate.name}: {gate.status}: {gate.reason}{waived}", level))
        notes += [_notification(f"{report.use_case}: {waiver.says}", Severity.WARNING) for waiver in waiver_problems(report)]
    invocation: dict[str, Any] = {"executionSuccessful": all(report.verdict != "error" for report in reports)}
    if notes:
        invocation["toolExecutionNotifications"] = notes
    return invocation


def _notification(words: str, severity: Severity) -> dict[str, Any]:
    return {"level": severity.value, "message": {"text": visible(words)}}


def _uri(path: str) -> str:
    return quote(path.lstrip("/"), safe="/._-~")
