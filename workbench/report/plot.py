"""A trace drawn with characters: two curves, told apart by their marks and not by colour, and the cutoff as a line."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.findings import Trace
from workbench.report.curve import Curve, Mark, changed_rows, curve, farthest, other_future, trace_words, when, whose
from workbench.report.words import wrapped

HEIGHT = 9
COMPUTED, OTHER, BOTH, SAME, OPEN, ABOVE, BELOW = "●○◐=·▲▼"
_INDENT = "    "


def plotted(trace: Trace, width: int) -> list[str]:
    """The trace in lines of at most `width` columns: a chart, or a small table where its values aren't numbers."""
    picture = curve(trace)
    if picture is None:
        return _table(trace, width)
    labels = [f"{value:.4g}" for value in (picture.high, (picture.high / 2 + picture.low / 2), picture.low)]
    left = max(len(label) for label in [*labels, "missing" if picture.missing else ""])
    room = width - len(_INDENT) - left - 3
    shown = _window(trace, room)
    rows = list(range(*shown))
    step = max(1, min(2, room // len(rows)))
    made = min(max(trace.made - shown[0], 0), len(rows))
    places = [number * step + (step == 1 and number >= made) for number in range(len(rows))]
    cut = made * step - (step > 1)
    cells = _cells(trace, picture, rows, places, cut)
    scale = {0: labels[0], HEIGHT // 2: labels[1], HEIGHT - 1: labels[2], HEIGHT: "missing"}
    lines = wrapped(f"{whose(trace)} (one step per prediction, UTC):", width, _INDENT)
    for number, cell in enumerate(cells):
        label = scale.get(number, "")
        lines.append(f"{_INDENT}{label:>{left}} {'┤' if label else '│'} {''.join(cell)}".rstrip())
    axis = ["─"] * (max(places[-1], cut) + 1)
    axis[cut] = "┴"
    lines.append(f"{_INDENT}{'':>{left}} └─{''.join(axis)}")
    margin = len(_INDENT) + left + 3
    lines.append(_axis_words(trace, rows, margin, margin + cut, margin + places[-1], width))
    return lines + _legend(trace, picture, cells, width)


def _window(trace: Trace, room: int) -> tuple[int, int]:
    """Which rows fit: all, or the stretch with the most that moved, the latest of several."""
    most = max(4, room - 1)
    if len(trace.times) <= most:
        return 0, len(trace.times)
    starts = range(len(trace.times) - most + 1)
    best = max(starts, key=lambda start: (trace.state[start : start + most].count("moved"), start))
    return best, best + most


def _cells(trace: Trace, picture: Curve, rows: Sequence[int], places: Sequence[int], cut: int) -> list[list[str]]:
    """The drawing, top line first; the last is the lane of missing values, where there are any."""
    cells = [[" "] * (max(places[-1], cut) + 1) for _ in range(HEIGHT + picture.missing)]
    for line in cells:
        line[cut] = "┊"
    for number, place in zip(rows, places):
        state, own, other = trace.state[number], picture.computed[number], picture.without[number]
        single = {"moved": COMPUTED, "same": SAME, "open": OPEN}[state]
        cells[_line(own)][place] = single
        if state == "moved":
            glyph = OTHER if other is None or not other.beyond else ABOVE if other.beyond > 0 else BELOW
            cells[_line(other)][place] = BOTH if _line(own) == _line(other) else glyph
    return cells


def _line(mark: Mark | None) -> int:
    return HEIGHT if mark is None else round((1.0 - mark.at) * (HEIGHT - 1))


def _axis_words(trace: Trace, rows: Sequence[int], left: int, cut: int, right: int, width: int) -> str:
    """The times below the axis: the cutoff's at its place, the first and the last row's where there is room for them."""
    words = f"cutoff {when(trace.cutoff)}"
    begin = max(0, min(cut - len(words) // 2, width - len(words)))
    first, last = when(trace.times[rows[0]]), when(trace.times[rows[-1]])
    below = " " * begin + words
    if left + len(first) + 2 <= begin:
        below = " " * left + first + below[left + len(first) :]
    if len(below) + 2 <= right + 1 - len(last):
        below = below.ljust(right + 1 - len(last)) + last
    return below


def _legend(trace: Trace, picture: Curve, cells: Sequence[Sequence[str]], width: int) -> list[str]:
    there = {glyph for line in cells for glyph in line}
    other = other_future(trace)
    said = {
        COMPUTED: f"{COMPUTED} {'before the change' if trace.world == 'change' else 'as the pipeline computed it'}",
        OTHER: f"{OTHER} {other}",
        BOTH: f"{BOTH} both, hardly apart",
        SAME: f"{SAME} the same in both",
        OPEN: f"{OPEN} not compared",
    }
    parts = [words for glyph, words in said.items() if glyph in there]
    if beyond := "".join(glyph for glyph in (BELOW, ABOVE) if glyph in there):
        parts.append(f"{beyond} {other}, beyond the scale: {farthest(trace, picture)}")
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f"   {part}"
        else:
            lines.append(_INDENT + part)
    return lines


def _table(trace: Trace, width: int) -> list[str]:
    rows = changed_rows(trace)
    lines = wrapped(trace_words(trace) + (":" if rows else ""), width, _INDENT)
    for made, before, after in rows:
        lines += wrapped(f"{made}  {before} → {after}", width, _INDENT + "    ", first=_INDENT + "  ")
    return lines
