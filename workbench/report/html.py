"""An audit as one HTML file: nothing loaded from elsewhere, everything escaped, spans and curves drawn as inline SVG.

The page itself is `page.html`, a Jinja template."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from workbench.findings import Evidence, Rows, Span, Trace
from workbench.report.curve import changed_rows, other_future, when
from workbench.report.curve_svg import plot
from workbench.report.model import AuditReport, RuleDoc, ranked
from workbench.report.timeline import Timeline, short, spelled, timeline
from workbench.report.words import (
    GATE_GLYPH,
    PROMISE,
    SEVERITY_GLYPH,
    VERDICT_GLYPH,
    effect_words,
    evidence_words,
    place,
    probed,
    tally,
    touched,
    waiver_problems,
)
from workbench.visible import visible

PAGE = "page.html"
_WIDTH, _LEFT = 640, 110


@dataclass(frozen=True)
class Drawing:
    """An SVG's numbers, in its own units; `late` is empty where nothing is late."""

    train: tuple[float, float]
    known: tuple[float, float]
    test: tuple[float, float]
    late: str
    late_middle: float


def html(reports: Sequence[AuditReport], rules: Sequence[RuleDoc]) -> str:
    """The whole page as text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = lambda value: visible(str(value), newlines=True)
    used = {finding.rule for report in reports for finding in report.findings}
    return environment.from_string(Path(__file__).with_name(PAGE).read_text("utf-8")).render(
        reports=reports,
        ranked=ranked,
        rules=[rule for rule in rules if rule.id in used],
        verdict_glyph=VERDICT_GLYPH,
        gate_glyph=GATE_GLYPH,
        severity_glyph=SEVERITY_GLYPH,
        tally=tally,
        probed=probed,
        place=place,
        touched=touched,
        short=short,
        words=evidence_words,
        is_span=lambda evidence: isinstance(evidence, Span),
        plot=lambda evidence: plot(evidence) if isinstance(evidence, Trace) else None,
        changed=lambda evidence: changed_rows(evidence) if isinstance(evidence, Trace) else [],
        other_future=other_future,
        when=when,
        number=itertools.count(1).__next__,
        is_rows=lambda evidence: isinstance(evidence, Rows) and bool(evidence.examples),
        drawing=drawing,
        columns=_columns,
        effect_words=effect_words,
        promise=PROMISE,
        waiver_problems=waiver_problems,
        left=_LEFT,
    )


def drawing(evidence: Evidence) -> Drawing | None:
    """Where a span's bars stand; None where there is nothing to draw."""
    picture = timeline(evidence) if isinstance(evidence, Span) else None
    if picture is None:
        return None

    def x(part: float) -> float:
        return round(_LEFT + part * (_WIDTH - _LEFT - 10), 1)

    late = f"{spelled(picture.late)} too late" if picture.late.total_seconds() > 0 else ""
    return Drawing(
        train=_bar(x, picture.train_start, picture.train_end),
        known=_bar(x, picture.train_end, picture.train_known),
        test=_bar(x, picture.test_start, picture.test_end),
        late=late,
        late_middle=_middle(x, picture),
    )


def _bar(x: Callable[[float], float], start: float, end: float) -> tuple[float, float]:
    begin, stop = x(start), x(end)
    return begin, max(round(stop - begin, 1), 1.0)


def _middle(x: Callable[[float], float], picture: Timeline) -> float:
    return x((picture.test_start + picture.train_known) / 2)


def _columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(key for example in rows.examples for key in example))
