"""What a mutant is: a complete workspace as text, and what an audit should say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Expected:
    """What an audit has to say about a leak.

    An error by any of `rules` is right. It has to be in `stage`, about one of the features `columns`, and read one of the source
    cells `sources` (`"sales.units"`), where these are given; empty means not judged.
    """

    rules: frozenset[str]
    stage: str | None = None
    columns: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mutant:
    """One planted leak (`leak`) or its clean twin. `files` maps paths to the texts of the complete workspace.

    `expects` is what a leak should be called; a twin has none. `share` is the share of the feature frame's rows that the leak
    touches, where it touches few.
    """

    pattern: int
    name: str
    use_case: str
    leak: bool
    files: Mapping[str, str]
    expects: Expected | None
    share: float | None = None


def expected(
    *rules: str, stage: str | None = None, columns: str | tuple[str, ...] = (), sources: str | tuple[str, ...] = ()
) -> Expected:
    """`Expected` in one line: single names may stand without a tuple."""
    named = (columns,) if isinstance(columns, str) else columns
    read = (sources,) if isinstance(sources, str) else sources
    return Expected(frozenset(rules), stage, frozenset(named), frozenset(read))


def ahead(column: str, *sources: str) -> Expected:
    """What most leaks should be called: the feature `column` reads cells of `sources` that aren't known yet."""
    return expected("leakage/future-feature", stage="features", columns=column, sources=sources)


def write(mutant: Mutant, root: Path) -> None:
    """Writes the mutant's workspace into `root`, which may exist."""
    for path, text in mutant.files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
