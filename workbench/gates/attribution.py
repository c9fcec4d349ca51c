"""From a value that moved to the cell that was read: which source, which column, how far in the future, how many rows.

The unknown cells are bisected: a world in which only half of the source columns are changed moves the features that read one of
them. For each (feature, source column) found, the cells changed are then limited to ever later ones: as long as the feature
still moves, it reads a cell known that late. The look-ahead is the known time of the cell minus the prediction time of the row,
the largest that was seen. A read of rows being there at all (a count, a last date) is bisected over the sources. Runs are shared
by all features that moved at one cut, and asked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.gates.comparison import Comparison
from workbench.gates.probes import MOVED_KEYS, TRUNCATED, VALUES, Hit, Probe
from workbench.pipeline.asof import ALWAYS, NEVER, Cut
from workbench.pipeline.worlds import Selection, unknown_columns

_STEPS = 9
"""Halvings of the time beyond the cutoff, per read."""
Cells = tuple[tuple[str, str], ...]


@dataclass
class Read:
    """A feature reads a source column beyond what is known: the row that shows it best, and how far it reaches."""

    feature: str
    source: str | None
    column: str | None
    """None where no single column is read: the rows themselves are."""
    existence: bool
    world: str
    cut: Cut
    row: int
    """Position of that row in the base frame."""
    after: object
    lookahead: int
    """Nanoseconds."""
    open_end: bool
    """The last known cell there is, is read: the reach is that of the tables, not of the feature."""
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


class Attribution:
    """Explains the hits of one probe, with at most `budget` more runs of the features stage."""

    def __init__(self, probe: Probe, budget: int = 60) -> None:
        self.probe = probe
        self.limit = probe.runs + budget

    def explain(self, hits: dict[str, list[Hit]]) -> list[Read]:
        """Reads of every column that moved, the farthest first for each."""
        reads: list[Read] = []
        left = dict(hits)
        while left:
            world, cut = self._most_telling(left)
            features = [name for name, seen in left.items() if any(h.world == world and h.cut == cut for h in seen)]
            found = self._reads(world, cut, features, {name: _hit(left[name], world, cut) for name in features})
            for feature in features:
                del left[feature]
            reads += found
        for read in reads:
            read.rows = np.unique(np.concatenate([hit.rows for hit in hits[read.feature]]))
        return _worst(reads)

    def _most_telling(self, hits: dict[str, list[Hit]]) -> tuple[str, Cut]:
        """The world and cut at which most of the features moved; changed values tell more than missing rows."""
        votes: dict[tuple[int, int, str], tuple[int, str, Cut]] = {}
        for seen in hits.values():
            best = min(_telling(hit.world) for hit in seen)
            for hit in seen:
                if _telling(hit.world) == best:
                    key = (best, hit.cut.at, hit.world)
                    votes[key] = (votes.get(key, (0, "", hit.cut))[0] + 1, hit.world, hit.cut)
        key = min(votes, key=lambda k: (k[0], -votes[k][0]))
        return votes[key][1], votes[key][2]

    def _reads(self, world: str, cut: Cut, features: Sequence[str], hits: dict[str, Hit]) -> list[Read]:
        unknown = unknown_columns(self.probe.known, cut, self.probe.tables)
        if world in (VALUES, MOVED_KEYS):
            cells = tuple(cell for cell in unknown if self._changes(cell, world))
        else:
            sources = dict.fromkeys(source for source, _ in unknown)
            cells = tuple((source, self.probe.known.times[source] or "") for source in sources)
        found: dict[Cells, set[str]] = {}
        self._bisect(world, cut, cells, set(features), found)
        by_feature = {name: _without_clocks([group for group in found if name in found[group]], self.probe) for name in features}
        reaches = []
        for name, groups in by_feature.items():
            for group in groups or [cells]:
                read = Read(name, *self._name(world, group), world=world, cut=cut, row=int(hits[name].rows[0]),
                            after=hits[name].after.iloc[0], lookahead=-1, open_end=False)  # fmt: skip
                reaches.append(Reach(read, self._instants(world, group, cut), group, self.probe.reference.rows.predicted))
        alone = [reach for reach in reaches if len(by_feature[reach.read.feature]) == 1]
        self._search(world, cut, alone, hits)
        for reach in reaches:
            if reach not in alone:
                self._search(world, cut, [reach], hits)
        return [reach.read for reach in reaches]

    def _search(self, world: str, cut: Cut, reaches: Sequence[Reach], hits: dict[str, Hit]) -> None:
        """How far each feature reads: cells of all of them are changed together, from ever later instants on."""
        if not reaches:
            return
        cells = frozenset(cell for reach in reaches for cell in reach.cells)
        instants = np.unique(np.concatenate([reach.instants for reach in reaches]))
        seen = self.probe.moved(world, cut, Selection(cells)) if self.probe.runs < self.limit else None
        for reach in reaches:
            feature = reach.read.feature
            told = seen is not None and feature in seen.moved
            rows, after = (
                (seen.moved[feature], seen.after[feature]) if seen and told else (hits[feature].rows, hits[feature].after)
            )
            reach.begin(instants, rows, after, searchable=told)
        for _ in range(_STEPS):
            wanted = sorted(trial for reach in reaches if (trial := reach.wish()) is not None)
            if not wanted or self.probe.runs >= self.limit:
                return
            trial = wanted[len(wanted) // 2]
            seen = self.probe.moved(world, cut, Selection(cells, int(instants[trial - 1])))
            for reach in reaches:
                reach.learn(trial, seen)

    def _changes(self, cell: tuple[str, str], world: str) -> bool:
        """Draw A leaves time and entity columns as they are: they can't be what was read."""
        return world == MOVED_KEYS or not self._is_key(cell)

    def _is_key(self, cell: tuple[str, str]) -> bool:
        known = self.probe.known
        return cell[1] == known.times[cell[0]] or cell[1] in known.entity

    def _bisect(self, world: str, cut: Cut, cells: Cells, features: set[str], found: dict[Cells, set[str]]) -> None:
        """`features` are known to move with all of `cells`; notes the smallest groups that still move them."""
        if len(cells) <= 1 or self.probe.runs >= self.limit:
            if cells:
                found.setdefault(cells, set()).update(features)
            return
        half = (len(cells) + 1) // 2
        explained: set[str] = set()
        first = self._movers(world, cut, cells[:half]) & features
        if first:
            explained |= first
            self._bisect(world, cut, cells[:half], first, found)
        # What the first half doesn't move must come from the second; what it does may come from both.
        second = self._movers(world, cut, cells[half:]) & features if first else features
        if second:
            explained |= second
            self._bisect(world, cut, cells[half:], second, found)
        together = features - explained
        if together:
            found.setdefault(cells, set()).update(together)

    def _movers(self, world: str, cut: Cut, cells: Cells) -> set[str]:
        seen = self.probe.moved(world, cut, Selection(frozenset(cells)))
        return set(seen.moved) if seen else set()

    def _instants(self, world: str, cells: Cells, cut: Cut) -> np.ndarray:
        """Known times of these cells beyond the cut, distinct and sorted."""
        known = self.probe.known
        arrays = []
        for source, column in cells:
            by_column = world in (VALUES, MOVED_KEYS) and column in known.cells[source]
            arrays.append(np.unique(known.cells[source][column] if by_column else known.earliest(source)))
        every = np.unique(np.concatenate(arrays)) if arrays else np.empty(0, dtype=np.int64)
        later: np.ndarray = every[(every > cut.at) & (every != NEVER) & (every != ALWAYS)]
        return later

    def _name(self, world: str, cells: Cells) -> tuple[str | None, str | None, bool]:
        """Source, column, and whether it is the rows rather than a value that is read; such a read goes by its time column."""
        sources = {source for source, _ in cells}
        source = sources.pop() if len(sources) == 1 else None
        existence = world not in (VALUES, MOVED_KEYS) or all(self._is_key(cell) for cell in cells)
        if source is None:
            return None, None, existence
        if existence:
            return source, self.probe.known.times[source], True
        return source, cells[0][1] if len(cells) == 1 else None, False


class Reach:
    """How far one feature reads its cells: narrowed down from instant to instant."""

    def __init__(self, read: Read, instants: np.ndarray, cells: Cells, predicted: np.ndarray) -> None:
        self.read = read
        self.instants = instants
        """Known times of these cells beyond the cut."""
        self.cells = cells
        self._predicted = predicted
        self._all: np.ndarray = instants
        self._low = self._high = self._first = 0
        self._asked_offset = self._asked_next = False

    def begin(self, everyone: np.ndarray, rows: np.ndarray, after: pd.Series, *, searchable: bool) -> None:
        """`everyone`: the instants that are tried, of all features searched together."""
        self._all = everyone
        self._widen(rows, after, int(self.instants[0]) if len(self.instants) else self.read.cut.at)
        self._first = self.read.lookahead
        self._low, self._high = 1, len(everyone) if searchable else 0

    def wish(self) -> int | None:
        """The instant (its place) that would tell most, or None when all is known."""
        if self._low >= self._high:
            return None
        last = len(self._all) - 1
        if not self._asked_offset:
            # A fixed offset shows its whole reach at once: nothing later than this is read.
            at = int(np.searchsorted(self._all, self.read.cut.at + self._first, side="right"))
            return min(max(at, self._low), last)
        if self._high == last + 1:
            return last  # everything over all rows reads to the end
        if not self._asked_next:
            # ... and later cells are read by later rows, so that the next instant shows no farther reach.
            own = int(np.searchsorted(self._all, self.instants[0], side="right"))
            return own if self._low <= own < self._high else (self._low + self._high) // 2
        return (self._low + self._high) // 2

    def learn(self, trial: int, seen: Comparison | None) -> None:
        """What a world tells in which only cells known at or after this instant were changed."""
        wish = self.wish()
        if wish is None or not self._low <= trial < self._high:
            return
        moved = seen is not None and self.read.feature in seen.moved
        if seen is not None and moved:
            own = int(np.searchsorted(self.instants, self._all[trial]))
            self._widen(
                seen.moved[self.read.feature], seen.after[self.read.feature], int(self.instants[min(own, len(self.instants) - 1)])
            )
            self.read.open_end = trial == len(self._all) - 1
            self._low = trial + 1
        else:
            self._high = trial
        if trial != wish:
            return
        if not self._asked_offset:
            self._asked_offset = True
        elif self._high <= len(self._all) - 1 and not self._asked_next:
            self._asked_next = True
            if self.read.lookahead == self._first:
                self._high = self._low

    def _widen(self, rows: np.ndarray, after: pd.Series, known: int) -> None:
        """Takes the row that lies farthest before the instant `known`, if it is farther than the one so far."""
        predicted = self._predicted[rows]
        place = int(np.argmin(predicted))
        ahead = known - int(predicted[place])
        if ahead > self.read.lookahead:
            self.read.lookahead, self.read.row, self.read.after = ahead, int(rows[place]), after.iloc[place]


def _without_clocks(groups: Sequence[Cells], probe: Probe) -> list[Cells]:
    """Clocks that say when other cells are known are left out where a cell that they say it of is read anyway."""
    values = [group for group in groups if not all(column in probe.known.announced[source] for source, column in group)]
    return values or list(groups)


def _worst(reads: Sequence[Read]) -> list[Read]:
    """One read per feature and source column, by feature, the farthest first."""
    kept: dict[tuple[str, str | None, str | None], Read] = {}
    for read in sorted(reads, key=lambda read: (read.feature, -read.lookahead)):
        kept.setdefault((read.feature, read.source, read.column), read)
    return list(kept.values())


def _telling(world: str) -> int:
    order = (VALUES, MOVED_KEYS, TRUNCATED)
    return order.index(world) if world in order else len(order)


def _hit(hits: Sequence[Hit], world: str, cut: Cut) -> Hit:
    return next(hit for hit in hits if hit.world == world and hit.cut == cut)
