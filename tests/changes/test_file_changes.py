from __future__ import annotations

import json
import py_compile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.changesets import CONTRACT, FILES, NOW, edited, git, judged, kinds, replaced, workspace
from workbench.changes import Author, Change, classify
from workbench.policy import load_policy
from workbench.repo import SYMLINK, Entry, Repo

C = "pipelines/sales/contract.toml"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return workspace(tmp_path_factory.mktemp("ws"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('label_known_after = "2h"', 'label_known_after = "0h"', {"contract", "label", "split"}),
        ('target = "revenue"', 'target = "price"', {"contract", "label"}),
        ('horizon = "24h"', 'horizon = "1h"', {"contract", "label", "split", "feature"}),
        ("margin = 0.02", "margin = 0.0", {"contract", "metric", "gate"}),
        ('primary = "mae"', 'primary = "rmse"', {"contract", "metric"}),
        ('known_after = "1h"\n', 'known_after = "0h"\n', {"contract", "feature"}),
        ("split = ", "  split   = ", {"format"}),
        ('"pipelines.sales.split:folds"', '"pipelines.sales.other:folds"', {"contract", "split"}),
        ('kind = "regression"', "kind = regression", {"contract", "unknown"}),
    ],
)  # fmt: skip
def test_a_declared_fact_is_contract_and_what_it_is_about(repo: Repo, old: str, new: str, expected: set[str]) -> None:
    assert kinds(repo, replaced(C, old, new)) == expected


def test_loosened_slices_and_budgets_are_gate(repo: Repo) -> None:
    assert kinds(repo, {C: CONTRACT + "[budgets]\nlatency_p95 = '5s'\n"}) == {"contract", "gate"}
    assert kinds(repo, {C: None}) >= {"contract", "split", "label", "metric", "feature"}


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("README.md", "# other\n", {"docs"}),
        ("docs/new.md", "words\n", {"docs"}),
        ("README.md", "# \u202egnp.exe\n", {"docs", "unknown"}),
        ("review_policies/splits.toml", "", {"policy"}),
        ("review_policies/reviewers.toml", "x = 1\n", {"policy"}),
        ("review_policies/README.md", "x", {"policy"}),
        ("skills/build/skill.py", "x = 1\n", {"skill"}),
        ("skills/build/SKILL.md", "x", {"skill"}),
        ("skills.lock", "x = 1\n", {"skill"}),
        ("workbench/policy/decide.py", "x = 1\n", {"gate"}),
        (".github/workflows/ci.yml", "on: push\n", {"gate"}),
        (".ci/run", "true\n", {"gate"}),
        ("Makefile", "test:\n\ttrue\n", {"gate"}),
        (".gitattributes", "*.py -diff\n", {"gate"}),
        (".gitignore", "*.log\n", {"gate"}),
        (".gitmodules", "x\n", {"gate"}),
        ("CODEOWNERS", "* @x\n", {"gate"}),
        ("ruff.toml", "x = 1\n", {"gate"}),
        (".pre-commit-config.yaml", "repos: []\n", {"gate"}),
        ("pytest.ini", "[pytest]\naddopts = -p evil\n", {"gate"}),
        ("requirements.txt", "pandas==9\n", {"dependency"}),
        ("uv.lock", "x", {"dependency"}),
        ("Dockerfile", "FROM x\n", {"deployment"}),
        ("k8s/canary.yaml", "weight: 100\n", {"deployment"}),
        ("workbench.toml", "[sandbox]\nread = ['/']\n", {"gate"}),
        ("workbench.toml", "[mlflow]\ntracking_uri = 'x'\n", {"deployment"}),
        ("data/orders.csv", "store\nb\n", {"data", "label"}),
        ("data/new.parquet", "PAR1", {"data"}),
        ("data/new.pkl", "x", {"unknown"}),
        ("model.joblib", "x", {"unknown"}),
        ("config/holidays.json", '{"days": []}', {"unknown"}),
        ("config/holidays.json", '{\n "days": ["2026-01-01"]}', {"format"}),
        ("app/settings.yaml", "a: 1\n", {"unknown"}),
        ("run.sh", "true\n", {"unknown"}),
        (".env", "A=1\n", {"unknown", "deployment"}),
        ("lib.so", "\x7fELF\0", {"unknown"}),
        ("picture.png", "not a picture", {"unknown"}),
        ("data/orders.csv.dvc", "md5: x\n", {"data", "unknown"}),
        ("sessions/x/events.jsonl", "{}", {"test"}),
        ("something", "x", {"unknown"}),
    ],
)  # fmt: skip
def test_every_kind_of_file_has_an_answer(repo: Repo, path: str, content: str, expected: set[str]) -> None:
    assert kinds(repo, {path: content}) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"pandas>=2"', '"pandas>=3"', {"dependency"}),
        ("line-length = 100", "line-length = 200", {"gate"}),
        ('name = "sales"', 'name = "other"', {"docs"}),
        ("[tool.ruff]", "[tool.pytest.ini_options]\naddopts = '-p evil'\n[tool.ruff]", {"gate"}),
        ("[tool.ruff]", "[project.entry-points.pytest11]\nx = 'y'\n[tool.ruff]", {"gate", "dependency"}),
        ("[tool.ruff]", "[build-system]\nrequires = ['x']\n[tool.ruff]", {"dependency"}),
        ("[tool.ruff]", "# words\n[tool.ruff]", {"docs"}),
        ("[tool.ruff]", "[tool.ruff", {"unknown"}),
    ],
)  # fmt: skip
def test_pyproject_is_judged_key_by_key(repo: Repo, old: str, new: str, expected: set[str]) -> None:
    assert kinds(repo, replaced("pyproject.toml", old, new)) == expected


def test_a_file_that_a_stage_names_is_of_that_stages_kind(tmp_path: Path) -> None:
    split = "import json\n\nEDGES = json.load(open('config/edges.json'))\n\n\ndef folds(frame):\n    return EDGES\n"
    given = {"pipelines/sales/split.py": split, "config/edges.json": "[1]", "folds.txt": "a", "docs/guide.md": "a"}
    repo = workspace(tmp_path, given)
    assert kinds(repo, {"config/edges.json": "[2]"}) == {"split"}
    edit = {"pipelines/sales/split.py": split.replace("config/edges.json", "data/orders.csv")}
    other = workspace(tmp_path / "other", {**given, **edit})
    assert kinds(other, {"data/orders.csv": "x"}) == {"data", "label", "split"}


def test_notebooks_are_judged_by_their_code_cells(repo: Repo) -> None:
    cells = json.loads(FILES["notes.ipynb"])
    cells["cells"][0]["outputs"] = [{"output_type": "stream", "text": ["1"]}]
    assert kinds(repo, {"notes.ipynb": json.dumps(cells)}) == {"docs"}
    cells["cells"][0]["source"] = ["x = 2\n"]
    assert kinds(repo, {"notes.ipynb": json.dumps(cells)}) == {"unknown"}
    cells["cells"][0]["source"] = ["from sklearn.model_selection import KFold\n", "KFold(5)\n"]
    assert kinds(repo, {"notes.ipynb": json.dumps(cells)}) >= {"unknown", "split"}
    assert kinds(repo, {"notes.ipynb": "{"}) == {"unknown"}


def test_links_modes_and_submodules_are_unknown(repo: Repo) -> None:
    base = repo.tree_of("HEAD")
    files = repo.list_tree(base)
    target = repo.store("blob", b"../../etc/passwd")
    path = "pipelines/sales/split.py"
    for entry in (Entry(SYMLINK, target), Entry("100755", files[path].id), Entry("160000", "1" * 40)):
        change = Change(base=base, result=repo.tree_from({**files, path: entry}), author=Author(name="x"), title="")
        assert "unknown" in {kind.value for kind in classify(repo, change).kinds}


@pytest.mark.parametrize(
    "line",
    [
        "KEY = 'AKIA" + "ABCDEFGHIJKLMNOP'",
        "token = 'ghp_" + "a1" * 18 + "'",
        "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
        "password: 'Tr0ub4dor&3x'",
        "url = 'postgres://sales:hunter22" + "@db/x'",
    ],
)  # fmt: skip
def test_credentials_are_secret_and_are_never_repeated(repo: Repo, line: str) -> None:
    found = judged(repo, {"README.md": f"# sales\n{line}\n"})
    assert "secret" in {kind.value for kind in found.kinds}
    assert all(line not in risk.reason for risk in found.risks)
    assert "secret" not in kinds(repo, {"README.md": "password: 'your-password-here'\n"})


def test_huge_changes_are_unknown(repo: Repo) -> None:
    assert kinds(repo, {"docs/a.md": "x\n" * 20_001}) == {"docs", "unknown"}
    assert kinds(repo, {"docs/a.md": "x" * 2_000_001}) == {"unknown"}


def test_paths_that_cannot_be_written_safely_block(repo: Repo) -> None:
    base = repo.tree_of("HEAD")
    inner = repo.store("tree", b"100644 config\0" + bytes.fromhex(repo.store("blob", b"x")))
    content = b"".join(e.mode.encode() + b" " + name.encode() + b"\0" + bytes.fromhex(e.id) for name, e in repo.children(base))
    result = repo.store("tree", b"40000 .git\0" + bytes.fromhex(inner) + content)
    found = classify(repo, Change(base=base, result=result, author=Author(name="x"), title=""))
    assert found.undeliverable == [".git/config"]
    decision = load_policy(repo, base).decide(found.risks, author=Author(name="x"), undeliverable=found.undeliverable)
    assert decision.decision == "block"


class TestHiding:
    """What an ordinary `git diff` or `git status` doesn't show is seen: the work tree is read byte by byte."""

    def worktree_kinds(self, repo: Repo) -> set[str]:
        change = Change(base=repo.tree_of("HEAD"), result=repo.snapshot(include_ignored=True), author=Author(name="x"), title="")
        return {kind.value for kind in classify(repo, change).kinds}

    @pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
    def test_index_flags(self, tmp_path: Path, flag: str) -> None:
        repo = workspace(tmp_path)
        git(tmp_path, "update-index", flag, "pipelines/sales/split.py")
        (tmp_path / "pipelines/sales/split.py").write_text(FILES["pipelines/sales/split.py"].replace("GAP = 3", "GAP = 0"))
        assert git(tmp_path, "status", "--porcelain") == ""
        assert self.worktree_kinds(repo) == {"split"}

    def test_attributes_filters_and_replace_refs(self, tmp_path: Path) -> None:
        repo = workspace(tmp_path, {".gitattributes": "*.py -diff filter=clean\n"})
        git(tmp_path, "config", "filter.clean.clean", "git show HEAD:%f")
        (tmp_path / "pipelines/sales/split.py").write_text(FILES["pipelines/sales/split.py"].replace("GAP = 3", "GAP = 0"))
        assert git(tmp_path, "diff") == ""
        assert self.worktree_kinds(repo) == {"split"}
        honest = repo.head()
        change = edited(repo, replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 0"))
        from tests.changesets import commit

        tip = commit(repo, change.result, "hidden")
        git(tmp_path, "replace", tip, honest)
        fresh = Repo.open(tmp_path)
        assert fresh.tree_of("main") == change.result

    def test_ignored_files_count_in_the_work_tree(self, tmp_path: Path) -> None:
        repo = workspace(tmp_path, {".gitignore": "conftest.py\nlocal/\n"})
        (tmp_path / "conftest.py").write_text("import os\n")
        assert git(tmp_path, "status", "--porcelain") == ""
        assert "unknown" in self.worktree_kinds(repo)
        assert "conftest.py" not in repo.list_tree(repo.snapshot())

    def test_compiled_code_counts_unless_it_is_the_source(self, tmp_path: Path) -> None:
        repo = workspace(tmp_path, {".gitignore": "__pycache__/\n"})
        source = tmp_path / "pipelines/sales/split.py"
        compiled = Path(py_compile.compile(str(source), doraise=True))
        assert self.worktree_kinds(repo) == set()
        other = tmp_path / "other.py"
        other.write_text(FILES["pipelines/sales/split.py"].replace("GAP = 3", "GAP = 0"))
        py_compile.compile(str(other), cfile=str(compiled), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        other.unlink()
        assert "unknown" in self.worktree_kinds(repo)


_EDITS = [
    replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 0"),
    replaced("pipelines/sales/model.py", "ROUNDS = 50", "ROUNDS = 60"),
    replaced("pipelines/sales/finish.py", "clip(0)", "clip(1)"),
    {"README.md": "# other\n"},
    {"tools/report.py": "def summary(rows):\n    return 1\n"},
    {"tests/test_new.py": "def test_x():\n    assert 1\n"},
    {"data/orders.csv": "store\nb\n"},
    {"Makefile": "test:\n\ttrue\n"},
    {"docs/x.md": "words\n"},
]


@given(chosen=st.sets(st.integers(0, len(_EDITS) - 1), min_size=1), more=st.sets(st.integers(0, len(_EDITS) - 1)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_adding_hunks_never_lowers_the_decision(repo: Repo, chosen: set[int], more: set[int]) -> None:
    policy = load_policy(repo, repo.tree_of("HEAD"))
    order = ["allow", "review", "block"]

    def decided(numbers: set[int]) -> tuple[int, int]:
        edits = {path: text for number in sorted(numbers) for path, text in _EDITS[number].items()}
        found = classify(repo, edited(repo, edits))
        decision = policy.decide(found.risks, author=Author(name="x"), size=found.size)
        return order.index(decision.decision), decision.requires.approvals

    small, large = decided(chosen), decided(chosen | more)
    assert large[0] >= small[0] and large[1] >= small[1]


@given(content=st.binary(max_size=40), other=st.binary(max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_digest_changes_with_any_byte(repo: Repo, content: bytes, other: bytes) -> None:
    first, second = (edited(repo, {"data/any.bin": each}) for each in (content, other))
    assert (first.digest == second.digest) == (content == other)


@given(
    content=st.binary(max_size=200),
    path=st.sampled_from(["a.py", "a.ipynb", "a.json", "a.yaml", "a.toml", "a.md", "x", C, "pyproject.toml"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_can_be_judged(repo: Repo, content: bytes, path: str) -> None:
    found = judged(repo, {path: content})
    assert found.model_dump_json() and all(risk.reason for risk in found.risks)
    assert NOW
