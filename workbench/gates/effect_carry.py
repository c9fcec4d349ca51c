"""A column's honest values as a function of its leaking ones, where there is such a function. No rule of its own.

A scale, a rank, a fill value or an encoding over all rows is, seen from before, the same column in another scale, with other
rank marks, another fill value, other category means. The function is read off the rows that both worlds have, by the rows
that stand next to the cut; where it doesn't explain them, there is none, and the caller has to do otherwise.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.gates.facts import Floats, Ints, Mask

EXPLAINED = 0.999
"""Share of the honest values' variance that the function has to explain."""
FREQUENT = 5
FEWEST = 20
MISSING = 0.02


def carried(column: pd.Series, rows: Ints, honest: pd.Series, newest: Mask) -> pd.Series | None:
    """The whole column carried over, or None where no function does it.

    `honest` has the values of `rows` in the honest world; `newest` says which of these rows count most.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(honest.dtype):
        return None
    x = np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))
    y = np.asarray(honest.to_numpy(dtype="float64", na_value=np.nan))
    here = x[rows]
    both = np.isfinite(here) & np.isfinite(y)
    apart = (np.isfinite(here) != np.isfinite(y))[newest]
    if both[newest].sum() < FEWEST or (len(apart) and apart.mean() > MISSING):
        return None
    table = _frequent(here[both], y[both])
    if table is None:
        return None
    values, to = table
    made = _looked_up(x, values, to)
    listed = np.isin(x, values)
    rest = both & ~np.isin(here, values)
    if rest.sum() >= FEWEST:
        smooth = _smooth(here[rest], y[rest], x)
        if smooth is None:
            return None
        made = np.where(listed, made, smooth)
    elif rest.any() or (np.isfinite(x) & ~listed).any():
        made = np.where(listed, made, np.interp(x, values, to) if len(values) > 1 else np.nan)
        made[~np.isfinite(x)] = np.nan
    if not _explains(made[rows][both & newest], y[both & newest]):
        return None
    return pd.Series(made, index=column.index, name=column.name)


def _frequent(x: Floats, y: Floats) -> tuple[Floats, Floats] | None:
    """Values that come often and what each becomes, sorted; None where one becomes several things."""
    values, places, counts = np.unique(x, return_inverse=True, return_counts=True)
    often = counts >= max(FREQUENT, min(0.002 * len(x), 50))
    middle = pd.Series(y).groupby(places.reshape(-1)).agg(["median", "min", "max"])
    spread = float(np.std(y)) or 1.0
    loose = (middle["max"] - middle["min"]).to_numpy()[often] > 0.05 * spread
    if loose.mean() > 0.1 if len(loose) else False:
        return None
    return values[often], middle["median"].to_numpy()[often]


def _looked_up(x: Floats, values: Floats, to: Floats) -> Floats:
    if not len(values):
        return np.full(len(x), np.nan)
    places = np.clip(np.searchsorted(values, x), 0, len(values) - 1)
    return np.where(values[places] == x, to[places], np.nan)


def _smooth(x: Floats, y: Floats, everywhere: Floats) -> Floats | None:
    """A line, or else a monotone curve, through the points, at all values."""
    if np.ptp(x) == 0:
        return None
    slope, offset = np.polyfit(x, y, 1)
    if _explains(slope * x + offset, y):
        return np.asarray(slope * everywhere + offset)
    order = np.argsort(x, kind="stable")
    steps = np.diff(y[order])
    tolerance = 1e-6 * (float(np.ptp(y)) or 1.0)
    if (steps < -tolerance).mean() > 0.01 and (steps > tolerance).mean() > 0.01:
        return None
    curve = np.asarray(np.interp(everywhere, x[order], y[order]))
    curve[~np.isfinite(everywhere)] = np.nan
    return curve


def _explains(made: Floats, truth: Floats) -> bool:
    there = np.isfinite(made) & np.isfinite(truth)
    if there.sum() < FEWEST:
        return False
    whole = float(((truth[there] - truth[there].mean()) ** 2).sum())
    rest = float(((truth[there] - made[there]) ** 2).sum())
    return rest <= (1 - EXPLAINED) * whole if whole > 0 else rest <= 1e-12 * float((truth[there] ** 2).sum() + 1e-300)
