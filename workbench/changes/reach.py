"""Which stage of which use case can reach which definition: a call graph by names over the modules of one tree.

Everything doubtful counts as reached: a module that is passed around, a name that can't be resolved within a module whose
names may be looked up at run time, every statement that runs on import.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workbench.changes.code import MAIN, TOP, Module, decoded, dotted, parse_module
from workbench.changes.syntax import children, walk
from workbench.repo import DIRECTORY, Entry, Repo

Part = tuple[str, str]
"""A module's name and one of its parts."""
_MODULE_TEXT = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?::([A-Za-z_]\w*)[\w.]*)?")

_LOOKING_UP = re.compile(r"(?is)@|~|\b(?:select|from|where)\b")
_WORD = re.compile(r"[A-Za-z_]\w*")

_parsed: dict[tuple[str, str, str], Module | None] = {}


class Code:
    """The Python modules of one tree, with the root of the tree as the import path; parsed when first asked for."""

    def __init__(self, repo: Repo, tree: str) -> None:
        self.repo = repo
        self.tree = tree
        self.files: dict[str, Entry] = repo.list_tree(tree)
        self._directories = _above(self.files)

    def locate(self, name: str) -> str | None:
        """The file of a module, as Python would choose it: a package before a module of the same name."""
        place = name.replace(".", "/")
        return next((path for path in (f"{place}/__init__.py", f"{place}.py") if path in self.files), None)

    def is_local(self, name: str) -> bool:
        """Whether the workspace has a module, package or bare directory of that name."""
        return self.locate(name) is not None or name.replace(".", "/") in self._directories

    def module(self, name: str) -> Module | None:
        """The parsed module, or None where there is none or it can't be parsed."""
        path = self.locate(name)
        return None if path is None else self.parse(path)

    def parse(self, path: str) -> Module | None:
        """The parsed file at `path`."""
        entry = self.files.get(path)
        if entry is None or entry.mode == DIRECTORY:
            return None
        key = (entry.id, path, module_name(path))
        if key not in _parsed:
            if len(_parsed) > 5000:
                _parsed.clear()
            text = decoded(self.repo.blob(entry.id))
            _parsed[key] = None if text is None else parse_module(text, path, key[2])
        return _parsed[key]


def _above(paths: Iterable[str]) -> set[str]:
    """Every directory above one of the paths."""
    found: set[str] = set()
    pending = {path.rpartition("/")[0] for path in paths}
    while pending:
        found |= pending
        pending = {path.rpartition("/")[0] for path in pending} - found
    return found - {""}


def module_name(path: str) -> str:
    """`a/b.py` → `a.b`, `a/__init__.py` → `a`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass
class Reach:
    """What one entry point can reach. `came_from` gives, for every part, the part that named it (None: the entry)."""

    came_from: dict[Part, Part | None] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    """Paths of reached modules that can't be parsed."""
    dynamic: list[tuple[str, int, str]] = field(default_factory=list)
    """(path, line, text) of imports that can't be resolved."""

    def chain(self, part: Part) -> list[str]:
        """How the entry comes to `part`, as names."""
        names: list[str] = []
        here: Part | None = part
        while here is not None and len(names) < 12:
            names.append(here[1] if here[1] != TOP else f"import of {here[0]}")
            here = self.came_from.get(here)
        return list(reversed(names))


def reach(code: Code, entry: str) -> Reach:
    """Everything that `module:callable` can reach within the workspace."""
    return _Search(code).run(entry)


class _Search:
    def __init__(self, code: Code) -> None:
        self.code = code
        self.found = Reach()
        self.pending: list[Part] = []

    def run(self, entry: str) -> Reach:
        module, _, attribute = entry.partition(":")
        self._name(module, attribute.partition(".")[0], None)
        if self.code.locate(module) and (module, attribute.partition(".")[0]) not in self.found.came_from:
            self._everything(module, None)
        while self.pending:
            part = self.pending.pop()
            self._expand(part)
        return self.found

    def _add(self, part: Part, source: Part | None) -> None:
        if part not in self.found.came_from:
            self.found.came_from[part] = source
            self.pending.append(part)

    def _import(self, name: str, source: Part | None) -> None:
        """Importing `a.b` runs `a` and `a.b`."""
        words = name.split(".")
        for end in range(1, len(words) + 1):
            above = ".".join(words[:end])
            if above in self.found.modules:
                continue
            path = self.code.locate(above)
            if path is None:
                continue
            self.found.modules.add(above)
            module = self.code.module(above)
            if module is None:
                self.found.unreadable.add(path)
                continue
            self.found.dynamic += [(path, line, text) for line, text in module.dynamic]
            self._add((above, TOP), source)
            if "__getattr__" in module.definitions:  # asked for every name that the module doesn't have
                self._add((above, "__getattr__"), (above, TOP))
            if module.opaque:
                self._everything(above, (above, TOP))
            if "*" in module.bindings:  # whatever lies there may stand in front of any name here
                self._add((above, "*"), (above, TOP))
                for target, _ in sorted(module.bindings["*"], key=repr):
                    if self.code.is_local(target):
                        self._everything(target, (above, "*"))

    def _everything(self, name: str, source: Part | None) -> None:
        self._import(name, source)
        module = self.code.module(name)
        for part in (*(module.definitions if module else ()), *(module.bindings if module else ())):
            self._add((name, part), source)

    def _name(self, module_name_: str, name: str, source: Part | None) -> None:
        """`name` of a module: its definition, what it imported under that name, or a submodule."""
        self._import(module_name_, source)
        module = self.code.module(module_name_)
        if module is None:
            return
        if name in module.definitions or name in module.bindings:
            self._add((module_name_, name), source)
        elif "__getattr__" in module.definitions:
            self._everything(module_name_, source)
        else:
            for target, _ in module.bindings.get("*", ()):
                self._name(target, name, source)

    def _expand(self, part: Part) -> None:
        name, symbol = part
        module = self.code.module(name)
        if module is None:
            return
        if symbol == TOP:
            for imported in sorted(module.imports):
                if self.code.is_local(imported) or self.code.is_local(imported.rpartition(".")[0]):
                    self._import(imported, part)
        nodes = module.nodes(symbol)
        if not nodes:  # a name that is only imported here, and passed on
            self._resolve(module, [symbol], part)
        for node in nodes:
            for words in references(node):
                self._resolve(module, words, part)
            for text in _constants(node):
                self._text(text, part)
                for word in words_in_text(text) & (module.definitions.keys() | module.bindings.keys()):
                    self._resolve(module, [word], part)

    def _resolve(self, module: Module, words: list[str], source: Part) -> None:
        first, rest = words[0], words[1:]
        if first in module.definitions:
            self._add((module.name, first), source)
        for target, attribute in module.bindings.get(first, ()):
            self.found.came_from.setdefault((module.name, first), source)
            self._walk(target, [*([attribute] if attribute else []), *rest], source)
        if first not in module.definitions and first not in module.bindings:
            for target, _ in module.bindings.get("*", ()):
                self._name(target, first, source)

    def _walk(self, name: str, words: list[str], source: Part) -> None:
        """Follows `name.word.word` through packages to the definition that it means."""
        if not self.code.is_local(name):
            return
        self._import(name, source)
        module = self.code.module(name)
        if not words:
            self._everything(name, source)
            return
        if module is not None and (words[0] in module.definitions or words[0] in module.bindings):
            self._name(name, words[0], source)
            if module.bindings.get(words[0]) and words[1:]:
                self._resolve(module, words, source)
        if self.code.is_local(f"{name}.{words[0]}"):
            self._walk(f"{name}.{words[0]}", words[1:], source)
        elif module is not None:
            self._name(name, words[0], source)

    def _text(self, text: str, source: Part) -> None:
        """Strings that name a module of the workspace are followed as if they were imported."""
        match = _MODULE_TEXT.fullmatch(text) if len(text) < 200 and ("." in text or ":" in text) else None
        if match is not None and self.code.locate(match[1]):
            self._name(match[1], match[2], source) if match[2] else self._everything(match[1], source)
        elif match is not None and "." in match[1] and self.code.locate(match[1].rpartition(".")[0]):
            owner, _, attribute = match[1].rpartition(".")
            self._name(owner, attribute, source)


def words_in_text(text: str) -> set[str]:
    """Names that a query, a formula or an SQL text may look up where it stands (`@limit`, `y ~ f(x)`, `from frame`)."""
    return set(_WORD.findall(text)) if len(text) < 5_000 and _LOOKING_UP.search(text) else set()


def references(node: ast.AST) -> Iterator[list[str]]:
    """Every name read in a statement, with the attributes that follow it."""
    pending: list[ast.AST] = [node]
    while pending:
        here = pending.pop()
        if isinstance(here, ast.Attribute):
            words = dotted(here)
            if words:
                yield words
                continue
        elif isinstance(here, ast.Name) and isinstance(here.ctx, ast.Load):
            yield [here.id]
        elif isinstance(here, ast.Call) and isinstance(here.func, ast.Name) and here.func.id == "getattr" and len(here.args) > 1:
            owner, name = here.args[0], here.args[1]
            words = dotted(owner) if not isinstance(owner, ast.Name) else [owner.id]
            if words and isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield [*words, name.value]
        pending.extend(children(here))


def _constants(node: ast.AST) -> Iterator[str]:
    for inner in walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def constants(module: Module, part: str) -> set[str]:
    """The strings in a part of a module, docstrings left out."""
    return {text for node in module.nodes(part) for text in _constants(node)}


__all__ = ["MAIN", "TOP", "Code", "Part", "Reach", "constants", "module_name", "reach", "references"]
