"""What running base and result showed, drawn: rows of folds over time, feature values around the cutoff, errors by slice.

Marks and words carry it all; nothing hangs on colour. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from workbench.changes.figures import Figures, FoldRows, SliceScore
from workbench.report.plot import plotted
from workbench.report.timeline import short
from workbench.tui.lines import Line, line

_HEIGHTS = " ▁▂▃▄▅▆▇█"
_LABEL = 10
_NARROWEST = 16


def figure_lines(figures: Figures, width: int) -> list[Line]:
    """All figures of one use case in lines of at most `width` columns."""
    lines: list[Line] = []
    for _, sides in groupby(figures.folds, key=lambda one: one.fold):
        lines += [found for one in sides for found in fold_lines(one, width)]
    for trace in figures.values:
        lines += [line(""), *(line(text) for text in plotted(trace, width))]
    if figures.slices:
        lines += [line(""), *slice_lines(figures.error, figures.slices, width)]
    return lines


def fold_lines(rows: FoldRows, width: int) -> list[Line]:
    """How many rows lie where in time, before and after, and below it which came and which went."""
    room = max(_NARROWEST, width - 4 - _LABEL)
    before, after, came, went = (_fitted(one, room) for one in (rows.before, rows.after, rows.came, rows.went))
    most = max([*before, *after, 1])
    lines = [
        line(""),
        line(f"    fold {rows.fold}, {rows.side}: {sum(rows.before):,} rows before, {sum(rows.after):,} after", "strong"),
        line(f"    {'before':<{_LABEL}}{_heights(before, most)}"),
        line(f"    {'after':<{_LABEL}}{_heights(after, most)}"),
    ]
    if any(came):
        lines.append(line(f"    {'+ come in':<{_LABEL}}{_marks(came, '+')}", "added"))
    if any(went):
        lines.append(line(f"    {'- go out':<{_LABEL}}{_marks(went, '-')}", "removed"))
    begin, end = short(rows.begin), short(rows.end)
    gap = len(before) - len(begin) - len(end)
    lines.append(line(f"    {'':<{_LABEL}}{begin}{' ' * gap}{end}" if gap > 0 else f"    {begin} … {end}", "dim"))
    return lines + [line(f"    {text}") for text in _directions(rows)]


def _directions(rows: FoldRows) -> Iterator[str]:
    """In which direction of time rows moved."""
    for word, total, where in (("come in", sum(rows.came), rows.came_where), ("go out", sum(rows.went), rows.went_where)):
        places = {"earlier than": where.earlier, "later than": where.later, "among": where.among}
        said = ", ".join(f"{count:,} {place} those that stay" for place, count in places.items() if count)
        if total:
            yield f"{total:,} rows {word}: {said or 'none stays'}"


def _fitted(counts: Sequence[int], room: int) -> list[int]:
    """The counts in at most `room` places: neighbours are added."""
    share = -(-len(counts) // room)
    return [sum(counts[start : start + share]) for start in range(0, len(counts), share)]


def _heights(counts: Sequence[int], most: int) -> str:
    return "".join(_HEIGHTS[0 if not count else max(1, round(count / most * 8))] for count in counts)


def _marks(counts: Sequence[int], mark: str) -> str:
    return "".join(mark if count else "·" for count in counts)


def slice_lines(error: str, slices: Sequence[SliceScore], width: int) -> list[Line]:
    """Each slice's error before and after, and the band within which a difference can't be told from noise."""
    lines = [line(f"    {error} by slice, same test rows (less is better):", "strong")]
    room = max(_NARROWEST, width - 8)
    reach = max(
        [abs(one.after - one.before) for one in slices] + [one.noise for one in slices if one.noise is not None] + [1e-12]
    )
    for one in slices:
        name = f"{one.column}={one.value}" if one.column else "all rows"
        word, style = _judged(one)
        lines.append(line(f"    {name}: {one.before:.4g} → {one.after:.4g} ({_signed(one)}, {one.rows:,} rows)"))
        lines.append(line(f"      {_band(one, reach, room)} "))
        lines.append(line(f"      {word}", style))
    return [*lines, line("    ┼ no difference  ├┤ noise (95 %, by days)  ○ with the change", "dim")]


def _signed(one: SliceScore) -> str:
    apart = one.after - one.before
    noise = f" ± {one.noise:.2g}" if one.noise is not None else ""
    return f"{apart:+.3g}{noise}"


def _judged(one: SliceScore) -> tuple[str, str]:
    apart = one.after - one.before
    if one.noise is None:
        return "? too few days to tell from noise", "warning"
    if abs(apart) <= one.noise:
        return "≈ can't be told from noise", "dim"
    return ("▲ worse, beyond noise", "bad") if apart > 0 else ("▼ better, beyond noise", "good")


def _band(one: SliceScore, reach: float, room: int) -> str:
    """A scale from less error (left) to more (right) around no difference, with the noise around it."""
    half = max(1, (room - 1) // 2 - 1)
    cells = ["─"] * (2 * half + 1)
    at = half + round(max(-1.0, min(1.0, (one.after - one.before) / reach)) * half)
    if one.noise is not None:
        wide = round(min(1.0, one.noise / reach) * half)
        cells[half - wide], cells[half + wide] = "├", "┤"
    cells[half] = "┼"
    cells[at] = "○"
    return "".join(cells)
