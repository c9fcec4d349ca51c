"""The evidence pane: what the workbench measured, drawn; then the risks; and last the author's own words, marked as such.

Only a gate report on exactly the change's result tree counts. One that is about another tree, or can't be read, is said to
count for nothing, and none of its contents is shown as if it were measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from workbench.findings import Evidence, Finding, MovedCell, Severity, Span, Trace
from workbench.report.model import AuditReport, ranked
from workbench.report.plot import plotted
from workbench.report.text import draw
from workbench.report.words import GATE_GLYPH, PROMISE, SEVERITY_GLYPH, evidence_words, moved_at, place, probed, touched
from workbench.review.gates import EFFECT, GATES
from workbench.review.queue import Assessment, QueuedChange
from workbench.tui.drawn import figure_lines
from workbench.tui.lines import Line, line

NARROWEST = 36
"""Columns below which a picture isn't made any narrower."""
_GATE_STYLE = {"pass": "good", "fail": "bad", "error": "bad", "not exercised": "warning"}
_SEVERITY_STYLE = {Severity.ERROR: "bad", Severity.WARNING: "warning", Severity.NOTE: "dim"}


def evidence_lines(queued: QueuedChange, assessment: Assessment, evidence: Mapping[str, bytes], width: int) -> list[Line]:
    """All of the pane for a width in columns."""
    report, wrong = read_report(evidence.get(GATES), queued.change.result)
    lines = [line("MEASURED BY WORKBENCH", "heading")]
    if report is None:
        lines.append(line(f"! {wrong}", "warning"))
        lines += _stored(assessment, queued.change.result)
    else:
        lines += report_lines(report, width)
    lines += [line(""), *effect_lines(assessment, evidence.get(EFFECT), width)]
    lines += [line(""), *risk_lines(assessment)]
    lines += [line(""), *author_lines(queued)]
    return lines


def headline(queued: QueuedChange, assessment: Assessment) -> list[Line]:
    """What was measured, in a few words before the diff; key `m`."""
    gates = assessment.gates
    if gates is None or gates.tree != queued.change.result:
        said, style = "! gates: no report on exactly this result", "warning"
    else:
        failed = [name for name, passed in gates.passed.items() if not passed]
        said = f"✗ gates that don't pass: {', '.join(failed)}" if failed else "✓ gates: all pass on exactly this result"
        style = "bad" if failed else "good"
    lines = [line(f"measured: {said}", style, "m")]
    if assessment.measured is None:
        return [*lines, line("measured: ! nobody ran it; risks are those read from the code", "warning", "m"), line("", key="m")]
    kinds = dict.fromkeys(risk.kind.value for risk in assessment.measured.risks)
    if kinds:
        lines.append(line(f"measured: ● running it shows {', '.join(kinds)}", "bad", "m"))
    else:
        lines.append(line(f"measured: ○ {assessment.measured.words[0]}", "plain", "m"))
    return [*lines, line("", key="m")]


def effect_lines(assessment: Assessment, stored: bytes | None, width: int = NARROWEST) -> list[Line]:
    """What running base and result showed: what ran, what came out otherwise and how, and what nothing stands behind."""
    measured = assessment.measured
    lines = [line("SEEN BY RUNNING IT", "heading")]
    if measured is None:
        wrong = "nobody ran it" if stored is None else "what came with it is not about exactly these trees; it counts for nothing"
        return [*lines, line(f"! {wrong}: the risks below are those read from the code", "warning")]
    # What running shows stands below in full.
    lines += [line(f"  {text}") for text in measured.words if not text.startswith("nothing is cleared: running it shows")]
    for risk in measured.risks:
        where = " · ".join(part for part in (risk.use_case, risk.stage) if part)
        lines.append(line(f"● {risk.kind.value}" + (f": {where}" if where else ""), "bad"))
        lines += _paragraph(risk.reason, "    ", "plain")
    for ran in measured.use_cases:
        lines += figure_lines(ran.figures, max(NARROWEST, width)) if ran.figures else []
    for one in measured.cleared:
        lines.append(line(f"○ {one.kind.value}: {one.path}", "good"))
        lines += _paragraph(f"{one.reason}; whoever signs decides all the same", "    ", "dim")
    return lines


def read_report(content: bytes | None, tree: str) -> tuple[AuditReport | None, str]:
    """The gate report if it is one on exactly `tree`, else None and why it counts for nothing."""
    if content is None:
        return None, "no gate report came with this change"
    try:
        report = AuditReport.model_validate_json(content)
    except ValidationError:
        return None, "the gate report that came with this change can't be read; none of it is shown"
    if report.tree != tree:
        named = f"another tree ({report.tree[:12]})" if report.tree else "a tree it doesn't name"
        return None, f"the gate report is about {named}, not about this result; it counts for nothing"
    return report, ""


def _stored(assessment: Assessment, tree: str) -> list[Line]:
    """What the policy can still use of a report that can't be shown."""
    gates = assessment.gates
    if gates is None or gates.tree != tree:
        return []
    rows = [f"  {'✓' if passed else '✗'} {name}: {'pass' if passed else 'no pass'}" for name, passed in gates.passed.items()]
    return [line("what the policy reads in it:", "dim"), *(line(row) for row in rows)]


def report_lines(report: AuditReport, width: int) -> list[Line]:
    """Gates, findings with their proofs, and the facts that it all rests on."""
    lines = [line("on exactly this result:", "dim")]
    if report.error:
        lines += _paragraph(report.error.message, "  ! ", "bad") + _paragraph(report.error.hint, "  → ", "plain")
    if not report.gates:
        lines.append(line("  ! no gate ran", "warning"))
    for gate in report.gates:
        tried = f"  {probed(gate)}" if gate.probed is not None else ""
        lines.append(line(f"  {GATE_GLYPH[gate.status]} {gate.name:<12} {gate.status}{tried}", _GATE_STYLE[gate.status]))
        lines += _paragraph(gate.reason, "      ", "plain")
        lines += _paragraph(f"waived: {gate.waived}" if gate.waived else "", "      ", "warning")
    for finding in ranked(report.findings):
        lines += [line(""), *finding_lines(finding, width)]
    facts = list(dict.fromkeys(fact for gate in report.gates if gate.status == "pass" for fact in gate.facts))
    if facts:
        lines += [line(""), line("the passes rest on what the contract declares:", "dim")]
        lines += [line(f"  · {fact}") for fact in facts]
    if report.gates and all(gate.status == "pass" for gate in report.gates):
        lines.append(line(PROMISE, "dim"))
    return lines


def finding_lines(finding: Finding, width: int) -> list[Line]:
    """One finding: what, where, why, each proof, what to do."""
    style = _SEVERITY_STYLE[finding.severity]
    lines = [line(f"{SEVERITY_GLYPH[finding.severity]} {finding.severity.value}  {finding.rule}", style)]
    if place(finding):
        lines.append(line(f"  {place(finding)}", "dim"))
    lines += _paragraph(f"waived: {finding.waived}" if finding.waived else "", "  ", "warning")
    lines += _paragraph(finding.message, "  ", "plain")
    if touched(finding):
        lines.append(line(f"  {touched(finding)}", "dim"))
    drawn = False
    for proof in finding.evidence:
        # One picture says it; the other folds get their sums.
        span = isinstance(proof, Span)
        lines += [line(f"    {text}") for text in evidence_words(proof)] if span and drawn else proof_lines(proof, width)
        drawn |= span
    return lines + _paragraph(finding.remedy, "  → ", "strong")


def proof_lines(proof: Evidence, width: int) -> list[Line]:
    """A span and a trace as pictures, a moved cell as before and after, everything else in words."""
    if isinstance(proof, Trace):
        return [line(text) for text in plotted(proof, max(NARROWEST, width))]
    if isinstance(proof, Span):
        return [line(text) for text in draw(proof, max(NARROWEST, width))]
    if isinstance(proof, MovedCell):
        who = ", ".join(f"{name}={value}" for name, value in proof.entity.items())
        about = f" for {proof.target_time}" if proof.target_time else ""
        lines = [line(f"    {who}{about}")]
        if proof.prediction_time:
            lines.append(line(f"    predicted {proof.prediction_time}"))
        lines += [
            line(f"      before  {proof.before}", "removed"),
            line(f"      after   {proof.after}", "added"),
            line(f"    with only what comes after {proof.cutoff} changed ({proof.world})"),
        ]
        if proof.probed > 1:
            lines.append(line(f"    {moved_at(proof)}"))
        return lines
    return [line(f"    {text}") for text in evidence_words(proof)]


def risk_lines(assessment: Assessment) -> list[Line]:
    """Every risk with its place and reason; the cleared ones last, and marked."""
    lines = [line("RISKS", "heading")]
    risks = sorted(assessment.classification.risks, key=lambda risk: risk.cleared)
    for risk in risks:
        where = risk.path + (f":{risk.line}" if risk.line else "") + (f" ({risk.symbol})" if risk.symbol else "")
        glyph, mark = ("○", ", cleared") if risk.cleared else ("●", "")
        lines.append(line(f"{glyph} {risk.kind.value}{mark}: {where}", "dim" if risk.cleared else "strong"))
        lines += _paragraph(risk.reason, "    ", "plain")
    lines += [line(f"! can't be written to a disk: {path}", "bad") for path in assessment.classification.undeliverable]
    return lines if risks else [*lines, line("none was found", "dim")]


def author_lines(queued: QueuedChange) -> list[Line]:
    """Who, title and words, quoted; nobody checked them."""
    who = queued.change.author
    return [
        line("AUTHOR'S OWN WORDS (nobody checked them)", "heading"),
        line(f"{who.name} <{who.email}>{' (agent)' if who.agent else ''}", "dim"),
        *_quoted(queued.change.title),
        *(quoted for said in queued.change.words.split("\n") for quoted in _quoted(said)),
    ]


def _quoted(said: str) -> list[Line]:
    return [line(f"“{said}”", "dim")] if said.strip() else []


def _paragraph(text: str, begin: str, style: str) -> list[Line]:
    """Each line of a text from outside behind `begin`; its other lines are as far in."""
    parts: Sequence[str] = [part for part in text.split("\n") if part.strip()]
    return [line((begin if number == 0 else " " * len(begin)) + part, style) for number, part in enumerate(parts)]
