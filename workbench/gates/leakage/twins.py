"""Which test rows are copies of training rows under another key, and not alike by coincidence. No rule of its own.

Short frames of codes and zeros repeat by themselves: two quiet Sundays look alike and nobody copied anything. So only rows are
judged that carry several rare values, or whose values together are improbable, and only where rows that agree *almost* (in all
columns but one) are far fewer than those that agree fully: coincidence has near misses, a copy has none. Where equal features
go with unequal outcomes as chance has it, or a thing's own rows repeat from one time to the next anyway, repetition says
nothing. Which rows match at all is a set operation (`engine/copies.py`); what is judged here is a sample of bounded size.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.leakage.usual import LOOKED_AT, RARE_CELLS, Usual, looked_at, same
from workbench.gates.sides import sides_of

if TYPE_CHECKING:
    from workbench.engine.copies import Sample
    from workbench.engine.sides import Hits, Sides

TELLING = 4
AGREEING = 200_000
"""Training rows that almost agree with rows of the sample, beyond which rows like these are everywhere."""
NEAR_MISSES = 0.1
"""Near misses per full match from which matches count as coincidence."""
FEWEST = 3
OTHER_OUTCOMES = 0.25
"""Equal features with unequal outcomes, as a share of what chance would give, from which features repeat by nature."""


def exact_twins(audit: Audit) -> dict[int, Hits]:
    """Per fold: test rows that are copies of training rows under another key; none where coincidence explains them."""
    from workbench.engine.copies import agreeing, copies, matched, sample, unshared

    sides = sides_of(audit)
    if not sides.positions and not _possible(audit, sides):
        return {}
    found = copies(sides)
    if not found:
        return {}
    chosen = sample(sides, LOOKED_AT, matched(sides))
    usual = Usual(sides, chosen)
    telling = usual.telling(chosen)
    rich = (telling.sum(axis=1) >= RARE_CELLS) | usual.improbable(chosen)
    if not rich.any() or _repeats_itself(sides, chosen, usual) or _outcomes_differ(usual):
        return {}
    columns = [j for j in range(telling.shape[1]) if not same(usual.values[1:, j], usual.values[:-1, j]).all()]
    alike = agreeing(sides, chosen, columns, AGREEING)
    others = sample(sides, LOOKED_AT // 4 if chosen.of > LOOKED_AT else LOOKED_AT, unshared(sides))
    other_alike = agreeing(sides, others, columns, AGREEING)
    if alike is None or other_alike is None:
        return {}
    matches = _are_among(others, chosen)
    kept = rich & _at_most_one(chosen, rich, telling, alike)
    other_telling = usual.telling(others)
    other_rich = usual.improbable(others)
    misses = _near_misses(other_telling, other_rich, other_alike, matches) * others.of / max(1, len(others.row))
    if misses > NEAR_MISSES * kept.sum() * chosen.of / max(1, len(kept)):
        return {}
    return _kept(sides, found, chosen, kept)


def _possible(audit: Audit, sides: Sides) -> bool:
    """For files: whether the few columns of the most values leave a copy possible, before all columns are read."""
    from workbench.engine.copies import may_be_copied

    values = looked_at(audit).values
    distinct = [len(np.unique(values[:, j])) for j in range(values.shape[1])]
    telling = sorted(range(len(distinct)), key=lambda j: -distinct[j])[:TELLING]
    return may_be_copied(sides, telling)


def _kept(sides: Sides, found: dict[int, Hits], chosen: Sample, kept: Mask) -> dict[int, Hits]:
    result = {}
    for i, hits in found.items():
        mine = chosen.fold == i
        share = float(kept[mine].mean()) if mine.any() else 0.0
        if share <= 0:
            continue
        if sides.positions and len(kept) == chosen.of:
            rows = np.sort(chosen.row[mine & kept])
            result[i] = replace(hits, count=len(rows), rows=rows)
        else:
            result[i] = replace(hits, count=max(1, round(share * hits.count)))
    return result


def _at_most_one(chosen: Sample, rich: Mask, telling: Ints, alike: tuple[Ints, Ints, Ints]) -> Mask:
    """Rows that, with any one column left out, still agree with one training row at most."""
    sid, column, count = alike
    rest = telling.sum(axis=1)[sid] - telling[sid, column]
    crowded = sid[(count > 1) & ((rest >= RARE_CELLS) | rich[sid])]
    return ~np.isin(np.arange(len(chosen.row)), crowded)


def _are_among(others: Sample, chosen: Sample) -> Mask:
    """Which of `others` have all their values together in `chosen`, in the same fold."""
    filled = [np.ascontiguousarray(np.nan_to_num(sample.values, nan=-9e18)) + 0.0 for sample in (others, chosen)]
    whole = {(int(fold), row.tobytes()) for fold, row in zip(chosen.fold, filled[1])}
    return np.array([(int(fold), row.tobytes()) in whole for fold, row in zip(others.fold, filled[0])], dtype=bool)


def _near_misses(telling: Ints, improbable: Mask, alike: tuple[Ints, Ints, Ints], matches: Mask) -> float:
    """Rows that agree with a training row in all columns but one: of the worst column, those that aren't matches."""
    sid, column, count = alike
    rest = telling.sum(axis=1)[sid] - telling[sid, column]
    missed = (count > 0) & ((rest >= RARE_CELLS) | improbable[sid]) & ~matches[sid]
    return float(max((missed[column == j].sum() for j in np.unique(column)), default=0))


def _outcomes_differ(usual: Usual) -> bool:
    """Whether training rows of equal features differ in their outcome about as often as chance has it: nobody copied those."""
    if usual.rows < 2 or usual.values.shape[1] < 2:
        return False
    filled = np.ascontiguousarray(np.nan_to_num(usual.values, nan=-9e18)) + 0.0
    alike = _pairs(np.unique(filled[:, :-1], axis=0, return_counts=True)[1])
    equal = _pairs(np.unique(filled, axis=0, return_counts=True)[1])
    shares = np.unique(filled[:, -1], return_counts=True)[1] / usual.rows
    expected = alike * (1 - float((shares**2).sum()))
    return expected >= FEWEST and alike - equal >= OTHER_OUTCOMES * expected


def _pairs(counts: Ints) -> float:
    return float((counts * (counts - 1)).sum()) / 2


def _repeats_itself(sides: Sides, chosen: Sample, usual: Usual) -> bool:
    """Whether training rows equal earlier training rows about as often as test rows do: a state that comes again, a timetable.

    Asked of data with a time only: without one, doubled rows stand on both sides and within one alike.
    """
    if not sides.roles.at or len(usual.at) < 2:
        return False
    filled = np.ascontiguousarray(np.nan_to_num(usual.values, nan=-9e18)) + 0.0
    again = 1 - len(np.unique(filled, axis=0)) / len(filled)
    expected = again * sum(side.rows for side in sides.bounds()[1])
    return bool(again > 0 and chosen.of <= 2 * expected + 3 * expected**0.5 + 1)
