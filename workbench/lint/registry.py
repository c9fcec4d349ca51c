"""Finds the static rules: every module in `rules/` that has a `rule`. Adding a rule touches no list."""

from __future__ import annotations

from functools import cache

from workbench.lint import rules as package
from workbench.lint.rule import LintRule
from workbench.report.model import RuleDoc
from workbench.report.pages import rules_in

GATE = "static"


@cache
def _found() -> tuple[tuple[LintRule, str], ...]:
    return tuple(rules_in(package, LintRule))


def rules() -> list[LintRule]:
    """All static rules, sorted by id."""
    return sorted((rule for rule, _ in _found()), key=lambda rule: rule.id)


def documents() -> list[RuleDoc]:
    """The page of each rule, sorted by id."""
    return sorted((RuleDoc(rule.id, GATE, rule.summary, page) for rule, page in _found()), key=lambda doc: doc.id)
