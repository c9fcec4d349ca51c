"""Which rows a value holds, as far as the code says it: tables that were read, and the parts they were divided into.

An atom is one origin (a table that came from somewhere) narrowed by parts; each part is one side of a division (`split 3:
train`, `day < cut`). Rows are a set of atoms. Nothing here looks at code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One side of a division; `key` names the division, `side` the side (`train`, `low`, `=1`, …)."""

    key: str
    side: str


@dataclass(frozen=True, slots=True)
class Atom:
    """Rows of one origin that lie in all of `parts`."""

    origin: int
    parts: frozenset[Part] = frozenset()


Rows = frozenset[Atom]
NO_ROWS: Rows = frozenset()


def covers(whole: Atom, part: Atom) -> bool:
    """True where every row of `part` is a row of `whole`."""
    return whole.origin == part.origin and whole.parts <= part.parts


def overlap(a: Atom, b: Atom) -> bool:
    """True where one certainly contains the other."""
    return covers(a, b) or covers(b, a)


def divided_by(a: Atom, b: Atom) -> Part | None:
    """The part of `a` by which no row of `b` is a row of `a`; None where they may share rows."""
    if a.origin != b.origin:
        return None
    sides = {part.key: part.side for part in b.parts}
    return next((p for p in a.parts if p.key in sides and _apart(p.side, sides[p.key])), None)


def dividing(train: Rows, asked: Rows) -> frozenset[Part]:
    """The parts by which all of `train` lies apart from all of `asked`; none where several tables are involved."""
    if not train or not asked:
        return frozenset()
    common = frozenset.intersection(*(a.parts for a in train))
    return frozenset(
        p for p in common if all(any(q.key == p.key and _apart(p.side, q.side) for q in d.parts) for d in asked)
    )  # fmt: skip


def disjoint(a: Atom, b: Atom) -> bool:
    """True where the two certainly share no row."""
    return a.origin != b.origin or divided_by(a, b) is not None


def _apart(a: str, b: str) -> bool:
    if a == b:
        return False
    if a[:1] == "!" or b[:1] == "!":  # "not this value": apart only from that very value
        return a[1:] == b[1:]
    return True


def narrowed(rows: Iterable[Atom], parts: Iterable[Part]) -> Rows:
    """The rows that also lie in `parts`; of two sides of one division the later one counts."""
    added = frozenset(parts)
    keys = {part.key for part in added}
    return frozenset(Atom(a.origin, frozenset(p for p in a.parts if p.key not in keys) | added) for a in rows)
