"""What running base and result showed, in figures that can be drawn: rows of folds over time, feature values, scores by slice.

Plain values; how they come about is in `sketches.py`, how they are drawn is up to the screens. Nothing is decided by them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.findings import Trace

BUCKETS = 48
"""Stretches of time that rows of a fold are counted in."""
MOST_FOLDS, MOST_COLUMNS, MOST_SLICES = 8, 3, 9


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Where(_Model):
    """How many rows lie in time before, among and after those of the side that stay; `alone` where none stays."""

    earlier: int = 0
    among: int = 0
    later: int = 0
    alone: int = 0


class FoldRows(_Model):
    """One side of one fold: how many rows it has in each of some equal stretches of time, before and after the change."""

    fold: int
    side: Literal["training", "test"]
    begin: str
    end: str
    """First and last time of any row, ISO 8601 in UTC; the stretches lie between."""
    before: list[int] = Field(max_length=BUCKETS)
    after: list[int] = Field(max_length=BUCKETS)
    came: list[int] = Field(max_length=BUCKETS)
    """Rows that are in after the change and were not before."""
    went: list[int] = Field(max_length=BUCKETS)
    came_where: Where
    went_where: Where


class SliceScore(_Model):
    """The error of one slice of the test rows that both sides predict; `noise` is half the width of the
    band (95 %) in which a difference can't be told from none; days vary freely, rows of one day don't."""

    column: str = ""
    """Empty for all rows."""
    value: str = ""
    rows: int
    before: float
    after: float
    noise: float | None
    """None where there are too few days, or rows, to tell."""


class Figures(_Model):
    """What can be drawn of one use case; only what differs is there. `error` names what the scores are."""

    folds: list[FoldRows] = Field(default_factory=list)
    values: list[Trace] = Field(default_factory=list)
    error: str = ""
    slices: list[SliceScore] = Field(default_factory=list)
