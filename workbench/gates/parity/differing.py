"""Whether a served value is the trained one, to rounding, and what usually lies behind a difference. No rule of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.pipeline.times import to_utc

ROUNDING = 1e-6
"""Share of a value (or of the column's usual size, where that is more) that counts as rounding: float32 has seven digits."""


def differs(column: pd.Series, position: int, served: Any, left_out: object) -> bool:
    """Whether `served` (a JSON value, or `left_out`) is another value than the column's at `position`."""
    trained = column.iloc[position]
    if served is left_out:
        return True
    if pd.isna(trained) or served is None:
        return not (pd.isna(trained) and served is None)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return not _same_time(trained, served)
    if pd.api.types.is_bool_dtype(column.dtype) or _is_number(trained):
        number = _number(served)
        if number is None:
            return True
        size = float(np.nanmedian(np.abs(column.to_numpy(dtype="float64", na_value=np.nan)))) if _is_number(trained) else 1.0
        before = float(trained)
        if not (np.isfinite(before) and np.isfinite(number)):
            return before != number
        # Values around nothing are compared by what the column usually holds.
        return abs(before - number) > ROUNDING * max(abs(before), 1e-3 * size)
    return str(trained) != str(served)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating, np.bool_)) and not isinstance(value, str)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _same_time(trained: Any, served: Any) -> bool:
    try:
        one, other = (to_utc(pd.Series([value])).iloc[0] for value in (trained, served))
    except PipelineError:
        return False
    return bool(one == other)


def cause(trained: Sequence[Any], served: Sequence[Any]) -> str:
    """What usually lies behind such differences, in words; `trained` and `served` are those that differ, in their order."""
    missing = [(pd.isna(before), after is None) for before, after in zip(trained, served)]
    if all(before != after for before, after in missing):
        side = "served where training had a value" if missing[0][1] else "trained on where serving fills one in"
        return f"it is missing when {side}: missing values or the warm-up are handled otherwise"
    before = np.array([_number(value) if _is_number(value) else np.nan for value in trained], dtype="float64")
    after = np.array([np.nan if (number := _number(value)) is None else number for value in served], dtype="float64")
    both = np.isfinite(before) & np.isfinite(after)
    if not both.any():
        kinds = {type(value).__name__ for value in served if value is not None}
        return f"served as {', '.join(sorted(kinds))}: other categories, codes or another type"
    if both.sum() >= 2:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = after[both & (before != 0)] / before[both & (before != 0)]
        if len(ratios) >= 2 and np.ptp(ratios) <= 1e-5 * abs(float(ratios.mean())):
            return f"it is {float(ratios.mean()):.6g} times as much in each: another unit"
        gaps = after[both] - before[both]
        if np.ptp(gaps) <= 1e-6 * max(float(np.abs(gaps).max()), 1e-12) and np.ptp(before[both]) > 0:
            return f"it is off by {float(gaps[0]):.6g} in each: another origin or code"
    relative = np.abs(after[both] - before[both]) / np.maximum(np.abs(before[both]), 1e-12)
    if float(relative.max()) < 0.05:
        return "it is off by little: another window or warm-up length, another rounding or dtype"
    return "two code paths compute it"
