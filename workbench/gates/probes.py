"""Runs the features stage in changed worlds and collects which values of the frame moved that should not know of the change.

Six runs do the work of hundreds. Two worlds are cut at one instant for all: `thickened`, which changes values and doubles
unknown rows but leaves their keys alone, so that rows still to come (predicted, outcome not known: the rows that are served
live) are compared, too; and `truncated`. Two trains of pulses (`pulses.py`), the second with each entity in its turn, probe
hundreds of instants, strikes (`strikes.py`) the windows that pulses leave as they are, and `poisoned-b`, with its other draw and
moved keys, gives every entity a cut of its own where there are many. An entity may rightly depend on another's later rows, and a
feature may look back in ways that pulses don't foresee: what only these show is confirmed at one global cut.

A world that moves nothing shows at once that the stage is blind and that it is stable; only where something moved is the stage
run again on the tables as they are, to measure its own noise.

A world in which the stage fails was not exercised. A strict stage may rightly refuse what it has never seen, so a failed world
is tried once more in a gentler form: poisoned without unseen values, new missing values and moved keys; truncated with the
unknown cells of remaining rows poisoned rather than missing. Where fewer than half of the cuts could be looked at, by values or
by rows, the gate isn't passed. How the frames are compared is in `comparison.py`; what was read is found in `attribution.py`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.gates import pulses, strikes
from workbench.gates.awaited import Awaited
from workbench.gates.comparison import Comparison, Reference
from workbench.gates.cutoffs import (
    Gaps,
    all_gaps,
    clock_changes,
    gap_ends,
    gap_ends_by_entity,
    global_cuts,
    sparse_sources,
    staggered_cut,
    usable_times,
)
from workbench.gates.left_out import in_between, with_outcome
from workbench.gates.outcome import DOUBLED, MOVED_KEYS, THINNED, TRUNCATED, VALUES, Attempt, Hit, Outcome, judge_exercise
from workbench.gates.pulses import Pulses
from workbench.gates.strikes import Strikes
from workbench.gates.turns import are_events
from workbench.pipeline import thinning, worlds
from workbench.pipeline.asof import Cut, known_times
from workbench.pipeline.pulsed import pulsed
from workbench.pipeline.struck import struck
from workbench.pipeline.times import frame_zone
from workbench.pipeline.worlds import EVERYTHING, Selection

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

Build = Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame]
"""The features stage and the table stages before it: source tables → feature frame. Raises PipelineError where it fails."""

_GENTLER = {TRUNCATED: ((TRUNCATED, True), (THINNED, False)), DOUBLED: ((VALUES, False), (VALUES, True))}
"""What is tried instead of a world in which the stage fails, and whether in its gentle form."""
_CUTS = 5
"""Global cuts that are chosen; which of them are used depends on what else there is to run."""
_MANY = 4
"""Runs for worlds of many cohorts, beside two that are cut at one instant for all."""
_CONFIRMATIONS = 3
"""Global cuts tried for all suspicions together before they are dropped."""
_PULSED_ENOUGH = 5
"""What a staggered run shows on many rows of a column that pulses could look at this often is what it may know of others."""
_RARE = 0.02
_SETTLED = 0.2
"""The share of outcomes known at a cut that make missing rows worth a run."""


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
    ) -> None:
        self.contract = contract
        self.tables = tables
        self.reference = reference
        self._build = build
        self._one_at_a_time = threading.Lock()
        self.seed = seed
        self.progress = progress or (lambda words: None)
        self.known = known_times(contract, tables)
        self.awaited = Awaited(contract, tables, reference)
        self.runs = 0
        self._done: dict[tuple[str, int, Selection], Comparison | None] = {}

    @cached_property
    def times(self) -> np.ndarray:
        """Distinct prediction times (int64 ns, sorted) after which anything becomes known."""
        return usable_times(self.reference.rows.predicted, self.known)

    @cached_property
    def gaps(self) -> Gaps:
        """Runs of missing values in the source tables."""
        return all_gaps(self.tables, self.known)

    @cached_property
    def own_gaps(self) -> dict[str, np.ndarray]:
        """When the runs of missing values end of each entity (ns by entity key)."""
        return gap_ends_by_entity(self.tables, self.known)

    @cached_property
    def aside(self) -> frozenset[str]:
        """Sources of which something becomes known seldom, and that no row of the frame is made of: when is all they may say."""
        return frozenset(sparse_sources(self.known, self.times)) - self.awaited.sources

    def tables_of(self, world: str, cut: Cut, only: Selection = EVERYTHING, *, gentle: bool = False) -> dict[str, pd.DataFrame]:
        """The source tables of a world."""
        if world == TRUNCATED:
            if not gentle:
                return worlds.truncated(self.tables, self.known, cut, only=only)
            mild = worlds.poisoned(self.tables, self.known, cut, self.seed, only=only, gentle=True)
            return worlds.without_unknown_rows(mild, self.known, cut, only=only)
        if world == THINNED:
            return thinning.thinned(self.tables, self.known, cut, self.seed, only=only, awaited=self.awaited.at(cut))
        if world == DOUBLED:
            more = thinning.thickened(self.tables, self.known, cut, self.seed, only=only, awaited=self.awaited.at(cut))
            if only is not EVERYTHING:
                return more  # of parts it is asked which rows are read, where values aren't
            return worlds.poisoned(more, known_times(self.contract, more), cut, self.seed, moving=self.aside)
        draw = "a" if world == VALUES else "b"
        return worlds.poisoned(self.tables, self.known, cut, self.seed, draw=draw, only=only, gentle=gentle, moving=self.aside)

    def attempts(self, planned: Sequence[tuple[str, Cut]]) -> Iterator[Attempt]:
        """Runs the stage in each world, and once more in its gentler form where it fails; the next world is made meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            waiting: deque[tuple[str, Cut, Future[pd.DataFrame]]] = deque()
            for world, cut in planned:
                waiting.append((world, cut, pool.submit(copy_context().run, self._built, self.tables_of(world, cut))))
                if len(waiting) > 1:
                    yield self._attempt(*waiting.popleft())
            while waiting:
                yield self._attempt(*waiting.popleft())

    def _attempt(self, world: str, cut: Cut, running: Future[pd.DataFrame]) -> Attempt:
        self.runs += 1
        try:
            return Attempt(world, cut, self._compared(running.result(), cut))
        except PipelineError as error:
            failure = error.message
        for name, gentle in _GENTLER.get(world, ((world, True),)):
            try:
                compared = self._compare(self.tables_of(name, cut, gentle=gentle), cut)
            except PipelineError:
                continue
            return Attempt(name, cut, compared, failure, gentle)
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

    def _built(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        with self._one_at_a_time:
            return self._build(tables)

    def _with_own_clocks(self, cut: Cut) -> dict[str, pd.DataFrame]:
        """The truncated world without the rows whose own clock (a `known_at` column) hasn't come: a published table has none."""
        there = {}
        for name, table in self.tables.items():
            waiting = [self.known.unknown(name, clock, cut.rows(table)) for clock in self.known.announced[name]]
            there[name] = table[~np.any(waiting, axis=0)].reset_index(drop=True) if waiting else table
        return worlds.truncated(there, known_times(self.contract, there), cut)

    def _compare(self, tables: Mapping[str, pd.DataFrame], cut: Cut) -> Comparison:
        self.runs += 1
        return self._compared(self._built(tables), cut)

    def _compared(self, frame: pd.DataFrame, cut: Cut) -> Comparison:
        seen = self.reference.compare(frame, cut)
        # Where each entity has its own cut, others may move rightly: what is only seen there is confirmed, and measured, later.
        if seen.differs and not self.reference.measured and cut.own is None:
            self.runs += 1
            self.reference.measure(self._built(self.tables))
            seen = self.reference.compare(frame, cut)
        return seen

    def explore(self, first_tests: Sequence[int] = (), *, quick: bool = False) -> Outcome:
        """Runs the worlds; `quick` is for a first look after each edit: two of them."""
        outcome = Outcome()
        rows = self.reference.rows
        chosen = global_cuts(
            self.times, rows.label_known, self.known, self.tables, self.gaps, first_tests, frame_zone(self.contract), _CUTS
        )
        if not chosen:
            outcome.reasons.append("nothing becomes known after any prediction: by the contract every cell is known beforehand")
            return outcome
        cuts = [at.cut for at in chosen]
        # Rows are only missing where there are some: a truncated world needs a cut with outcomes before it.
        enough = [cut for cut in cuts[1:] if float((rows.label_known <= cut.at).mean()) > _SETTLED]
        cuts = [*cuts[:1], *enough, *(cut for cut in cuts[1:] if cut not in enough), *cuts, *cuts]
        self.progress(f"features: cutoffs {', '.join(at.why for at in chosen)}")
        self._collect(self.attempts([(DOUBLED, cuts[0]), (TRUNCATED, cuts[1])]), outcome)
        if not quick and self.reference.stable_rows:
            left = max(0, _MANY - 1 - self._staggered_and_pulsed(outcome))
            worlds_left = [(MOVED_KEYS, cuts[2]), (VALUES, cuts[3]), (TRUNCATED, cuts[4])]
            self._collect(self.attempts(worlds_left[:left]), outcome)
        self._dismiss_missing_clocks(outcome)
        judge_exercise(outcome, self.reference, chosen)
        return outcome

    def _dismiss_missing_clocks(self, outcome: Outcome) -> None:
        """What only a truncated world moved, but not without the rows that wait for their clock, is an honest join by it."""
        for column, seen in list(outcome.hits.items()):
            if any(hit.world != TRUNCATED for hit in seen) or not any(self.known.announced.values()):
                continue
            for hit in seen:
                key = ("own clocks", hit.cut.at, EVERYTHING)
                if key not in self._done:
                    try:
                        self._done[key] = self._compare(self._with_own_clocks(hit.cut), hit.cut)
                    except PipelineError:
                        self._done[key] = None
                without = self._done[key]
                if without is None or column in without.moved:
                    break
            else:
                del outcome.hits[column]
                outcome.dismissed.append(column)

    def _collect(self, attempts: Iterator[Attempt], outcome: Outcome) -> None:
        """What worlds at global cuts showed."""
        for attempt in attempts:
            outcome.attempts.append(attempt)
            seen, world, cut = attempt.comparison, attempt.world, attempt.cut
            if seen is None:
                continue
            if world in (VALUES, DOUBLED):
                outcome.label_moved = np.union1d(outcome.label_moved, seen.label_moved)
            for column, positions in seen.moved.items():
                outcome.hits.setdefault(column, []).append(Hit(world, cut, positions, seen.after[column]))
            vanished = seen.vanished
            if len(vanished) and world not in (VALUES, DOUBLED) and (late := self.moved(VALUES, cut, EVERYTHING)) is not None:
                # Rows whose target still moves have no known label, whatever the contract says; their absence proves nothing.
                outcome.label_moved = np.union1d(outcome.label_moved, late.label_moved)
                vanished = np.setdiff1d(vanished, late.label_moved)
            if len(vanished):
                outcome.vanished.append((world, cut, vanished))
            new = len(seen.appeared) or self._left_out(seen, world, cut)
            if new:
                outcome.appeared.append((world, cut, new))

    def _left_out(self, seen: Comparison, world: str, cut: Cut) -> int:
        if seen.opened is None:
            return 0
        try:
            between = self._compare(in_between(self.tables, self.known, world, cut, seen.opened, self.seed), cut)
        except PipelineError:
            return 0
        return 0 if between.opened is None else with_outcome(self.tables, self.known, between.opened)

    def _staggered_and_pulsed(self, outcome: Outcome) -> int:
        """Runs up to four worlds of many cohorts, confirms what they suspect, and says how many there were."""
        rows, entity = self.reference.rows, self.contract.prediction.entity
        times = np.append(self.times, _afterwards(self.times, self.known.instants))
        train = pulses.train(times, self._special())
        cut = staggered_cut(self.reference.frame, rows.predicted, entity, self.known, lambda: self.own_gaps, self.seed)
        before, judged, suspects = self.runs, dict[str, int](), dict[str, list[int]]()
        far = None
        if train is not None:
            judged, suspects = self._pulsed(train, outcome)
            far = strikes.strikes(times, train.step, train.margin, outcome.echoes, self.reference, entity)
            if suspects:
                # What moves again where nothing before it was changed reads what follows.
                second = pulses.again(train, suspects)
                anew = pulses.repeated(train, second, suspects, self._pulsed(second, outcome)[1])
                outcome.dismissed += [column for column in suspects if column not in anew]
                suspects = anew
            if not suspects and self.runs - before + sum((cut is not None, far is not None)) < _MANY:
                own = self.own_gaps if self.reference.entities.nunique() >= pulses.TAKE_TURNS else {}
                more = pulses.closer(train, times, self._special(), outcome.echoes, self.reference, entity, own)
                # What a second look has dismissed moves by itself: its echo isn't what the first pulses have shown.
                seen = self._pulsed(more, outcome)[1]
                suspects = {column: moments for column, moments in seen.items() if column not in outcome.dismissed}
        if cut is not None:
            self._staggered(cut, frozenset(c for c, count in judged.items() if count >= _PULSED_ENOUGH), outcome, suspects)
        ran = self.runs - before
        self._confirm(suspects, outcome)
        if far is not None and not outcome.hits:
            # Events look back on others for who knows how long: most of what strikes suspect there is that.
            self._confirm(self._struck(far, outcome), outcome, 1 if len(far.owners.columns) == 1 else _CONFIRMATIONS)
        return ran

    def _special(self) -> list[int]:
        """Prediction times (ns) just before something rare happens: gaps end, clocks change."""
        times = self.times
        noted = [
            *gap_ends(self.gaps, limit=40, each=10),
            *clock_changes(times, frame_zone(self.contract)),
        ]
        places = np.searchsorted(times, np.asarray(noted, dtype=np.int64), side="left") - 1
        return [int(at) for at in np.unique(times[places[places >= 0]])]

    def _pulsed(self, train: Pulses, outcome: Outcome) -> tuple[dict[str, int], dict[str, list[int]]]:
        """Finds look-aheads on few rows: before how many pulses each column could be looked at, and suspicious moments."""
        self.progress(f"features: {len(train.instants)} pulses")
        changed = pulsed(self.tables, self.known, train.instants, train.width, self.seed + self.runs, train.owners)
        self.runs += 1
        try:
            seen = self.reference.compare(self._built(changed.tables), Cut(int(self.times[-1])))
        except PipelineError as error:
            outcome.notes.append(f"pulses could not be run: {error.message}")
            return {}, {}
        if train.sparse:
            outcome.echoes = outcome.echoes or pulses.echoes(self.reference, seen, train)
        heard = pulses.listen(self.reference, seen, train, outcome.echoes, changed)
        outcome.cohorts += max(heard.judged.values(), default=0)
        return heard.judged, {column: moments for column, moments in heard.suspects.items() if column not in outcome.hits}

    def _struck(self, far: Strikes, outcome: Outcome) -> dict[str, list[int]]:
        """Finds look-aheads that are whole windows, on few rows: suspicious moments by column."""
        self.progress(f"features: {len(far.instants)} strikes")
        changed = struck(self.tables, self.known, far.instants, far.width, far.owners, self.seed + self.runs)
        if all(changed[name] is table for name, table in self.tables.items()):
            return {}  # nothing was struck: nothing can be said to have been looked at
        self.runs += 1
        try:
            seen = self.reference.compare(self._built(changed), Cut(int(self.times[-1])))
        except PipelineError as error:
            outcome.notes.append(f"strikes could not be run: {error.message}")
            return {}
        heard = strikes.listen(self.reference, seen, far)
        outcome.cohorts += max(heard.judged.values(), default=0)
        return {column: moments for column, moments in heard.suspects.items() if column not in outcome.hits}

    def _staggered(self, cut: Cut, judged: frozenset[str], outcome: Outcome, suspects: dict[str, list[int]]) -> None:
        """Adds suspicious cuts of the columns that weren't `judged` well enough before pulses."""
        assert cut.own is not None
        self.progress(f"features: {len(cut.own)} entities cut on their own")
        attempt = next(self.attempts([(MOVED_KEYS, cut)]))
        outcome.attempts.append(attempt)
        if attempt.comparison is None:
            return
        cuts = cut.rows(self.reference.frame)
        events = are_events(len(cut.own), len(cuts))  # those look back on others, each of which has another cut
        for column, positions in attempt.comparison.moved.items():
            rare = len(positions) <= _RARE * len(cuts)  # what rightly depends on other entities moves nearly everywhere
            if (rare or not (events or column in judged)) and column not in outcome.hits:
                # The earliest suspicious cuts first: the fewest other entities had changed before them.
                suspects.setdefault(column, []).extend(sorted({int(at) for at in cuts[positions]}))

    def _confirm(self, suspects: Mapping[str, Sequence[int]], outcome: Outcome, most: int = _CONFIRMATIONS) -> None:
        """Tries suspicious instants as global cuts: each time the one that is the first of most columns."""
        left = {column: list(moments) for column, moments in suspects.items() if column not in outcome.hits}
        for _ in range(most):
            firsts = [moments[0] for moments in left.values() if moments]
            if not firsts:
                break
            at = max(sorted(set(firsts)), key=firsts.count)
            seen = self.moved(DOUBLED, Cut(at), EVERYTHING)
            for name, positions in (seen.moved if seen else {}).items():
                assert seen is not None
                outcome.hits.setdefault(name, []).append(Hit(DOUBLED, Cut(at), positions, seen.after[name]))
            left = {
                column: [moment for moment in moments if moment != at]
                for column, moments in left.items()
                if column not in outcome.hits
            }
        outcome.dismissed.extend(left)


def _afterwards(times: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Instants after the last prediction, evenly spaced until the last cell is known, no more of them than predictions: the
    newest rows can only be seen to look ahead there."""
    if len(times) < 2:
        return times[:0]
    step = int(np.median(np.diff(times)))
    return np.arange(int(times[-1]) + step, int(known[-1]), step, dtype=np.int64)[: len(times)]
