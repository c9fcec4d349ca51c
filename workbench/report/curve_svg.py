"""A trace in the units of an SVG: where marks, lines and labels stand. The elements themselves are in `page.html`."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.findings import Trace
from workbench.report.curve import Curve, Mark, curve, farthest, trace_words, whose
from workbench.visible import visible

_WIDTH, _MARGIN, _LETTER = 640, 12, 7
_TOP, _HEIGHT, _LANE = 24, 170, 24


@dataclass(frozen=True)
class Point:
    """A mark; `beyond` is −1 or 1 where its value lies below or above the scale."""

    x: float
    y: float
    moved: bool = True
    beyond: int = 0


@dataclass
class Plot:
    """Positions in the SVG's units; `computed` and `without` are the points of lines, one text per unbroken stretch."""

    title: str
    says: str
    notes: str
    left: float
    right: float
    top: float
    bottom: float
    cut: float
    legend: float
    height: float
    scale: list[tuple[float, str]]
    computed: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    dots: list[Point] = field(default_factory=list)
    boxes: list[Point] = field(default_factory=list)


def plot(trace: Trace) -> Plot | None:
    """The drawing of a trace, or None where its values can't be drawn."""
    picture = curve(trace)
    if picture is None:
        return None
    lane = _TOP + _HEIGHT + _LANE
    scale = [(_y(at, lane), f"{value:.4g}") for at, value in _ticks(picture)]
    scale += [(lane, "missing")] if picture.missing else []
    left = 16.0 + _LETTER * max(len(label) for _, label in scale)
    right, bottom = float(_WIDTH - _MARGIN), float((lane if picture.missing else _TOP + _HEIGHT) + 8)
    step = (right - left - 16) / max(1, len(trace.times) - 1)
    places = [round(left + 8 + number * step, 1) for number in range(len(trace.times))]
    cut = right if trace.made == len(places) else round(left + 8 + (trace.made - 0.5) * step, 1)
    drawn = Plot(
        whose(trace), trace_words(trace), _notes(trace, picture), left, right, _TOP, bottom, cut,
        legend=bottom + 38, height=bottom + 50, scale=scale,
    )  # fmt: skip
    for place, own, other, state in zip(places, picture.computed, picture.without, trace.state):
        moved = state == "moved"
        drawn.dots.append(Point(place, _y(own, lane), moved))
        if moved:
            drawn.boxes.append(Point(place, _y(other, lane), True, other.beyond if other else 0))
    if trace.series:
        drawn.computed = _lines(places, picture.computed, lane)
        drawn.without = _lines(places, picture.without, lane)
    return drawn


def _ticks(picture: Curve) -> list[tuple[Mark, float]]:
    middle = picture.high / 2 + picture.low / 2
    if picture.high == picture.low:
        return [(Mark(0.5), picture.low)]
    return [(Mark(1.0), picture.high), (Mark(0.5), middle), (Mark(0.0), picture.low)]


def _y(mark: Mark | None, lane: float) -> float:
    return float(lane) if mark is None else round(_TOP + 8 + (1 - mark.at) * (_HEIGHT - 8), 1)


def _lines(places: list[float], marks: list[Mark | None], lane: float) -> list[str]:
    """Stretches of values that are there and on the scale, as an SVG's points."""
    lines: list[list[str]] = [[]]
    for place, mark in zip(places, marks):
        if mark is None or mark.beyond:
            lines.append([])
        else:
            lines[-1].append(f"{place},{_y(mark, lane)}")
    return [" ".join(line) for line in lines if len(line) > 1]


def _notes(trace: Trace, picture: Curve) -> str:
    notes = ["One step is one row, in the order of predictions (UTC)."]
    if beyond := farthest(trace, picture):
        notes.append(f"Triangles: values of the other future beyond the scale, {beyond}.")
    if trace.made < len(trace.times):
        notes.append("Rows right of the cutoff are predicted later and not compared.")
    if not trace.series:
        notes.append("No entity has enough rows for a line of its own.")
    return visible(" ".join(notes))
