"""Undoes an upstream change where the load module already has a place for it: literal `RENAMED` and `RETYPED`.

`RENAMED = {table: {upstream's name: ours}}`, `RETYPED = {table: {our column: cast}}`. Anything else is `wrapper.py`'s.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from workbench.skills.call_edits import add_argument
from workbench.skills.source import Edits, Module, constant_text

RENAMED, RETYPED = "RENAMED", "RETYPED"
_WIDTH = 110


def has_place(module: Module, name: str) -> bool:
    """Whether the module has a literal dictionary of dictionaries of that name at its top."""
    found = module.assignment(name)
    if found is None or not isinstance(found.value, ast.Dict):
        return False
    inner = found.value.values
    return all(constant_text(k) for k in found.value.keys) and all(isinstance(v, ast.Dict) for v in inner)


def knows_casts(module: Module, casts: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether the module names every one of these casts somewhere besides `RETYPED` itself."""
    found = module.assignment(RETYPED)
    own = set(ast.walk(found)) if found is not None else set()
    named = {node.value for node in ast.walk(module.tree) if constant_text(node) and node not in own}
    return all(cast in named for columns in casts.values() for cast in columns.values())


def add_entries(module: Module, name: str, entries: Mapping[str, Mapping[str, str]], edits: Edits) -> None:
    """Puts `entries` into the dictionary `name`; what is there for the same key is replaced."""
    found = module.assignment(name)
    assert found is not None and isinstance(found.value, ast.Dict)
    outer = found.value
    tables = {k.value: v for k, v in zip(outer.keys, outer.values) if constant_text(k)}
    fresh: list[str] = []
    for table, columns in entries.items():
        inner = tables.get(table)
        if isinstance(inner, ast.Dict):
            _add_pairs(module, inner, columns, edits)
        else:
            fresh.append(f"{_quoted(table)}: {_written(columns)}")
    if not fresh:
        return
    if outer.keys:
        for text in fresh:
            add_argument(module, outer, text, edits)
        return
    line = "{" + ", ".join(fresh) + "}"
    if module.start(outer) - module.line_start(module.start(outer)) + len(line) > _WIDTH:
        end = module.newline
        line = "{" + end + "".join(f"    {text},{end}" for text in fresh) + "}"
    edits.replace(module.start(outer), module.end(outer), line)


def _add_pairs(module: Module, inner: ast.Dict, columns: Mapping[str, str], edits: Edits) -> None:
    present = {k.value: v for k, v in zip(inner.keys, inner.values) if constant_text(k)}
    new = {}
    for key, value in columns.items():
        if key not in present:
            new[key] = value
        elif module.segment(present[key]) != _quoted(value):
            edits.replace(module.start(present[key]), module.end(present[key]), _quoted(value))
    if new and not inner.keys:
        edits.replace(module.start(inner), module.end(inner), _written(new))
    elif new:
        add_argument(module, inner, _written(new)[1:-1], edits)


def _written(columns: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_quoted(k)}: {_quoted(v)}" for k, v in columns.items()) + "}"


def _quoted(text: str) -> str:
    written = repr(text)
    return f'"{written[1:-1]}"' if written.startswith("'") and '"' not in written else written
