"""What the contracts in a tree say about code (which callable is which stage), and what kind of change a changed fact is.

Reads contracts leniently, as text from a tree: one that can't be used yields `unknown`, not an error. The strict model of
a contract lives in `pipeline/contract.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.changes.model import Risk, RiskKind, shown_path
from workbench.repo import Repo

_CONTRACT = re.compile(r"(?:.*/)?contract\.toml")
_ENTRY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")

STAGE_KINDS: dict[str, tuple[RiskKind, ...]] = {
    "load": (RiskKind.DATA,),
    "validate": (RiskKind.PREPROCESSING,),
    "preprocess": (RiskKind.PREPROCESSING,),
    "features": (RiskKind.FEATURE,),
    "split": (RiskKind.SPLIT,),
    "fit": (RiskKind.MODEL,),
    "predict": (RiskKind.MODEL,),
    "metrics": (RiskKind.METRIC,),
    "postprocess": (RiskKind.POSTPROCESSING,),
    "serve": (RiskKind.SERVING,),
    "backtest": (RiskKind.SPLIT, RiskKind.LABEL, RiskKind.FEATURE, RiskKind.MODEL),
}
TABLE_STAGES = frozenset({"load", "validate", "preprocess", "features", "backtest"})
"""Stages that build what a label is made of."""
LABEL_STAGES = TABLE_STAGES | {"predict", "postprocess", "serve"}
"""Stages in which naming the target says something: where it is made, and where nobody may know it yet."""


def stage_kinds(stage: str) -> tuple[RiskKind, ...]:
    """What code of a stage is, as it is read: `validate` is also a check, which can be made to ask for less."""
    kinds = STAGE_KINDS.get(stage, (RiskKind.UNKNOWN,))
    return (*kinds, RiskKind.GATE) if stage == "validate" else kinds


@dataclass(frozen=True)
class UseCase:
    """A use case as its contract describes it: `entries` are (stage, `module:callable`) pairs."""

    name: str
    path: str
    entries: tuple[tuple[str, str], ...]
    labels: frozenset[str] = field(default_factory=frozenset)
    """Names of the target and of its clock."""
    sources: frozenset[str] = field(default_factory=frozenset)
    """Names of the source tables."""


def is_contract(path: str) -> bool:
    """Whether a file of this path is a contract."""
    return _CONTRACT.fullmatch(path) is not None


def use_cases(repo: Repo, tree: str) -> list[UseCase]:
    """Every use case that a readable contract in the tree describes."""
    found = []
    for path in repo.list_tree(tree):
        if is_contract(path):
            table = parsed(repo.read_blob(tree, path))
            if table is not None:
                found.append(_use_case(path, table))
    return found


def parsed(content: bytes | None) -> dict[str, Any] | None:
    """A TOML table, {} for a file that isn't there, None for one that can't be read."""
    if content is None:
        return {}
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return None


def flat(table: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key → value of a nested table; lists are values."""
    if not isinstance(table, Mapping) or not table:
        return {prefix: table} if prefix else {}
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _use_case(path: str, table: Mapping[str, Any]) -> UseCase:
    folder = path.split("/")[-2] if "/" in path else ""
    entries = []
    for key, value in flat(table).items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and _ENTRY.fullmatch(text):
                section, _, name = key.partition(".")
                entries.append((name if section == "stages" else "metrics" if section == "metrics" else section, text))
    prediction = table.get("prediction") if isinstance(table.get("prediction"), Mapping) else {}
    assert isinstance(prediction, Mapping)
    labels = {str(prediction[key]) for key in ("target", "target_time") if isinstance(prediction.get(key), str)}
    sources = table.get("sources")
    tables = frozenset(sources) if isinstance(sources, Mapping) else frozenset()
    return UseCase(folder or str(table.get("name", "")), path, tuple(entries), frozenset(labels), tables)


def contract_risks(path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """The risks of a changed contract: `contract`, and the kind of each fact that changed."""
    place = shown_path(path)
    use_case = path.split("/")[-2] if "/" in path else None
    old, new = parsed(before), parsed(after)
    if old is None or new is None:
        reason = "the contract can't be read as TOML, so what it declares is not known"
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason=reason, use_case=use_case)
        yield Risk(kind=RiskKind.CONTRACT, path=place, reason="the contract changed", use_case=use_case)
        return
    facts_before, facts_after = flat(old), flat(new)
    changed = [key for key in {**facts_before, **facts_after} if not _same(facts_before, facts_after, key)]
    if not changed:
        yield Risk(kind=RiskKind.FORMAT, path=place, reason="the contract declares the same facts", use_case=use_case)
        return
    for key in changed:
        was, now = facts_before.get(key, "nothing"), facts_after.get(key, "nothing")
        for kind in (RiskKind.CONTRACT, *_fact_kinds(key)):
            reason = f"the declared fact `{key}` changes from {_short(was)} to {_short(now)}"
            yield Risk(kind=kind, path=place, symbol=key, line=_line(after, key), reason=reason, use_case=use_case)


def _same(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> bool:
    if (key in before) != (key in after):
        return False
    return type(before[key]) is type(after[key]) and bool(before[key] == after[key])


def _fact_kinds(key: str) -> tuple[RiskKind, ...]:
    section, _, rest = key.partition(".")
    if section == "stages":
        return stage_kinds(rest)
    if section == "sources":
        # When a value is known decides which features are honest and when a label may be used.
        return (
            (RiskKind.FEATURE,)
            if rest.rsplit(".", 1)[-1] in ("known_after", "known_at", "known", "time", "zone", "static")
            else ()
        )
    if section == "prediction":
        named = {
            "target": (RiskKind.LABEL,), "target_time": (RiskKind.LABEL, RiskKind.SPLIT), "features": (RiskKind.FEATURE,),
            "label_known_after": (RiskKind.LABEL, RiskKind.SPLIT), "horizon": (RiskKind.LABEL, RiskKind.SPLIT, RiskKind.FEATURE),
            "prediction_time": (RiskKind.LABEL, RiskKind.SPLIT, RiskKind.FEATURE), "groups": (RiskKind.SPLIT,),
            "entity": (RiskKind.SPLIT, RiskKind.FEATURE),
        }  # fmt: skip
        return named.get(rest, (RiskKind.UNKNOWN,))
    if section == "metrics":
        return (RiskKind.METRIC, RiskKind.GATE) if rest in ("margin", "baseline") else (RiskKind.METRIC,)
    if section in ("slices", "budgets"):
        return (RiskKind.GATE,)
    return (RiskKind.LABEL, RiskKind.METRIC) if section == "kind" else () if section == "name" else (RiskKind.UNKNOWN,)


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) and value != "nothing" else str(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _line(content: bytes | None, key: str) -> int | None:
    name = re.escape(key.rsplit(".", 1)[-1])
    for number, line in enumerate((content or b"").decode("utf-8", "replace").splitlines(), 1):
        if re.match(rf"\s*[\"']?{name}[\"']?\s*=|.*[{{,]\s*{name}\s*=", line):
            return number
    return None
