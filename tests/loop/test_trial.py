"""Edits are tried on a copy: the tree itself is never touched, data is shared, nothing is written outside."""

from pathlib import Path

import pytest

from workbench.loop.trial import edited_copy, judged
from workbench.pipeline.contract import load_contract
from workbench.settings import Settings
from workbench.testing import make_workspace


def test_a_copy_has_the_edits_and_the_tree_does_not(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "tree")
    for path, text in {
        "data/big.csv": "1",
        ".git/config": "secret",
        ".workbench/x": "",
        "pipelines/visits/__pycache__/a.pyc": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and ".workbench" not in p.parts}
    edits = {"pipelines/visits/new/a.py": "ä\r\n", "pipelines/visits/model.py": None}
    with edited_copy(Settings(root=root), root, edits) as copy:
        assert (copy / "pipelines/visits/new/a.py").read_bytes() == "ä\r\n".encode()
        assert not (copy / "pipelines/visits/model.py").exists()
        assert (copy / "data").is_symlink() and (copy / "data/big.csv").read_text() == "1"
        assert not (copy / ".git").exists() and not (copy / ".workbench").exists() and not list(copy.rglob("__pycache__"))
    assert not copy.exists()
    assert before == {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and ".workbench" not in p.parts}


@pytest.mark.parametrize("path", ["../outside.py", "/tmp/outside.py", "a/../../b.py"])
def test_an_edit_outside_the_tree_is_refused(tmp_path: Path, path: str) -> None:
    root = make_workspace(tmp_path)
    with pytest.raises(ValueError, match="outside"), edited_copy(Settings(root=root), root, {path: ""}):
        pass


def test_a_gate_is_asked_about_a_tree(tmp_path: Path) -> None:
    split = ('start - pd.Timedelta("25h")', 'start - pd.Timedelta("1h")')
    root = make_workspace(tmp_path, {"pipelines/visits/split.py": split})
    result = judged(Settings(root=root), load_contract(root, "visits"), root, "split")
    assert {finding.rule for finding in result.errors} == {"leakage/label-embargo"}
    assert len(result.folds) == 2 and len(result.frame) == 960
