"""Finds the static rules: every module in `rules/` that has a `rule`. Adding a rule touches no list."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from workbench.lint import rules as package
from workbench.lint.rule import LintRule
from workbench.report.model import RuleDoc

GATE = "static"


@cache
def _found() -> tuple[tuple[LintRule, str], ...]:
    found = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        rule = getattr(loaded, "rule", None)
        if isinstance(rule, LintRule):
            found.append((rule, inspect.cleandoc(loaded.__doc__ or "")))
    return tuple(found)


def rules() -> list[LintRule]:
    """All static rules, sorted by id."""
    return sorted((rule for rule, _ in _found()), key=lambda rule: rule.id)


def documents() -> list[RuleDoc]:
    """The page of each rule, sorted by id."""
    return sorted((RuleDoc(rule.id, GATE, rule.summary, page) for rule, page in _found()), key=lambda doc: doc.id)
