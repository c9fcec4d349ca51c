"""What changed worlds showed: which columns moved at which cut, which rows came and went, and what could not be looked at.

How it comes about is in `probes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.gates.comparison import Comparison, Reference
from workbench.gates.cutoffs import Chosen
from workbench.pipeline.asof import Cut
from workbench.pipeline.times import moment

VALUES = "poisoned-a"
MOVED_KEYS = "poisoned-b"
TRUNCATED = "truncated"
DOUBLED = "thickened"
"""`poisoned-a` with more unknown rows."""
THINNED = "thinned"


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
    """Columns that moved in staggered runs or after pulses only, rightly."""
    echoes: dict[str, np.ndarray | None] = field(default_factory=dict)
    """Column → at which distances after a pulse its rows move (`pulses.echoes`)."""


def judge_exercise(outcome: Outcome, reference: Reference, chosen: Sequence[Chosen]) -> None:
    """Notes what could not be looked at, and how many cuts were."""
    ran = [attempt for attempt in outcome.attempts if attempt.comparison is not None]
    failed = [attempt for attempt in outcome.attempts if attempt.comparison is None]
    for attempt in ran:
        if attempt.failure and attempt.gentle:
            outcome.notes.append(f"{attempt.world} at {_at(attempt.cut)} only in its gentle form: {attempt.failure}")
    for attempt in failed:
        outcome.notes.append(f"{attempt.world} at {_at(attempt.cut)} could not be run: {attempt.failure}")
    for worlds_of, what in (((VALUES, DOUBLED), "changed values"), ((TRUNCATED, THINNED), "missing rows")):
        tried = [attempt for attempt in outcome.attempts if attempt.world in worlds_of and attempt.cut.own is None]
        done = [attempt for attempt in tried if attempt.comparison is not None and attempt.comparison.compared]
        if 2 * len(done) < len(tried) or not done:
            why = next((attempt.failure for attempt in tried if attempt.failure), "no row could be compared")
            outcome.reasons.append(f"{what} could be tried at {len(done)} of {len(tried)} cutoffs: {why}")
    changed = [attempt for attempt in ran if attempt.world in (VALUES, DOUBLED, MOVED_KEYS, TRUNCATED)]
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
