"""Frequency aliases that pandas renamed: `H` → `h`, `T` → `min`, `M` → `ME` for offsets (not for periods)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from skills.upgrade.removal import Removal, Site
from workbench.skills.source import TextConstant, constant_text

_SUBDAILY = {"H": "h", "BH": "bh", "CBH": "cbh", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns"}
_ENDS = {"M": "ME", "BM": "BME", "CBM": "CBME", "SM": "SME", "Q": "QE", "BQ": "BQE", "Y": "YE", "A": "YE", "BY": "BYE",
         "BA": "BYE", "AS": "YS", "BAS": "BYS"}  # fmt: skip
# Period frequencies keep M, Q and Y.
_PERIODS = {"A": "Y", **_SUBDAILY}

_TAKES_FREQUENCY = {
    "resample", "floor", "ceil", "round", "asfreq", "date_range", "bdate_range", "timedelta_range", "interval_range", "Grouper",
    "to_offset", "Timedelta", "to_timedelta", "rolling", "tz_localize", "infer_freq", "shift", "tshift", "between_time",
}  # fmt: skip
_TAKES_PERIOD = {"to_period", "Period", "period_range", "PeriodIndex", "asfreq_period"}
_KEYWORDS = {"freq", "rule", "unit", "offset", "frequency"}
_ALIAS = re.compile(r"(?P<lead>\s*[-+]?\d*\.?\d*\s*)(?P<alias>[A-Z]+)(?P<anchor>-[A-Z]{3})?")


def _frequencies(site: Site) -> Iterator[str]:
    module = site.module
    if "pandas" not in {origin.partition(".")[0] for origin in module.imports.values()} and not site.located:
        return
    for call in module.calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
        takes = name in _TAKES_FREQUENCY | _TAKES_PERIOD or (site.located and site.here(call))
        spots = call.args[:2] if takes else []
        spots = [*spots, *(k.value for k in call.keywords if k.arg in _KEYWORDS)]
        for spot in spots:
            for literal in _literals(site, spot):
                yield from _rename(site, literal, _PERIODS if name in _TAKES_PERIOD else {**_SUBDAILY, **_ENDS})


def _literals(site: Site, node: ast.expr) -> Iterator[TextConstant]:
    """String literals that an argument is made of: itself, or what its name was set to in this file."""
    if constant_text(node):
        yield node
    elif isinstance(node, ast.Name):
        for statement in [s for scope in (site.module.scope(node), site.module.tree) for s in ast.walk(scope)]:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(t, ast.Name) and t.id == node.id for t in targets):
                assert isinstance(statement, ast.Assign)
                if constant_text(statement.value):
                    yield statement.value
    elif isinstance(node, ast.JoinedStr) and node.values and constant_text(node.values[-1]) and len(node.values) == 2:
        yield node.values[-1]


def _rename(site: Site, literal: TextConstant, table: dict[str, str]) -> Iterator[str]:
    found = _ALIAS.fullmatch(literal.value)
    if found is None or found["alias"] not in table:
        return
    new = f"{found['lead']}{table[found['alias']]}{found['anchor'] or ''}"
    text = site.module.segment(literal)
    where = text.rfind(literal.value)
    if where < 0:
        return
    start = site.module.start(literal) + where
    site.edits.replace(start, start + len(literal.value), new)
    yield f"`{literal.value}` → `{new}`"


REMOVALS: list[Removal] = [
    Removal(
        "pandas-frequency-alias",
        "pandas",
        "3.0",
        r"ValueError: (?:Invalid frequency: |invalid unit abbreviation: |passed window \S+ is not compatible"
        r"|'\w+' is no longer supported for offsets|Units? .* (?:is|are) no longer supported)",
        _frequencies,
    )
]
