"""What is usual in the training rows, and so which cells and rows tell much about where they come from. No rule of its own.

A cell is telling where few rows have its value; zero, facts of the entity (a shop's size) and of the calendar come again by
nature and tell nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.gates.facts import Audit, Ints, Mask
from workbench.gates.sides import sides_of

if TYPE_CHECKING:
    from workbench.engine.copies import Sample
    from workbench.engine.sides import Sides

Values = np.ndarray[Any, np.dtype[np.float64]]

LOOKED_AT = 20_000
"""Test rows, at most about, that are compared closely; larger tests are sampled evenly, by hash."""
LEARNT_FROM = 50_000
"""Training rows, at most about, from which it is learnt what is usual."""
RARE_CELLS = 2
FEW = 400
BITS = 10.0
"""By how much a row's values together have to be rarer than all pairs of rows are many."""


def looked_at(audit: Audit) -> Sample:
    """The test rows that are compared closely, drawn once."""
    from workbench.engine.copies import sample

    drawn: Sample = audit.once("looked at", lambda: sample(sides_of(audit), LOOKED_AT))
    return drawn


class Usual:
    """Training rows to learn from, their judged values, entities and times; everything is computed once, when first asked."""

    def __init__(self, sides: Sides, chosen: Sample) -> None:
        from workbench.engine.copies import around, numbers_judged

        found = around(sides, chosen, LEARNT_FROM)
        self.sides, self.values, self.entity, self.at = sides, found.values, found.entity, found.at
        self.rows = len(found.values)
        self.numbers = numbers_judged(sides)
        self._columns: dict[int, tuple[Values, Ints]] = {}

    def column(self, index: int) -> tuple[Values, Ints]:
        """The values of a judged column in order, missing left out, and in how many rows each stands."""
        if index not in self._columns:
            values = self.values[:, index]
            self._columns[index] = np.unique(values[~np.isnan(values)], return_counts=True)
        return self._columns[index]

    def times_seen(self, index: int, values: Values) -> Ints:
        """In how many rows the column has each of `values`; missing is seen nowhere."""
        seen, counts = self.column(index)
        if not len(seen):
            return np.zeros(len(values), dtype="int64")
        place = np.minimum(np.searchsorted(seen, values), len(seen) - 1)
        times: Ints = np.where(seen[place] == values, counts[place], 0).astype("int64")
        return times

    @cached_property
    def by_nature(self) -> Mask:
        """Columns that are constant, a fact of the entity, or of the calendar: such values come again by themselves."""
        repeats = np.zeros(self.values.shape[1], dtype=bool)
        if not self.rows:
            return ~repeats
        groups = []
        if self.sides.roles.entity and len(np.unique(self.entity)) < 0.5 * self.rows:
            groups.append((self.entity, self.rows))
        if self.sides.roles.at and len(np.unique(self.at)) < self.rows:
            groups.append((self.at, FEW))
        orders = [(np.argsort(group, kind="stable"), most) for group, most in groups]
        within = [group[order][1:] == group[order][:-1] for (group, _), (order, _) in zip(groups, orders)]
        for j in range(self.values.shape[1]):
            values = self.values[:, j]
            repeats[j] = bool(same(values[1:], values[:-1]).all())
            for (order, most), alike in zip(orders, within):
                if repeats[j]:
                    break
                sorted_values = values[order]
                if len(self.column(j)[0]) <= most:
                    repeats[j] = bool(same(sorted_values[1:], sorted_values[:-1])[alike].all())
        return repeats

    def telling(self, chosen: Sample) -> Ints:
        """How telling each cell of the sample is: 1 where few rows have its value, 2 where hardly any value comes twice."""
        found = np.zeros(chosen.values.shape, dtype="int64")
        limit = max(10.0, 0.005 * self.rows)
        for j, number in enumerate(self.numbers):
            if number and not self.by_nature[j]:
                mine, (seen, counts) = chosen.values[:, j], self.column(j)
                rare = (self.times_seen(j, mine) <= limit) & (mine != 0) & ~np.isnan(mine)
                found[:, j] = rare * (2 if len(seen) >= 0.5 * counts.sum() else 1)
        return found

    def improbable(self, chosen: Sample) -> Mask:
        """Rows whose values together are far rarer than there are pairs of rows, were columns unrelated; codes and text count."""
        bits = np.zeros(len(chosen.row))
        for j in np.flatnonzero(~self.by_nature):
            mine = chosen.values[:, j]
            missing = self.rows - int(self.column(int(j))[1].sum())
            times = np.where(np.isnan(mine), missing, self.times_seen(int(j), mine))
            bits += np.log2(max(1, self.rows) / np.maximum(1, times))
        train, test = (max(side.rows for side in part) for part in self.sides.bounds())
        improbable: Mask = bits >= np.log2(max(2, train)) + np.log2(max(2, test)) + BITS
        return improbable


def same(one: Values, other: Values) -> Mask:
    """Where two columns hold the same; missing is the same as missing."""
    equal: Mask = (one == other) | (np.isnan(one) & np.isnan(other))
    return equal
