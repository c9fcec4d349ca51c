from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.changesets import FILES, edited, workspace
from workbench.changes import FileDiff, file_diffs
from workbench.changes.diff import _hunks
from workbench.repo import Repo


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return workspace(tmp_path_factory.mktemp("ws"))


def diffs(repo: Repo, edits: dict[str, str | bytes | None]) -> dict[str, FileDiff]:
    return {found.path: found for found in file_diffs(repo, edited(repo, edits))}


def test_additions_deletions_and_renames(repo: Repo) -> None:
    path = "pipelines/sales/split.py"
    found = diffs(repo, {path: None, "pipelines/sales/folds.py": FILES[path].replace("GAP = 3", "GAP = 4"), "new.md": "x"})
    assert found[path].status == "deleted" and all(line.mark == "-" for hunk in found[path].hunks for line in hunk.lines)
    assert found["pipelines/sales/folds.py"].old_path == path and found["pipelines/sales/folds.py"].status == "added"
    assert found["new.md"].old_path is None and found["new.md"].missing_newline


def test_binaries_are_named_not_shown(repo: Repo) -> None:
    found = diffs(repo, {"data/orders.csv": b"\0\1"})["data/orders.csv"]
    assert found.binary and found.hunks == () and found.new_size == 2


def test_attributes_cannot_hide_a_line(tmp_path: Path) -> None:
    repo = workspace(tmp_path, {".gitattributes": "* -diff -text linguist-generated binary\n"})
    found = diffs(repo, {"README.md": "# sales\nhidden\n"})["README.md"]
    assert [(line.mark, line.text, line.new) for line in found.hunks[0].lines] == [(" ", "# sales", 1), ("+", "hidden", 2)]
    assert found.hunks[0].header == "@@ -1,1 +1,2 @@"


@given(old=st.lists(st.sampled_from("abcd"), max_size=30), new=st.lists(st.sampled_from("abcd"), max_size=30))
@settings(max_examples=100, deadline=None)
def test_hunks_rebuild_the_new_text(old: list[str], new: list[str]) -> None:
    rebuilt, at = [], 0
    for hunk in _hunks(old, new):
        start = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        rebuilt += old[at:start]
        at = start
        for line in hunk.lines:
            if line.mark in " -":
                assert old[at] == line.text and line.old == at + 1
                at += 1
            if line.mark in " +":
                rebuilt.append(line.text)
                assert line.new == len(rebuilt)
    assert rebuilt + old[at:] == new
