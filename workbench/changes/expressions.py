"""Expressions as steps in the order in which they are evaluated, and what a value is given to.

Statements, functions and calls are in `lowered.py`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from workbench.changes.blocks import Blocks
from workbench.changes.code import Module
from workbench.changes.model import word_set
from workbench.changes.syntax import walk
from workbench.changes.texts import Part, formatted, percent
from workbench.changes.variables import Function, Names, Unclear, Value, named_in_text

LOOKS_AT_NAMES = word_set("eval exec globals locals vars dir compile __import__ breakpoint setattr delattr")


class Outside(Protocol):
    """What names mean outside of a function."""

    def name(self, module: Module, words: Sequence[str]) -> tuple[Value, int]:
        """What `words` (a name and attributes) mean, and how many of the words that takes."""

    def callee(self, module: Module, words: Sequence[str]) -> tuple[Module, ast.FunctionDef] | None:
        """The plain function of the workspace that `words` mean, where a call of it can be written out."""


class Expressions(Blocks):
    """Turns expressions into steps; each kind of syntax has a method of its own."""

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self.outside = outside

    def _lazily(self, node: ast.expr, names: Names) -> Value:
        """An expression that may not be evaluated: its own steps, and its value."""
        self._open()
        value = self._value(node, names)
        return (self._close(), value)

    def _assign(self, target: ast.expr, value: Value, names: Names) -> None:
        if isinstance(target, ast.Name):
            self._given(names, target.id, value)
        elif isinstance(target, ast.Attribute):
            owner = self._value(target.value, names)
            if owner[0] not in ("step", "parameter", "global", "part"):
                raise Unclear(f"sets an attribute of {owner[0]}")
            self._step("set attribute", owner, target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._step("set element", self._value(target.value, names), self._value(target.slice, names), value)
        elif isinstance(target, ast.Tuple | ast.List):
            starred = [isinstance(one, ast.Starred) for one in target.elts]
            unpacked = self._step("unpack", len(target.elts), tuple(starred), value)
            for place, one in enumerate(target.elts):
                self._assign(one.value if isinstance(one, ast.Starred) else one, ("part", unpacked, place), names)
        else:
            raise Unclear(type(target).__name__)

    def _value(self, node: ast.expr, names: Names) -> Value:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise Unclear(type(node).__name__)
        value: Value = method(node, names)
        return value

    def _constant(self, node: ast.Constant, names: Names) -> Value:
        if isinstance(node.value, str) and named_in_text(node.value, names.module):
            raise Unclear("text names something of the module")
        return ("constant", f"{type(node.value).__name__} {node.value!r}" if node.value is not None else "None")

    def _name(self, node: ast.Name, names: Names) -> Value:
        known = self._read(node, names)
        if known is None and node.id in LOOKS_AT_NAMES:
            raise Unclear(f"uses {node.id}")
        return self.outside.name(names.module, [node.id])[0] if known is None else known

    def _attribute(self, node: ast.Attribute, names: Names) -> Value:
        words = self._free(node, names)
        if words:
            value, used = self.outside.name(names.module, words)
            for word in words[used:]:
                value = self._step("attribute", value, word)
            return value
        return self._step("attribute", self._value(node.value, names), node.attr)

    def _free(self, node: ast.expr, names: Names) -> list[str]:
        """`a.b.c` as words where `a` is no variable of the function; else []."""
        words: list[str] = []
        while isinstance(node, ast.Attribute):
            words.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return []
        here: Names | None = names
        while here is not None:
            if node.id in here.own:
                return []
            here = here.outer
        return [node.id, *reversed(words)]

    def _subscript(self, node: ast.Subscript, names: Names) -> Value:
        return self._step("element", self._value(node.value, names), self._value(node.slice, names))

    def _slice(self, node: ast.Slice, names: Names) -> Value:
        return ("slice", *(None if one is None else self._value(one, names) for one in (node.lower, node.upper, node.step)))

    def _tuple(self, node: ast.Tuple, names: Names) -> Value:
        return ("tuple", *(self._value(one, names) for one in node.elts))

    def _list(self, node: ast.List, names: Names) -> Value:
        return self._step("list", *(self._value(one, names) for one in node.elts))

    def _set(self, node: ast.Set, names: Names) -> Value:
        return self._step("set", *(self._value(one, names) for one in node.elts))

    def _dict(self, node: ast.Dict, names: Names) -> Value:
        pairs = []
        for key, value in zip(node.keys, node.values, strict=True):
            pairs.append((None if key is None else self._value(key, names), self._value(value, names)))
        return self._step("dict", *pairs)

    def _starred(self, node: ast.Starred, names: Names) -> Value:
        return ("*", self._value(node.value, names))

    def _unaryop(self, node: ast.UnaryOp, names: Names) -> Value:
        if (
            isinstance(node.operand, ast.Constant)
            and isinstance(node.op, ast.USub)
            and isinstance(node.operand.value, int | float)
        ):
            return ("constant", f"{type(node.operand.value).__name__} {-node.operand.value!r}")
        return self._step(type(node.op).__name__, self._value(node.operand, names))

    def _binop(self, node: ast.BinOp, names: Names) -> Value:
        text = percent(node)
        if text is not None:
            return self._text(text, names)
        return self._step(type(node.op).__name__, self._value(node.left, names), self._value(node.right, names))

    def _boolop(self, node: ast.BoolOp, names: Names) -> Value:
        first = self._value(node.values[0], names)
        return self._step(type(node.op).__name__, first, *(self._lazily(one, names) for one in node.values[1:]))

    def _compare(self, node: ast.Compare, names: Names) -> Value:
        signs = tuple(type(op).__name__ for op in node.ops)
        first, second = self._value(node.left, names), self._value(node.comparators[0], names)
        return self._step("compare", signs, first, second, *(self._lazily(one, names) for one in node.comparators[1:]))

    def _ifexp(self, node: ast.IfExp, names: Names) -> Value:
        return self._step(
            "either", self._value(node.test, names), self._lazily(node.body, names), self._lazily(node.orelse, names)
        )

    def _namedexpr(self, node: ast.NamedExpr, names: Names) -> Value:
        value = self._value(node.value, names)
        if node.target.id not in names.own:
            raise Unclear("a comprehension sets a variable around it")
        self._given(names, node.target.id, value)
        return value

    def _yield(self, node: ast.Yield, names: Names) -> Value:
        return self._step("yield", None if node.value is None else self._value(node.value, names))

    def _yieldfrom(self, node: ast.YieldFrom, names: Names) -> Value:
        return self._step("yield from", self._value(node.value, names))

    def _defaults(self, node: Function, names: Names) -> Value:
        given = [*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)]
        where = tuple(one is not None for one in node.args.kw_defaults)
        return (len(node.args.defaults), where, *(self._value(one, names) for one in given))

    def _joinedstr(self, node: ast.JoinedStr, names: Names) -> Value:
        return self._text(list(formatted(node)), names)

    def _text(self, parts: list[Part], names: Names) -> Value:
        """Text put together: (literal, value, `conversion:format`) parts; neighbouring literals are one."""
        made: list[Value] = []
        for literal, value, form in parts:
            if value is None:
                if made and made[-1][0] == "text":
                    made[-1] = ("text", made[-1][1] + literal)
                elif literal:
                    made.append(("text", literal))
            else:
                made.append(("shown", self._value(value, names), form))
        return self._step("formatted", *made)

    def _listcomp(self, node: ast.ListComp, names: Names) -> Value:
        return self._comprehension("list of", [node.elt], node.generators, names)

    def _setcomp(self, node: ast.SetComp, names: Names) -> Value:
        return self._comprehension("set of", [node.elt], node.generators, names)

    def _generatorexp(self, node: ast.GeneratorExp, names: Names) -> Value:
        return self._comprehension("generator of", [node.elt], node.generators, names)

    def _dictcomp(self, node: ast.DictComp, names: Names) -> Value:
        return self._comprehension("dict of", [node.key, node.value], node.generators, names)

    def _comprehension(self, what: str, elements: list[ast.expr], generators: list[ast.comprehension], names: Names) -> Value:
        bound = {inner.id for one in generators for inner in walk(one.target) if isinstance(inner, ast.Name)}
        if any(one.is_async for one in generators):
            raise Unclear("asynchronous")
        stored = Counter(inner.id for one in generators for inner in walk(one.target) if isinstance(inner, ast.Name))
        single = frozenset(name for name in bound if stored[name] == 1)
        inner = Names(names.module, single, frozenset(), frozenset(bound), keep=names.keep, outer=names)
        first = self._value(generators[0].iter, names)
        rounds: list[Value] = []
        self._open()
        inner.depth = len(self._blocks)
        for place, one in enumerate(generators):
            over = first if place == 0 else self._lazily(one.iter, inner)
            number = self._number()
            self._assign(one.target, ("part", ("round", number), 0), inner)
            rounds.append((over, number, tuple(self._lazily(test, inner) for test in one.ifs)))
        made = [self._lazily(element, inner) for element in elements]
        unpacking = self._close()
        return self._step(what, tuple(rounds), unpacking, tuple(made))
