"""An audit as text for a terminal or a log: aligned, at most 80 columns, glyph and word for every state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.findings import Finding, Severity, Span, Trace
from workbench.report.model import AuditReport, ranked
from workbench.report.plot import plotted
from workbench.report.timeline import short, spelled, timeline
from workbench.report.words import (
    GATE_GLYPH,
    PROMISE,
    SEVERITY_GLYPH,
    VERDICT_GLYPH,
    counted,
    effect_words,
    evidence_words,
    place,
    probed,
    tally,
    touched,
    waiver_problems,
    wrapped,
)
from workbench.visible import visible

WIDTH = 80
PICTURES = 6
"""Curves that are drawn in one report, of the findings that rank first; the others are told in a sentence."""
Paint = Callable[[str, str], str]
"""(text, style) → the text in that style, or as it is; styles as in `Console.paint`."""

_STYLE = {"pass": "green", "fail": "red", "error": "red", "not exercised": "yellow"}
_SEVERITY_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


def text(reports: Sequence[AuditReport], paint: Paint | None = None) -> str:
    """All reports one below the other; ends in a newline."""
    return "\n".join(_report(report, paint or (lambda words, style: words)) for report in reports)


def _report(report: AuditReport, paint: Paint) -> str:
    glyph, verdict = VERDICT_GLYPH[report.verdict], report.verdict.upper()
    head = f"{glyph} {visible(report.use_case)}: {verdict}"
    lines = [paint(head, "bold") + ("" if report.error else f" ({tally(report)})"), ""]
    if report.error:
        lines += wrapped(report.error.message, WIDTH, "    ", first="  ! ")
        if report.error.hint:
            lines += wrapped(report.error.hint, WIDTH, "    ", first="  → ")
        lines.append("")
    lines += _gates(report, paint)
    findings = ranked(report.findings)
    for finding, curves in zip(findings, _curves(findings)):
        lines += ["", *_finding(finding, paint, curves)]
    lines += ["", *_closing(report)]
    return "\n".join(lines) + "\n"


def _gates(report: AuditReport, paint: Paint) -> list[str]:
    lines = []
    for gate in report.gates:
        status = f"{GATE_GLYPH[gate.status]} {gate.name:<13}{gate.status:<15}"
        numbers = f"{gate.seconds:>7.1f} s {counted(gate.runs, 'run'):>8}   {probed(gate)}"
        lines.append(f"  {paint(status, _STYLE[gate.status])}{numbers}".rstrip())
        if gate.reason and not (report.error and gate.reason == report.error.message):  # said above
            lines += wrapped(gate.reason, WIDTH, "      ")
        if gate.waived:
            lines += wrapped(f"waived: {gate.waived}", WIDTH, "      ")
    return lines


def _curves(findings: Sequence[Finding]) -> list[list[str]]:
    """What to say of each finding's traces: the first ones are drawn, and what several findings show only once."""
    said: list[list[str]] = []
    drawn: list[Trace] = []
    for finding in findings:
        said.append([])
        for trace in finding.evidence:
            if not isinstance(trace, Trace):
                continue
            if trace in drawn:
                said[-1] += [f"    (drawn above: {visible(trace.column, limit=40)} around the cutoff)"]
            elif len(drawn) < PICTURES and not finding.waived and finding.severity is not Severity.NOTE:
                said[-1] += plotted(trace, WIDTH)
                drawn.append(trace)
            else:
                said[-1] += [line for words in evidence_words(trace) for line in wrapped(words, WIDTH, "    ")]
    return said


def _finding(finding: Finding, paint: Paint, curves: Sequence[str]) -> list[str]:
    label = f"{SEVERITY_GLYPH[finding.severity]} {finding.severity.value}"
    head = f"{paint(label, _SEVERITY_STYLE[finding.severity])}  {paint(visible(finding.rule), 'bold')}"
    where = place(finding)
    room = WIDTH - len(label) - 2 - len(finding.rule) - 2
    lines = [head + (f"  {where}" if where and len(where) <= room else "")]
    if where and len(where) > room:
        lines.append(f"  {where}")
    if finding.waived:
        lines += wrapped(f"waived: {finding.waived}", WIDTH, "  ")
    lines += wrapped(finding.message, WIDTH, "  ")
    if touched(finding):
        lines += wrapped(touched(finding), WIDTH, "  ")
    if finding.effect:
        lines += wrapped(effect_words(finding.effect), WIDTH, "    ", first="  ± ")
    drawn = 0
    for evidence in finding.evidence:
        if isinstance(evidence, Span):
            # One picture says it; the other folds get their sums.
            lines += draw(evidence) if drawn == 0 else [f"    {line}" for line in evidence_words(evidence)]
            drawn += 1
        elif not isinstance(evidence, Trace):
            for line in evidence_words(evidence):
                lines += wrapped(line.strip(), WIDTH, "      " if line.startswith("  ") else "    ")
    return [*lines, *curves, *wrapped(finding.remedy, WIDTH, "    ", first="  → ")]


def _closing(report: AuditReport) -> list[str]:
    lines = []
    for waiver in waiver_problems(report):
        lines += wrapped(f"{waiver.says} ({waiver.path}:{waiver.line})", WIDTH, "  ", first="! ")
    facts = list(dict.fromkeys(fact for gate in report.gates if gate.status == "pass" for fact in gate.facts))
    if facts:
        lines += wrapped("These passes rest on declared facts: " + "; ".join(facts) + ".", WIDTH)
    cost = report.cost
    if cost.audit_seconds:
        plain = f" ({cost.ratio:.1f} × one plain run of the pipeline)" if cost.pipeline_seconds else ""
        lines += wrapped(f"The audit took {cost.audit_seconds:.1f} s{plain}.", WIDTH)
    if report.verdict == "pass":
        lines += wrapped(PROMISE, WIDTH)
    return lines


def draw(span: Span, width: int = WIDTH) -> list[str]:
    """The span as a small line of time; the same lines also say the times, so nothing hangs on the drawing."""
    picture = timeline(span)
    if picture is None:
        return [f"    {line}" for line in evidence_words(span)]
    labels = ("trained on", "known by", "predicts")
    room = width - 4 - 12
    last = room - 1

    def bar(start: float, end: float, stroke: str, left: str, right: str) -> str:
        a, b = round(start * last), max(round(end * last), round(start * last))
        body = left + stroke * (b - a - 1) + right if b > a else right
        return " " * a + body

    rows = [
        bar(picture.train_start, picture.train_end, "━", "┅" if picture.train_goes_on else "┝", "┥"),
        bar(picture.train_end, picture.train_known, "┄", "├", "┤"),
        bar(picture.test_start, picture.test_end, "━", "┝", "┅" if picture.test_goes_on else "┥"),
    ]
    lines = [f"    fold {span.fold}"]
    lines += [f"    {label:<12}{row}" for label, row in zip(labels, rows)]
    if picture.late.total_seconds() > 0:
        a, b = round(picture.test_start * last), round(picture.train_known * last)
        words = f" {spelled(picture.late)} too late "
        middle = words.center(b - a - 1, "─") if b - a - 1 >= len(words) else "─" * max(b - a - 1, 0)
        lines.append(" " * 16 + " " * a + f"└{middle}┘")
    times = [
        f"last training label {short(span.train_end)}, known {short(span.train_known)};",
        f"first test prediction {short(span.test_start)} (UTC)",
    ]
    late = f", {spelled(picture.late)} too early for that label" if picture.late.total_seconds() > 0 else ""
    lines += wrapped(" ".join(times) + late, width, "    ")
    return [*lines, *wrapped(f"gap between the periods: {span.found_gap}, needed: {span.needed_gap}", width, "    ")]
