"""`workbench policy`: the tests a policy carries, and why a change needs what it needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reviews import SPLIT_EDIT, Desk, desk
from workbench.changes import Author, Risk, RiskKind
from workbench.cli.main import main
from workbench.policy.explain import explained
from workbench.policy.rules import Circumstances, Require, Rule, When


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def run(here: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["-C", str(here.repo.root), "policy", *words])
    said = capsys.readouterr()
    return int(code), said.out, said.err


def test_a_policy_is_tested_as_it_lies_here_or_at_a_commit(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(here, capsys, "test", "--json")
    report = json.loads(out)
    assert code == 0 and report["rules"] and report["digest"].startswith("sha256:") and report["reviewers"]
    folder = here.repo.root / "review_policies"
    (folder / "more.toml").write_text(
        '[[rule]]\nname = "more"\nwhen.kinds = ["model"]\nrequire.approvals = 1\n'
        '[[rule.case]]\nchange = { kinds = ["model"] }\nexpect = "allow"\n'
    )
    code, _, err = run(here, capsys, "test")
    assert code == 2 and "case 1 expects allow" in err and "hint:" in err
    assert run(here, capsys, "test", "--at", "main")[0] == 0  # not committed yet


def test_a_queued_change_is_explained_rule_by_rule(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    change = here.propose(SPLIT_EDIT)
    code, out, _ = run(here, capsys, "explain", change.id, "--json")
    report = json.loads(out)
    assert code == 0 and report["decision"] == "review" and report["digest"] == change.digest
    applied = [rule for rule in report["rules"] if rule["applies"]]
    assert applied and all(any(risk.startswith("split ") for risk in rule["risks"]) for rule in applied)
    assert report["requires"]["approvals"] == 1 and any("floor" in line for line in report["built_in"])
    assert "applies" in run(here, capsys, "explain", change.id)[1]


def test_an_unknown_change_is_a_usage_error(here: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(here, capsys, "explain", "0123456789ab")[0] == 2
    assert run(here, capsys, "explain", "main..nowhere")[0] == 2


def test_why_a_rule_does_not_apply_is_said_by_key() -> None:
    rules = [
        Rule(name="both", when=When(kinds=(RiskKind.SPLIT,), paths=("pipelines/**",)), require=Require(approvals=1)),
        Rule(name="kind", when=When(kinds=(RiskKind.METRIC,)), require=Require(approvals=1)),
        Rule(name="large", when=When.model_validate({"size": 400}), require=Require(approvals=1)),
    ]
    risks = [
        Risk(kind=RiskKind.SPLIT, path="elsewhere.py", reason=""),
        Risk(kind=RiskKind.MODEL, path="pipelines/a/model.py", reason=""),
        Risk(kind=RiskKind.METRIC, path="pipelines/a/metrics.py", reason="", cleared=True),
    ]
    told = explained(rules, risks, Circumstances(author=Author(name="ana"), size=3))
    assert [rule.applies for rule in told] == [False, False, False]
    assert "no single risk meets when.kinds and when.paths together" in told[0].why
    assert told[1].why == "nothing meets when.kinds = metric" and "at least 400 lines" in told[2].why
