"""The geometry of a span: two periods on one line of time, as fractions of a drawing's width.

Text and HTML draw the same picture from it. The view is cut to where the two periods meet: a gap of hours would vanish
beside months of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from workbench.findings import Span


@dataclass(frozen=True)
class Timeline:
    """Positions from 0 (left edge) to 1 (right edge); `late` is the time by which labels are known too late (or zero)."""

    train_end: float
    train_known: float
    test_start: float
    late: timedelta
    train_goes_on: bool
    """The training period begins left of the view (its begin is at 0 then)."""
    train_start: float
    test_end: float
    test_goes_on: bool


def timeline(span: Span) -> Timeline | None:
    """The picture of a span, or None where its times can't be read."""
    try:
        begin, end, known, first, last = (
            _moment(text) for text in (span.train_start, span.train_end, span.train_known, span.test_start, span.test_end)
        )
    except ValueError:
        return None
    width = max(abs(end - first), abs(known - first), abs(known - end), timedelta(seconds=1))
    left = max(min(begin, first), min(end, first) - width)
    right = min(max(known, last), max(end, known, first) + width)
    whole = (right - left) or timedelta(seconds=1)

    def at(moment: datetime) -> float:
        return min(1.0, max(0.0, (moment - left) / whole))

    return Timeline(
        train_start=at(begin), train_end=at(end), train_known=at(known), test_start=at(first), test_end=at(last),
        late=max(known - first, timedelta(0)), train_goes_on=begin < left, test_goes_on=last > right,
    )  # fmt: skip


def spelled(duration: timedelta) -> str:
    """`26 h`, `3 d 4 h`, `45 min`: the two largest units."""
    seconds = int(duration.total_seconds())
    sign, seconds = ("−", -seconds) if seconds < 0 else ("", seconds)
    if 86400 <= seconds < 3 * 86400 and seconds % 3600 == 0:
        return f"{sign}{seconds // 3600} h"
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return sign + (" ".join(parts[:2]) or "0 s")


def short(moment: str) -> str:
    """An ISO time as people read it, in UTC: to the minute."""
    try:
        return _moment(moment).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return moment


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
