"""From a value that moved to the cell that was read: which source, which column, how far in the future, how many rows.

Every unknown source column gets a code word: a few bits of which the same number is set in each. In the run for a bit, all
columns whose word has it are changed. A feature that reads one column moves in that column's runs and in no other, whatever the
others read; a feature that reads several moves in more of them, and what could explain it is then bisected. So one series of
runs, about the logarithm of the number of columns, serves all features that moved at one cut. Names that the features code
mentions are tried before the rest. How far a feature reads is told by the earliest row that moved; whether it reads to the end
of the tables, by one more run in which only their last cells are changed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.gates.comparison import Comparison
from workbench.gates.outcome import DOUBLED, MOVED_KEYS, TRUNCATED, VALUES, Hit
from workbench.gates.probes import Probe
from workbench.pipeline.asof import ALWAYS, NEVER, Cut
from workbench.pipeline.worlds import EVERYTHING, Selection, unknown_columns

Cell = tuple[str, str]
Cells = tuple[Cell, ...]
_FAR = 0.02
"""A read that reaches farther than this share of the range of prediction times may reach to the end of the tables."""
_EARLY = 0.03
_END = 0.04
"""The share of the known times beyond the cut that counts as the end."""


def _without(cells: Cells, others: Cells) -> Cells:
    return tuple(cell for cell in cells if cell not in others)


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
    """Nanoseconds from the prediction to the earliest cell that can have been read: a lower bound, exact for a fixed offset."""
    open_end: bool
    """The last known cells there are, are read: the reach is that of the tables, not of the feature."""
    hit: Hit
    """What moved in the run that showed it."""
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


class Attribution:
    """Explains the hits of one probe, with at most `budget` more runs of the features stage.

    `mentioned`: source columns whose names the features code says; where one of them explains a hit, no other is tried.
    """

    def __init__(self, probe: Probe, mentioned: frozenset[str] = frozenset(), budget: int = 60) -> None:
        self.probe = probe
        self.mentioned = mentioned
        self.limit = probe.runs + budget

    def explain(self, hits: Mapping[str, Sequence[Hit]]) -> list[Read]:
        """Reads of every column that moved, the farthest first for each."""
        reads: list[Read] = []
        left = dict(hits)
        while left:
            world, cut = _most_telling(left)
            features = [name for name, seen in left.items() if any(h.world == world and h.cut == cut for h in seen)]
            reads += self._reads(world, cut, {name: _hit(left.pop(name), world, cut) for name in features})
        for read in reads:
            read.rows = np.unique(np.concatenate([hit.rows for hit in hits[read.feature]]))
        return _worst(reads)

    def _reads(self, world: str, cut: Cut, hits: dict[str, Hit]) -> list[Read]:
        """One world's hits: reads of values first; what they don't explain is a read of rows being there."""
        reads: list[Read] = []
        if world != MOVED_KEYS and self._may_run():
            whole = self.probe.moved(VALUES, cut, EVERYTHING)
            by_value = {name: _of(name, whole, VALUES, cut) for name in hits if whole is not None and name in whole.moved}
            reads += self._explained(VALUES, cut, by_value)
            hits = {name: hit for name, hit in hits.items() if name not in by_value}
        return reads + self._explained(world, cut, hits)

    def _explained(self, world: str, cut: Cut, hits: dict[str, Hit]) -> list[Read]:
        if not hits:
            return []
        found = self._sought(world, cut, set(hits))
        reads = []
        for name, hit in hits.items():
            for cells in _without_clocks(found.get(name, []), self.probe) or [self._candidates(world, cut)]:
                reads.append(self._read(name, hit, world, cells, alone=len(found.get(name, [])) < 2))
        self._to_the_end(world, cut, reads)
        return reads

    def _candidates(self, world: str, cut: Cut) -> Cells:
        unknown = unknown_columns(self.probe.known, cut, self.probe.tables)
        if world == VALUES:
            return tuple(cell for cell in unknown if cell[0] in self.probe.aside or not self._is_key(cell))
        if world == MOVED_KEYS:
            return tuple(unknown)
        return tuple((source, self.probe.known.times[source] or "") for source in dict.fromkeys(source for source, _ in unknown))

    def _sought(self, world: str, cut: Cut, features: set[str]) -> dict[str, list[Cells]]:
        """Per feature the smallest groups of cells that were found to move it."""
        cells = self._candidates(world, cut)
        likely = tuple(cell for cell in cells if cell[1] in self.mentioned) if world in (VALUES, MOVED_KEYS) else cells
        keys = tuple(cell for cell in cells if world == VALUES and self._is_key(cell))
        found: dict[str, list[Cells]] = {}
        # What none of the mentioned columns moves may read one that has no name in the code, or only that there are rows.
        rest = _without(cells, likely)
        for part in (_without(likely, keys), _without(rest, keys), keys):
            silent = {name for name in features if not found.get(name)}
            if silent and part:
                found.update({name: groups for name, groups in self._decoded(world, cut, part, silent).items() if groups})
        return found

    def _decoded(self, world: str, cut: Cut, cells: Cells, features: set[str]) -> dict[str, list[Cells]]:
        if len(cells) == 1:
            moved = self._movers(world, cut, cells)
            return {name: [cells] for name in features if name in moved}
        if not cells or not self._may_run():
            return {}
        words = _code_words(len(cells))
        runs = [
            self._movers(world, cut, tuple(cell for cell, word in zip(cells, words) if bit in word))
            for bit in range(max(max(word) for word in words) + 1)
        ]
        found: dict[str, list[Cells]] = {}
        several: dict[frozenset[Cell], set[str]] = {}
        for name in features:
            bits = {bit for bit, moved in enumerate(runs) if name in moved}
            could = [cell for cell, word in zip(cells, words) if bits.issuperset(word)]
            if len(bits) == len(words[0]) and could:
                found[name] = [(could[0],)]
            elif bits:
                several.setdefault(frozenset(could or cells), set()).add(name)
        for candidates, names in several.items():
            groups: dict[Cells, set[str]] = {}
            self._bisect(world, cut, tuple(cell for cell in cells if cell in candidates), names, groups)
            for name in names:
                found[name] = [group for group, movers in groups.items() if name in movers]
        return found

    def _bisect(self, world: str, cut: Cut, cells: Cells, features: set[str], found: dict[Cells, set[str]]) -> None:
        """`features` are known to move with all of `cells`; notes the smallest groups that still move them."""
        if len(cells) <= 1 or not self._may_run():
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

    def _may_run(self) -> bool:
        return self.probe.runs < self.limit

    def _read(self, name: str, hit: Hit, world: str, cells: Cells, *, alone: bool) -> Read:
        if not alone and world == VALUES and self._may_run():
            # Read beside others: what moves with this one alone tells how far it reaches.
            own = self.probe.moved(world, hit.cut, Selection(frozenset(cells)))
            if own is not None and name in own.moved:
                hit = _of(name, own, world, hit.cut)
        predicted = self.probe.reference.rows.predicted[hit.rows]
        place = int(np.argmin(predicted))
        instants = self._instants(world, cells, hit.cut)
        ahead = (int(instants[0]) if len(instants) else hit.cut.at) - int(predicted[place])
        source, column, existence = self._name(world, cells)
        return Read(
            name, source, column, existence, world, hit.cut, int(hit.rows[place]), hit.after.iloc[place], ahead, False, hit
        )

    def _to_the_end(self, world: str, cut: Cut, reads: Sequence[Read]) -> None:
        """Whether what reads far reads the last cells: one run in which only those are changed."""
        times = np.unique(self.probe.reference.rows.predicted)
        far = int(_FAR * float(times[-1] - times[0]))
        first = [read for read in reads if read.lookahead >= far]
        if not first or world not in (VALUES, MOVED_KEYS) or not self._may_run():
            return
        early = int(times[int(_EARLY * (len(times) - 1))])
        for read in first:
            read.open_end = read.existence and bool(self.probe.reference.rows.predicted[read.row] <= early)
        cells = frozenset(cell for read in first if read.source and read.column for cell in [(read.source, read.column)])
        known = np.unique(np.concatenate([self._instants(world, tuple(cells), cut), np.empty(0, dtype=np.int64)]))
        if len(known) < 2 or not cells:
            return
        last = int(known[min(int((1 - _END) * len(known)), len(known) - 2)])
        seen = self.probe.moved(world, cut, Selection(cells, last))
        for read in first:
            if seen is not None and read.feature in seen.moved and (read.source, read.column) in cells:
                rows = seen.moved[read.feature]
                place = int(np.argmin(self.probe.reference.rows.predicted[rows]))
                read.row, read.after, read.open_end = int(rows[place]), seen.after[read.feature].iloc[place], True
                read.lookahead = int(known[-1]) - int(self.probe.reference.rows.predicted[read.row])

    def _is_key(self, cell: Cell) -> bool:
        known = self.probe.known
        return cell[1] == known.times[cell[0]] or cell[1] in known.entity

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
        existence = world not in (VALUES, MOVED_KEYS) or (bool(cells) and all(self._is_key(cell) for cell in cells))
        if source is None:
            return None, None, existence
        if existence:
            return source, self.probe.known.times[source], True
        return source, cells[0][1] if len(cells) == 1 else None, False


def _code_words(count: int) -> list[tuple[int, ...]]:
    """`count` different sets of bits, all of the same size, over as few bits as there can be."""
    bits = next(length for length in itertools.count(2) if math.comb(length, length // 2) >= count)
    # Of the sizes that suffice the smallest: what reads two columns then leaves the fewest others that could explain it.
    size = next(size for size in range(1, bits) if math.comb(bits, size) >= count)
    return list(itertools.islice(itertools.combinations(range(bits), size), count))


def _without_clocks(groups: Sequence[Cells], probe: Probe) -> list[Cells]:
    """Clocks that say when other cells are known are left out where a cell that they say it of is read anyway."""
    values = [group for group in groups if not all(column in probe.known.announced[source] for source, column in group)]
    return values or list(groups)


def _most_telling(hits: Mapping[str, Sequence[Hit]]) -> tuple[str, Cut]:
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


def _worst(reads: Sequence[Read]) -> list[Read]:
    """One read per feature and source column, by feature, the farthest first."""
    kept: dict[tuple[str, str | None, str | None], Read] = {}
    for read in sorted(reads, key=lambda read: (read.feature, -read.lookahead)):
        kept.setdefault((read.feature, read.source, read.column), read)
    return list(kept.values())


def _telling(world: str) -> int:
    order = (VALUES, DOUBLED, MOVED_KEYS, TRUNCATED)
    return order.index(world) if world in order else len(order)


def _hit(hits: Sequence[Hit], world: str, cut: Cut) -> Hit:
    return next(hit for hit in hits if hit.world == world and hit.cut == cut)


def _of(name: str, seen: Comparison, world: str, cut: Cut) -> Hit:
    return Hit(world, cut, seen.moved[name], seen.after[name])
