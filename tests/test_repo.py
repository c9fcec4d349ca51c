from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.changesets import FILES, NOW, OWNER, git, workspace
from workbench.errors import Corrupt, Refusal, UsageError
from workbench.repo import DIRECTORY, EXECUTABLE, FILE, SYMLINK, Entry, Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return workspace(tmp_path / "ws")


def test_what_is_no_repository_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository"):
        Repo.open(tmp_path)
    assert Repo.ensure(tmp_path) and not Repo.ensure(tmp_path)
    fresh = Repo.open(tmp_path)
    assert fresh.branch() == "refs/heads/main"
    with pytest.raises(UsageError, match="no commit yet"):
        fresh.head()
    (tmp_path / "inner").mkdir()
    with pytest.raises(UsageError, match="not the root"):
        Repo.open(tmp_path / "inner")


def test_a_snapshot_is_what_git_itself_would_commit(repo: Repo) -> None:
    (repo.root / "run.sh").write_text("true\n")
    (repo.root / "run.sh").chmod(0o755)
    (repo.root / "link").symlink_to("README.md")
    (repo.root / "ä ö\n.txt").write_bytes(b"\0\xff")
    (repo.root / os.fsdecode(b"bad\xff.txt")).write_text("x")
    git(repo.root, "add", "-A")
    assert repo.snapshot() == git(repo.root, "write-tree")
    listed = repo.list_tree(repo.snapshot())
    assert (listed["run.sh"].mode, listed["link"].mode, listed["README.md"].mode) == (EXECUTABLE, SYMLINK, FILE)


def test_ignored_files_are_left_out_unless_committed_or_asked_for(repo: Repo) -> None:
    (repo.root / ".gitignore").write_text("*.log\nREADME.md\n/out/\n!keep.log\n")
    for name in ("a.log", "keep.log", "out/x", "tools/.gitignore", ".workbench/x", ".venv/x", ".mypy_cache/x"):
        (repo.root / name).parent.mkdir(exist_ok=True)
        (repo.root / name).write_text("x\n")
    (repo.root / ".git" / "info").mkdir(exist_ok=True)
    (repo.root / ".git" / "info" / "exclude").write_text("hidden.py\n")
    (repo.root / "hidden.py").write_text("x\n")
    git(repo.root, "config", "core.excludesFile", str(repo.root / ".gitignore"))
    seen = set(repo.list_tree(repo.snapshot())) - set(FILES)
    assert seen - {"review_policies/reviewers.toml"} == {".gitignore", "keep.log", "tools/.gitignore", "hidden.py"}
    everything = set(repo.list_tree(repo.snapshot(include_ignored=True)))
    assert {"a.log", "out/x"} <= everything and not any(path.startswith((".workbench", ".venv", ".git/")) for path in everything)
    assert "README.md" in everything


def test_a_nested_repository_does_not_hide_its_files(repo: Repo) -> None:
    inner = repo.root / "inner"
    Repo.ensure(inner)
    (inner / "code.py").write_text("x = 1\n")
    assert "inner/code.py" in repo.list_tree(repo.snapshot())
    assert "inner/code.py" in repo.list_tree(repo.snapshot(include_ignored=True))


def test_what_a_tree_cannot_hold_is_refused(repo: Repo) -> None:
    os.mkfifo(repo.root / "pipe")
    with pytest.raises(UsageError, match="pipe"):
        repo.snapshot(include_ignored=True)


def test_nothing_of_the_repository_is_run(repo: Repo, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    hooks = repo.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("reference-transaction", "post-index-change", "pre-commit", "post-checkout"):
        (hooks / hook).write_text(trap.read_text())
        (hooks / hook).chmod(0o755)
    for key in (
        "core.fsmonitor",
        "filter.x.clean",
        "filter.x.smudge",
        "diff.x.textconv",
        "diff.external",
        "core.pager",
        "core.sshCommand",
    ):
        git(repo.root, "config", key, str(trap))
    (repo.root / ".gitattributes").write_text("* filter=x diff=x\n")
    (tmp_path / "sprung").unlink(missing_ok=True)
    tree = repo.snapshot()
    made = repo.commit(tree, [repo.head()], "x", author=OWNER, ref="refs/heads/main", expect=repo.head())
    repo.set_index({"README.md": repo.entry(tree, "README.md")})
    repo.checkout(tree, tmp_path / "out")
    assert repo.is_dirty() == [] and repo.checked_out("refs/heads/main") == repo.root and repo.head() == made
    assert not (tmp_path / "sprung").exists()
    git(repo.root, "update-ref", "refs/heads/t", made)
    assert (tmp_path / "sprung").exists()  # ordinary git does walk into it
    assert (tmp_path / "out" / "README.md").read_text() == FILES["README.md"]


def test_revisions_have_one_meaning_or_none(repo: Repo) -> None:
    first = repo.head()
    git(repo.root, "branch", "feature/x")
    git(repo.root, "tag", "-a", "v1", "-m", "v1")
    git(repo.root, "update-ref", "refs/remotes/origin/main", first)
    for name in ("main", "refs/heads/main", "feature/x", "v1", "origin/main", "HEAD", first, first[:8]):
        assert repo.resolve(name) == first, name
    git(repo.root, "tag", "main")
    git(repo.root, "update-ref", "refs/workbench/secret", first)
    never = ("-x", "", ":/start", "refs/workbench/secret", "nothing", "0" * 40, "a b", "ma*", "HEAD..v1")
    wrong = ("main", "HEAD~1", "HEAD^{tree}", "@", "@{u}", *never)
    for name in wrong:
        with pytest.raises(UsageError):
            repo.resolve(name)
    tree = repo.commit_of(first).tree
    with pytest.raises(UsageError):
        repo.resolve(tree)


def test_refs_move_by_compare_and_swap_only(repo: Repo) -> None:
    first = repo.head()
    made = repo.commit(repo.tree_of("main"), [first], "second", author=OWNER, ref="refs/heads/main", expect=first, at=NOW)
    for ref, expect in (("refs/heads/main", first), ("refs/heads/main", None), ("refs/heads/other", first)):
        with pytest.raises(Refusal):
            repo.update_ref(ref, made, expect)
    repo.update_ref("refs/heads/other", made, None)
    repo.update_ref("refs/heads/other", None, made)
    assert "refs/heads/other" not in repo.refs("refs/heads/")
    assert repo.commit_of(made).committer == OWNER and repo.commit_of(made).committed == int(NOW.timestamp())


def test_detached_heads_and_linked_work_trees(repo: Repo, tmp_path: Path) -> None:
    git(repo.root, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    linked = Repo.open(tmp_path / "linked")
    assert linked.branch() == "refs/heads/side" and linked.snapshot() == repo.snapshot()
    assert repo.checked_out("refs/heads/side") == (tmp_path / "linked").resolve()
    git(repo.root, "checkout", "-q", "--detach")
    assert repo.branch() is None and repo.head() == linked.head()


def test_missing_objects_are_corrupt_not_empty(repo: Repo) -> None:
    for read in (repo.blob, repo.children, repo.commit_of):
        with pytest.raises(Corrupt):
            read("1" * 40)
    assert repo.read_blob(repo.tree_of("HEAD"), "no/such") is None
    assert repo.entry(repo.tree_of("HEAD"), "tools") == Entry(DIRECTORY, repo.entry(repo.tree_of("HEAD"), "tools").id)  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["../x", "/x", ".git/hooks/x", "a//b", ".GIT/x", "a/../b"])
def test_paths_that_leave_the_tree_are_refused(repo: Repo, path: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        repo.write_tree(None, {path: b"x"})
    with pytest.raises(Refusal):
        repo.write_file(tmp_path, path, Entry(FILE, repo.store("blob", b"x")))


def test_files_are_not_written_through_links(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(Refusal):
        repo.write_file(tmp_path / "place", "a/b", Entry(FILE, repo.store("blob", b"x")))
    assert list((tmp_path / "outside").iterdir()) == []


_NAMES = st.sampled_from(["a", "b", "c.py", "d-e", "d", "é"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)


@given(
    before=st.dictionaries(_PATHS, st.binary(max_size=4), max_size=5),
    after=st.dictionaries(_PATHS, st.binary(max_size=4), max_size=5),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_diffs_and_trees_agree(repo: Repo, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    def clean(files: dict[str, bytes]) -> dict[str, bytes]:
        return {p: c for p, c in files.items() if not any(other.startswith(p + "/") for other in files)}

    old, new = clean(before), clean(after)
    trees = [repo.write_tree(None, dict(files)) for files in (old, new)]
    assert {path: repo.blob(entry.id) for path, entry in repo.list_tree(trees[1]).items()} == new
    expected = {path for path in {**old, **new} if old.get(path) != new.get(path)}
    assert {path for path, _, _ in repo.diff(*trees)} == expected
    assert (trees[0] == trees[1]) == (old == new)
