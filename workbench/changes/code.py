"""Python source → what it defines, what it runs when imported, and which other modules it names; compared as syntax.

A module here is text from a tree; nothing is imported or executed. Which stage reaches what lives in `reach.py`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from workbench.changes.model import word_set
from workbench.changes.syntax import walk
from workbench.warned import filtered

Target = tuple[str, str | None]
"""An imported thing: a module, and the name in it (None: the module itself)."""
TOP, MAIN = "<module>", "<main>"
"""The parts of a module that have no name: what runs when it is imported, and what runs when it is started by itself."""

_PRAGMA = re.compile(
    r"#.*?(noqa|type:\s*ignore|pragma|nosec|nosemgrep|pylint|pyright|mypy|ruff|flake8|fmt:|isort:|yapf|NOSONAR|skipcq|"
    r"workbench|bandit|codespell|coverage|doctest:|noinspection|nopycln|nbqa)",
    re.IGNORECASE,
)
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u3164\ufeff\uffa0"
    "\u2028\u2029"  # ends a line for some readers and not for others
)
# Calls that only make a value: their result can matter where it is used, the call itself changes nothing elsewhere.
_VALUES = word_set("""
    getLogger Path PurePath Timedelta Timestamp to_timedelta timedelta datetime date time ZoneInfo timezone compile
    frozenset tuple set dict list range int float str bool bytes len sorted min max sum abs round zip enumerate
    reversed TypeVar ParamSpec NewType namedtuple Decimal Fraction array arange linspace zeros ones partial
    itemgetter attrgetter MappingProxyType field Field ConfigDict Enum IntEnum StrEnum Counter defaultdict
    OrderedDict DateOffset Hour Day dedent cast join split format
""")
_PLAIN_DECORATORS = word_set("""
    lru_cache cache cached_property wraps staticmethod classmethod property abstractmethod dataclass overload final
    override contextmanager total_ordering njit jit vectorize unique setter getter
""")


@dataclass
class Module:
    """One parsed module. `definitions` are its top-level names, `effects` the statements that act when it is imported."""

    path: str
    name: str
    tree: ast.Module
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    main: list[ast.stmt] = field(default_factory=list)
    bindings: dict[str, set[Target]] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    opaque: bool = False
    """Its own names may be reached in ways that can't be seen (`globals()`, `eval`, …)."""
    dynamic: list[tuple[int, str]] = field(default_factory=list)
    """(line, text) of imports whose module isn't a constant."""
    comments: list[tuple[int, str]] = field(default_factory=list)
    docstrings: list[str] = field(default_factory=list)
    _parts: dict[str, str] | None = None

    @property
    def pragmas(self) -> Counter[str]:
        """The comments that silence or steer a check, each with how often it stands there."""
        return Counter(" ".join(text.split()) for _, text in self.comments if _PRAGMA.match(text))

    def parts(self) -> dict[str, str]:
        """Every part that can change on its own → its syntax as text: definitions, bound imports, TOP, MAIN."""
        if self._parts is not None:
            return self._parts
        found = {name: "\n".join(ast.dump(node) for node in nodes) for name, nodes in self.definitions.items()}
        for name, targets in self.bindings.items():
            found[name] = found.get(name, "") + repr(sorted(targets, key=repr))
        found[TOP] = "\n".join(ast.dump(node) for node in self.effects)
        found[MAIN] = "\n".join(ast.dump(node) for node in self.main)
        self._parts = found
        return found

    def nodes(self, part: str) -> list[ast.stmt]:
        """The statements of a part."""
        return self.effects if part == TOP else self.main if part == MAIN else self.definitions.get(part, [])

    def line(self, part: str) -> int | None:
        """Where the part begins."""
        return next((node.lineno for node in self.nodes(part)), None)


def decoded(content: bytes) -> str | None:
    """The text of a Python file, or None where it isn't plain UTF-8 (another encoding cookie, a NUL byte)."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        if encoding not in ("utf-8", "utf-8-sig") or b"\0" in content:
            return None
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return None


def parse_module(text: str, path: str, name: str) -> Module | None:
    """Parses a module; None where it is no valid Python (or nested beyond what can be parsed)."""
    try:
        with filtered("ignore"):
            tree = ast.parse(text)
        module = Module(path, name, tree)
        module.docstrings = _without_words(tree)
        module.comments = _comments(text) if "#" in text else []
        _Reader(module).body(tree.body)
        _look(module)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    return module


def _comments(text: str) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def hidden_characters(text: str) -> Counter[str]:
    """Characters that change how code reads but not how it shows: direction marks, zero width, stray controls."""
    found: Counter[str] = Counter()
    if text.isascii() and not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text):
        return found
    for character in text.removeprefix("\ufeff"):
        control = unicodedata.category(character) == "Cc" and character not in "\t\n\r\f"
        if control or character in _BIDI | _INVISIBLE or "\U000e0000" <= character <= "\U000e0fff":
            found[character] += 1
    return found


def odd_names(text: str) -> set[str]:
    """Identifiers with letters beyond ASCII: they may look like another name, or be read as another one (NFKC)."""
    if text.isascii():
        return set()
    try:
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        return {token.string for token in tokens if token.type == tokenize.NAME and not token.string.isascii()}
    except (tokenize.TokenError, SyntaxError):
        return {"<unreadable>"}


def dotted(node: ast.expr) -> list[str]:
    """`a.b.c` → ["a", "b", "c"]; [] for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def call_name(node: ast.Call) -> str:
    """The last word of what is called: `f` of `a.b.f(…)`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _without_words(tree: ast.Module) -> list[str]:
    """Takes docstrings, and annotations that nothing can see at run time, out of the tree; returns both as text."""
    words: list[str] = []
    for node in walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                words.append(first.value.value)
                node.body = node.body[1:] or [ast.copy_location(ast.Pass(), first)]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list:
            words += [ast.dump(node.returns)] if node.returns is not None else []
            node.returns = None
            arguments = node.args
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
                if argument is not None and argument.annotation is not None:
                    words.append(ast.dump(argument.annotation))
                    argument.annotation = None
    return words


def _acts(node: ast.AST) -> bool:
    """Whether evaluating an expression may do more than make a value."""
    for inner in walk(node):
        if isinstance(inner, ast.Call) and (call_name(inner) not in _VALUES or dotted(inner.func) == ["compile"]):
            return True
        if isinstance(inner, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return True
    return False


class _Reader:
    """Sorts the top level of a module into definitions, effects and the part that runs only when it is started."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        module = self.module
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            module.definitions.setdefault(node.name, []).append(node)
            if self._registers(node):
                module.effects.append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            self._assignment(node)
        elif isinstance(node, ast.If):
            if _is_main(node.test):
                module.main += node.body
                self.body(node.orelse)
                return
            if _acts(node.test):
                module.effects.append(ast.copy_location(ast.Expr(node.test), node))
            # What a branch defines depends on the test: it belongs to each of the names.
            for inner in (*node.body, *node.orelse):
                for name in _names(inner):
                    module.definitions.setdefault(name, []).append(ast.copy_location(ast.Expr(node.test), node))
            self.body([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            self.body(
                [*node.body, *(inner for handler in node.handlers for inner in handler.body), *node.orelse, *node.finalbody]
            )
        elif isinstance(node, ast.Import | ast.ImportFrom | ast.Pass):
            pass
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            for name in _names(node):
                module.definitions.setdefault(name, []).append(node)
            module.effects.append(node)

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [name for target in targets for name in _names(target)]
        for name in names:
            self.module.definitions.setdefault(name, []).append(node)
        simple = all(isinstance(inner, ast.Name | ast.Tuple | ast.List | ast.Starred) for inner in targets)
        if not names or not simple or (node.value is not None and _acts(node.value)):
            self.module.effects.append(node)

    @staticmethod
    def _registers(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
        for decorator in node.decorator_list:
            name = (dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) or [""])[-1]
            if name not in _PLAIN_DECORATORS:
                return True
        return isinstance(node, ast.ClassDef) and bool(node.keywords)


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _names(node: ast.AST) -> list[str]:
    """Names that a statement or target binds at its own level."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return [inner.id for inner in walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del)]


def _look(module: Module) -> None:
    """Fills in what the module imports, and what can't be followed in it."""
    package = module.name if module.path.endswith("__init__.py") else module.name.rpartition(".")[0]
    main = {id(inner) for node in module.main for inner in walk(node)}
    for node in walk(module.tree):
        if isinstance(node, ast.Import) and id(node) not in main:
            for alias in node.names:
                module.imports.add(alias.name)
                bound, whole = (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
                module.bindings.setdefault(bound, set()).add((whole, None))
        elif isinstance(node, ast.ImportFrom) and id(node) not in main:
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            module.imports.add(source)
            for alias in node.names:
                if alias.name != "*":
                    module.imports.add(f"{source}.{alias.name}")
                module.bindings.setdefault(alias.asname or alias.name, set()).add((source, alias.name))
        elif isinstance(node, ast.Call):
            _look_at_call(module, node)


def _look_at_call(module: Module, node: ast.Call) -> None:
    name = call_name(node)
    if name in ("import_module", "__import__", "run_module", "run_path", "spec_from_file_location", "find_spec"):
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and name in ("import_module", "__import__"):
            module.imports.add(first.value)
        else:
            module.dynamic.append((node.lineno, ast.unparse(node)))
    elif isinstance(node.func, ast.Name) and name in ("globals", "vars", "locals", "eval", "exec"):
        module.opaque = True
    if name == "getattr" and node.args and ast.unparse(node.args[0]).startswith("sys.modules"):
        module.opaque = True
