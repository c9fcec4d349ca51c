"""`workbench audit --prove`: leaks planted into a use case's own pipeline, and whether its gates find them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.workspaces import make_workspace
from workbench.mutants.catalogue import honest
from workbench.mutants.model import write
from workbench.mutants.own_leaks import OWN_LEAKS, names_for, plant
from workbench.mutants.prove import prove, words
from workbench.pipeline.contract import load_contract
from workbench.settings import Settings


@pytest.fixture
def power(tmp_path: Path) -> Path:
    write(honest("power"), tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_what_is_planted_wraps_the_stages_and_leaves_the_rest(power: Path) -> None:
    contract = load_contract(power, "power")
    leak = names_for(next(leak for leak in OWN_LEAKS if leak.gate == "fit"), contract)
    before = (power / contract.path).read_text()
    assert plant(leak, contract, power) == ""
    after = load_contract(power, "power")
    changed = {stage for stage, entry in after.stages.entries().items() if contract.stages.entries()[stage] != entry}
    assert changed == set(leak.stages)
    assert (power / contract.path).read_text().count("\n") == before.count("\n")
    compile((power / "workbench_planted.py").read_text(), "workbench_planted.py", "exec")


def test_every_gate_that_audits_a_contract_has_a_leak_or_says_why_not(power: Path) -> None:
    gates = {leak.gate for leak in OWN_LEAKS} | {"schema"}
    assert gates == {"features", "split", "fit", "metric", "availability", "parity", "proxy", "schema"}
    contract = load_contract(power, "power")
    told = {leak.name: leak.hindrance(contract) for leak in OWN_LEAKS}
    assert told["the online answer is made of other values"] == "the contract names no serve stage"
    assert told["a feature reads its own row's outcome"] == ""


@pytest.mark.slow
def test_the_gates_of_a_use_case_bite(power: Path) -> None:
    report = prove(Settings(root=power), "power")
    assert report.proven, words(report)
    assert not list((power / ".workbench" / "scratch-trees").iterdir())
    assert not (power / "workbench_planted.py").exists()


def test_one_gate_is_proven_alone(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    report = prove(Settings(root=root), "shop", gates=["split"])
    assert {proof.gate for proof in report.proofs} == {"split"}
    assert {proof.status for proof in report.proofs} == {"caught", "not exercised"}
    assert "caught" in words(report)
