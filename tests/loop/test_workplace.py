"""A driver's place is a tree with edits on top: nothing outside it can be named, and what is people's can't be touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.loop.workplace import MAX_FILE, WorkPlace, edited_tree
from workbench.repo import Entry, Repo

FILES = {
    "pipelines/visits/model.py": b"ROUNDS = 30\nNAME = 'visits'\n",
    "pipelines/visits/seen.csv": b"door,visitors\nA,1\n",
    "holdout/rows.py": b"SECRET = 1\n",
    "review_policies/default.toml": b"secret = 1\n",
    "sessions/one/events.jsonl": b"{}\n",
    "skills/build/skill.py": b"RUN = 1\n",
    "workbench.toml": b"",
    ".env": b"KEY=1\n",
    "docs/binary.bin": b"\xff\xfe\x00",
}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    root = tmp_path_factory.mktemp("workplace")
    Repo.ensure(root)
    return Repo.open(root)


@pytest.fixture(scope="module")
def tree(repo: Repo) -> str:
    files = repo.list_tree(repo.write_tree(None, FILES))
    files["pipelines/visits/link.py"] = Entry("120000", repo.store("blob", b"/etc/passwd"))
    return repo.tree_from(files)


@pytest.fixture
def place(repo: Repo, tree: str) -> WorkPlace:
    return WorkPlace(repo, tree, ("holdout",))


def test_edits_lie_on_top_and_become_a_tree(repo: Repo, tree: str, place: WorkPlace) -> None:
    place.edit("pipelines/visits/model.py", "ROUNDS = 30", "ROUNDS = 60")
    place.write("pipelines/visits/new.py", "NEW = 1\n")
    assert place.read("pipelines/visits/model.py").startswith("ROUNDS = 60")
    assert [hit.text for hit in place.search("ROUNDS|NEW", "pipelines/*")] == ["ROUNDS = 60", "NEW = 1"]
    made = edited_tree(repo, tree, place.edits)
    assert {path for path, _, _ in repo.diff(tree, made)} == {"pipelines/visits/model.py", "pipelines/visits/new.py"}
    place.write("pipelines/visits/new.py", None)
    place.edit("pipelines/visits/model.py", "ROUNDS = 60", "ROUNDS = 30")
    assert not place.edits and edited_tree(repo, tree, place.edits) == tree


def test_only_code_is_listed(place: WorkPlace) -> None:
    assert place.paths() == ["docs/binary.bin", "pipelines/visits/model.py", "workbench.toml"]
    assert not list(place.search("secret|SECRET|KEY|door"))


@pytest.mark.parametrize(
    "path",
    [
        "review_policies/default.toml", "sessions/one/events.jsonl", "holdout/rows.py", "pipelines/visits/seen.csv", ".env",
        ".git/config", "../outside", "/etc/passwd", "pipelines/visits/link.py", "pipelines/../.env", "docs/binary.bin", "",
        "no.py",
    ],
)  # fmt: skip
def test_what_cannot_be_read(place: WorkPlace, path: str) -> None:
    with pytest.raises(UsageError):
        place.read(path)


@pytest.mark.parametrize(
    "path",
    [
        "review_policies/default.toml", "Review_Policies/x", "sessions/x", "skills/build/skill.py", "skills.lock",
        "workbench.toml", ".git/config", ".GIT/config", "pipelines/.git/hooks/x", ".github/workflows/x.yml", ".gitattributes",
        "conftest.py", "../outside", "/etc/passwd", "a//b.py", "./a.py", "a/./b.py", "a/../b.py", "a\\b.py", "a\nb.py",
        "a:b.py", "git~1/config", "pipelines/visits/link.py", "pipelines", "holdout/new.py", "pipelines/visits/new.parquet",
        "ｓkills/x.py", "a./b.py", "pipelines/__pycache__/a.pyc", "", " ", "x" * 400,
    ],
)  # fmt: skip
def test_what_cannot_be_edited(repo: Repo, tree: str, place: WorkPlace, path: str) -> None:
    with pytest.raises(UsageError):
        place.write(path, "mine")
    with pytest.raises(UsageError):
        edited_tree(repo, tree, {path: b"mine"}, ("holdout",))
    assert not place.edits


def test_an_ambiguous_or_too_large_edit_is_refused(place: WorkPlace) -> None:
    for old in ("nowhere", "=", ""):
        with pytest.raises(UsageError, match="once"):
            place.edit("pipelines/visits/model.py", old, "x")
    with pytest.raises(UsageError, match="bytes"):
        place.write("pipelines/visits/model.py", "x" * (MAX_FILE + 1))
    with pytest.raises(UsageError, match="expression"):
        list(place.search("("))


@given(st.text(max_size=40))
def test_no_path_leads_out(repo: Repo, tree: str, path: str) -> None:
    """Whatever is written, the tree it leads to differs in exactly that path, which lies below no closed name."""
    place = WorkPlace(repo, tree)
    try:
        place.write(path, "x")
        made = edited_tree(repo, tree, place.edits)
    except UsageError:
        return
    assert {changed for changed, _, _ in repo.diff(tree, made)} == {path}
    assert not any(part.startswith(".") for part in path.split("/"))
