"""Finds the rules: every module below a folder of this package that has a `rule`. Adding a rule touches no list."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import workbench.gates
from workbench.gates.rule import Rule
from workbench.report.model import RuleDoc
from workbench.report.pages import rules_in

GATES = ("features", "split", "fit", "metric", "availability", "parity", "proxy", "schema")
"""Gates in the order of the report."""
_RUN_ORDER = ("schema", "split", "features", "fit", "metric", "availability", "parity", "proxy")


@cache
def _found() -> tuple[tuple[Rule, str], ...]:
    found: list[tuple[Rule, str]] = []
    for folder in sorted(pkgutil.iter_modules(workbench.gates.__path__), key=lambda m: m.name):
        if not folder.ispkg:
            continue
        found += rules_in(importlib.import_module(f"workbench.gates.{folder.name}"), Rule)
    return tuple(found)


def rules() -> list[Rule]:
    """All rules, sorted by id."""
    return sorted((rule for rule, _ in _found()), key=lambda rule: rule.id)


def documents() -> list[RuleDoc]:
    """The page of each rule, sorted by id: what it does, why it is bad, examples, how it can be wrong."""
    return sorted((RuleDoc(rule.id, rule.gate, rule.summary, page) for rule, page in _found()), key=lambda doc: doc.id)


def gate_names() -> list[str]:
    """Gates that have a rule, in the order of the report."""
    return sorted({rule.gate for rule in rules()}, key=report_order)


def report_order(gate: str) -> tuple[int, str]:
    """Sort key: the order in which gates are shown."""
    return (GATES.index(gate) if gate in GATES else len(GATES), gate)


def run_order(gate: str) -> tuple[int, str]:
    """Sort key: the order in which gates run; cheap ones and those whose failure explains others first."""
    return (_RUN_ORDER.index(gate) if gate in _RUN_ORDER else len(_RUN_ORDER), gate)
