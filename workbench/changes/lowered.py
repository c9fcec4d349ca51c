"""The body of a function as a list of steps in the order in which they run, without the names that it gives its own values.

Two functions with the same steps do the same: names of variables, values put into a variable or not, and calls of plain functions
of the workspace written out or not leave no trace. What a name outside of the function means is asked of `meaning.py`.
Anything not understood raises `Unclear`; the steps are exact, or there are none.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from workbench.changes.blocks import Blocks
from workbench.changes.code import Module
from workbench.changes.model import word_set
from workbench.changes.rewritten import rewritten
from workbench.changes.texts import Part, format_call, formatted, percent
from workbench.changes.variables import (
    Function,
    Names,
    Unclear,
    Value,
    defaults_of,
    named_in_text,
    names_of,
    one_return,
    plain_call,
)

_LOOKS_AT_NAMES = word_set("eval exec globals locals vars dir compile __import__ breakpoint setattr delattr")


class Outside(Protocol):
    """What names mean outside of a function."""

    def name(self, module: Module, words: Sequence[str]) -> tuple[Value, int]:
        """What `words` (a name and attributes) mean, and how many of the words that takes."""

    def callee(self, module: Module, words: Sequence[str]) -> tuple[Module, ast.FunctionDef] | None:
        """The plain function of the workspace that `words` mean, where a call of it can be written out."""


class Steps(Blocks):
    """Turns functions into steps; one object for one function with all that is written out in it."""

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self.outside = outside
        self._written_out: list[ast.FunctionDef] = []

    def function(self, node: Function, module: Module, outer: Names | None = None, *, by_place: bool = False) -> Value:
        """Parameters and steps; names of parameters count, because calls may use them, unless they are only given `by_place`."""
        names = names_of(node, module, outer)
        names.depth = len(self._blocks) + 1
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        shown = [one.arg for one in every]
        if isinstance(node, ast.Lambda) and len(every) == 1 and not arguments.defaults and not names.keep:
            shown = ["_"]
        if by_place and not names.keep:
            shown = [*("_" for _ in (*arguments.posonlyargs, *arguments.args)), *(one.arg for one in arguments.kwonlyargs)]
        shape = (len(arguments.posonlyargs), len(arguments.args), arguments.vararg is not None, arguments.kwarg is not None)
        started = self._number()
        extra = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        for place, one in enumerate([*every, *extra]):
            self._given(names, one.arg, ("parameter", started, place))
        self._open()
        if isinstance(node, ast.Lambda):
            self._step("return", self._value(node.body, names))
        else:
            self._statements(rewritten(node.body), names)
        return ("function", tuple(shown), shape, started, self._close())

    def value_of(self, node: ast.expr, module: Module) -> Value:
        """An expression at the top of a module: its steps and its result."""
        self._open()
        names = Names(module, frozenset(), frozenset(), frozenset(), depth=len(self._blocks))
        value = self._value(node, names)
        return ("value", self._close(), value)

    def _block(self, nodes: Sequence[ast.stmt], names: Names) -> Value:
        self._open()
        self._statements(nodes, names)
        return self._close()

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

    # -- statements ----------------------------------------------------------------------------------------------------

    def _statements(self, nodes: Sequence[ast.stmt], names: Names) -> None:
        for node in nodes:
            self._statement(node, names)

    def _statement(self, node: ast.stmt, names: Names) -> None:
        if isinstance(node, ast.Expr):
            self._value(node.value, names)
        elif isinstance(node, ast.Assign):
            self._assignment(node, names)
        elif isinstance(node, ast.AugAssign):
            self._augmented(node, names)
        elif isinstance(node, ast.Return):
            self._step("return", ("constant", "None") if node.value is None else self._value(node.value, names))
        elif isinstance(node, ast.If):
            test = self._value(node.test, names)
            self._step("if", test, self._block(node.body, names), self._block(node.orelse, names))
        elif isinstance(node, ast.For):
            self._loop(node, names)
        elif isinstance(node, ast.While):
            test = self._lazily(node.test, names)
            self._step("while", test, self._block(node.body, names), self._block(node.orelse, names))
        elif isinstance(node, ast.Raise):
            parts = [None if part is None else self._value(part, names) for part in (node.exc, node.cause)]
            self._step("raise", *parts)
        elif isinstance(node, ast.Assert):
            self._step("assert", self._value(node.test, names), None if node.msg is None else self._lazily(node.msg, names))
        elif isinstance(node, ast.Pass | ast.Break | ast.Continue):
            if not isinstance(node, ast.Pass):
                self._step(type(node).__name__)
        elif isinstance(node, ast.With):
            for one in node.items:
                entered = self._step("enter", self._value(one.context_expr, names))
                if one.optional_vars is not None:
                    self._assign(one.optional_vars, entered, names)
            self._step("with", self._block(node.body, names))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._step("import", ast.dump(node))
        elif isinstance(node, ast.FunctionDef) and not node.decorator_list:
            self._given(
                names,
                node.name,
                self._step("define", node.name, self._defaults(node, names), self.function(node, names.module, names)),
            )
        else:
            raise Unclear(type(node).__name__)

    def _assignment(self, node: ast.Assign, names: Names) -> None:
        target = node.targets[0]
        plain = isinstance(target, ast.Tuple) and all(isinstance(one, ast.Name) for one in target.elts)
        if len(node.targets) == 1 and plain and isinstance(node.value, ast.Tuple):
            assert isinstance(target, ast.Tuple)
            if len(target.elts) == len(node.value.elts) and not any(isinstance(one, ast.Starred) for one in node.value.elts):
                values = [self._value(one, names) for one in node.value.elts]
                for one, value in zip(target.elts, values, strict=True):
                    self._assign(one, value, names)
                return
        value = self._value(node.value, names)
        for one in node.targets:
            self._assign(one, value, names)

    def _augmented(self, node: ast.AugAssign, names: Names) -> None:
        what = f"in place {type(node.op).__name__}"
        target = node.target
        if isinstance(target, ast.Name):
            old = self._read(target, names)
            self._given(names, target.id, self._step(what, old, self._value(node.value, names)))
        elif isinstance(target, ast.Attribute):
            self._step(what, "attribute", self._value(target.value, names), target.attr, self._value(node.value, names))
        else:
            owner, element = self._value(target.value, names), self._value(target.slice, names)
            self._step(what, "element", owner, element, self._value(node.value, names))

    def _loop(self, node: ast.For, names: Names) -> None:
        over = self._value(node.iter, names)
        number = self._number()
        self._open(number)
        self._assign(node.target, ("part", ("round", number), 0), names)
        self._statements(node.body, names)
        body = self._close()
        self._step("for", over, number, body, self._block(node.orelse, names))

    # -- expressions ---------------------------------------------------------------------------------------------------

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
        if known is None and node.id in _LOOKS_AT_NAMES:
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

    def _yield(self, node: ast.Yield, names: Names) -> Value:
        return self._step("yield", None if node.value is None else self._value(node.value, names))

    def _yieldfrom(self, node: ast.YieldFrom, names: Names) -> Value:
        return self._step("yield from", self._value(node.value, names))

    def _lambda(self, node: ast.Lambda, names: Names) -> Value:
        return self._step("define", "", self._defaults(node, names), self.function(node, names.module, names))

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
        bound = {inner.id for one in generators for inner in ast.walk(one.target) if isinstance(inner, ast.Name)}
        if any(one.is_async for one in generators):
            raise Unclear("asynchronous")
        stored = Counter(inner.id for one in generators for inner in ast.walk(one.target) if isinstance(inner, ast.Name))
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

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, names: Names) -> Value:
        words = self._free(node.func, names)
        if len(words) == 1 and words[0] in _LOOKS_AT_NAMES:
            raise Unclear(f"calls {words[0]}")
        if (
            len(words) == 1
            and words[0] == "dict"
            and not node.args
            and self.outside.name(names.module, words)[0] == ("builtin", "dict")
        ):
            keys = [None if one.arg is None else ("constant", f"str {one.arg!r}") for one in node.keywords]
            return self._step(
                "dict", *((key, self._value(one.value, names)) for key, one in zip(keys, node.keywords, strict=True))
            )
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format" and isinstance(node.func.value, ast.Constant):
            text = format_call(node)
            if text is not None:
                return self._text(text, names)
        inlined = self._written(node, words, names)
        if inlined is not None:
            return self._inside(*inlined)
        function_value = self._value(node.func, names)
        if function_value[0] == "function":  # what is only called may have any name
            function_value = ("function", *function_value[2:])
        arguments = [self._value(one, names) for one in node.args]
        named = [(one.arg, self._value(one.value, names)) for one in node.keywords]
        return self._step("call", function_value, tuple(arguments), tuple(named))

    def _written(self, node: ast.Call, words: list[str], names: Names) -> tuple[Names, ast.FunctionDef] | None:
        """The callee with its parameters given, where the call can be written out."""
        found = self.outside.callee(names.module, words) if words else None
        if found is None:
            return None
        module, function = found
        if function in self._written_out or len(self._written_out) > 12 or not plain_call(node, function):
            return None
        called = names_of(function, module, None)
        if called.keep or (not one_return(function)):
            return None
        given = dict(zip((one.arg for one in [*function.args.posonlyargs, *function.args.args]), node.args))
        named = {one.arg: one.value for one in node.keywords if one.arg is not None}
        values = {name: self._value(value, names) for name, value in {**given, **named}.items()}
        for name, default in defaults_of(function).items():
            if name not in values:
                values[name] = self.value_of(default, module)[2]
        called.depth = len(self._blocks)
        for one in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]:
            self._given(called, one.arg, values[one.arg])
        return called, function

    def _inside(self, called: Names, function: ast.FunctionDef) -> Value:
        """Writes the body of a function here; its value."""
        body = rewritten(function.body)
        called.depth = len(self._blocks)
        self._written_out.append(function)
        last = body[-1] if body else None
        self._statements(body[:-1] if isinstance(last, ast.Return) else body, called)
        value: Value = ("constant", "None")
        if isinstance(last, ast.Return) and last.value is not None:
            value = self._value(last.value, called)
        self._written_out.pop()
        return value
