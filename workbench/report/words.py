"""Words, glyphs and line-breaking that the human-readable reports share. Every text from outside goes through `visible()`."""

from __future__ import annotations

import textwrap

from workbench.findings import Effect, Evidence, Finding, Measurement, MovedCell, Rows, Severity, Span, Trace
from workbench.report.curve import trace_words
from workbench.report.model import AuditReport, GateResult, WaiverResult
from workbench.report.timeline import short
from workbench.visible import visible

# Never colour alone: each state has a glyph and a word.
GATE_GLYPH = {"pass": "✓", "fail": "✗", "not exercised": "–", "error": "!"}
VERDICT_GLYPH = {"pass": "✓", "fail": "✗", "error": "!"}
SEVERITY_GLYPH = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "–"}


def counted(count: int, noun: str) -> str:
    """`3 folds`, `1 fold`; thousands are set apart."""
    plural = noun if count == 1 else (noun[:-1] + "ies" if noun.endswith("y") else noun + "s")
    return f"{count:,} {plural}"


def wrapped(text: str, width: int, indent: str = "", *, first: str | None = None) -> list[str]:
    """Breaks text into lines of at most `width` columns, indent included; words longer than a line stay whole."""
    lines: list[str] = []
    for paragraph in visible(text, newlines=True).split("\n"):
        begin = first if first is not None and not lines else indent
        lines += textwrap.wrap(
            paragraph, width, initial_indent=begin, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [begin.rstrip()]
    return lines


def tally(report: AuditReport) -> str:
    """`2 errors, 1 warning, 1 waived` or `nothing found`."""
    counts = [(s, sum(f.severity is s and not f.waived for f in report.findings)) for s in Severity]
    waived = sum(bool(f.waived) for f in report.findings)
    parts = [counted(n, s.value) for s, n in counts if n] + ([f"{waived} waived"] if waived else [])
    return ", ".join(parts) or "nothing found"


def waiver_problems(report: AuditReport) -> list[WaiverResult]:
    """Waivers that cover nothing and should be looked at."""
    return [waiver for waiver in report.waivers if waiver.state != "used"]


def touched(finding: Finding) -> str:
    """Column, source, look-ahead and rows of a finding in one line, or nothing."""
    parts = [f"stage {finding.stage}"] if finding.stage else []
    parts += [f"column {finding.column}"] if finding.column else []
    parts += [f"reads {finding.source}"] if finding.source else []
    parts += [f"{finding.lookahead} ahead"] if finding.lookahead else []
    parts += [counted(finding.rows, "row")] if finding.rows is not None else []
    return visible(" · ".join(parts))


def effect_words(effect: Effect | None) -> str:
    """`mae looks 0.81 better than it is (95 %: 0.52 to 1.1): 2.1 instead of 2.91. How: …`; empty where nobody has asked."""
    if effect is None:
        return ""
    if effect.gain is None or effect.low is None or effect.high is None or effect.claimed is None or effect.honest is None:
        return visible(f"effect on the score not measured: {effect.not_measured}")
    sure = f"{100 * effect.level:.0f} %: {effect.low:.3g} to {effect.high:.3g}"
    if effect.claimed == effect.honest:
        looks = "stays the same"
    else:
        looks = f"looks {abs(effect.gain):.3g} {'better' if effect.gain > 0 else 'worse'} than it is"
        looks += ", within chance" if effect.low <= 0 <= effect.high else ""
    return visible(
        f"{effect.metric} {looks} ({sure}): {effect.claimed:.4g} with the leak, {effect.honest:.4g} without. "
        f"Measured: {effect.how}"
    )


def place(finding: Finding) -> str:
    """`path:line` where the finding has one."""
    if finding.location is None:
        return ""
    line = f":{finding.location.line}" if finding.location.line else ""
    return visible(finding.location.path + line)


def probed(gate: GateResult) -> str:
    """What a gate tried, in words."""
    what = gate.probed_what.removesuffix("s") or "place"
    return visible(counted(gate.probed, what)) if gate.probed is not None else ""


def evidence_words(evidence: Evidence) -> list[str]:
    """One evidence in plain lines; a span is drawn by the report instead, and gets only its sums here."""
    if isinstance(evidence, MovedCell):
        return [_moved(evidence)]
    if isinstance(evidence, Trace):
        return [trace_words(evidence)]
    if isinstance(evidence, Rows):
        head = f"{evidence.count:,} of {counted(evidence.of, 'row')}"
        return [head + (", for example:" if evidence.examples else ""), *(_example(row) for row in evidence.examples[:3])]
    if isinstance(evidence, Measurement):
        unit = f" {evidence.unit}" if evidence.unit else ""
        return [visible(f"{evidence.name}: {evidence.value:.6g}{unit}, expected {evidence.expected}")]
    if isinstance(evidence, Span):
        return [visible(f"fold {evidence.fold}: a gap of {evidence.needed_gap} is needed, {evidence.found_gap} is there")]
    return [visible(evidence.text)]


def _moved(cell: MovedCell) -> str:
    who = ", ".join(f"{k}={v}" for k, v in cell.entity.items())
    when = f" for {short(cell.target_time)}" if cell.target_time else ""
    made = f" (predicted {short(cell.prediction_time)})" if cell.prediction_time else ""
    cutoff = f"in the world {cell.world}, cut at {short(cell.cutoff)} (UTC)"
    tries = f"; {moved_at(cell)}" if cell.probed > 1 else ""
    return visible(f"{who}{when}{made}: {cell.before} became {cell.after} {cutoff}{tries}")


def moved_at(cell: MovedCell) -> str:
    """`moved at 2 cutoffs (65 probed)`: cuts that only point at a leak aren't counted until one of them confirms it."""
    return f"moved at {counted(cell.cohorts, 'cutoff')} ({cell.probed:,} probed)"


def _example(row: dict[str, str]) -> str:
    return visible("  " + ", ".join(f"{k}={v}" for k, v in row.items()), limit=200)


PROMISE = "A pass means: nothing found at what was probed. It never means that there is no leak."
