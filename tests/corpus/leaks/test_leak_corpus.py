"""Every mutant under the real audit: leaks are caught by the right rule at the right place, twins pass every gate.

A few of each kind run always, on the gates that they are about; the whole catalogue, on all gates, is marked slow.
`benchmarks/leak_recall.py` prints the same as a table.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.mutants.catalogue import bases, honest, mutants
from workbench.mutants.model import Mutant
from workbench.mutants.trial import run

FAST = {
    "shop-17-leak": ["features"],
    "power-02-twin": ["features"],
    "power-34-leak": ["split"],
    "power-34-twin": ["split"],
    "shop-14-leak": ["split"],
}
"""Mutant → the gates it is run on in every test run."""


def _named(names: set[str]) -> list[Mutant]:
    return [mutant for mutant in mutants() if mutant.name in names]


@pytest.mark.parametrize("mutant", _named(set(FAST)), ids=lambda mutant: mutant.name)
def test_a_few_mutants_on_the_gates_they_are_about(mutant: Mutant, tmp_path: Path) -> None:
    judged = run(mutant, tmp_path, gates=FAST[mutant.name]).judgement
    assert judged.right and not judged.strays, judged.reason or judged.strays
    assert judged.sourced is not False, "the source cell is named"


def test_the_fast_ones_are_in_the_catalogue() -> None:
    assert {mutant.name for mutant in _named(set(FAST))} == set(FAST)


@pytest.mark.slow
@pytest.mark.parametrize("use_case", sorted(bases()))
def test_a_base_passes_every_gate(use_case: str, tmp_path: Path) -> None:
    judged = run(honest(use_case), tmp_path).judgement
    assert judged.right, judged.reason


@pytest.mark.slow
@pytest.mark.parametrize("mutant", list(mutants(leak=True)), ids=lambda mutant: mutant.name)
def test_a_leak_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    judged = run(mutant, tmp_path).judgement
    assert judged.right and not judged.strays, judged.reason or judged.strays


@pytest.mark.slow
@pytest.mark.parametrize("mutant", list(mutants(leak=False)), ids=lambda mutant: mutant.name)
def test_a_twin_passes(mutant: Mutant, tmp_path: Path) -> None:
    judged = run(mutant, tmp_path).judgement
    assert judged.right, judged.reason
