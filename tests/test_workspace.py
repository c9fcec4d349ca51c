"""`workbench init`: makes a workspace, keeps what is there."""

from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.workspace import make_workspace


def test_it_makes_every_folder_of_the_design(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "new", example=True)
    for name in ("workbench.toml", "skills", "skills.lock", "review_policies", "pipelines/departures", "sessions", ".gitignore"):
        assert (made.root / name).exists(), name
    assert not list(made.root.rglob("*.pyc"))


def test_what_is_there_is_kept_and_a_second_call_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text("data = []\n")
    make_workspace(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = make_workspace(tmp_path)
    assert again.created == []
    assert (tmp_path / "workbench.toml").read_text() == "data = []\n"
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_file_in_the_way_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    with pytest.raises(UsageError):
        make_workspace(tmp_path / "here")
