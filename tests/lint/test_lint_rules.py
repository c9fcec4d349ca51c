"""Every static rule on its failing and passing fixtures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from workbench.findings import Severity
from workbench.lint.check import lint_text
from workbench.lint.registry import documents, rules

CASES = tomllib.loads((Path(__file__).parents[1] / "corpus" / "lint" / "rules.toml").read_text("utf-8"))


def code_of(case: Mapping[str, Any]) -> str:
    before, after = ("".join(CASES["parts"][part] for part in case.get(where, [])) for where in ("before", "after"))
    return f"{before}{case['code']}{after}"


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case['rule']}: {case['name']}") for case in CASES["leaking"]])
def test_leaking(case: Mapping[str, Any]) -> None:
    found = lint_text(code_of(case)).findings
    assert case["rule"] in {f.rule for f in found if f.severity is not Severity.NOTE}, found


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES["clean"]])
def test_clean(case: Mapping[str, Any]) -> None:
    assert [(f.rule, f.location, f.message) for f in lint_text(code_of(case)).findings] == []


def test_every_rule_has_fixtures_and_a_page() -> None:
    assert {rule.id for rule in rules()} == {case["rule"] for case in CASES["leaking"]}
    for page in documents():
        for part in ("**What it does.**", "**Why it is bad.**", "**Leaking**", "**Repaired**", "**How it can be wrong.**"):
            assert part in page.help, (page.id, part)
