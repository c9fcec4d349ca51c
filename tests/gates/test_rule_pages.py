"""Every rule has its page, a case that it fails and a case that it passes; `workbench rules` prints the pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gates.rule_cases import CASES
from workbench.cli import main as cli
from workbench.findings import Finding
from workbench.gates.facts import Audit
from workbench.gates.registry import documents, rules

IDS = sorted(rule.id for rule in rules())
LOOKS = [rule for rule in IDS if rule in CASES and not CASES[rule].runs]
RUNS = [rule for rule in IDS if rule in CASES and CASES[rule].runs]
ORDER = ["error", "warning", "note"]


def check(rule: str, subject: Audit) -> list[Finding]:
    (chosen,) = [one for one in rules() if one.id == rule]
    return list(chosen.check(subject))


def test_every_rule_has_both_cases_and_none_is_without_a_rule() -> None:
    assert sorted(CASES) == IDS


@pytest.mark.parametrize("rule", IDS)
def test_a_page_has_its_four_parts(rule: str) -> None:
    (page,) = [doc for doc in documents() if doc.id == rule]
    title, *parts = page.help.split("\n\n")
    assert title.endswith(".") and len(page.summary) <= 80
    for words in (("**What it does.**",), ("**Why it is bad.**",), ("**Leaking", "**Failing", "**Suspicious"),
                  ("**Repaired", "**Passing", "**Credible"), ("**How it can be wrong.**",)):  # fmt: skip
        assert [part for part in parts if part.startswith(words)], (rule, words)
    # Each of the two examples is code: an indented block follows it.
    for words in (("**Leaking", "**Failing", "**Suspicious"), ("**Repaired", "**Passing", "**Credible")):
        place = next(number for number, part in enumerate(parts) if part.startswith(words))
        assert parts[place + 1].startswith("    "), (rule, words)


def holds(rule: str, tmp_path: Path) -> None:
    case = CASES[rule]
    with case.failing(tmp_path / "failing") as subject:
        findings = check(rule, subject)
    assert findings and {finding.rule for finding in findings} == {rule}
    assert min((finding.severity.value for finding in findings), key=ORDER.index) == case.severity
    assert all(finding.message.endswith(".") and finding.remedy.endswith((".", ")")) for finding in findings)
    with case.passing(tmp_path / "passing") as subject:
        assert [f for f in check(rule, subject) if ORDER.index(f.severity.value) <= ORDER.index(case.severity)] == []


@pytest.mark.parametrize("rule", LOOKS)
def test_a_rule_fails_what_it_is_for_and_passes_its_twin(rule: str, tmp_path: Path) -> None:
    holds(rule, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RUNS)
def test_a_rule_fails_what_it_is_for_and_passes_its_twin_in_a_workspace_that_runs(rule: str, tmp_path: Path) -> None:
    holds(rule, tmp_path)


def test_the_pages_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rules"]) == 0
    listed = capsys.readouterr().out
    assert all(rule in listed for rule in IDS) and "static" in listed
    assert cli.main(["rules", "proxy/target-copy"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# proxy/target-copy (gate proxy)") and "**How it can be wrong.**" in page
    assert cli.main(["audit", "--explain", "proxy/target-copy"]) == 0 and capsys.readouterr().out == page
    assert cli.main(["rules", "target-copy"]) == 0 and capsys.readouterr().out == page
    prose = [line for line in (listed + page).splitlines() if not line.startswith("    ")]
    assert prose and max(map(len, prose)) <= 80
    assert cli.main(["rules", "--gate", "parity", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["format"] == 1 and {rule["gate"] for rule in body["rules"]} == {"parity"}
    assert set(body["rules"][0]) == {"id", "gate", "summary", "help"}


@pytest.mark.parametrize(
    ("words", "said"), [(["rules", "proxy/target-copi"], "proxy/target-copy"), (["rules", "--gate", "x"], "features")]
)
def test_an_unknown_rule_or_gate_is_a_usage_error(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2 and said in capsys.readouterr().err
