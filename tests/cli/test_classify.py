from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.changesets import FILES, commit, edited, git, replaced, workspace
from workbench.cli.main import main
from workbench.repo import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return workspace(tmp_path)


def run(repo: Repo, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["-C", str(repo.root), *words])
    said = capsys.readouterr()
    return int(code), said.out, said.err


def branch(repo: Repo, name: str, edits: dict[str, str]) -> None:
    git(repo.root, "branch", name)
    commit(repo, edited(repo, edits).result, name, ref=f"refs/heads/{name}")


def test_json_and_exit_codes(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    branch(repo, "risky", replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 0"))
    branch(repo, "words", {"README.md": "# more\n"})
    code, out, _ = run(repo, capsys, "classify", "--base", "main", "--head", "risky", "--static-only", "--json")
    body = json.loads(out)
    assert code == 3 and body["format"] == 1 and body["decision"] == "review" and body["digest"].startswith("sha256:")
    risk = body["risks"][0]
    assert (risk["kind"], risk["path"], risk["symbol"], risk["line"], risk["by"]) == (
        "split",
        "pipelines/sales/split.py",
        "GAP",
        4,
        "static",
    )
    assert body["requires"] == {
        "approvals": 1,
        "roles": ["domain"],
        "gates": ["leakage"],
        "questions": ["When is the label known?"],
    }
    assert {"name": "domain", "status": "review", "why": "applies to split"} in body["rules"]
    assert run(repo, capsys, "classify", "--base", "main", "--head", "words", "--json")[0] == 0
    code, out, _ = run(repo, capsys, "classify", "--base", "main", "--head", "main")
    assert code == 0 and "decision: allow" in out


def test_the_work_tree_with_ignored_files(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.root / ".git/info").mkdir(exist_ok=True)
    (repo.root / ".git/info/exclude").write_text("sklearn/\n")
    assert run(repo, capsys, "classify", "--base", "main", "--head", "WORKTREE", "--static-only")[0] == 0
    (repo.root / "sklearn").mkdir()
    (repo.root / "sklearn/__init__.py").write_text("")
    code, out, _ = run(repo, capsys, "classify", "--base", "main", "--head", "WORKTREE", "--static-only")
    assert code == 3 and "sklearn" in out


@pytest.mark.parametrize("revision", ["nothing", "HEAD~1", "", "-x", "main..main"])
def test_bad_revisions_are_exit_2(repo: Repo, capsys: pytest.CaptureFixture[str], revision: str) -> None:
    code, out, err = run(repo, capsys, "classify", f"--base={revision}", "--head", "main", "--json")
    assert code == 2 and json.loads(out)["error"]["hint"] and "hint:" in err


def test_a_policy_with_a_typo_is_exit_2_and_named(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = FILES["review_policies/splits.toml"].replace("require.roles", "require.rolls")
    commit(repo, edited(repo, {"review_policies/splits.toml": wrong}).result, "typo")
    code, _, err = run(repo, capsys, "classify", "--base", "main", "--head", "main")
    assert code == 2 and "splits.toml" in err and "rolls" in err


def test_text_from_a_change_cannot_move_the_cursor(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    branch(repo, "escape", {"x\x1b[2J.bin": "\x1b[2J"})
    code, out, _ = run(repo, capsys, "classify", "--base", "main", "--head", "escape", "--static-only")
    assert code == 3 and "\x1b" not in out and "\\x1b" in out
