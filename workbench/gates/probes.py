"""Runs the features stage in changed worlds and collects which values of the frame moved that should not know of the change.

Two worlds are run at every global cut: `truncated` and `poisoned-a`, which leaves the keys of unknown rows alone, so that rows
still to come (predicted, outcome not known: the rows that are served live) are compared, too. `poisoned-b` with its other draw
and moved keys, `thinned` and `thickened` take turns over the cuts. Where there are many entities, staggered runs probe one
cohort per entity; an entity may rightly depend on another's later rows, so what only they see is confirmed at one global cut.

A world in which the stage fails was not exercised. A strict stage may rightly refuse what it has never seen, so a failed world
is tried once more in a gentler form: poisoned without unseen values, new missing values and moved keys; truncated with the
unknown cells of remaining rows poisoned rather than missing. Where fewer than half of the cuts could be looked at, by values or
by rows, the gate isn't passed. How the frames are compared is in `comparison.py`; what was read is found in `attribution.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.gates import pulses
from workbench.gates.awaited import Awaited
from workbench.gates.comparison import Comparison, Reference
from workbench.gates.cutoffs import Chosen, global_cuts, staggered_cut, usable_times
from workbench.gates.pulses import Pulses
from workbench.pipeline import thinning, worlds
from workbench.pipeline.asof import Cut, known_times
from workbench.pipeline.times import frame_zone, moment
from workbench.pipeline.worlds import EVERYTHING, Selection

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

Build = Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame]
"""The features stage and the table stages before it: source tables → feature frame. Raises PipelineError where it fails."""

T = TypeVar("T")
R = TypeVar("R")

VALUES = "poisoned-a"
MOVED_KEYS = "poisoned-b"
TRUNCATED = "truncated"
THINNED = "thinned"
THICKENED = "thickened"

_PHASES = (0.35, 0.85)
"""Where each series of pulses begins, as a share of the distance between two."""
_CONFIRMATIONS = 4
"""Global cuts tried for one column before a suspicion is dropped."""
_ALL_CONFIRMATIONS = 12
"""The same for all columns together."""


@dataclass(frozen=True)
class Hit:
    """A column that moved in a world: positions of the base frame's rows, and the values they had there."""

    world: str
    cut: Cut
    rows: np.ndarray
    after: pd.Series


@dataclass
class Attempt:
    """One world at one cut: what it moved, or why the stage failed in it."""

    world: str
    cut: Cut
    comparison: Comparison | None
    failure: str = ""
    gentle: bool = False


@dataclass
class Outcome:
    """Everything the worlds showed."""

    hits: dict[str, list[Hit]] = field(default_factory=dict)
    """Column → confirmed hits at global cuts."""
    vanished: list[tuple[str, Cut, np.ndarray]] = field(default_factory=list)
    """World, cut, positions of base rows that were there at the cut and are gone."""
    appeared: list[tuple[str, Cut, int]] = field(default_factory=list)
    """World, cut, number of rows that should have been there already."""
    label_moved: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    attempts: list[Attempt] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Why something could not be looked at; with any of these the gate isn't passed."""
    notes: list[str] = field(default_factory=list)
    cohorts: int = 0
    """Cuts at which rows were compared; in a staggered run every entity's counts."""
    dismissed: list[str] = field(default_factory=list)
    """Columns that moved in staggered runs only, rightly."""


class Probe:
    """The features stage of one use case, to be run in changed worlds. `runs` counts how often it was."""

    def __init__(
        self,
        contract: Contract,
        tables: Mapping[str, pd.DataFrame],
        reference: Reference,
        build: Build,
        *,
        seed: int = 20,
        progress: Callable[[str], None] | None = None,
        workers: int = 1,
    ) -> None:
        self.workers = workers
        self.contract = contract
        self.tables = tables
        self.reference = reference
        self.build = build
        self.seed = seed
        self.progress = progress or (lambda words: None)
        self.known = known_times(contract, tables)
        self.awaited = Awaited(contract, tables, reference)
        self.runs = 0
        self._counting = threading.Lock()
        self._done: dict[tuple[str, int, Selection], Comparison | None] = {}

    def tables_of(self, world: str, cut: Cut, only: Selection = EVERYTHING, *, gentle: bool = False) -> dict[str, pd.DataFrame]:
        """The source tables of a world."""
        if world == TRUNCATED:
            if not gentle:
                return worlds.truncated(self.tables, self.known, cut, only=only)
            mild = worlds.poisoned(self.tables, self.known, cut, self.seed, only=only, gentle=True)
            return worlds.without_unknown_rows(mild, self.known, cut, only=only)
        if world == THINNED:
            return thinning.thinned(self.tables, self.known, cut, self.seed, only=only, awaited=self.awaited.at(cut))
        if world == THICKENED:
            return thinning.thickened(self.tables, self.known, cut, self.seed, only=only, awaited=self.awaited.at(cut))
        draw = "a" if world == VALUES else "b"
        return worlds.poisoned(self.tables, self.known, cut, self.seed, draw=draw, only=only, gentle=gentle)

    def attempt(self, world: str, cut: Cut) -> Attempt:
        """Runs the stage in the world, and once more in its gentler form where it fails."""
        failure = ""
        for gentle in (False, True):
            if gentle and world in (THINNED, THICKENED):
                break
            try:
                compared = self._compare(self.tables_of(world, cut, gentle=gentle), cut)
            except PipelineError as error:
                failure = failure or error.message
                continue
            return Attempt(world, cut, compared, failure, gentle)
        return Attempt(world, cut, None, failure)

    def moved(self, world: str, cut: Cut, only: Selection) -> Comparison | None:
        """What a part of a global world moves; None where the stage fails in it. Asked twice, run once."""
        key = (world, cut.at, only)
        if key not in self._done:
            try:
                self._done[key] = self._compare(self.tables_of(world, cut, only), cut)
            except PipelineError:
                self._done[key] = None
        return self._done[key]

    def _compare(self, tables: Mapping[str, pd.DataFrame], cut: Cut) -> Comparison:
        with self._counting:
            self.runs += 1
        return self.reference.compare(self.build(tables), cut)

    def explore(self, first_tests: Sequence[int] = (), count: int = 6) -> Outcome:
        """Runs all worlds at all cuts."""
        outcome = Outcome()
        rows = self.reference.rows
        chosen = global_cuts(
            rows.predicted, rows.label_known, self.known, self.tables, first_tests, frame_zone(self.contract), count
        )
        if not chosen:
            outcome.reasons.append("nothing becomes known after any prediction: by the contract every cell is known beforehand")
            return outcome
        tasks = [(world, at.cut) for place, at in enumerate(chosen) for world in self._planned(place, at)]
        self.progress(f"features: {len(tasks)} worlds at {len(chosen)} cutoffs: {', '.join(at.why for at in chosen)}")
        attempts = self._at_once(lambda task: self.attempt(*task), tasks)
        for at in chosen:
            self._collect([attempt for attempt in attempts if attempt.cut is at.cut], outcome)
        self._pulsed(outcome)
        self._staggered(outcome)
        _judge_exercise(outcome, self.reference, chosen)
        return outcome

    def _at_once(self, task: Callable[[T], R], given: Sequence[T]) -> list[R]:
        """The results in order; as many at a time as the features stage can be run side by side."""
        if self.workers < 2 or len(given) < 2:
            return [task(one) for one in given]
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(task, given))

    def _planned(self, place: int, at: Chosen) -> list[str]:
        planned = [VALUES, TRUNCATED]
        if place % 3 == 0:
            planned.append(MOVED_KEYS)
        elif thinning.changes_rows(self.known, at.cut, self.tables):
            planned.append(THINNED if place % 3 == 1 else THICKENED)
        return planned

    def _collect(self, attempts: Sequence[Attempt], outcome: Outcome) -> None:
        """What the worlds at one cut showed; `VALUES` comes first among them."""
        late: np.ndarray = np.empty(0, dtype=np.int64)
        for attempt in attempts:
            outcome.attempts.append(attempt)
            seen, world, cut = attempt.comparison, attempt.world, attempt.cut
            if seen is None:
                continue
            if world == VALUES:
                # Rows whose target still moves have no known label, whatever the contract says; their absence proves nothing.
                late = seen.label_moved
                outcome.label_moved = np.union1d(outcome.label_moved, late)
            for column, positions in seen.moved.items():
                outcome.hits.setdefault(column, []).append(Hit(world, cut, positions, seen.after[column]))
            vanished = np.setdiff1d(seen.vanished, late)
            if len(vanished):
                outcome.vanished.append((world, cut, vanished))
            if len(seen.appeared):
                outcome.appeared.append((world, cut, len(seen.appeared)))

    def _pulsed(self, outcome: Outcome) -> None:
        """Finds look-aheads on few rows; only features that look back so far that it shows are probed."""
        times = usable_times(self.reference.rows.predicted, self.known)
        first = pulses.coarse(times)
        if first is None:
            return
        seen = self._pulse(first)
        if seen is None:
            return
        memory = pulses.memories(self.reference, seen, first)
        found: dict[str, list[int]] = {}
        for group in _by_reach(memory, int(times[-1] - times[0])):
            reach = {column: memory[column] for column in group if column not in outcome.hits}
            series = [pulses.fine(times, max(reach.values()), phase) for phase in _PHASES] if reach else []
            denser = [several for several in series if several is not None and len(several.instants) > len(first.instants)]
            if denser:
                self.progress(f"features: {sum(len(several.instants) for several in denser)} pulses")
            for several, seen in zip(denser, self._at_once(self._pulse, denser), strict=True):
                if seen is None:
                    continue
                outcome.cohorts += len(several.instants)
                for column, moments in pulses.suspects(self.reference, seen, several, reach).items():
                    found.setdefault(column, []).extend(moments[: _CONFIRMATIONS // 2])
        self._confirm({column: [(at, VALUES) for at in moments] for column, moments in found.items()}, outcome)

    def _pulse(self, chosen: Pulses) -> Comparison | None:
        changed = worlds.pulsed(self.tables, self.known, chosen.instants, chosen.width, self.seed)
        try:
            return self._compare(changed, Cut(int(self.reference.rows.predicted.max())))
        except PipelineError:
            return None

    def _staggered(self, outcome: Outcome) -> None:
        entity = self.contract.prediction.entity
        rows = self.reference.rows
        suspects: dict[str, list[tuple[int, str]]] = {}
        for turn, world in enumerate((VALUES, TRUNCATED, VALUES)):
            cut = staggered_cut(self.reference.frame, rows.predicted, entity, self.known, self.tables, self.seed + turn)
            if cut is None:
                return
            self.progress(f"features: {world} with {len(cut.own) if cut.own is not None else 0} entities cut on their own")
            attempt = self.attempt(world, cut)
            outcome.attempts.append(attempt)
            if attempt.comparison is None:
                continue
            cuts = cut.rows(self.reference.frame)
            for column, positions in attempt.comparison.moved.items():
                if column not in outcome.hits:
                    suspects.setdefault(column, []).extend((int(at), world) for at in np.unique(cuts[positions]))
        # The earliest suspicious cuts first: the fewest other entities had changed before them.
        self._confirm({column: sorted(places) for column, places in suspects.items()}, outcome)

    def _confirm(self, suspects: dict[str, list[tuple[int, str]]], outcome: Outcome) -> None:
        """Tries the first few suspicious instants of each column as global cuts."""
        before = self.runs
        for column, places in suspects.items():
            for at, world in places[:_CONFIRMATIONS]:
                if column in outcome.hits or self.runs - before >= _ALL_CONFIRMATIONS:
                    break
                seen = self.moved(world, Cut(at), EVERYTHING)
                for name, positions in (seen.moved if seen else {}).items():
                    assert seen is not None
                    if name in suspects:
                        outcome.hits.setdefault(name, []).append(Hit(world, Cut(at), positions, seen.after[name]))
            if column not in outcome.hits:
                outcome.dismissed.append(column)


def _by_reach(memory: Mapping[str, int], span: int) -> list[list[str]]:
    """Columns that look back little, farther, and far: the less they do, the more pulses there is room for."""
    groups: list[list[str]] = [[], [], []]
    for column, length in memory.items():
        groups[0 if length <= span // 80 else 1 if length <= span // 20 else 2].append(column)
    return [group for group in groups if group]


def _judge_exercise(outcome: Outcome, reference: Reference, chosen: Sequence[Chosen]) -> None:
    """Says what could not be looked at."""
    ran = [attempt for attempt in outcome.attempts if attempt.comparison is not None]
    failed = [attempt for attempt in outcome.attempts if attempt.comparison is None]
    for attempt in ran:
        if attempt.failure and attempt.gentle:
            outcome.notes.append(f"{attempt.world} at {_at(attempt.cut)} only in its gentle form: {attempt.failure}")
    for attempt in failed:
        outcome.notes.append(f"{attempt.world} at {_at(attempt.cut)} could not be run: {attempt.failure}")
    for world, what in ((VALUES, "changed values"), (TRUNCATED, "missing rows")):
        tried = [attempt for attempt in outcome.attempts if attempt.world == world and attempt.cut.own is None]
        done = [attempt for attempt in tried if attempt.comparison is not None and attempt.comparison.compared]
        if 2 * len(done) < len(tried):
            why = next((attempt.failure for attempt in tried if attempt.failure), "no row could be compared")
            outcome.reasons.append(f"{what} could be tried at {len(done)} of {len(tried)} cutoffs: {why}")
    changed = [attempt for attempt in ran if attempt.world in (VALUES, MOVED_KEYS, TRUNCATED)]
    if ran and not any(attempt.comparison.pending for attempt in changed if attempt.comparison):
        rows = reference.rows
        waiting = any(bool(((rows.predicted <= at.cut.at) & (rows.label_known > at.cut.at)).any()) for at in chosen)
        if waiting:
            outcome.reasons.append("no row whose outcome is open at a cutoff stayed in any world: those served live are unseen")
    counted = 0
    for cut in {id(attempt.cut): attempt.cut for attempt in ran if attempt.comparison and attempt.comparison.compared}.values():
        counted += 1 if cut.own is None else len(cut.own)
    outcome.cohorts += counted


def _at(cut: Cut) -> str:
    return f"{moment(cut.at):%Y-%m-%d %H:%M} UTC" if cut.own is None else "each entity's own cut"
