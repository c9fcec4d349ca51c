"""The variables of a function: which of them never change, and so are nothing but names of values; and its plain calls."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from workbench.changes.code import Module
from workbench.changes.reach import words_in_text
from workbench.changes.rewritten import rewritten
from workbench.changes.syntax import children, walk

Value = Any
"""A nested tuple of texts and numbers: a constant, the number of a step, or what a name means."""
Function = ast.FunctionDef | ast.Lambda


class Unclear(Exception):
    """Why the steps of some code can't be told."""


@dataclass
class Names:
    """The variables of one function."""

    module: Module
    single: frozenset[str]
    """Those whose value never changes once they have it, wherever they are used."""
    straight: frozenset[str]
    """Those that are set more than once, but only one statement after the other."""
    own: frozenset[str]
    values: dict[str, Value] = field(default_factory=dict)
    slots: dict[str, Value] = field(default_factory=dict)
    keep: bool = False
    """Text in the function may name its variables, so that their names count."""
    outer: Names | None = None
    depth: int = 0
    """How many blocks are open where the function's own statements stand."""


@lru_cache(maxsize=4_000)
def body_of(node: ast.FunctionDef) -> tuple[ast.stmt, ...]:
    """The statements of a function in normal form."""
    return tuple(rewritten(node.body))


def named_in_text(text: str, module: Module) -> set[str]:
    """Names of a module that a query or a formula in a text may look up when it runs."""
    return words_in_text(text) & (module.definitions.keys() | module.bindings.keys())


def names_of(node: Function, module: Module, outer: Names | None) -> Names:
    """Which variables a function has, and how their values can be followed."""
    single, straight, own, keep = _sorts(node)
    return Names(module, single, straight, own, keep=keep, outer=outer)


@lru_cache(maxsize=4_000)  # a function is come to from several stages and sides
def _sorts(node: Function) -> tuple[frozenset[str], frozenset[str], frozenset[str], bool]:
    """Its variables: those that never change, those that are set in a row, all; and whether a text may name one."""
    body = [node.body] if isinstance(node, ast.Lambda) else body_of(node)
    stores: Counter[str] = Counter()
    top: Counter[str] = Counter()
    fragile: set[str] = set()
    arguments = node.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if one is not None:
            stores[one.arg] += 1
            top[one.arg] += 1
    for statement in body:
        for name, nested in _stored(statement, False):
            stores[name] += 1
            top[name] += not nested
            fragile |= {name} if isinstance(statement, ast.Try) else set()
    texts = [
        inner.value for part in body for inner in walk(part) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    ]
    if any(isinstance(inner, ast.Global | ast.Nonlocal | ast.Await) for part in body for inner in walk(part)):
        raise Unclear("sets names elsewhere")
    captured = _captured(body)
    single = frozenset(name for name, count in stores.items() if count == 1 and name not in fragile)
    if any(stores[name] > 1 for name in captured) or any(name in captured and not top[name] for name in single):
        raise Unclear("a function inside uses a variable that changes")
    straight = frozenset(name for name, count in stores.items() if count > 1 and top[name] == count and name not in fragile)
    keep = any(words_in_text(text) for text in texts)
    return single, straight, frozenset(stores), keep


def _stored(node: ast.AST, nested: bool) -> Iterator[tuple[str, bool]]:
    """(name, whether inside of a branch or loop) of each place that sets a variable of this function."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, nested
        return
    if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return
    if isinstance(node, ast.NamedExpr):  # what it stands in may not be evaluated
        yield node.target.id, True
        yield from _stored(node.value, nested)
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id, nested
    if isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name, True
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id, nested
        yield from _stored(node.value, nested)
        return
    inside = nested or isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.Match)
    for child in children(node):
        yield from _stored(child, inside)


def _captured(body: Sequence[ast.AST]) -> set[str]:
    """Names that functions and generators inside read: they look later, when the value may be another."""
    found: set[str] = set()
    for part in body:
        for inner in walk(part):
            if isinstance(inner, ast.FunctionDef | ast.Lambda | ast.GeneratorExp):
                found |= {name.id for name in walk(inner) if isinstance(name, ast.Name)}
    return found


def plain_call(node: ast.Call, function: ast.FunctionDef) -> bool:
    """Whether a call gives every parameter exactly once, and nothing that is unpacked."""
    arguments = function.args
    if arguments.vararg or arguments.kwarg or function.decorator_list:
        return False
    if any(isinstance(one, ast.Starred) for one in node.args) or any(one.arg is None for one in node.keywords):
        return False
    places = [one.arg for one in [*arguments.posonlyargs, *arguments.args]]
    given = [*places[: len(node.args)], *(one.arg or "" for one in node.keywords)]
    allowed = {one.arg for one in [*arguments.args, *arguments.kwonlyargs]} | set(places[: len(node.args)])
    known = set(defaults_of(function))
    needed = {*places, *(one.arg for one in arguments.kwonlyargs)} - known
    return len(node.args) <= len(places) and len(set(given)) == len(given) and set(given) <= allowed and needed <= set(given)


def defaults_of(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Parameters with a default that is a constant; others count as having none, so that such calls stay calls."""
    arguments = function.args
    places = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(places[len(places) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [(one, value) for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value is not None]
    return {one.arg: value for one, value in pairs if isinstance(value, ast.Constant)}


def one_return(function: ast.FunctionDef) -> bool:
    """Whether the body runs from its first statement to its last: no return but there, no yield."""
    body = body_of(function)
    inner = [node for part in body[:-1] for node in walk(part)]
    last = body[-1:] if body and not isinstance(body[-1], ast.Return) else []
    inner += [node for part in last for node in walk(part)]
    every = [node for part in body for node in walk(part)]
    if any(isinstance(node, ast.Yield | ast.YieldFrom | ast.Await) for node in every):
        return False
    return not any(isinstance(node, ast.Return | ast.FunctionDef | ast.ClassDef) for node in inner)
