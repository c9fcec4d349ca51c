"""What is wrong with a field of a contract, as one sentence with its line and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from workbench.errors import ContractError
from workbench.pipeline.contract import Budgets, Column, Contract, Metrics, Prediction, Slices, Source, Stages
from workbench.pipeline.toml_lines import nearest

DOCS = "docs/contract.md has every field"

_EXAMPLES = {
    ("name",): 'name = "shop"',
    ("kind",): 'kind = "regression"',
    ("stages",): '[stages] with load = "pipelines.shop.data:load" and the others',
    ("sources",): "a table [sources.NAME] for each table that `load` returns",
    ("prediction",): '[prediction] with entity = ["store"] and target = "units"',
    ("prediction", "entity"): 'entity = ["store"]',
    ("prediction", "target"): 'target = "units"',
    ("metrics", "primary"): 'primary = "mae"',
    ("metrics", "direction"): 'direction = "minimize"',
    ("slices", "by"): 'by = ["store"]',
}


def explained(error: ValidationError, name: str, lines: Mapping[tuple[str, ...], int], table: Mapping[str, Any]) -> ContractError:
    """The first thing that pydantic found wrong, in the terms of the file; says how many more there are."""
    details = sorted(error.errors(), key=lambda detail: nearest(lines, _keys(detail, table)))
    detail = details[0]
    keys = _keys(detail, table)
    sentence, hint = _sentence(detail, keys)
    more = len({_keys(d, table) for d in details}) - 1
    if more:
        hint += f"; {more} more after this one"
    return ContractError(f"{name}:{nearest(lines, keys)}: {sentence}.", hint)


def _keys(detail: ErrorDetails, table: Mapping[str, Any]) -> tuple[str, ...]:
    """The key path in the file; pydantic adds list positions and union branches, which aren't keys."""
    keys: list[str] = []
    node: Any = table
    for part in detail["loc"]:
        if not isinstance(part, str) or not isinstance(node, Mapping) or part == "[key]":
            break
        keys.append(part)
        node = node.get(part)
    return tuple(keys)


def _fields(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(keys: tuple[str, ...]) -> type[BaseModel]:
    sections: dict[str, type[BaseModel]] = {
        "stages": Stages, "prediction": Prediction, "metrics": Metrics, "slices": Slices, "budgets": Budgets,
    }  # fmt: skip
    if keys and keys[0] == "sources":
        return Column if len(keys) > 3 else Source
    return sections.get(keys[0], Contract) if len(keys) > 1 else Contract


def _sentence(detail: ErrorDetails, keys: tuple[str, ...]) -> tuple[str, str]:
    field, kind = ".".join(keys), detail["type"]
    if kind == "missing":
        example = _EXAMPLES.get(keys)
        return f"`{field}` is missing", f"add it, for example: {example}" if example else f"add it; {DOCS}"
    if kind == "extra_forbidden":
        known = _fields(_model_at(keys))
        close = difflib.get_close_matches(keys[-1], known, 1)
        where = f" in [{'.'.join(keys[:-1])}]" if len(keys) > 1 else ""
        meant = f"did you mean `{close[0]}`?" if close else f"the keys there are: {', '.join(known)}"
        return f"`{keys[-1]}` is not a key of a contract{where}", meant
    shown = _shown(detail["input"])
    if kind == "literal_error":
        allowed = detail["ctx"]["expected"].replace("'", '"')
        return f"`{field}` is {shown}", f"it has to be {allowed}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"`{field}` is {shown}, not a table", f"write it as a table [{field}]; {DOCS}"
    if kind in ("too_short", "string_too_short"):
        return f"`{field}` is empty", f"give it a value or leave the key out; {DOCS}"
    return f"`{field}` is {shown}: {detail['msg'][0].lower()}{detail['msg'][1:]}", DOCS


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else text[:77] + "…"
