"""What each stage of a tree does, as one value: equal where two trees say the same in another arrangement.

Functions are followed through the modules of the workspace; where they lie and what they are called leaves no trace, what runs on
import counts. Whatever can't be told exactly is never equal to anything. How a function becomes steps is in `lowered.py`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from workbench.changes.code import Module
from workbench.changes.contracts import UseCase
from workbench.changes.lowered import Steps
from workbench.changes.reach import Code, Reach
from workbench.changes.syntax import walk
from workbench.changes.variables import Unclear, Value, named_in_text

_OF_THE_MODULE = frozenset({"__name__", "__file__", "__doc__", "__package__", "__spec__", "__path__"})
_BEHIND = frozenset(
    {"__dict__", "__code__", "__globals__", "__defaults__", "__kwdefaults__", "__class__", "__bases__", "__wrapped__"}
)
_MOST_PARTS = 3_000


@dataclass(frozen=True)
class Meaning:
    """A digest of what a stage does, and the (module, name) of all that was looked at for it."""

    digest: str
    parts: frozenset[tuple[str, str]]


class Meanings:
    """What the stages of one use case mean in one tree."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._known: dict[tuple[str, str], Value] = {}
        self._seen: set[tuple[str, str]] = set()
        self._numbers: dict[tuple[str, str], int] = {}
        self._open: list[tuple[str, str]] = []

    def stage(self, entry: str, reach: Reach) -> Meaning:
        """What `module:callable` does, imports included. Raises Unclear where that can't be told."""
        self._known, self._seen = {}, set()
        if reach.unreadable or reach.dynamic:
            raise Unclear("not all of it can be followed")
        name, _, attribute = entry.partition(":")
        module = self.code.module(name)
        if module is None:
            raise Unclear(f"there is no module {name}")
        value, used = self.name(module, attribute.split("."))
        rest = attribute.split(".")[used:]
        plain = self.callee(module, attribute.split("."))
        if plain is not None:  # a stage is called by place: neither its name nor those of its parameters tell anything
            value = ("entry", self._function(plain[1], plain[0], by_place=True))
        effects = sorted(
            repr(self._effect(node, found))
            for found in (self.code.module(one) for one in reach.modules)
            if found is not None
            for node in self._acting(found)
        )
        return Meaning(hashlib.sha256(repr((value, rest, effects)).encode()).hexdigest(), frozenset(self._seen))

    @staticmethod
    def _acting(module: Module) -> Iterable[ast.stmt]:
        if module.opaque or _patches(module):
            raise Unclear(f"{module.path} looks at names, or sets those of others")
        return module.effects

    def _effect(self, node: ast.stmt, module: Module) -> Value:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if len(targets) == 1 and isinstance(targets[0], ast.Name):
                return ("sets", self.name(module, [targets[0].id])[0])
        return self._as_written(node, module)

    # -- names ---------------------------------------------------------------------------------------------------------

    def name(self, module: Module, words: Sequence[str]) -> tuple[Value, int]:
        """What a name (with the attributes after it) means, and how many of the words that takes."""
        first = words[0]
        self._seen.add((module.name, first))
        defined, bound = first in module.definitions, module.bindings.get(first, set())
        if "*" in module.bindings:
            raise Unclear(f"{module.path} imports everything from somewhere")
        if first in _OF_THE_MODULE:
            return ("of the module", module.path, first), 1
        if (defined and bound) or len(bound) > 1:
            raise Unclear(f"`{first}` has more than one meaning")
        if defined:
            return self._part(module, first), 1
        if not bound:
            return ("builtin", first), 1
        source, attribute = next(iter(bound))
        return self._imported(source, [*([attribute] if attribute else []), *words[1:]], len(words) - 1)

    def _imported(self, source: str, words: list[str], after: int) -> tuple[Value, int]:
        """`source.word.word`; `after` of the words follow the name that was imported. Modules are followed as far as they go."""
        given = len(words)
        while words and self.code.locate(f"{source}.{words[0]}") and not self._has(source, words[0]):
            source, words = f"{source}.{words[0]}", words[1:]
        if not self.code.is_local(source):
            return ("installed", ".".join([source, *words])), after + 1
        module = self.code.module(source)
        if module is None or not words:
            raise Unclear(f"the module {source} is passed around")
        if words[0] not in module.definitions and words[0] not in module.bindings:
            raise Unclear(f"{source} has no {words[0]}")
        value, taken = self.name(module, words)
        # One of the words may be the imported name itself, which is not one of those that follow.
        return value, 1 + (given - len(words)) + taken - (given - after)

    def _has(self, source: str, word: str) -> bool:
        module = self.code.module(source)
        return module is not None and (word in module.definitions or word in module.bindings)

    def _part(self, module: Module, name: str) -> Value:
        key = (module.name, name)
        if key in self._open:
            return ("again", len(self._open) - self._open.index(key))
        if key not in self._known:
            if len(self._known) > _MOST_PARTS:
                raise Unclear("there is too much of it")
            self._open.append(key)
            try:
                self._known[key] = self._definition(module, name)
            finally:
                self._open.pop()
        return self._known[key]

    def _definition(self, module: Module, name: str) -> Value:
        nodes = module.definitions[name]
        node = nodes[0]
        if len(nodes) == 1 and isinstance(node, ast.FunctionDef) and not node.decorator_list:
            return ("function", name, _digest(self._function(node, module)))
        if len(nodes) == 1 and isinstance(node, ast.ClassDef):
            return ("class", name, _digest(self._class(node, module)))
        if len(nodes) == 1 and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if len(targets) == 1 and isinstance(targets[0], ast.Name):
                value = Steps(self).value_of(node.value, module)
                if not value[1] and value[2][0] in ("constant", "tuple"):
                    return value[2]
                return ("global", self._number(module, name), _digest(value))
        return ("global", self._number(module, name), tuple(self._as_written(one, module) for one in nodes))

    def _number(self, module: Module, name: str) -> int:
        """Which of the values that can change this is, in the order in which they are come to."""
        return self._numbers.setdefault((module.name, name), len(self._numbers))

    def _function(self, node: ast.FunctionDef, module: Module, *, by_place: bool = False) -> Value:
        try:
            steps = Steps(self)
            defaults = [self._as_written(one, module) for one in [*node.args.defaults, *filter(None, node.args.kw_defaults)]]
            where = [one is not None for one in node.args.kw_defaults]
            return ("steps", steps.function(node, module, by_place=by_place), defaults, where)
        except Unclear:
            return self._as_written(node, module)

    def _class(self, node: ast.ClassDef, module: Module) -> Value:
        head = [self._as_written(one, module) for one in [*node.bases, *node.decorator_list]]
        keywords = [(one.arg, self._as_written(one.value, module)) for one in node.keywords]
        body = []
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef) and not inner.decorator_list:
                body.append(("method", inner.name, self._function(inner, module)))
            elif not isinstance(inner, ast.Pass):
                body.append(("statement", "", self._as_written(inner, module)))
        return (head, keywords, body)

    def _as_written(self, node: ast.AST, module: Module) -> Value:
        """The syntax word by word, with what its free names mean; for what can't be told in steps."""
        names = sorted({inner.id for inner in walk(node) if isinstance(inner, ast.Name)})
        if any(
            isinstance(inner, ast.Constant) and isinstance(inner.value, str) and named_in_text(inner.value, module)
            for inner in walk(node)
        ):
            raise Unclear("text names something of the module")
        bound = {inner.id for inner in walk(node) if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)}
        meant = []
        for name in names:
            local = name in bound and name not in module.definitions
            meant.append((name, None if local else self._free(node, name, module)))
        return ("as written", ast.dump(node), tuple(meant))

    def _free(self, node: ast.AST, name: str, module: Module) -> Value:
        """What a name means in code that stays word by word: of modules, every attribute that is named there."""
        found = []
        for inner in walk(node):
            words = _words(inner)
            if words[:1] == [name]:
                try:
                    found.append(self.name(module, words)[0])
                except Unclear:
                    if len(words) > 1 or self._is_module(module, name) is None:
                        raise
        return tuple(found)

    def _is_module(self, module: Module, name: str) -> str | None:
        """The local module that a name is bound to; its attributes are asked for one by one."""
        for source, attribute in module.bindings.get(name, ()):
            whole = f"{source}.{attribute}" if attribute else source
            if self.code.is_local(whole):
                return whole
        return None

    def callee(self, module: Module, words: Sequence[str]) -> tuple[Module, ast.FunctionDef] | None:
        """The function of the workspace that `words` mean, where it is defined once and plainly."""
        here, rest = module, list(words)
        for _ in range(10):
            self._seen.add((here.name, rest[0]))
            nodes = here.definitions.get(rest[0], [])
            bound = here.bindings.get(rest[0], set())
            if nodes:
                node = nodes[0]
                plain = len(nodes) == 1 and len(rest) == 1 and not bound and isinstance(node, ast.FunctionDef)
                return (here, node) if plain and isinstance(node, ast.FunctionDef) else None
            if len(bound) != 1:
                return None
            source, attribute = next(iter(bound))
            rest = [*([attribute] if attribute else []), *rest[1:]]
            while rest and self.code.locate(f"{source}.{rest[0]}") and not self._has(source, rest[0]):
                source, rest = f"{source}.{rest[0]}", rest[1:]
            target = self.code.module(source)
            if target is None or not rest:
                return None
            here = target
        return None


class Stage(Protocol):
    """A stage of a use case, as `scene.py` has it."""

    @property
    def use_case(self) -> UseCase: ...
    @property
    def stage(self) -> str: ...
    @property
    def entry(self) -> str: ...
    @property
    def reach(self) -> Reach: ...


def stage_meanings(code: Code, stages: Sequence[Stage]) -> dict[tuple[str, str], Meaning]:
    """(use case, stage) → what it means, for stages of which that can be told; of several entries, all."""
    known: dict[str, Meanings] = {}
    found: dict[tuple[str, str], Meaning] = {}
    unclear: set[tuple[str, str]] = set()
    for stage in sorted(stages, key=lambda one: (one.use_case.name, one.stage, one.entry)):
        key = (stage.use_case.name, stage.stage)
        # Values that can change are numbered over all stages of a use case: they may speak to each other through them.
        meanings = known.setdefault(stage.use_case.name, Meanings(code))
        try:
            one, before = meanings.stage(stage.entry, stage.reach), found.get(key, Meaning("", frozenset()))
            found[key] = Meaning(before.digest + one.digest, before.parts | one.parts)
        except (Unclear, RecursionError):
            unclear.add(key)
    return {key: meaning for key, meaning in found.items() if key not in unclear}


def _patches(module: Module) -> bool:
    """Whether anything in a module sets what belongs to another module, a class or a function: names don't tell all then."""
    classes = {name for name, nodes in module.definitions.items() if isinstance(nodes[0], ast.ClassDef | ast.FunctionDef)}
    if "__getattr__" in module.definitions:
        return True
    for inner in walk(module.tree):
        if isinstance(inner, ast.Attribute):
            words = _words(inner)
            if not isinstance(inner.ctx, ast.Load) and words and (words[0] in module.bindings or words[0] in classes):
                return True
            if inner.attr in _BEHIND:
                return True
        elif (
            isinstance(inner, ast.Call) and _words(inner.func)[-1:] in (["setattr"], ["delattr"], ["patch"], ["reload"], ["vars"])
        ) or isinstance(inner, ast.Global):
            return True
    return False


def _digest(value: Value) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:32]


def _words(node: ast.AST) -> list[str]:
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return [node.id, *reversed(words)] if isinstance(node, ast.Name) else []
