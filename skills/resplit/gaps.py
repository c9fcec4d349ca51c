"""Gaps that a split module already names: `GAP = pd.Timedelta("2h")`, `embargo_hours = 0`, `TimeSeriesSplit(gap=24)`.

Where there is one, a wider gap is the smallest repair. Whether it is wide enough, the gate says.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.skills.source import Edits, Module, constant_text, keyword

_NAME = re.compile(r"(?:^|_)(?:gap|embargo|purge|buffer|holdout_gap|safety|margin)(?:$|_)", re.IGNORECASE)
_UNITS = {
    "s": 1,
    "sec": 1,
    "seconds": 1,
    "min": 60,
    "minutes": 60,
    "h": 3600,
    "hours": 3600,
    "d": 86400,
    "D": 86400,
    "days": 86400,
    "weeks": 604800,
    "W": 604800,
}
_WORDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


@dataclass(frozen=True)
class Gap:
    """A literal that says how wide the gap is, and the text that would make it as wide as needed."""

    name: str
    node: ast.expr
    text: str


def needed_gaps(module: Module, needed: float, rows: int) -> Iterator[Gap]:
    """Literals to widen to `needed` seconds between the last training and the first test time, or `rows` more rows."""
    for name, value in _named(module):
        text = _widened(module, name, value, needed)
        if text is not None:
            yield Gap(name, value, text)
    for call in module.calls():
        called = (module.dotted(call.func) or "").rpartition(".")[2]
        gap = keyword(call, "gap")
        literal = gap.value if gap is not None and isinstance(gap.value, ast.Constant) else None
        if called == "TimeSeriesSplit" and rows > 0 and literal is not None and isinstance(literal.value, int):
            yield Gap("gap", literal, str(literal.value + rows))


def _named(module: Module) -> Iterator[tuple[str, ast.expr]]:
    """Names that mean a gap and what they are set to: assignments, defaults of parameters, keywords of calls."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _NAME.search(node.targets[0].id):
            yield node.targets[0].id, node.value
        elif (
            isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value and _NAME.search(node.target.id)
        ):
            yield node.target.id, node.value
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            pairs = [
                *zip(positional[len(positional) - len(node.defaults) :], node.defaults),
                *zip(node.kwonlyargs, node.kw_defaults),
            ]
            yield from ((a.arg, d) for a, d in pairs if d is not None and _NAME.search(a.arg))
        elif isinstance(node, ast.Call) and (module.dotted(node.func) or "").rpartition(".")[2] != "TimeSeriesSplit":
            yield from ((k.arg, k.value) for k in node.keywords if k.arg and _NAME.search(k.arg))


def _widened(module: Module, name: str, value: ast.expr, needed: float) -> str | None:
    """The literal's new text, or None where it isn't a literal length or is wide enough."""
    if constant_text(value):
        now = _seconds(value.value)
        return None if now is None or now >= needed else f'"{written(needed)}"'
    if isinstance(value, ast.Call) and (module.dotted(value.func) or "").rpartition(".")[2] in (
        "Timedelta",
        "timedelta",
        "DateOffset",
        "to_timedelta",
    ):
        if value.args and constant_text(value.args[0]) and not value.keywords:
            now = _seconds(value.args[0].value)
            return (
                None
                if now is None or now >= needed
                else module.segment(value).replace(module.segment(value.args[0]), f'"{written(needed)}"')
            )
        if len(value.keywords) == 1 and not value.args and value.keywords[0].arg in _UNITS:
            unit, length = value.keywords[0].arg, value.keywords[0].value
            if (
                isinstance(length, ast.Constant)
                and isinstance(length.value, int | float)
                and length.value * _UNITS[unit] < needed
            ):
                return module.segment(value).replace(
                    module.segment(value.keywords[0]), f"{unit}={math.ceil(needed / _UNITS[unit])}"
                )
        return None
    number = value.value if isinstance(value, ast.Constant) else None
    if not isinstance(number, int | float) or isinstance(number, bool):
        return None
    unit_seconds = _unit_of(module, name)
    if unit_seconds is None or number * unit_seconds >= needed:
        return None
    return str(math.ceil(needed / unit_seconds))


def _unit_of(module: Module, name: str) -> int | None:
    """Seconds of the unit that a bare number is in: by its name, or by the length it is made into."""
    for word, seconds in _WORDS.items():
        if re.search(rf"(?:^|_){word}s?(?:$|_)", name, re.IGNORECASE):
            return seconds
    for call in module.calls():
        last = (module.dotted(call.func) or "").rpartition(".")[2]
        if last not in ("Timedelta", "timedelta", "DateOffset", "to_timedelta"):
            continue
        for entry in call.keywords:
            if entry.arg in _UNITS and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(entry.value)):
                return _UNITS[entry.arg]
        unit = keyword(call, "unit") or (call.args[1] if len(call.args) > 1 else None)
        unit = unit.value if isinstance(unit, ast.keyword) else unit
        if (
            constant_text(unit)
            and unit.value in _UNITS
            and call.args
            and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(call.args[0]))
        ):
            return _UNITS[unit.value]
    return None


def _seconds(text: str) -> float | None:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if found is None:
        return None
    unit = found[2]
    factor = _UNITS.get(unit, _UNITS.get(unit.lower(), _WORDS.get(unit.lower().rstrip("s"))))
    return float(found[1]) * factor if factor else None


def written(seconds: float) -> str:
    """A length as a pandas duration in the largest whole unit: `26h`, `7D`, `90min`."""
    for unit, size in (("D", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{math.ceil(seconds)}s"


def widen(module: Module, gap: Gap) -> str:
    """The module's text with one gap widened."""
    edits = Edits()
    edits.replace(module.start(gap.node), module.end(gap.node), gap.text)
    return module.finished(edits)
