"""Where a column of the feature frame comes from: the expressions that define it, and the code that those rest on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.skills.source import FunctionNode, Module, Uneditable, constant_text, imported_files, module_path

DEPTH = 4
_NOT_THEIRS = ("workbench/", "tests/", "skills/")


@dataclass(frozen=True)
class Spot:
    """A piece of code that a column rests on; `distance` counts the steps from its definition."""

    path: str
    node: ast.AST
    distance: int


class Code:
    """The modules that the features stage is made of."""

    def __init__(self, root: Path, entry: str) -> None:
        module_name, _, self.entry = entry.partition(":")
        self.root = root
        self.path = module_path(root, module_name) or ""
        self.modules: dict[str, Module] = {}
        for path in imported_files(root, self.path) if self.path else []:
            if not path.startswith(_NOT_THEIRS):
                try:
                    self.modules[path] = Module.read(root, path)
                except (Uneditable, OSError):
                    continue

    def definitions(self, column: str) -> Iterator[tuple[str, ast.expr]]:
        """The expressions that give the column its values, in every module."""
        for path, module in self.modules.items():
            for node in ast.walk(module.tree):
                yield from ((path, value) for value in _defines(node, column))

    def spots(self, column: str) -> list[Spot]:
        """What the column rests on, nearest first: its definitions, helpers they call, values of the names they use."""
        found: dict[ast.AST, Spot] = {}
        queue = [Spot(path, node, 0) for path, node in self.definitions(column)]
        while queue:
            spot = queue.pop(0)
            if spot.node in found or spot.distance > DEPTH:
                continue
            found[spot.node] = spot
            queue += self._rests_on(spot)
        return list(found.values())

    def _rests_on(self, spot: Spot) -> list[Spot]:
        module, further = self.modules[spot.path], []
        scope = module.scope(spot.node) if not isinstance(spot.node, FunctionNode) else spot.node
        for node in ast.walk(spot.node):
            if isinstance(node, ast.Call):
                further += [Spot(path, body, spot.distance + 1) for path, body in self._function(spot.path, node.func)]
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and spot.node is not scope:
                for statement in ast.walk(scope):
                    if isinstance(statement, ast.Assign) and any(
                        isinstance(t, ast.Name) and t.id == node.id for t in statement.targets
                    ):
                        further.append(Spot(spot.path, statement.value, spot.distance + 1))
            if isinstance(node, ast.Subscript) and constant_text(node.slice) and isinstance(node.ctx, ast.Load):
                further += [Spot(path, value, spot.distance + 1) for path, value in self.definitions(node.slice.value)]
        return further

    def _function(self, path: str, called: ast.expr) -> Iterator[tuple[str, ast.AST]]:
        module = self.modules[path]
        name = module.dotted(called)
        if name is None:
            return
        own = module.definition(name)
        if own is not None:
            yield path, own
            return
        last = name.rpartition(".")[2]
        for other_path, other in self.modules.items():
            imported = other_path != path and (last in name and (name != last or self._imports(module, last)))
            definition = other.definition(last) if imported else None
            if definition is not None:
                yield other_path, definition

    @staticmethod
    def _imports(module: Module, name: str) -> bool:
        return any((a.asname or a.name) == name for n in ast.walk(module.tree) if isinstance(n, ast.ImportFrom) for a in n.names)

    def mentions(self, word: str) -> list[Spot]:
        """Statements that name a column, a table or a source column as text, where no definition could be found."""
        found = []
        for path, module in self.modules.items():
            for node in ast.walk(module.tree):
                if constant_text(node) and node.value == word:
                    statement = module.statement(node)
                    if not isinstance(statement, FunctionNode | ast.ClassDef):
                        found.append(Spot(path, statement, DEPTH))
        return found

    def everything(self) -> list[Spot]:
        """All functions of all modules, as a last place to look for what looks ahead."""
        nodes = [(path, n) for path, module in self.modules.items() for n in module.tree.body if isinstance(n, FunctionNode)]
        return [Spot(path, node, DEPTH + 1) for path, node in nodes]


def _defines(node: ast.AST, column: str) -> Iterator[ast.expr]:
    if isinstance(node, ast.Assign):
        if any(_is_column(target, column) for target in node.targets):
            yield node.value
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        if node.value is not None and _is_column(node.target, column):
            yield node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values):
            if key is not None and names(key, column):
                yield value
    elif isinstance(node, ast.Call):
        last = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        if last in ("assign", "agg", "aggregate", "dict", "DataFrame"):
            yield from (entry.value for entry in node.keywords if entry.arg == column)
        elif last == "insert" and len(node.args) > 2 and names(node.args[1], column):
            yield node.args[2]
        elif last == "rename" and isinstance(node.func, ast.Attribute):
            given = [*node.args, *(entry.value for entry in node.keywords)]
            renamed = [v for a in given if isinstance(a, ast.Dict) for v in a.values]
            if any(names(value, column) for value in [*given, *renamed]):
                yield node.func.value


def _is_column(target: ast.expr, column: str) -> bool:
    if isinstance(target, ast.Subscript):
        inner = target.slice
        parts = inner.elts if isinstance(inner, ast.Tuple | ast.List) else [inner]
        return any(names(part, column) for part in parts)
    return isinstance(target, ast.Attribute) and target.attr == column


def names(node: ast.expr, column: str) -> bool:
    """Whether a literal, or a text with values in it (`f"lag_{n}"`), can be this column's name."""
    if constant_text(node):
        return node.value == column
    if isinstance(node, ast.JoinedStr):
        parts = [re.escape(v.value) if constant_text(v) else ".+" for v in node.values]
        return any(constant_text(v) for v in node.values) and re.fullmatch("".join(parts), column) is not None
    return False
