"""Every static rule on its failing and passing fixtures."""

from __future__ import annotations

import pytest
from lint_cases import CLEAN, LEAKING

from workbench.findings import Severity
from workbench.lint.check import lint_text
from workbench.lint.registry import documents, rules

FAILING = [pytest.param(rule, code, id=f"{rule}: {name}") for rule, cases in LEAKING.items() for name, code in cases]


@pytest.mark.parametrize(("rule", "code"), FAILING)
def test_leaking(rule: str, code: str) -> None:
    found = lint_text(code).findings
    assert rule in {f.rule for f in found if f.severity is not Severity.NOTE}, found


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in CLEAN])
def test_clean(code: str) -> None:
    assert [(f.rule, f.location, f.message) for f in lint_text(code).findings] == []


def test_every_rule_has_fixtures_and_a_page() -> None:
    assert {rule.id for rule in rules()} == set(LEAKING)
    for page in documents():
        for part in ("**What it does.**", "**Why it is bad.**", "**Leaking**", "**Repaired**", "**How it can be wrong.**"):
            assert part in page.help, (page.id, part)
