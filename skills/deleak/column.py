"""Cures of the finished column, whatever code made it: its value of as much earlier as it looks ahead, or no column at all."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pandas as pd

from skills.deleak.locate import Code
from skills.deleak.patterns import spoken
from workbench.pipeline.contract import Contract
from workbench.skills.source import Edits, FunctionNode, Module, Uneditable, constant_text, import_position, module_path

EARLIER = "_value_before"


def lagged(code: Code, contract: Contract, column: str, length: pd.Timedelta) -> dict[str, str] | None:
    """The entry function hands the column on with each entity's value of `length` earlier."""
    prediction = contract.prediction
    found = _entry(code)
    if found is None or prediction.target_time is None:
        return None
    module, definition = found
    ahead = spoken(length)
    words = f"# `{column}` looked {ahead} ahead of the prediction: what stands here is the value of {ahead} before."
    step = f'{{frame}}[{json.dumps(column)}] = {EARLIER}({{frame}}, {json.dumps(column)}, pd.Timedelta("{ahead}"))'
    edits = Edits()
    _before_return(module, definition, [words, step], edits)
    if module.definition(EARLIER) is None:
        lead = "" if module.text.endswith("\n") else module.newline
        lines = _earlier_lines(
            [*prediction.entity, prediction.target_time], prediction.target_time, definition.returns is not None
        )
        edits.insert(len(module.text), lead + module.newline.join(lines))
    _import_pandas(module, edits)
    return {code.path: module.finished(edits)}


def _earlier_lines(keys: list[str], clock: str, annotated: bool) -> list[str]:
    """The function that looks a value up; annotated where the code around it is."""
    given, returns = "frame, column, length", ""
    if annotated:
        given, returns = "frame: pd.DataFrame, column: str, length: pd.Timedelta", " -> pd.Series"
    moved = f"assign({clock}=frame[{json.dumps(clock)}] + length)"
    if not clock.isidentifier():
        moved = f"assign(**{{{json.dumps(clock)}: frame[{json.dumps(clock)}] + length}})"
    return [
        "", "", f"def {EARLIER}({given}){returns}:",
        '    """The column\'s value of the same entity `length` earlier; missing where there is no such row."""',
        f"    keys = {json.dumps(keys)}",
        f"    earlier = frame[[*keys, column]].{moved}.drop_duplicates(keys)",
        '    return frame[keys].merge(earlier, on=keys, how="left")[column].set_axis(frame.index)', "",
    ]  # fmt: skip


def dropped(code: Code, contract: Contract, root: Path, column: str) -> dict[str, str] | None:
    """The frame without the column: its only assignment goes, or it is dropped at the end; lists that name it forget it."""
    found = _entry(code)
    if found is None:
        return None
    module, definition = found
    edits: dict[str, str] = {}
    only = _only_assignment(code, column)
    if only is not None:
        path, statement = only
        own, change = code.modules[path], Edits()
        change.replace(own.line_start(own.start(statement)), own.line_end(own.end(statement)), "")
        edits[path] = own.finished(change)
    else:
        change = Edits()
        _drop_at_return(module, definition, column, change)
        edits[code.path] = module.finished(change)
    for path in _stage_files(contract, root):
        text = edits.get(path)
        try:
            listed = Module(text, path) if text is not None else Module.read(root, path)
            forgotten = _without_in_lists(listed, column)
        except (Uneditable, OSError):
            continue
        if forgotten is not None:
            edits[path] = forgotten
    contract_text = _contract_without(root, contract, column)
    if contract_text is not None:
        edits[contract.path] = contract_text
    return edits


def _entry(code: Code) -> tuple[Module, FunctionNode] | None:
    module = code.modules.get(code.path)
    definition = module.definition(code.entry) if module is not None else None
    return (module, definition) if module is not None and definition is not None else None


def _returns(definition: FunctionNode) -> list[ast.Return]:
    inner = {
        n for f in ast.walk(definition) if isinstance(f, FunctionNode | ast.Lambda) and f is not definition for n in ast.walk(f)
    }
    return [n for n in ast.walk(definition) if isinstance(n, ast.Return) and n.value is not None and n not in inner]


def _before_return(module: Module, definition: FunctionNode, lines: list[str], edits: Edits) -> None:
    """Puts lines in front of each return; `{frame}` in them is the returned frame's name."""
    for statement in _returns(definition):
        indent, value = module.indent(statement), statement.value
        assert value is not None
        name = value.id if isinstance(value, ast.Name) else "frame"
        written = [f"{indent}{line.replace('{frame}', name)}{module.newline}" for line in lines]
        if isinstance(value, ast.Name):
            edits.insert(module.line_start(module.start(statement)), "".join(written))
            continue
        start = module.start(statement)
        edits.replace(start, start + len("return "), f"{name} = ")
        edits.insert(module.line_end(module.end(statement)), "".join([*written, f"{indent}return {name}{module.newline}"]))


def _drop_at_return(module: Module, definition: FunctionNode, column: str, edits: Edits) -> None:
    for statement in _returns(definition):
        value = statement.value
        assert value is not None
        call = f".drop(columns=[{json.dumps(column)}])"
        if isinstance(value, ast.Name | ast.Call | ast.Attribute | ast.Subscript):
            edits.insert(module.end(value), call)
        else:
            edits.insert(module.start(value), "(")
            edits.insert(module.end(value), f"){call}")


def _only_assignment(code: Code, column: str) -> tuple[str, ast.stmt] | None:
    """The one plain statement `x["column"] = …` where the column is named nowhere else in the features' code."""
    places = [
        (path, n)
        for path, module in code.modules.items()
        for n in ast.walk(module.tree)
        if constant_text(n) and n.value == column
    ]
    if len(places) != 1:
        return None
    path, node = places[0]
    module = code.modules[path]
    statement = module.statement(node)
    plain = isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Subscript)
    siblings = getattr(module.parents.get(statement), "body", [])
    before = module.text[module.line_start(module.start(statement)) : module.start(statement)]
    behind = module.text[module.end(statement) : module.line_end(module.end(statement))].strip()
    if not plain or len(siblings) < 2 or before.strip() or (behind and not behind.startswith("#")):
        return None
    return path, statement


def _stage_files(contract: Contract, root: Path) -> list[str]:
    entries = contract.stages.entries().values()
    return list(dict.fromkeys(p for entry in entries if (p := module_path(root, entry.partition(":")[0])) is not None))


def _without_in_lists(module: Module, column: str) -> str | None:
    """The text without the column in literal lists of names (`FEATURES = ["a", "b"]`)."""
    edits = Edits()
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.List | ast.Tuple | ast.Set) or len(node.elts) < 2:
            continue
        if isinstance(module.parents.get(node), ast.Subscript):
            continue
        for index, element in enumerate(node.elts):
            if not (constant_text(element) and element.value == column) or not all(constant_text(e) for e in node.elts):
                continue
            behind = module.start(node.elts[index + 1]) if index + 1 < len(node.elts) else None
            if behind is not None:
                edits.replace(module.start(element), behind, "")
            else:
                edits.replace(module.end(node.elts[index - 1]), module.end(element), "")
    return module.finished(edits) if edits else None


def _contract_without(root: Path, contract: Contract, column: str) -> str | None:
    """The contract's text without the column in `prediction.features`."""
    if contract.prediction.features is None or column not in contract.prediction.features:
        return None
    text = (root / contract.path).read_bytes().decode("utf-8")
    found = re.search(r"^features\s*=\s*\[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return None
    quoted = rf"[\"']{re.escape(column)}[\"']"
    inner = re.sub(rf"{quoted}\s*,[ \t]*|,\s*{quoted}|{quoted}", "", found[1], count=1)
    return text[: found.start(1)] + inner + text[found.end(1) :]


def _import_pandas(module: Module, edits: Edits) -> None:
    if module.imports.get("pd") != "pandas":
        edits.insert(import_position(module), f"import pandas as pd{module.newline}")
