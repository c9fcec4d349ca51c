"""Many cohorts in one run: short stretches of time are changed again and again, and the rows before each have to stay.

A global cut probes the rows just before it and nothing else, so a look-ahead on few days is missed by few cuts. Where features
look back only so far, a pipeline may be asked many questions at once: cells that become known in the `width` after each of many
instants are changed (a pulse each). Rows after a pulse rightly move for as long as they look back; rows before the next one may
not. What moves at most distances after a pulse is such an echo; what moves seldom, or beyond the echo's end, is a suspicion, to
be confirmed at one global cut. A feature whose echo doesn't end can't be judged this way: `probes.py` has its other worlds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.gates.comparison import Comparison, Reference

_ECHO = 0.3
"""Where more than this share of the rows at one distance from a pulse moved, they moved because of it."""
_BINS = 96
_MARGIN = 3
"""Bins beside an echo that still belong to it."""


@dataclass(frozen=True)
class Pulses:
    """Instants (int64 ns, sorted) after each of which the cells known within `width` (ns) are changed."""

    instants: np.ndarray
    width: int


def coarse(times: np.ndarray) -> Pulses | None:
    """Few short pulses, far apart: what they show is how far the features look back."""
    every = int(times[-1] - times[0]) // 5 if len(times) >= 40 else 0
    return _spaced(times, every, every // 40, 0.3) if every else None


def fine(times: np.ndarray, memory: int, phase: float) -> Pulses | None:
    """As many pulses as features leave room for that look back `memory` nanoseconds."""
    every = max(int(2.2 * memory), 8 * _step(times))
    return _spaced(times, every, every // 6, phase)


def _step(times: np.ndarray) -> int:
    return int(np.median(np.diff(times)))


def _spaced(times: np.ndarray, every: int, width: int, phase: float) -> Pulses | None:
    """Pulses at prediction times, about `every` nanoseconds apart, or None where fewer than three fit."""
    grid = np.arange(int(times[0]) + int(phase * every), int(times[-1]), every)
    instants = np.unique(times[np.clip(np.searchsorted(times, grid), 0, len(times) - 1)])
    return Pulses(instants, max(width, _step(times))) if len(instants) >= 3 else None


def memories(reference: Reference, seen: Comparison, pulses: Pulses) -> dict[str, int]:
    """Per column how far it looks back (ns), from how long its rows move after a pulse; left out where that doesn't end."""
    since, _, inside = _distances(reference, pulses)
    spacing = int(np.median(np.diff(pulses.instants)))
    found = {}
    for column in reference.columns:
        share, edges = _shares(since, inside, seen.moved.get(column, np.empty(0, dtype=np.int64)), spacing)
        loud = np.flatnonzero(share > _ECHO)
        end = int(edges[loud[-1] + 1]) if len(loud) else 0
        if end < 0.8 * spacing:
            found[column] = max(end - pulses.width, 0)
    return found


def suspects(reference: Reference, seen: Comparison, pulses: Pulses, memory: dict[str, int]) -> dict[str, list[int]]:
    """Per column prediction times of rows that moved though no pulse before them explains it, the oddest first.

    All beyond the echo's end, and one of those within its reach that moved at a distance where hardly any other row does.
    """
    since, until, inside = _distances(reference, pulses)
    spacing = int(np.median(np.diff(pulses.instants)))
    found: dict[str, list[int]] = {}
    for column, rows in seen.moved.items():
        if column not in memory:
            continue
        share, edges = _shares(since, inside, rows, spacing)
        odd = rows[inside[rows]]
        bins = np.clip(np.searchsorted(edges, since[odd], side="right") - 1, 0, len(share) - 1)
        beyond = since[odd] > memory[column] + pulses.width + (edges[1] - edges[0])
        order = np.lexsort((until[odd], share[bins]))
        strong = [int(at) for at in dict.fromkeys(reference.rows.predicted[odd[order[beyond[order]]]].tolist())]
        quiet = np.convolve(share > 0.5 * _ECHO, np.ones(2 * _MARGIN + 1), mode="same") == 0
        weak = order[~beyond[order] & quiet[bins[order]]][:1]
        moments = [*strong, *(int(at) for at in reference.rows.predicted[odd[weak]])]
        if moments:
            found[column] = moments
    return found


def _distances(reference: Reference, pulses: Pulses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per row the time since the last pulse and until the next (ns), and whether it lies between two of them."""
    predicted = reference.rows.predicted
    following = np.searchsorted(pulses.instants, predicted, side="left")
    inside = (following > 0) & (following < len(pulses.instants))
    last = pulses.instants[np.clip(following - 1, 0, len(pulses.instants) - 1)]
    upcoming = pulses.instants[np.clip(following, 0, len(pulses.instants) - 1)]
    return np.where(inside, predicted - last, 0), np.where(inside, upcoming - predicted, 0), inside


def _shares(since: np.ndarray, inside: np.ndarray, rows: np.ndarray, spacing: int) -> tuple[np.ndarray, np.ndarray]:
    """The share of rows that moved, by distance from the last pulse; and the edges of those distances."""
    edges = np.linspace(0, max(int(since[inside].max(initial=spacing)), 1) + 1, _BINS + 1)
    moved = np.zeros(len(since), dtype=bool)
    moved[rows] = True
    total, _ = np.histogram(since[inside], edges)
    hit, _ = np.histogram(since[inside & moved], edges)
    return np.divide(hit, total, out=np.zeros(_BINS), where=total > 0), edges
