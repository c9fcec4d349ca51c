"""`workbench review apply` and `rebase` on a workspace that runs: gates and effect are measured, not believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.changesets import AGENT, NOW, commit, new_key, reviewer
from tests.workspaces import SHOP_MODEL, SHOP_SPLIT, make_workspace
from workbench.changes import Author, Change, classify
from workbench.cli.main import main
from workbench.policy import load_policy
from workbench.repo import Repo
from workbench.review import ledger, queue, rerun
from workbench.review.gates import EFFECT, GATES
from workbench.settings import load_settings

POLICY = """\
[[rule]]
name = "domain"
when.kinds = ["split"]
require.roles = ["domain"]
require.gates = ["split"]
ask = ["When is the label known?"]

[[rule]]
name = "repairs"
when.kinds = ["model"]
require.approvals = 0
require.gates = ["split"]
"""


def shop(tmp_path: Path) -> tuple[Repo, Path]:
    key = tmp_path / "keys" / "ana"
    files = {
        "review_policies/splits.toml": POLICY, "README.md": "# shop\n", ".gitignore": ".workbench/\n",
        "review_policies/reviewers.toml": reviewer("ana", new_key(key), "domain"),
    }  # fmt: skip
    root = make_workspace(tmp_path / "ws", files=files)
    Repo.ensure(root)
    repo = Repo.open(root)
    commit(repo, repo.snapshot(), "start")
    return repo, key


def proposed(repo: Repo, edits: dict[str, str], *, forged: bool = False, author: Author = AGENT) -> queue.QueuedChange:
    """In the queue as a session puts it there: gates and effect as they are, or a report that somebody made up."""
    base = repo.tree_of("main")
    change = Change(
        base=base, result=repo.write_tree(base, {path: text.encode() for path, text in edits.items()}), author=author, title="x"
    )
    found = classify(repo, change)
    decision = queue.decided(load_policy(repo, base), change, found, None)
    if forged:
        report = json.dumps({"tree": change.result, "gates": [{"name": "split", "status": "pass"}], "findings": []}).encode()
        return queue.propose(repo, change, found, decision, {GATES: report}, use_case="shop", now=NOW)
    settings = load_settings(repo.root)
    asked = json.dumps({"tree": base, "use_case": "shop", "gates": [{"name": "split", "status": "pass"}], "findings": []})
    draft = queue.propose(repo, change, found, decision, {GATES: asked.encode()}, use_case="shop", now=NOW)
    report = rerun.same_audit(settings, repo, draft, change.result) or b""
    pieces = {GATES: report, EFFECT: rerun.effect(settings, repo, draft).content}
    return queue.propose(repo, change, found, decision, pieces, use_case="shop")


def run(repo: Repo, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["-C", str(repo.root), "review", *words])
    said = capsys.readouterr()
    return int(code), said.out, said.err


@pytest.mark.slow
def test_a_signed_change_is_rebased_carried_and_applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo, key = shop(tmp_path)
    change = proposed(repo, {"pipelines/shop/split.py": SHOP_SPLIT.replace("(9, 6, 3)", "(6, 3)")})
    code, _, err = run(repo, capsys, "approve", change.id, "--key", str(key), "--answer", "two hours later")
    assert code == 0, err
    commit(repo, repo.write_tree(repo.tree_of("main"), {"README.md": b"# the shop\n"}), "others went on")
    code, _, err = run(repo, capsys, "apply", change.id)
    assert code == 1 and f"review rebase {change.id}" in err
    code, out, err = run(repo, capsys, "rebase", change.id, "--json")
    told = json.loads(out)
    assert code == 0 and told["asked_again"] == told["differs"] == [] and told["came_from"] == change.digest, (told, err)
    assert [one["reviewer"] for one in told["carried"]] == ["ana@shop.example"]
    shown = json.loads(run(repo, capsys, "show", told["change"], "--json")[1])
    assert list(shown["carried"].values()) == [change.digest] and shown["missing"] == []
    code, out, err = run(repo, capsys, "apply", told["change"], "--json")
    assert code == 0 and list(json.loads(out)["carried"].values()) == [change.digest], err
    assert repo.tree_of("main") == told["result"]
    assert main(["-C", str(repo.root), "verify", "--base", repo.commit_of(repo.head()).parents[0]]) == 0
    assert "carried over from change" in capsys.readouterr().out


@pytest.mark.slow
def test_a_base_that_moved_in_the_same_use_case_is_asked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo, key = shop(tmp_path)
    change = proposed(repo, {"pipelines/shop/split.py": SHOP_SPLIT.replace("(9, 6, 3)", "(6, 3)")})
    assert run(repo, capsys, "approve", change.id, "--key", str(key), "--answer", "two hours later")[0] == 0
    model = SHOP_MODEL.replace("price", "lag_48h", 1)
    commit(repo, repo.write_tree(repo.tree_of("main"), {"pipelines/shop/model.py": model.encode()}), "others went on")
    code, out, _ = run(repo, capsys, "rebase", change.id, "--json")
    told = json.loads(out)
    assert code == 3 and told["asked_again"] and told["carried"] == [] and "pipelines/shop/model.py" in " ".join(told["differs"])
    shown = run(repo, capsys, "show", told["change"])[1]
    assert "what differs since ana@shop.example signed" in shown


def test_a_forged_report_lets_nothing_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo, key = shop(tmp_path)
    change = proposed(repo, {"pipelines/shop/split.py": SHOP_SPLIT.replace('- pd.Timedelta("24h")', "")}, forged=True)
    assert run(repo, capsys, "approve", change.id, "--key", str(key), "--answer", "two hours later")[0] == 0
    before = repo.head()
    code, _, err = run(repo, capsys, "apply", change.id)
    assert code == 1 and "gate `split` failed" in err and repo.head() == before and ledger.entries(repo) == []
