"""An audit as GitHub workflow commands: annotations on the changed files.

GitHub shows ten annotations a step and drops the rest silently, so the ten that matter most are given and the others are
counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.findings import Finding, Severity
from workbench.report.model import AuditReport, ranked
from workbench.report.words import VERDICT_GLYPH, counted, effect_words, tally, waiver_problems
from workbench.visible import visible

MAX_ANNOTATIONS = 10
_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def github(reports: Sequence[AuditReport]) -> str:
    """Workflow commands, then one plain line per use case; ends in a newline."""
    lines: list[str] = []
    rest = 0
    stops = [
        _command(
            "error",
            f"pipelines/{report.use_case}/contract.toml",
            1,
            report.use_case,
            f"{report.error.message} {report.error.hint}",
        )
        for report in reports
        if report.error
    ]
    stops += [
        _command("error", f"pipelines/{report.use_case}/contract.toml", 1, f"gate {gate.name}: not exercised", gate.reason)
        for report in reports
        for gate in report.gates
        if gate.status == "not exercised" and not gate.waived
    ]
    stops += [
        _command("warning", waiver.path, waiver.line, f"{report.use_case}: waiver {waiver.state}", waiver.says)
        for report in reports
        for waiver in waiver_problems(report)
    ]
    owner = {id(finding): report.use_case for report in reports for finding in report.findings}
    findings = ranked([finding for report in reports for finding in report.findings])
    told = stops + [_annotation(owner[id(finding)], finding) for finding in findings]
    # One place is kept for saying how many there are more.
    shown = told if len(told) <= MAX_ANNOTATIONS else told[: MAX_ANNOTATIONS - 1]
    rest = len(told) - len(shown)
    lines += shown
    if rest:
        lines.append(
            _command("notice", "", None, "workbench audit", f"{rest} more; the whole report: workbench audit --format text")
        )
    lines += [
        f"{VERDICT_GLYPH[r.verdict]} {visible(r.use_case)}: {r.verdict} ({tally(r)}, {counted(len(r.gates), 'gate')})"
        for r in reports
    ]
    return "\n".join(lines) + "\n"


def _annotation(use_case: str, finding: Finding) -> str:
    place = finding.location
    path = place.path if place else f"pipelines/{use_case}/contract.toml"
    line = place.line if place and place.line else 1
    title = f"{use_case}: {finding.rule}" + (" (waived)" if finding.waived else "")
    words = [f"Waived: {finding.waived}."] if finding.waived else []
    felt = [effect_words(finding.effect)] if finding.effect else []
    body = "\n".join([*words, finding.message, *felt, finding.remedy])
    return _command("notice" if finding.waived else _COMMAND[finding.severity], path, line, title, body)


def _command(name: str, path: str, line: int | None, title: str, message: str) -> str:
    properties = [f"file={_property(path)}"] if path else []
    properties += [f"line={line}"] if line else []
    properties += [f"title={_property(title)}"]
    return f"::{name} {','.join(properties)}::{_message(message)}"


def _message(text: str) -> str:
    shown = visible(text.strip(), newlines=True, limit=3000)
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return visible(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
