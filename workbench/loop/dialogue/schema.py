"""A pydantic model's JSON schema → the schema of a strict tool, and a tool's input back into the model's form.

Strict tools know closed objects only, and no limits on numbers or lengths (those go into the description, and pydantic asks
for them anyway). What can't be said so, a mapping with free keys for instance, travels as a text that holds JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
_SAID_IN_WORDS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems",
    "maxItems", "default", "format",
)  # fmt: skip

_AS_TEXT = "A JSON text, of this schema:"
STRICT_TOOLS, OPTIONAL_FIELDS, UNIONS = 20, 24, 16
"""What one request may hold of strict tools, and of optional fields and unions in them, before the API refuses it."""


class Inexpressible(Exception):
    """This schema isn't one of a strict tool."""


def strict_schema(schema: Mapping[str, Any], left_out: frozenset[str] = frozenset()) -> tuple[dict[str, Any], frozenset[str]]:
    """(the schema of a strict tool, names of the fields that are given as JSON text)."""
    definitions = schema.get("$defs", {})
    properties: dict[str, Any] = {}
    as_text: set[str] = set()
    for name, inner in schema.get("properties", {}).items():
        if name in left_out:
            continue
        try:
            properties[name] = _strict(inner, definitions, depth=0)
        except Inexpressible:
            as_text.add(name)
            words = f"{inner.get('description', '')} {_AS_TEXT} {json.dumps(inner, sort_keys=True)[:800]}"
            properties[name] = {"type": "string", "description": words.strip()}
    required = [name for name in schema.get("required", []) if name in properties]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}, frozenset(as_text)


def is_text(schema: Mapping[str, Any]) -> bool:
    """Whether a field of such a schema is given as JSON text."""
    return schema.get("type") == "string" and _AS_TEXT in str(schema.get("description", ""))


def given_input(arguments: Mapping[str, Any], as_text: frozenset[str]) -> dict[str, Any]:
    """The tool's arguments in the model's form. Raises ValueError where a field isn't the JSON text that it has to be."""
    found = dict(arguments)
    for name in as_text & found.keys():
        if isinstance(found[name], str):
            found[name] = json.loads(found[name])
    return found


def strict_of(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools, each marked strict as long as the request stays within what the API takes."""
    count = optional = unions = 0
    marked = []
    for tool in tools:
        schema = tool["input_schema"]
        more = len(schema["properties"]) - len(schema["required"])
        both = json.dumps(schema).count('"anyOf"')
        if count < STRICT_TOOLS and optional + more <= OPTIONAL_FIELDS and unions + both <= UNIONS:
            count, optional, unions = count + 1, optional + more, unions + both
            marked.append({**tool, "strict": True})
        else:
            marked.append(tool)
    return marked


def _strict(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth > 8:
        raise Inexpressible
    if "$ref" in schema:
        target = definitions.get(str(schema["$ref"]).removeprefix("#/$defs/"))
        if target is None:
            raise Inexpressible
        return _strict({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions, depth + 1)
    words = [str(schema["description"])] if schema.get("description") else []
    words += [
        f"{key}: {json.dumps(schema[key])}" for key in _SAID_IN_WORDS if key in schema and schema[key] not in (None, [], {})
    ]
    kept: dict[str, Any] = {"description": "; ".join(words)} if words else {}
    if "enum" in schema or "const" in schema:
        return {**kept, "enum": list(schema.get("enum", [schema.get("const")]))}
    variants = schema.get("anyOf") or schema.get("oneOf")
    if variants:
        return {**kept, "anyOf": [_strict(variant, definitions, depth + 1) for variant in variants]}
    kind = schema.get("type")
    if kind in _SCALARS:
        return {**kept, "type": kind}
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return {**kept, "type": "array", "items": _strict(schema["items"], definitions, depth + 1)}
    if kind == "object" and "properties" in schema and not schema.get("additionalProperties"):
        inner = {name: _strict(found, definitions, depth + 1) for name, found in schema["properties"].items()}
        required = list(schema.get("required", []))
        return {**kept, "type": "object", "properties": inner, "required": required, "additionalProperties": False}
    raise Inexpressible
