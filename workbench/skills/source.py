"""Edits of Python source by position: what isn't touched keeps every space and comment.

A repair finds nodes in the syntax tree and replaces just their characters. Here are the file's text with the positions of
its nodes, the names it imports, and the edits themselves. What to look for and what to write is each skill's own.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Container = ast.Call | ast.Dict


class Uneditable(Exception):
    """The file can't be edited by position: not UTF-8, not Python of this version, or edits that overlap."""


@dataclass(frozen=True)
class Token:
    """A token with its character positions in the text."""

    kind: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Argument:
    """One argument of a call as it stands in the text.

    `start`/`end` enclose the argument without the comma; `comma` is the position after its comma, if it has one.
    """

    node: ast.expr | ast.keyword
    start: int
    end: int
    comma: int | None


class Module:
    """One Python file: text, tree, positions, imports. Raises Uneditable where it can't be parsed."""

    def __init__(self, text: str, path: str = "<text>") -> None:
        self.path = path
        self._mark = "\ufeff" if text.startswith("\ufeff") else ""
        self.text = text[len(self._mark) :]
        if re.search(r"\r(?!\n)", self.text):
            raise Uneditable(f"{path} has line ends of an old Macintosh")
        try:
            self.tree = ast.parse(self.text)
        except (SyntaxError, ValueError) as error:
            raise Uneditable(f"{path} is not Python that this version can parse: {error}") from None
        self.newline = "\r\n" if "\r\n" in self.text else "\n"
        self._lines = self.text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    @classmethod
    def read(cls, root: Path, path: str) -> Module:
        """Reads `root/path` byte by byte: no translation of line ends. Raises Uneditable, or OSError where it can't be read."""
        raw = (root / path).read_bytes()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Uneditable(f"{path} is not UTF-8 text") from None
        return cls(text, path)

    # positions

    def offset(self, line: int, column: int) -> int:
        """Character position of a line (from 1) and a column in UTF-8 bytes, as the syntax tree counts."""
        text = self._lines[line - 1]
        if text.isascii():
            return self._starts[line - 1] + column
        return self._starts[line - 1] + len(text.encode("utf-8")[:column].decode("utf-8", "ignore"))

    def start(self, node: ast.AST) -> int:
        """Position of the node's first character; of a decorated definition, of `def` itself."""
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        """Position after the node's last character."""
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def segment(self, node: ast.AST) -> str:
        """The node's own text."""
        return self.text[self.start(node) : self.end(node)]

    def line(self, number: int) -> str:
        """Text of a line (from 1) without its end; empty past the end of the file."""
        return self._lines[number - 1].rstrip("\r") if 0 < number <= len(self._lines) else ""

    def line_start(self, position: int) -> int:
        """Position of the first character of the line that `position` is on."""
        return self.text.rfind("\n", 0, position) + 1

    def line_end(self, position: int) -> int:
        """Position after the newline of the line that `position` is on."""
        found = self.text.find("\n", position)
        return len(self.text) if found < 0 else found + 1

    def indent(self, node: ast.stmt) -> str:
        """White space in front of a statement's line."""
        line = self._lines[node.lineno - 1]
        return line[: len(line) - len(line.lstrip())]

    @cached_property
    def tokens(self) -> list[Token]:
        """Every token but line structure, with character positions."""
        found = []
        for token in tokenize.generate_tokens(io.StringIO(self.text, newline="").readline):
            if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
                continue
            start = self._starts[token.start[0] - 1] + token.start[1]
            found.append(Token(token.type, token.string, start, self._starts[token.end[0] - 1] + token.end[1]))
        return found

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Parents from the nearest outwards."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that holds `node`."""
        return node if isinstance(node, ast.stmt) else next(a for a in self.ancestors(node) if isinstance(a, ast.stmt))

    def scope(self, node: ast.AST) -> FunctionNode | ast.Module:
        """The innermost function around `node`, or the module."""
        return next((a for a in self.ancestors(node) if isinstance(a, FunctionNode)), self.tree)

    def at_line(self, number: int, kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> list[ast.AST]:
        """Nodes of a kind whose lines enclose `number`, innermost first."""
        found = [n for n in ast.walk(self.tree) if isinstance(n, kind) and n.lineno <= number <= (n.end_lineno or 0)]  # type: ignore[attr-defined]
        return sorted(found, key=lambda n: (n.end_lineno - n.lineno, n.end_col_offset - n.col_offset))  # type: ignore[attr-defined]

    # names

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name → what it stands for: `np` → `numpy`, `train` → `lightgbm.train`. `import a.b` binds `a` → `a`."""
        bound: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return bound

    def dotted(self, node: ast.AST) -> str | None:
        """`a.b.c` of a chain of names and attributes as written, else None."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return f"{base}.{node.attr}" if base else None
        return None

    def qualified(self, node: ast.AST) -> str | None:
        """What a chain of names stands for by this file's imports (`lgb.train` → `lightgbm.train`), else None."""
        name = self.dotted(node)
        if name is None:
            return None
        head, _, rest = name.partition(".")
        if head not in self.imports:
            return None
        return f"{self.imports[head]}.{rest}" if rest else self.imports[head]

    def calls(self) -> Iterator[ast.Call]:
        """Every call, in the order of the text."""
        found = [n for n in ast.walk(self.tree) if isinstance(n, ast.Call)]
        return iter(sorted(found, key=self.start))

    def definition(self, name: str) -> FunctionNode | None:
        """The module-level function of that name; the last one where there are several."""
        found = [n for n in self.tree.body if isinstance(n, FunctionNode) and n.name == name]
        return found[-1] if found else None

    def assignment(self, name: str) -> ast.Assign | ast.AnnAssign | None:
        """The only module-level assignment to `name`, or None where there is none or there are several."""
        found: list[ast.Assign | ast.AnnAssign] = []
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            if isinstance(node, ast.Assign | ast.AnnAssign) and any(isinstance(t, ast.Name) and t.id == name for t in targets):
                found.append(node)
        return found[0] if len(found) == 1 else None

    # calls

    def arguments(self, call: Container) -> list[Argument]:
        """The arguments of a call, or the entries of a dictionary (by key), in the order of the text, with their commas."""
        nodes: list[ast.expr | ast.keyword]
        if isinstance(call, ast.Dict):
            nodes = [value if key is None else key for key, value in zip(call.keys, call.values)]
        else:
            nodes = sorted([*call.args, *call.keywords], key=self.start)
        opening = self.opening(call)
        inner = [t for t in self.tokens if opening < t.start < self.end(call) - 1]
        slots: list[Argument] = []
        depth, begin, last = 0, None, opening
        for token in inner:
            if token.kind == tokenize.COMMENT:
                continue
            if token.kind == tokenize.OP and token.text == "," and depth == 0:
                slots.append(Argument(nodes[len(slots)], begin if begin is not None else last, last, token.end))
                begin = None
                continue
            if token.kind == tokenize.OP:
                depth += (token.text in "([{") - (token.text in ")]}")
            begin = token.start if begin is None else begin
            last = token.end
        if begin is not None:
            slots.append(Argument(nodes[len(slots)], begin, last, None))
        return slots

    def opening(self, call: Container) -> int:
        """Position of the bracket that opens the arguments or entries."""
        if isinstance(call, ast.Dict):
            return self.start(call)
        depth = 0
        within = [t for t in self.tokens if self.end(call.func) <= t.start < self.end(call)]
        for token in reversed(within):
            if token.kind == tokenize.OP and token.text in ")]}":
                depth += 1
            elif token.kind == tokenize.OP and token.text in "([{":
                depth -= 1
                if depth == 0:
                    return token.start
        raise Uneditable(f"{self.path}:{call.lineno}: a call without parentheses")

    @property
    def whole(self) -> str:
        """The text with its byte order mark, if it had one."""
        return self._mark + self.text

    def finished(self, edits: Edits) -> str:
        """The text with the edits applied. Raises Uneditable if they overlap or the result doesn't parse."""
        text = edits.applied(self.text)
        try:
            ast.parse(text)
        except (SyntaxError, ValueError) as error:
            raise Uneditable(f"{self.path}: the edited text does not parse: {error}") from None
        return self._mark + text


@dataclass
class Edits:
    """Replacements of spans of one text; equal ones count once, others may not overlap."""

    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, start: int, end: int, text: str) -> None:
        """Puts `text` in place of the characters from `start` to before `end`."""
        if (start, end, text) not in self.changes:
            self.changes.append((start, end, text))

    def insert(self, position: int, text: str) -> None:
        """Puts `text` in front of the character at `position`; insertions at one place keep their order."""
        self.changes.append((position, position, text))

    def insert_once(self, position: int, text: str) -> None:
        """Like `insert`, unless the same text already goes there."""
        if (position, position, text) not in self.changes:
            self.insert(position, text)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def applied(self, text: str) -> str:
        """The edited text. Raises Uneditable where two edits overlap."""
        result: list[str] = []
        position = 0
        for start, end, new in sorted(self.changes, key=lambda change: (change[0], change[1])):
            if start < position:
                raise Uneditable("two edits overlap")
            result += [text[position:start], new]
            position = end
        return "".join([*result, text[position:]])


def keyword(call: ast.Call, name: str) -> ast.keyword | None:
    """The keyword argument `name` of a call."""
    return next((k for k in call.keywords if k.arg == name), None)


class TextConstant(ast.Constant):
    """A string literal; only a type, never made."""

    value: str


def constant_text(node: ast.AST | None) -> TypeGuard[TextConstant]:
    """Whether the node is a string literal."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def require_name(module: Module, library: str, name: str, edits: Edits, *, near: str | None = None) -> str:
    """How this file can write `library.name`, adding an import where it can't yet.

    `near` is the local name of an already imported module of that library to go through, if the caller knows one.
    """
    for local, origin in module.imports.items():
        if origin == f"{library}.{name}":
            return local
    if near is not None:
        return f"{near}.{name}"
    for local, origin in module.imports.items():
        if origin == library:
            return f"{local}.{name}"
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == library and not node.level and node.names[-1].name != "*":
            edits.insert_once(module.end(node.names[-1]), f", {name}")
            return name
    edits.insert_once(import_position(module), f"from {library} import {name}{module.newline}")
    return name


def import_position(module: Module) -> int:
    """Where a new import line goes: in front of the first ordinary import, else behind docstring and `__future__`."""
    body = module.tree.body
    for node in body:
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__"):
            return module.line_start(module.start(node))
    last = None
    for node in body:
        is_text = isinstance(node, ast.Expr) and constant_text(node.value)
        if not (is_text or isinstance(node, ast.ImportFrom)):
            break
        last = node
    return module.line_end(module.end(last)) if last is not None else 0


def module_path(root: Path, dotted: str) -> str | None:
    """The workspace file of a dotted module name, relative to `root` with `/`, else None."""
    base = dotted.replace(".", "/")
    for candidate in (f"{base}.py", f"{base}/__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def imported_files(root: Path, path: str) -> list[str]:
    """`path` and every workspace file it imports, directly or through others, nearest first."""
    found, queue = [], [path]
    while queue:
        current = queue.pop(0)
        if current in found:
            continue
        found.append(current)
        try:
            module = Module.read(root, current)
        except (Uneditable, OSError):
            continue
        package = current.removesuffix(".py").removesuffix("/__init__").split("/")
        if not current.endswith("__init__.py"):
            package = package[:-1]
        for node in ast.walk(module.tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                names = [base, *(f"{base}.{alias.name}" for alias in node.names)] if base else [a.name for a in node.names]
            queue += [p for p in (module_path(root, name) for name in names) if p is not None]
    return found
