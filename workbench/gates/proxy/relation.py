"""How much one feature by itself tells about the target: exact relations, and strength measured on values not learnt from.

Numbers only; what a relation means for a use case is judged in the rules. A feature of many values is learnt on one half of its
*values* and tried on the other, so that nothing is remembered by heart: an identifier that carries nothing tells nothing, however
often it repeats. A feature of few values is learnt on one half of the rows. Costs are those of sorting a sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Kind = Literal["copy", "monotone", "binned", "determined", "strong", "weak"]

SAMPLE = 20_000
FEWEST = 50
"""Rows with both values below which nothing is said."""
FEW_VALUES = 20
"""Up to so many distinct outcomes are told apart as classes."""
CERTAIN = {"regression": 0.9995, "classes": 0.98}
"""Share of the target that counts as determined: of the variance of its ranks, or of the errors that guessing makes."""
STRONG = {"regression": 0.95, "classes": 0.9}
SURE_ROWS = {"regression": 100, "classes": 200}
"""Rows from which "determined" is more than luck."""
_AROUND = 6
_PERMUTATIONS = 60
_SMALL = 600
"""Rows below which strength is held against permuted targets."""
_DIGITS = re.compile(r"(\d{1,15})\D*$")


@dataclass(frozen=True)
class Target:
    """The outcomes of a sample: `codes` number the classes, None where the target is a quantity; `values` its ranks or codes."""

    values: Floats
    codes: Ints | None
    ranks: Floats

    @classmethod
    def of(cls, values: Floats, *, quantity: bool) -> Target:
        """`values`: finite outcomes; `quantity`: whether the contract calls it a regression."""
        distinct, codes = np.unique(values, return_inverse=True)
        ranks = np.asarray(pd.Series(values).rank(pct=True), dtype="float64")
        classes = not quantity or len(distinct) <= FEW_VALUES
        return cls(values, np.asarray(codes, dtype="int64") if classes else None, ranks)

    @property
    def mode(self) -> str:
        """`classes` or `regression`: the key of the thresholds."""
        return "regression" if self.codes is None else "classes"


@dataclass(frozen=True)
class Relation:
    """What a feature tells. `told`: the share, 0 to 1; `rows`: how many rows it was measured on; `chance`: what permuted targets
    reach (95 %, the best of all features), 0 where that wasn't needed."""

    kind: Kind
    told: float
    rows: int
    distinct: int
    chance: float = 0.0


def as_ordered(column: pd.Series) -> Floats | None:
    """A column as numbers with an order: numbers, booleans, times, and texts that differ by a number at their end; else None."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return as_ordered(column.astype(dtype.categories.dtype))
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        numbers = column.to_numpy(dtype="float64", na_value=np.nan)
        finite: Floats = np.where(np.isfinite(numbers), numbers, np.nan)
        return finite
    if pd.api.types.is_datetime64_any_dtype(dtype):
        stamps = column.astype("int64").to_numpy().astype("float64")
        return np.where(column.isna().to_numpy(), np.nan, stamps)
    if column.nunique() > FEW_VALUES:
        found = column.dropna().astype(str).str.extract(_DIGITS, expand=False)
        if len(found) and found.notna().all():
            return np.asarray(found.astype("float64").reindex(column.index), dtype="float64")
    return None


def relation(column: pd.Series, target: Target, rng: np.random.Generator) -> Relation:
    """How the column tells the target, among the rows that have a value."""
    there = column.notna().to_numpy()
    ordered = as_ordered(column)
    if ordered is not None:
        there = there & np.isfinite(ordered)
    rows = int(there.sum())
    values = column[there]
    levels, codes = (None, pd.factorize(values)[0]) if ordered is None else np.unique(ordered[there], return_inverse=True)
    codes = np.asarray(codes, dtype="int64")
    distinct = int(codes.max()) + 1 if rows else 0
    nothing = Relation("weak", 0.0, rows, distinct)
    if rows < FEWEST or distinct < 2:
        return nothing
    few = distinct <= max(FEW_VALUES, rows // 50)
    if ordered is None and not few:
        return nothing  # values without an order that hardly repeat: there is nothing to learn from one about another
    part = Target(target.values[there], None if target.codes is None else target.codes[there], target.ranks[there])
    if len(np.unique(part.values)) < 2:
        return nothing
    told = _told(codes, distinct, part, None if few else levels, rng)
    kind: Kind = "weak"
    sure = rows >= SURE_ROWS[part.mode]
    # The exact relations are dear to look for, and none of them tells little.
    quantity = sure and part.codes is None
    if quantity and told > 0.9 and ordered is not None and distinct > FEW_VALUES and _monotone(ordered[there], part):
        kind = "copy" if _affine(ordered[there], part.values) else "monotone"
    elif quantity and told > 0.05 and few and _binned(codes, distinct, part.values):
        kind = "binned"
    elif sure and told >= CERTAIN[part.mode] and _rarest(part) >= 20:
        kind = "determined"
    elif told >= STRONG[part.mode]:
        kind = "strong"
    return Relation(kind, told, rows, distinct)


def _rarest(part: Target) -> int:
    return 20 if part.codes is None else int(np.sort(np.bincount(part.codes)[np.bincount(part.codes) > 0])[-2:][0])


def _told(codes: Ints, distinct: int, part: Target, order: Floats | None, rng: np.random.Generator) -> float:
    """Share of the target that each half foretells of the other, both together; `order`: the distinct values, where many."""
    half = rng.random(len(codes)) < 0.5 if order is None else (rng.random(distinct) < 0.5)[codes]
    if min(int(half.sum()), int((~half).sum())) < FEWEST // 4:
        return 0.0
    best = 0.0
    for near in (False, True) if order is not None else (False,):
        measured = [_missed(codes, distinct, part, order, learnt, near) for learnt in (half, ~half)]
        missed, all_there_is = (sum(pair[side] for pair in measured) for side in (0, 1))
        best = max(best, 1.0 - missed / all_there_is if all_there_is > 0 else 0.0)
        if best < 0.5:
            break  # the neighbour alone is a noisy guide: it only adds to what is nearly certain
    return best


def _missed(
    codes: Ints, distinct: int, part: Target, order: Floats | None, learnt: np.ndarray, near: bool
) -> tuple[float, float]:
    """What is missed of the half that wasn't learnt from, and all that could be: squares of ranks, or wrong classes."""
    if part.codes is None:
        truth = part.ranks[~learnt]
        made = _foretold(codes, distinct, learnt, part.ranks, order, near)
        return float(np.square(truth - made).sum()), float(np.square(truth - truth.mean()).sum())
    classes, numbered = np.unique(part.codes, return_inverse=True)
    shares = np.column_stack(
        [_foretold(codes, distinct, learnt, (numbered == k).astype("float64"), order, near) for k in range(len(classes))]
    )
    right = numbered[~learnt]
    guessed = len(right) - int(np.bincount(right, minlength=len(classes)).max())
    return float((shares.argmax(axis=1) != right).sum()), float(guessed)


def _foretold(codes: Ints, distinct: int, learnt: np.ndarray, outcome: Floats, order: Floats | None, near: bool) -> Floats:
    """The mean outcome of the rows learnt from: those of the same value; or of the values around; or, `near`, between the two
    next ones."""
    count = np.bincount(codes[learnt], minlength=distinct)
    total = np.bincount(codes[learnt], outcome[learnt], minlength=distinct)
    if order is None:
        made: Floats = np.where(count > 0, total / np.maximum(count, 1), outcome[learnt].mean())[codes[~learnt]]
        return made
    # By value: each value has one mean, and a row is foretold by the values around its own.
    known = np.flatnonzero(count)
    means = total[known] / count[known]
    if near:
        made = np.interp(order[codes[~learnt]], order[known], means)
        return made
    sums = np.concatenate([[0.0], np.cumsum(means)])
    place = np.searchsorted(known, codes[~learnt])
    low = np.clip(place - _AROUND // 2, 0, max(len(known) - _AROUND, 0))
    high = np.minimum(low + _AROUND, len(known))
    made = (sums[high] - sums[low]) / np.maximum(high - low, 1)
    return made


def _monotone(values: Floats, part: Target) -> bool:
    """Whether the outcome only ever rises, or only ever falls, with the value."""
    for sign in (1.0, -1.0):
        order = np.lexsort((part.values, sign * values))
        if bool((np.diff(part.values[order]) >= 0).all()):
            return True
    return False


def _affine(values: Floats, outcomes: Floats) -> bool:
    """Whether the outcome is the value itself, but for unit and origin."""
    factor, offset = np.polyfit(values, outcomes, 1)
    size = float(np.abs(outcomes).max()) or 1.0
    return bool(np.abs(factor * values + offset - outcomes).max() <= 1e-6 * size)


def _binned(codes: Ints, distinct: int, outcomes: Floats) -> bool:
    """Whether each value stands for a range of outcomes of its own, cut where outcomes lie close together.

    Values that merely go with outcomes far apart (a treatment that works) have wide gaps between the ranges.
    """
    count = np.bincount(codes, minlength=distinct)
    if int(count.min()) < 5:
        return False
    low, high = np.full(distinct, np.inf), np.full(distinct, -np.inf)
    np.minimum.at(low, codes, outcomes)
    np.maximum.at(high, codes, outcomes)
    order = np.argsort(low)
    ends, begins = high[order][:-1], low[order][1:]
    if bool((ends > begins).any()):
        return False
    levels = np.unique(outcomes)
    for end, begin in zip(ends, begins):
        if end == begin:
            continue
        place = int(np.searchsorted(levels, end))
        around = np.diff(levels[max(place - 10, 0) : place + 12])
        if begin - end > 8 * float(np.median(around)):
            return False
    return True


def purest(column: pd.Series, target: Target) -> tuple[bool, int, float, float] | None:
    """How a value's being there or missing goes with one class: (missing?, class, share of those rows in it, share of the class).

    None where one side is too small to say, or the target isn't one of classes.
    """
    missing = column.isna().to_numpy()
    if target.codes is None or min(int(missing.sum()), int((~missing).sum())) < 20:
        return None
    prior = np.bincount(target.codes)
    best: tuple[bool, int, float, float] | None = None
    for side in (True, False):
        inside = np.bincount(target.codes[missing == side], minlength=len(prior))
        for k in np.flatnonzero(inside):
            share, covered = inside[k] / inside.sum(), inside[k] / prior[k]
            # What is so by chance: the most frequent class fills a small group easily.
            if share >= 0.995 and inside.sum() * np.log10(prior[k] / prior.sum()) <= -9 and (best is None or covered > best[3]):
                best = (side, int(k), float(share), float(covered))
    return best


def chance(columns: dict[str, pd.Series], target: Target, rng: np.random.Generator) -> float:
    """What the best of these features tells of a permuted target, at the 95th percentile; 0 where there are rows enough."""
    if len(target.values) >= _SMALL:
        return 0.0
    best = []
    for _ in range(_PERMUTATIONS):
        order = rng.permutation(len(target.values))
        mixed = Target(target.values[order], None if target.codes is None else target.codes[order], target.ranks[order])
        best.append(max((relation(column, mixed, rng).told for column in columns.values()), default=0.0))
    return float(np.quantile(best, 0.95))
