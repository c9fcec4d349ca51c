"""The file's own functions and classes: what a definition stands for, and what a call of one gives back.

A function is followed at each call with the arguments of that call, as deep as `MAX_DEPTH`; one that is already being followed
isn't entered again. Statements are walked by `interpreter`; functions that nothing calls are in `roots`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from workbench.lint.joins import item_of, join, mix
from workbench.lint.scopes import Scope
from workbench.lint.values import Class, Function, Instance, Mapped, Sequence, Value

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter

MAX_DEPTH = 12


def function_of(run: Interpreter, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Function:
    """The function value of a definition, with its defaults evaluated here."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = {a.arg: run.eval(d) for a, d in zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults)}
    defaults |= {a.arg: run.eval(d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None}
    found = Function(node=node, scope=run.scope, defaults=defaults)
    if not isinstance(node, ast.Lambda):
        run.functions.append((found, None))
    return found


def class_of(run: Interpreter, node: ast.ClassDef) -> Class:
    """The class value of a definition; functions in its body become its methods."""
    bases = [run.eval(base) for base in node.bases]
    outer, run.scope = run.scope, Scope(run.scope, node.name)
    first = len(run.functions)
    run.block(node.body)
    body, run.scope = run.scope, outer
    made = Class(node=node, scope=outer, attributes=body.names, bases=bases)
    for place in range(first, len(run.functions)):
        function, owner = run.functions[place]
        if owner is None and function.node in node.body:
            function.scope = outer
            run.functions[place] = (function, made)
    return made


def follow(run: Interpreter, function: Function, args: list[Value], keywords: dict[str, Value]) -> Value:
    """Follows a function with these arguments and gives back what it returns."""
    node = function.node
    assert node is not None
    if len(run.active) >= MAX_DEPTH or node in run.active:
        return mix([*args, *keywords.values()])
    run.entered.add(id(node))
    caller, run.scope = run.scope, Scope(function.scope, getattr(node, "name", run.scope.function))
    branch, run.branch = run.branch, 0
    control, run.control = run.control, []
    run.active.append(node)
    _bind_parameters(run.scope, node.args, function, args, keywords)
    try:
        if isinstance(node, ast.Lambda):
            return run.eval(node.body)
        ended = run.block(node.body)
        if run.scope.yields:
            return Sequence(items=[item_of(Sequence(items=run.scope.yields))], open=True)
        result: Value | None = None
        for value in run.scope.returns:
            result = join(result, value)
        return result if result is not None and (ended or len(run.scope.returns) > 0) else Value(const=None)
    finally:
        run.active.pop()
        run.scope, run.branch, run.control = caller, branch, control


def _bind_parameters(
    scope: Scope, arguments: ast.arguments, function: Function, args: list[Value], keywords: dict[str, Value]
) -> None:
    names = scope.names
    names |= function.defaults
    scope.options = {name for name, value in function.defaults.items() if value.const is False}
    given = list(args)
    if function.bound is not None:
        given.insert(0, function.bound)
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    names.update(zip(positional, given))
    scope.options -= {*positional[: len(given)], *keywords}
    if arguments.vararg:
        names[arguments.vararg.arg] = Sequence(items=given[len(positional) :])
    known = {*positional, *(a.arg for a in arguments.kwonlyargs)}
    names.update({name: value for name, value in keywords.items() if name in known})
    if arguments.kwarg:
        names[arguments.kwarg.arg] = Mapped(entries={n: v for n, v in keywords.items() if n not in known})
    for name in known:
        names.setdefault(name, Value())


def member(run: Interpreter, value: Instance | Class, name: str) -> Value | None:
    """An attribute of an object or class of this file, its bases included; functions come bound."""
    if isinstance(value, Instance) and name in value.attributes:
        return value.attributes[name]
    found = _inherited(value.cls if isinstance(value, Instance) else value, name)
    if isinstance(found, Function) and isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
        decorators = {d.id for d in found.node.decorator_list if isinstance(d, ast.Name)}
        if "staticmethod" in decorators:
            return found
        if isinstance(value, Instance) or "classmethod" in decorators:
            bound = found.with_(bound=value)
            return follow(run, bound, [], {}) if decorators & {"property", "cached_property"} else bound
    return found


def _inherited(cls: Class | None, name: str, depth: int = 0) -> Value | None:
    if cls is None or depth > 8:
        return None
    if name in cls.attributes:
        return cls.attributes[name]
    for base in cls.bases:
        found = _inherited(base, name, depth + 1) if isinstance(base, Class) else None
        if found is not None:
            return found
    return None
