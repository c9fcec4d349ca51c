"""Other values for cells: plausible for their type and column, and never the value that was there.

A poisoned world is only as good as its draws: a cell that keeps its value hides a read of it, and a value that no such column
could hold makes an honest pipeline crash. So numbers come from a shifted and scaled permutation kept within the range that the
contract or the column shows, codes and strings go through a map (what was unique stays unique), booleans flip, and
where a column has missing values at all, missing becomes present and some of the present becomes missing. Times of known rows
and the choice of cells are none of this module's business (`worlds.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

FEW = 50
"""A whole-number column with at most this many different values may be a code rather than a count."""

_FEWER = 8
"""One of so many different values is left in a narrow draw."""


@dataclass(frozen=True)
class Draw:
    """One way to redraw. `direction` +1 moves numbers up, -1 down; `unseen` allows values that the column never held."""

    direction: int
    unseen: bool
    flipped: float
    """Share of booleans turned."""
    emptied: float
    """Share of present values made missing, in columns that have missing values."""
    narrow: bool = False
    """Whether codes and strings that repeat, and texts, become few different ones, so that what is counted among them moves."""


A = Draw(direction=1, unseen=False, flipped=1.0, emptied=0.1, narrow=True)
B = Draw(direction=-1, unseen=True, flipped=0.7, emptied=0.2)


def redraw(
    column: pd.Series,
    cells: np.ndarray,
    draw: Draw,
    rng: np.random.Generator,
    limits: tuple[float | None, float | None] = (None, None),
) -> pd.Series:
    """`column` with every cell of `cells` (bool by position) redrawn; the same dtype, index and length.

    A column that is missing throughout has nothing to tell and stays.
    """
    present = column.notna().to_numpy()
    if not cells.any() or not present.any():
        return column
    positions = np.flatnonzero(cells)
    donors = _donors(present, positions, rng)
    values = column.iloc[donors].reset_index(drop=True)
    before = column.iloc[positions].reset_index(drop=True)
    after = _others(column[present], before, values, draw, rng, limits)
    if not present.all():
        full = before.notna().to_numpy()
        emptied = full & (rng.random(len(positions)) < draw.emptied)
        if emptied.any():
            after = after.mask(emptied)
    return put(column, positions, after)


def put(column: pd.Series, positions: np.ndarray, values: pd.Series) -> pd.Series:
    """A copy of `column` with `values` at `positions`, its dtype kept where it can hold them."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        plain = column.astype(object)
        plain.iloc[positions] = values.astype(object).to_numpy(dtype=object)
        unseen = [value for value in pd.unique(values.dropna()) if value not in dtype.categories]
        categories = [*dtype.categories, *unseen]
        return plain.astype(pd.CategoricalDtype(categories, ordered=dtype.ordered))
    changed = column.copy()
    if pd.api.types.is_object_dtype(dtype):
        changed.iloc[positions] = values.astype(object).to_numpy(dtype=object)
    else:
        changed.iloc[positions] = values.astype(dtype).array
    return changed


def _donors(present: np.ndarray, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each cell the position of a present value: a permutation of the cells' own, the missing ones filled from anywhere."""
    shuffled = rng.permutation(positions)
    missing = ~present[shuffled]
    if missing.any():
        shuffled[missing] = rng.choice(np.flatnonzero(present), int(missing.sum()))
    return shuffled


def _others(
    known: pd.Series,
    before: pd.Series,
    donors: pd.Series,
    draw: Draw,
    rng: np.random.Generator,
    limits: tuple[float | None, float | None],
) -> pd.Series:
    """Values other than `before`, of the kind of column that `known` (all its present values) shows."""
    dtype = known.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        plain = dtype.categories.dtype
        strings = pd.api.types.is_string_dtype(plain)
        return _mapped(known.astype(plain), before.astype(plain), draw, rng, strings=strings)
    kind = pd.api.types.infer_dtype(known, skipna=True)
    if kind == "boolean":
        return _booleans(before, donors, draw, rng)
    if kind in {"integer", "mixed-integer"} and _all_whole(known):
        return _integers(known, before, donors, draw, rng, limits)
    if kind in {"floating", "mixed-integer-float", "decimal"}:
        numbers = _numbers(known.astype("float64"), before.astype("float64"), donors.astype("float64"), draw, rng, limits)
        return pd.Series(numbers) if kind != "decimal" else pd.Series([Decimal(repr(number)) for number in numbers.tolist()])
    if kind in {"datetime64", "datetime", "timedelta64", "timedelta", "date", "period"}:
        return _times(donors, before, draw, rng)
    return _mapped(known, before, draw, rng, strings=kind == "string")


def _all_whole(known: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(known.dtype) or all(isinstance(value, (int, np.integer)) for value in known)


def _booleans(before: pd.Series, donors: pd.Series, draw: Draw, rng: np.random.Generator) -> pd.Series:
    start = before.where(before.notna().to_numpy(), donors).astype(bool).to_numpy()
    flipped = rng.random(len(start)) < draw.flipped
    return pd.Series(start ^ flipped)


def _numbers(
    known: pd.Series,
    before: pd.Series,
    donors: pd.Series,
    draw: Draw,
    rng: np.random.Generator,
    limits: tuple[float | None, float | None],
) -> np.ndarray:
    pool = known.to_numpy(dtype="float64")
    pool = pool[np.isfinite(pool)]
    if not len(pool):
        pool = np.zeros(1)
    spread = float(pool.std()) or abs(float(pool[0])) or 1.0
    low, high = _limits(pool, limits)
    start = donors.to_numpy(dtype="float64", copy=True)
    odd = ~np.isfinite(start)
    start[odd] = rng.choice(pool, int(odd.sum()))
    scale = 1.25 if draw.direction > 0 else 0.75
    moved = scale * start + draw.direction * 1.5 * spread
    # A few values beyond every one there is, so that a maximum, a minimum or a rank over the column moves as well.
    beyond = rng.random(len(moved)) < 0.03
    edge = pool.max() if draw.direction > 0 else pool.min()
    moved[beyond] = edge + draw.direction * spread * (0.1 + rng.random(int(beyond.sum())))
    moved = _fold(moved, low, high)
    old = before.to_numpy(dtype="float64")
    for nudge in (0.31, -0.31, 0.11, -0.11):
        same = np.abs(moved - old) < 0.02 * spread
        if not same.any():
            break
        moved[same] = _fold(old[same] + nudge * spread, low, high)
    return moved


def _limits(pool: np.ndarray, limits: tuple[float | None, float | None]) -> tuple[float, float]:
    """The declared range; where nothing is declared, what is never negative stays so, and a share stays a share."""
    least, greatest = float(pool.min()), float(pool.max())
    low = limits[0] if limits[0] is not None else 0.0 if least >= 0 else -np.inf
    share = limits == (None, None) and least >= 0 and greatest <= 1
    high = limits[1] if limits[1] is not None else 1.0 if share else np.inf
    return float(low), float(high)


def _fold(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Reflects values at the ends of the range until they lie within it."""
    if low >= high:
        return np.full_like(values, low)
    if np.isfinite(low) and np.isfinite(high):
        width = high - low
        within = np.mod(values - low, 2 * width)
        return low + np.where(within > width, 2 * width - within, within)
    if np.isfinite(low):
        return low + np.abs(values - low)
    if np.isfinite(high):
        return high - np.abs(high - values)
    return values


def _integers(
    known: pd.Series,
    before: pd.Series,
    donors: pd.Series,
    draw: Draw,
    rng: np.random.Generator,
    limits: tuple[float | None, float | None],
) -> pd.Series:
    unique = known.nunique()
    bottom, top = _bounds(known.dtype)
    if limits == (None, None) and unique == len(known) and unique > 2:
        # An identifier: moved as a block, so that it stays one.
        step = int(known.max()) - int(known.min()) + 1
        if int(known.max()) + step <= top:
            return pd.Series(donors.astype("int64").to_numpy() + step)
    least, greatest = int(known.min()), int(known.max())
    flag = limits == (None, None) and unique <= 2 and least >= 0 and greatest <= 1
    if 1 < unique <= FEW and draw.direction < 0 and not flag:
        return _mapped(known, before, draw, rng, strings=False)
    bottom = int(np.ceil(limits[0])) if limits[0] is not None else max(bottom, 0) if least >= 0 else bottom
    top = int(np.floor(limits[1])) if limits[1] is not None else 1 if flag else top
    numbers = _numbers(known.astype("float64"), before.astype("float64"), donors.astype("float64"), draw, rng, (bottom, top))
    whole = np.clip(np.rint(numbers), float(bottom), float(top)).astype("int64")
    same = whole == before.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    whole[same] += np.where(whole[same] < top, 1, -1)
    return pd.Series(whole)


def _bounds(dtype: Any) -> tuple[int, int]:
    plain = getattr(dtype, "numpy_dtype", dtype)
    if isinstance(plain, np.dtype) and plain.kind in "iu":
        facts = np.iinfo(plain)
        return max(int(facts.min), _WHOLE[0]), min(int(facts.max), _WHOLE[1])
    return _WHOLE


_WHOLE = (-(2**62), 2**62)


def _times(donors: pd.Series, before: pd.Series, draw: Draw, rng: np.random.Generator) -> pd.Series:
    """Times and spans of another cell, moved by whole days that no two neighbours share."""
    days = rng.integers(1, 9, len(donors)) * draw.direction
    if isinstance(donors.dtype, pd.PeriodDtype):
        moved = donors + days
        return moved.mask((moved == before).to_numpy(dtype=bool, na_value=False), moved + 11)
    if pd.api.types.is_object_dtype(donors.dtype):
        spans = [timedelta(days=int(day)) for day in days]
        moved = pd.Series([start + span for start, span in zip(donors, spans)], dtype=object)
        return pd.Series([one + timedelta(days=11) if one == was else one for one, was in zip(moved, before)], dtype=object)
    moved = donors + pd.Series(pd.to_timedelta(days, unit="D"))
    return moved.mask((moved == before).to_numpy(dtype=bool, na_value=False), moved + pd.Timedelta(hours=31))


def _mapped(known: pd.Series, before: pd.Series, draw: Draw, rng: np.random.Generator, *, strings: bool) -> pd.Series:
    """Values through a map without fixed points, one-to-one unless the draw is `narrow`; one with `unseen` sends every second
    value outside."""
    try:
        values = list(pd.unique(known))
    except TypeError:
        # Lists, dicts and the like: nothing to map by, so the next cell's value, or none where that is the same.
        rolled = before.iloc[np.roll(np.arange(len(before)), 1)].reset_index(drop=True)
        same = [str(one) == str(other) for one, other in zip(rolled, before)]
        return rolled.mask(np.array(same))
    order = [values[place] for place in rng.permutation(len(values))]
    following = order[1:] + order[:1] if draw.direction > 0 else order[-1:] + order[:-1]
    table = dict(zip(order, following))
    if draw.narrow and len(order) > 2 and (2 * len(order) < len(known) or (strings and _are_texts(order))):
        few = order[: max(2, len(order) // _FEWER)]
        table = {value: few[place % len(few)] for place, value in enumerate(order)}
        table.update(zip(few, few[1:] + few[:1]))
    if len(order) == 1 or draw.unseen:
        for place, value in enumerate(order):
            if place % 2 == 0 or len(order) == 1:
                table[value] = _unseen(value, order, place, strings)
    places = pd.Index(order).get_indexer(pd.Index(before))
    places = np.where(places < 0, rng.integers(0, len(order), len(before)), places)
    targets = pd.Series([table[value] for value in order], dtype=object)
    return targets.iloc[places].reset_index(drop=True)


def _are_texts(values: Collection[Any]) -> bool:
    """Whether most are of several words: nobody joins by them."""
    return 2 * sum(len(str(value).split()) > 2 for value in values) > len(values)


def _unseen(value: Any, known: Collection[Any], place: int, strings: bool) -> Any:
    if strings:
        suffix = "~"
        while f"{value}{suffix}" in known:
            suffix += "~"
        return f"{value}{suffix}"
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(max(known)) + 1 + place
    return list(known)[(place + 1) % len(known)]


def fresh_names(column: pd.Series, doubled: pd.Series) -> pd.Series:
    """Identifiers for the doubles of some rows of a column of unique whole numbers or strings: none of them taken."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return doubled + (int(column.max()) - int(column.min()) + 1)
    taken = set(column.dropna())
    return doubled.map(lambda value: _unseen(value, taken, 0, True), na_action="ignore").astype(column.dtype)
