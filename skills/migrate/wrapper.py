"""Undoes an upstream change around the load callable: plain pandas, in the module it is in, under its own name.

The original keeps its text and gets another name; a function of the old name calls it and hands on the tables under the
names and types that the rest of the pipeline was written for.
"""

from __future__ import annotations

import ast
import json

from workbench.loop.casts import expression
from workbench.loop.schema_change import SchemaChange
from workbench.skills.source import Edits, Module, import_position

SUFFIX = "as_delivered"


def wrap(module: Module, name: str, change: SchemaChange, edits: Edits) -> bool:
    """Adds the wrapper around the callable `name`; False where the module doesn't show such a name."""
    definition = module.definition(name)
    original = _free_name(module, name)
    text = _text(module, name, original, change, definition is not None)
    end = module.newline
    if definition is not None:
        start = module.text.index(name, module.text.index("def", module.start(definition)) + 3)
        edits.replace(start, start + len(name), original)
        for node in ast.walk(definition):
            if isinstance(node, ast.Name) and node.id == name:
                edits.replace(module.start(node), module.end(node), original)
        edits.insert(
            module.line_end(module.end(definition)), _gap(module, module.end(definition)) + text + _after(module, definition)
        )
    elif _binds(module, name):
        lead = "" if module.text.endswith("\n") or not module.text else end
        edits.insert(len(module.text), f"{lead}{end}{end}{original} = {name}{end}{end}{end}{text}")
    else:
        return False
    if not any(origin == "pandas" for origin in module.imports.values()) and "pd." in text:
        edits.insert(import_position(module), f"import pandas as pd{end}")
    return True


def _binds(module: Module, name: str) -> bool:
    stored = any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(module.tree))
    imported = any((a.asname or a.name) == name for n in module.tree.body if isinstance(n, ast.ImportFrom) for a in n.names)
    classes = any(isinstance(n, ast.ClassDef) and n.name == name for n in module.tree.body)
    return stored or imported or classes


def _free_name(module: Module, name: str) -> str:
    taken = {n.id for n in ast.walk(module.tree) if isinstance(n, ast.Name)} | {
        n.name for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    base = f"_{name.lstrip('_')}_{SUFFIX}"
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}_{number}"
    return found


def _gap(module: Module, end: int) -> str:
    return ("" if module.text[end : module.line_end(end)].endswith("\n") else module.newline) + module.newline * 2


def _after(module: Module, definition: ast.AST) -> str:
    """Blank lines towards what follows, as many as the style wants and the text lacks."""
    position = module.line_end(module.end(definition))
    return "" if position >= len(module.text) or module.text[position:].startswith(("\n", "\r\n")) else module.newline * 2


def _text(module: Module, name: str, original: str, change: SchemaChange, is_function: bool) -> str:
    pandas = next((local for local, origin in module.imports.items() if origin == "pandas"), "pd")
    definition = module.definition(name) if is_function else None
    returns = f" -> {module.segment(definition.returns)}" if definition is not None and definition.returns is not None else ""
    takes = definition is not None and bool(ast.unparse(definition.args))
    given = "*arguments, **options" if takes else ""
    lines = [
        f"def {name}({given}){returns}:",
        '    """The tables under the names and types that this use case was written for; upstream changed some of them."""',
        f"    tables = dict({original}({given}))",
    ]
    for upstream, ours in change.tables.items():
        lines.append(f"    if {_quoted(upstream)} in tables:")
        lines.append(f"        tables[{_quoted(ours)}] = tables.pop({_quoted(upstream)})")
    for table in dict.fromkeys([*change.renames, *change.retypes, *change.scales]):
        lines += _steps(table, change, pandas)
    lines.append("    return tables")
    return module.newline.join(lines) + module.newline


def _steps(table: str, change: SchemaChange, pandas: str) -> list[str]:
    place = f"tables[{_quoted(table)}]"
    reads = {column: expression(cast, f"table[{_quoted(column)}]") for column, cast in change.retypes.get(table, {}).items()}
    for column, (factor, offset) in change.scales.get(table, {}).items():
        shifted = f"(table[{_quoted(column)}] - {offset!r})" if offset else f"table[{_quoted(column)}]"
        reads[column] = f"{shifted} / {factor!r}" if factor >= 1 else f"{shifted} * {1 / factor!r}"
    pairs = ", ".join(f"{_quoted(old)}: {_quoted(new)}" for old, new in change.renames.get(table, {}).items())
    named = f"{place}.rename(columns={{{pairs}}})"
    if not reads:
        return [f"    {place} = {named}"]
    lines = [f"    table = {named if pairs else f'{place}.copy()'}"]
    for column, text in reads.items():
        lines.append(f"    table[{_quoted(column)}] = {text.replace('pd.', f'{pandas}.') if pandas != 'pd' else text}")
    return [*lines, f"    {place} = table"]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
