"""Which test rows are training rows with a little noise: nearer than unrelated rows come. No rule of its own.

How near rows come by chance differs from table to table, so no fixed tolerance can tell. Unrelated rows get more frequent the
further one looks; copies lie near, and then there is nothing for a while. Which rows come near at all is a set operation on a
grid (`engine/copies.py`); here the grid is chosen, and the distances of the pairs that met are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.leakage.usual import FEW, LOOKED_AT, RARE_CELLS, Usual, Values, looked_at, same
from workbench.gates.sides import sides_of

if TYPE_CHECKING:
    from workbench.engine.copies import Grid, Pairs, Sample
    from workbench.engine.sides import Hits, Sides

WIDE = 12
"""Judged columns beyond which files are asked with a part of them first."""
DISTANT = 3.0
"""What is looked at for comparison lies up to this many times as far away as what counts as near."""
CROWD = 30
"""Rows with more near training rows than this lie in a cluster; a copy has one, or a few."""
WIDTHS = (4.0, 2.8, 2.0, 1.4, 1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015)
"""Widths of grid cells that are tried, in standard deviations; a row within an eighth of it is near."""
DENSE, PAIRS = 20.0, 100_000
"""Training rows per cell, and pairs altogether, from which a finer grid is tried."""
ACCIDENT = 1e-4
"""The chance of an alarm where distances are as smooth as those of unrelated rows."""


@dataclass(frozen=True)
class Near:
    """Test rows of one fold that are training rows with a little noise: as `Hits`, among `of` rows looked at."""

    hits: Hits
    of: int
    within: float
    """Up to so many standard deviations away in every number counted as near."""
    noise: float
    """How far away from their training rows nine of ten of them really lie, in the same unit."""


def near_twins(audit: Audit) -> dict[int, Near]:
    """Per fold: test rows that are a training row's copy but for a little noise in their numbers."""
    from workbench.engine.copies import neighbours, numbers_judged, sample, trained

    sides = sides_of(audit)
    if not any(numbers_judged(sides)):
        return {}
    chosen = looked_at(audit)
    if not len(chosen.row):
        return {}
    usual = Usual(sides, chosen)
    rich = usual.telling(chosen).sum(axis=1) >= RARE_CELLS
    scales = _scales(usual)
    if not scales or not rich.any():
        return {}
    found: dict[int, Near] = {}
    for grid, spacing in _grids(sides, chosen, usual, scales):
        found = _judged(sides, chosen, rich, neighbours(sides, chosen, grid, 20 * CROWD), scales, grid, spacing)
        if not found:
            return {}
    if not sides.roles.at:
        return found
    # With a time, training rows say how near rows of different times come by themselves: a timetable that hardly changes.
    control = sample(sides, LOOKED_AT, trained(sides))
    rich = usual.telling(control).sum(axis=1) >= RARE_CELLS
    apart, _ = _distances(control, near := neighbours(sides, control, grid, 20 * CROWD), scales, grid)
    result = {}
    for i, near_rows in found.items():
        like = np.unique(near.sid[(apart > 0) & (apart <= near_rows.within) & rich[near.sid]])
        by_itself = np.isin(np.flatnonzero(control.fold == i), like).mean() if (control.fold == i).any() else 0.0
        if by_itself < 0.5 * near_rows.hits.count / near_rows.of:
            result[i] = near_rows
    return result


def _grids(sides: Sides, chosen: Sample, usual: Usual, scales: dict[int, float]) -> Iterator[tuple[Grid, float]]:
    """The grid to ask with, and its width in deviations; for wide files first one that reads a part of the columns: where that
    brings nothing together, more columns won't."""
    columns = _independent(chosen.values, scales)
    codes = [j for j in range(chosen.values.shape[1]) if j not in scales]
    if not sides.positions and chosen.values.shape[1] > WIDE:
        telling = sorted(codes, key=lambda j: -len(usual.column(j)[0]))[:2]
        grid, spacing = _grid(sides, chosen, {j: scales[j] for j in columns}, columns, telling)
        yield grid, spacing
    grid, spacing = _grid(sides, chosen, scales, columns, codes)
    yield replace(grid, further=tuple(j for j in scales if j not in columns)), spacing


def _scales(usual: Usual) -> dict[int, float]:
    """Standard deviation of each numeric column that takes many values and isn't a fact of entity or calendar."""
    scales = {}
    for j, number in enumerate(usual.numbers):
        if not number or usual.by_nature[j] or len(usual.column(j)[0]) <= FEW // 8:
            continue
        values = usual.values[:, j]
        values = values[np.isfinite(values)]
        if len(values) and (spread := float(values.std())) > 0:
            scales[j] = spread
    return scales


def _grid(
    sides: Sides, chosen: Sample, scales: dict[int, float], columns: Sequence[int], rest: Sequence[int]
) -> tuple[Grid, float]:
    """A grid of `columns`, coarse enough to bring copies together and fine enough to keep the rest apart, `rest` being equal."""
    from workbench.engine.copies import Grid

    train = max((side.rows for side in sides.bounds()[0]), default=0)
    offsets = {j: float(o) for j, o in zip(columns, np.random.default_rng(41).random(len(columns)))}
    rows = len(chosen.row)
    mix = np.random.default_rng(42).integers(1, 2**62, len(columns) + len(rest), dtype="int64") | 1
    spacing = WIDTHS[-1]
    for width in WIDTHS:
        with np.errstate(invalid="ignore", over="ignore"):
            parts = [np.floor(chosen.values[:, j] / (scales[j] * width) + offsets[j]) for j in columns]
            codes = np.nan_to_num(np.stack([*parts, *(chosen.values[:, j] for j in rest)]), nan=-1e15).astype("int64")
            met = np.unique((codes * mix[:, None]).sum(axis=0), return_counts=True)[1]
        likely = float((met * (met - 1)).sum()) / max(1, rows * (rows - 1))
        if likely * train <= min(DENSE, PAIRS / rows):
            spacing = width
            break
    return Grid({j: scales[j] * spacing for j in columns}, offsets, tuple(rest)), spacing


def _independent(values: Values, scales: dict[int, float], most: int = 8) -> list[int]:
    """Up to `most` of the columns, those of many values first, none of which just repeats another."""
    order = sorted(scales, key=lambda j: -len(np.unique(values[:, j])))
    sample = np.nan_to_num(values[:5000])
    chosen: list[int] = []
    for j in order:
        with np.errstate(invalid="ignore", divide="ignore"):
            like = [abs(float(np.corrcoef(sample[:, j], sample[:, other])[0, 1])) for other in chosen]
        if len(chosen) < most and not any(r > 0.95 for r in like):
            chosen.append(j)
    return chosen


def _judged(
    sides: Sides, chosen: Sample, rich: Mask, pairs: Pairs, scales: dict[int, float], grid: Grid, spacing: float
) -> dict[int, Near]:
    apart, weight = _distances(chosen, pairs, scales, grid)
    # An exact copy is another rule's.
    exact = np.zeros(len(chosen.row), dtype=bool)
    exact[pairs.sid[apart == 0]] = True
    keep = rich[pairs.sid] & ~exact[pairs.sid] & (apart <= DISTANT * spacing / 8)
    sid, apart, weight = pairs.sid[keep], apart[keep], weight[keep]
    dimensions = _dimensions(chosen.values, scales)
    result = {}
    for i in np.unique(chosen.fold[sid]):
        mine = chosen.fold[sid] == i
        within, rows = _plateau(sid[mine], apart[mine], weight[mine], spacing / 8, dimensions)
        if len(rows):
            nearest = np.full(len(chosen.row), np.inf)
            np.minimum.at(nearest, sid[mine], apart[mine])
            noise = float(np.quantile(nearest[rows], 0.9))
            result[int(i)] = Near(_hits(sides, chosen, rows), int((chosen.fold == i).sum()), within, noise)
    return result


def _hits(sides: Sides, chosen: Sample, rows: Ints) -> Hits:
    from workbench.engine.sides import Hits

    if sides.positions:
        return Hits(len(rows), np.sort(chosen.row[rows]))
    return Hits(len(rows), None, sides.examples(chosen.table.filter(chosen.table.sid.isin([int(i) for i in rows[:3]]))))


def _distances(chosen: Sample, pairs: Pairs, scales: dict[int, float], grid: Grid) -> tuple[Values, Values]:
    """The largest step between the rows of each pair, in standard deviations (infinite where something else differs), and by
    how much a pair so far apart has to count for those that a line of the grid has kept from meeting."""
    mine = chosen.values[pairs.sid]
    apart = np.zeros(len(pairs.sid))
    meeting = np.ones(len(pairs.sid))
    for j in grid.columns:
        left, right = mine[:, j], pairs.values[:, j]
        with np.errstate(invalid="ignore"):
            step = np.abs(left - right)
        if j not in scales:
            apart[~same(left, right)] = np.inf
            continue
        step = np.where(np.isnan(left) & np.isnan(right), 0.0, np.where(np.isnan(step), np.inf, step))
        apart = np.maximum(apart, step / scales[j])
        if j in grid.widths:
            meeting *= np.clip(1 - step / grid.widths[j], 0, 1)
    return apart, 1 / np.maximum(meeting, 0.05)


def _dimensions(values: Values, scales: dict[int, float]) -> float:
    """In how many directions the numbers really vary: 1 where they all move together."""
    numbers = np.nan_to_num(values[:5000][:, sorted(scales)])
    numbers = numbers[:, numbers.std(axis=0) > 0]
    if numbers.shape[1] < 2:
        return 1.0
    strengths = np.clip(np.linalg.eigvalsh(np.corrcoef(numbers, rowvar=False)), 0, None)
    return float(strengths.sum() ** 2 / (strengths**2).sum())


def _plateau(sid: Ints, apart: Values, weight: Values, widest: float, dimensions: float) -> tuple[float, Ints]:
    """The distance below which rows are nearer than chance brings unrelated ones, and the rows; no rows where there is none.

    Unrelated rows get more frequent with distance, by its power of the number of dimensions; copies lie near and then there is
    nothing for a while. So at some distance there must be far more rows below it than between it and three times as much.
    """
    by_chance = DISTANT ** -min(3.0, max(1.0, dimensions))
    best, found, most = 0.0, np.array([], dtype="int64"), -len(sid)
    for step in range(20):
        within = widest / 2**step
        wide = apart <= DISTANT * within
        company = np.bincount(sid[wide], minlength=int(sid.max(initial=0)) + 1)
        wide &= company[sid] <= CROWD
        near = wide & (apart <= within)
        rows = np.unique(sid[near])
        further = int((wide & ~near).sum())
        if (
            len(rows)
            and weight[wide & ~near].sum() <= 0.5 * weight[near].sum()
            and _at_least(len(rows), len(rows) + further, by_chance) < ACCIDENT
            and len(rows) - further > most
        ):
            best, found, most = within, rows, len(rows) - further
    return best, found


def _at_least(count: int, of: int, chance: float) -> float:
    """How likely `count` or more of `of` are at this chance each."""
    if of > 200:
        mean, spread = of * chance, (of * chance * (1 - chance)) ** 0.5
        return 0.0 if count > mean + 6 * spread else 1.0
    return sum((comb(of, k) * chance**k * (1 - chance) ** (of - k) for k in range(count, of + 1)), 0.0)
