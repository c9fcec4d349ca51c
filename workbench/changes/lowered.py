"""The body of a function as a list of steps in the order in which they run, without the names that it gives its own values.

Two functions with the same steps do the same: names of variables, values put into a variable or not, and calls of plain functions
of the workspace written out or not leave no trace. What a name outside of the function means is asked of `meaning.py`.
Anything not understood raises `Unclear`; the steps are exact, or there are none.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from workbench.changes.code import Module
from workbench.changes.expressions import LOOKS_AT_NAMES, Expressions, Outside
from workbench.changes.texts import format_call
from workbench.changes.variables import (
    Function,
    Names,
    Unclear,
    Value,
    body_of,
    defaults_of,
    names_of,
    one_return,
    plain_call,
)


class Steps(Expressions):
    """Turns functions into steps; one object for one function with all that is written out in it."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(outside)
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
            self._statements(body_of(node), names)
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

    # -- functions and calls -----------------------------------------------------------------------------------------

    def _lambda(self, node: ast.Lambda, names: Names) -> Value:
        return self._step("define", "", self._defaults(node, names), self.function(node, names.module, names))

    def _call(self, node: ast.Call, names: Names) -> Value:
        words = self._free(node.func, names)
        if len(words) == 1 and words[0] in LOOKS_AT_NAMES:
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
        body = body_of(function)
        called.depth = len(self._blocks)
        self._written_out.append(function)
        last = body[-1] if body else None
        self._statements(body[:-1] if isinstance(last, ast.Return) else body, called)
        value: Value = ("constant", "None")
        if isinstance(last, ast.Return) and last.value is not None:
            value = self._value(last.value, called)
        self._written_out.pop()
        return value
