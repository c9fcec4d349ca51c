"""What drills plant: leaks that the gates find and harmless changes that they pass, none of which says what it is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.workspaces import make_workspace
from workbench.gates.audit import audit
from workbench.mutants.drills import harmless, leaky
from workbench.mutants.own_leaks import OWN_LEAKS
from workbench.pipeline.contract import Contract, load_contract
from workbench.review.drills import Planned
from workbench.settings import Settings


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = make_workspace(tmp_path)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def made(root: Path, seed: int = 3) -> tuple[Contract, list[Planned], list[Planned]]:
    contract = load_contract(root, "shop")
    text = (root / contract.path).read_text("utf-8")
    return contract, list(leaky(contract, text, seed=seed)), list(harmless(contract, text, seed=seed))


def test_leaks_and_harmless_changes_look_alike(shop: Path) -> None:
    contract, leaks, plain = made(shop)
    assert len({one.name for one in leaks}) >= 5 and len({one.name for one in plain}) >= 5
    for one in (*leaks, *plain):
        source = one.edits[one.planted].decode()
        compile(source, one.planted, "exec")
        assert not re.search("leak|plant|drill|mutant|original", source, re.IGNORECASE), source
        assert set(one.edits) == {one.planted, contract.path} and Path(one.planted).parent == Path(contract.path).parent
    assert {one.title for one in plain} >= {one.title for one in leaks}
    assert {one.planted for one in plain} == {one.planted for one in leaks}
    assert len({tuple(one.edits.items()) for one in leaks}) == len(leaks)


def test_the_seed_chooses(shop: Path) -> None:
    assert made(shop, 3) == made(shop, 3) and made(shop, 3)[1] != made(shop, 4)[1]


@pytest.mark.slow
def test_the_gates_find_every_leak_and_pass_every_harmless_change(shop: Path) -> None:
    contract, leaks, plain = made(shop)
    whole = {path: (shop / path).read_bytes() for path in (contract.path,)}
    gates = {leak.name: leak for leak in OWN_LEAKS}
    wrong = []
    for one in {each.name: each for each in (*leaks, *plain)}.values():
        for path, content in one.edits.items():
            (shop / path).write_bytes(content)
        report = audit(Settings(root=shop), "shop", gates=[gates[one.name].gate] if one.leak else None, quick=not one.leak)
        found = {finding.rule for finding in report.errors}
        if report.error is not None or (not found & gates[one.name].rules if one.leak else found):
            wrong.append((one.name, report.error, found))
        (shop / one.planted).unlink()
        (shop / contract.path).write_bytes(whole[contract.path])
    assert wrong == []
