"""All patterns and bases there are, found by their files, and the mutants made of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterator
from functools import cache

from workbench.mutants import bases as bases_package
from workbench.mutants import patterns as patterns_package
from workbench.mutants.base import Base
from workbench.mutants.model import Mutant
from workbench.mutants.pattern import Pattern, Plant


@cache
def patterns() -> list[Pattern]:
    """Every pattern, by number. A file in `patterns/` is a pattern; there is no list to keep."""
    found: list[Pattern] = []
    for module in pkgutil.iter_modules(patterns_package.__path__):
        if module.name.startswith("p"):
            found.append(importlib.import_module(f"{patterns_package.__name__}.{module.name}").pattern)
    return sorted(found, key=lambda pattern: pattern.number)


@cache
def bases() -> dict[str, Base]:
    """Use case → its base pipeline."""
    found: dict[str, Base] = {}
    for module in pkgutil.iter_modules(bases_package.__path__):
        base: Base = importlib.import_module(f"{bases_package.__name__}.{module.name}").base
        found[base.use_case] = base
    return found


def honest(use_case: str) -> Mutant:
    """The base pipeline as it stands: no pattern (0), no leak."""
    return Mutant(0, f"{use_case}-00-base", use_case, False, bases()[use_case].render({}), None)


def mutants(
    *, numbers: Collection[int] | None = None, use_cases: Collection[str] | None = None, leak: bool | None = None
) -> Iterator[Mutant]:
    """Mutants by pattern and use case, each leak before its twin; the arguments limit them."""
    for pattern in patterns():
        if numbers is not None and pattern.number not in numbers:
            continue
        for use_case, (planted, twin) in pattern.plants.items():
            if use_cases is not None and use_case not in use_cases:
                continue
            if leak is not False:
                yield _mutant(pattern, use_case, planted, leak=True)
            if leak is not True:
                yield _mutant(pattern, use_case, twin, leak=False)


def _mutant(pattern: Pattern, use_case: str, plant: Plant, *, leak: bool) -> Mutant:
    return Mutant(
        pattern=pattern.number,
        name=f"{use_case}-{pattern.number:02d}-{'leak' if leak else 'twin'}",
        use_case=use_case,
        leak=leak,
        files=bases()[use_case].render(plant.slots, plant.contract, plant.files),
        expects=pattern.expects[use_case] if leak else None,
        share=plant.share,
    )
