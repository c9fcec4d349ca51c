"""The geometry of a trace: two curves over one row of steps, as fractions of a drawing's height; and what is said about them.

Terminal (`plot.py`) and HTML draw the same picture from it. One step is one row, whatever time lies between two of them. The
scale is that of the values as computed: another future may hold values of any size, and would press the curve flat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.findings import Trace
from workbench.report.timeline import short
from workbench.visible import visible

_ROOM = 3.0
"""Values of the other future are on the scale up to so many times the curve's own height beyond it."""
_EDGE = 0.15
"""What is added to the scale on a side beyond which there is more."""
TABLE_ROWS = 6
_WORLDS = {
    "truncated": "with the future taken away",
    "thinned": "with part of the future taken away",
    "thickened": "with the future changed and more of it",
    "change": "with the change",
}


@dataclass(frozen=True)
class Mark:
    """A value on the scale: 0 at its bottom to 1 at its top; `beyond` is −1 or 1 where the value lies below or above it."""

    at: float
    beyond: int = 0


@dataclass(frozen=True)
class Curve:
    """One entry per row of the trace, None where the value is missing, or (in `without`) where the row wasn't compared."""

    low: float
    high: float
    computed: list[Mark | None]
    without: list[Mark | None]
    missing: bool
    """Whether some row lacks a value in one of the two futures: such rows stand in a lane of their own."""


def curve(trace: Trace) -> Curve | None:
    """The picture of a trace, or None where its values aren't numbers or nothing on it moved."""
    if not trace.numeric or "moved" not in trace.state:
        return None
    own = [value for value in trace.with_future if isinstance(value, float)]
    other = [value for value in trace.without_future if isinstance(value, float)]
    if not own and not other:
        return None
    low, high = min(own or other), max(own or other)
    low, high = _scale(low, high, other)

    def mark(value: float | str | None) -> Mark | None:
        if not isinstance(value, float):
            return None
        if not low <= value <= high:
            return Mark(0.0 if value < low else 1.0, -1 if value < low else 1)
        # Halves, since the difference of the two ends can be more than a number holds.
        return Mark((value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5)

    lacking = [v is None for v in trace.with_future]
    lacking += [v is None and state != "open" for v, state in zip(trace.without_future, trace.state)]
    return Curve(low, high, [mark(v) for v in trace.with_future], [mark(v) for v in trace.without_future], any(lacking))


def _scale(low: float, high: float, other: list[float]) -> tuple[float, float]:
    room = _ROOM * (high - low) or math.inf
    near = [value for value in other if low - room <= value <= high + room]
    below, above = (any(value < low - room for value in other), any(value > high + room for value in other))
    low, high = min([low, *near]), max([high, *near])
    edge = _EDGE * (high - low)
    return low - edge * below, high + edge * above


def farthest(trace: Trace, picture: Curve) -> str:
    """`down to −40 and up to 85.9`: how far values go that lie beyond the scale; empty where none does."""
    values = [value for value in trace.without_future if isinstance(value, float)]
    low, high = min(values, default=picture.low), max(values, default=picture.high)
    parts = [f"down to {low:.4g}"] if low < picture.low else []
    return " and ".join(parts + ([f"up to {high:.4g}"] if high > picture.high else []))


def whose(trace: Trace) -> str:
    """`roll_24h around the cutoff, origin=JFK`; where the rows aren't those of one entity, that is said."""
    who = ", ".join(f"{name}={value}" for name, value in trace.entity.items())
    if not trace.series:
        who = "rows of several entities"
    return visible(f"{trace.column} around the cutoff" + (f", {who}" if who else ""), limit=120)


def when(time: str) -> str:
    """A time of a trace to the minute, safe to show."""
    return visible(short(time), limit=24)


def other_future(trace: Trace) -> str:
    """What was done to the future for the second curve."""
    return _WORLDS.get(trace.world, "with the future changed")


def trace_words(trace: Trace) -> str:
    """A trace in one sentence, for where nothing can be drawn."""
    moved = trace.state.count("moved")
    many = f"{moved} of the {trace.made} rows shown that were predicted by then"
    return visible(f"{whose(trace)} ({when(trace.cutoff)} UTC): {many} come out differently {other_future(trace)}")


def changed_rows(trace: Trace) -> list[tuple[str, str, str]]:
    """The last rows that moved as time, value as computed, value in the other future; for values that can't be drawn."""
    moved = [place for place, state in enumerate(trace.state) if state == "moved"][-TABLE_ROWS:]
    return [(when(trace.times[i]), _shown(trace.with_future[i]), _shown(trace.without_future[i])) for i in moved]


def _shown(value: float | str | None) -> str:
    if value is None:
        return "missing"
    return visible(value, limit=60) if isinstance(value, str) else f"{value:.6g}"
