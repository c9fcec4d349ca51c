"""An interval for a difference of scores on the same test rows: a paired block bootstrap. No rule of its own.

Test rows are not independent: neighbours in time share their weather, rows of one customer their customer. So what is drawn are
blocks: stretches of time (all entities together, circular, their length chosen from the autocorrelation of the differences), or
whole groups or entities where there is no time. Both predictions of a row are drawn together. The interval covers the choice
of test rows, and not that of the training rows. Seeds are fixed: the same rows give the same interval.

Sources: blocks of time, Politis & Romano 1992 (circular) with the length of Politis & White 2004 (corrected 2009); few blocks,
the expanded percentiles of Hesterberg 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, t

from workbench.gates.facts import Floats, Ints

Values = np.ndarray[Any, Any]

LEVEL = 0.95
DRAWS = 1000
DEAR_DRAWS = 200
"""Draws where the score has to be computed anew for each."""
GROUPS = 20
FEWEST_UNITS = 4
SEED = 2016


@dataclass(frozen=True)
class Units:
    """What is drawn: `of` numbers each row's unit from 0, in order of time where `ordered`; `noun` names a unit."""

    of: Ints
    count: int
    ordered: bool
    noun: str

    @classmethod
    def numbered(cls, values: Values, *, ordered: bool, noun: str) -> Units:
        """Units by distinct values; sorted order is the order of time."""
        distinct, codes = np.unique(values, return_inverse=True)
        return cls(codes.astype("int64").reshape(-1), len(distinct), ordered, noun)


def block_length(series: Floats) -> int:
    """How many neighbouring units make a block, by the autocorrelation of a series with one value per unit."""
    count = len(series)
    centred = series - series.mean()
    spread = float((centred**2).mean())
    if count < 8 or spread <= 0:
        return 1
    most = min(count // 3, int(np.ceil(3 * np.sqrt(count))))
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    covariance = np.fft.irfft(spectrum * np.conj(spectrum), size)[: min(count, 4 * most + 2)] / count
    correlation = covariance / spread
    quiet = max(5, int(np.ceil(np.sqrt(np.log10(count)))))
    bound = 2 * np.sqrt(np.log10(count) / count)
    last = len(correlation) - 1
    small = np.abs(correlation[1:]) < bound
    start = next((k for k in range(len(small) - quiet + 1) if small[k : k + quiet].all()), last)
    width = min(2 * max(start, 1), last)
    lags = np.arange(1, width + 1)
    window = np.minimum(1.0, 2 * (1 - lags / width)) if width > 1 else np.ones(1)
    weighted = window * covariance[1 : width + 1]
    slope = 2 * float((lags * weighted).sum())
    flat = (4 / 3) * (spread + 2 * float(weighted.sum())) ** 2
    if flat <= 0:
        return most
    length = (2 * slope**2 / flat) ** (1 / 3) * count ** (1 / 3)
    return int(np.clip(np.ceil(length), 1, most))


def length_for(units: Units, differences: Floats) -> int:
    """The block length for rows with these differences: 1 where units have no order."""
    if not units.ordered:
        return 1
    rows = np.bincount(units.of, minlength=units.count)
    means = np.bincount(units.of, weights=np.nan_to_num(differences), minlength=units.count) / np.maximum(rows, 1)
    # The length that estimates the variance best is too short for an interval to hold what it promises.
    best = block_length(means)
    return min(2 * best, max(units.count // 4, 1)) if best > 1 else 1


def summed(statistic: Callable[[Floats], Floats], sums: Floats, units: Units, length: int) -> Floats:
    """Draws of a statistic that is a function of sums over rows: `sums` has a line per row, `statistic` maps (draws, sums)."""
    per_unit = np.zeros((units.count, sums.shape[1]))
    np.add.at(per_unit, units.of, sums)
    around = np.concatenate([per_unit, per_unit[: length - 1]]) if length > 1 else per_unit
    cumulated = np.concatenate([np.zeros((1, sums.shape[1])), np.cumsum(around, axis=0)])
    blocks = cumulated[length:] - cumulated[:-length]
    starts = np.random.default_rng(SEED).integers(0, units.count, (DRAWS, _blocks(units, length)))
    drawn = np.zeros((DRAWS, sums.shape[1]))
    for column in range(starts.shape[1]):
        drawn += blocks[starts[:, column]]
    return statistic(drawn)


def drawn_rows(statistic: Callable[[Ints], float], units: Units, length: int) -> Floats:
    """Draws of any statistic of rows (their positions, repeated as often as drawn)."""
    order = np.argsort(units.of, kind="stable")
    bounds = np.searchsorted(units.of[order], np.arange(units.count + 1))
    rng = np.random.default_rng(SEED)
    values = []
    for _ in range(DEAR_DRAWS):
        starts = rng.integers(0, units.count, _blocks(units, length))
        chosen = (starts[:, None] + np.arange(length)).reshape(-1) % units.count
        values.append(statistic(np.concatenate([order[bounds[unit] : bounds[unit + 1]] for unit in chosen])))
    return np.array(values)


def percentiles(value: float, draws: Floats, units: Units, length: int) -> tuple[float, float]:
    """Bounds from draws, widened for few blocks; (NaN, NaN) where the score wasn't defined on most draws."""
    defined = draws[np.isfinite(draws)]
    if len(defined) < 0.5 * len(draws) or len(defined) < 20:
        return float("nan"), float("nan")
    blocks = max(2.0, units.count / length)
    widened = float(norm.cdf(-np.sqrt(blocks / (blocks - 1)) * t.ppf(0.5 + LEVEL / 2, blocks - 1)))
    low, high = np.quantile(defined, [widened, 1 - widened])
    return min(float(low), value), max(float(high), value)


def left_out(statistic: Callable[[Ints], float], value: float, units: Units) -> tuple[float, float]:
    """Bounds from leaving out one of `GROUPS` stretches of units at a time: for scores too dear to be drawn a hundred times."""
    groups = min(GROUPS, units.count)
    group = units.of * groups // units.count
    left = np.array([statistic(np.flatnonzero(group != g)) for g in range(groups)])
    left = left[np.isfinite(left)]
    if len(left) < FEWEST_UNITS:
        return float("nan"), float("nan")
    error = float(np.sqrt((len(left) - 1) * left.var()))
    reach = float(t.ppf(0.5 + LEVEL / 2, len(left) - 1)) * error
    return value - reach, value + reach


def _blocks(units: Units, length: int) -> int:
    return -(-units.count // length)
