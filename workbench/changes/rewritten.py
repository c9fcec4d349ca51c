"""Statements rewritten into one form of several that mean the same: loops that fill a list, early exits, branches never taken.

Works on syntax alone and leaves what it doesn't know as it is; the trees it is given are not changed.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence

from workbench.changes.syntax import walk

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def rewritten(body: Sequence[ast.stmt], *, loop: bool = False, function: bool = True) -> list[ast.stmt]:
    """The statements in normal form; `loop` says that they are the body of a loop, `function` that of a function."""
    uses = Counter(
        inner.id for node in body for inner in walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    )
    return _block(body, uses, tail="continue" if loop else "return" if function else "")


def _block(body: Sequence[ast.stmt], uses: Counter[str], tail: str) -> list[ast.stmt]:
    """`tail` names the statement that does nothing at the end of this block."""
    made: list[ast.stmt] = []
    pending = _filled([node for node in body if not _idle(node)], uses)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.AnnAssign) and node.simple:
            if node.value is None:
                continue
            node = ast.copy_location(ast.Assign([node.target], node.value), node)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.IfExp):
            choice = node.value
            sides = [ast.copy_location(ast.Return(side), node) for side in (choice.body, choice.orelse)]
            node = ast.copy_location(ast.If(choice.test, [sides[0]], [sides[1]]), node)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp) and _plain(node.targets):
            choice = node.value
            parts = [ast.copy_location(ast.Assign(node.targets, side), node) for side in (choice.body, choice.orelse)]
            node = ast.copy_location(ast.If(choice.test, [parts[0]], [parts[1]]), node)
        if isinstance(node, ast.If):
            truth = _constant_test(node.test)
            if truth is not None:
                pending = [*(node.body if truth else node.orelse), *pending]
                continue
            made += _branches(node, pending, uses, tail)
            if _branch_ends(node):
                break
            continue
        made.append(_inside(node, uses))
        if isinstance(node, _ENDS):
            break
    return _without_tail(made, tail)


def _branches(node: ast.If, rest: list[ast.stmt], uses: Counter[str], tail: str) -> list[ast.stmt]:
    """An `if` with what follows it put where it belongs: into the branch that goes on."""
    test, yes, no = node.test, list(node.body), list(node.orelse)
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, yes, no = test.operand, no, yes
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) and len(yes) == 1 and isinstance(yes[0], _ENDS):
        # `if a or b: raise …` is `if a: raise …` and then `if b: raise …`
        others = test.values[1:]
        other = others[0] if len(others) == 1 else ast.copy_location(ast.BoolOp(test.op, others), test)
        test, no = test.values[0], [ast.copy_location(ast.If(other, yes, no), node)]
    ends = [_always_ends(side) for side in (yes, no)]
    inner = ""
    if any(ends):
        yes, no = (side if end else [*side, *rest] for side, end in zip((yes, no), ends))
        inner = tail
    elif not rest:
        inner = tail
    sides = _block(yes, uses, inner), _block(no, uses, inner)
    if not any(sides):
        return [ast.copy_location(ast.Expr(test), node)]
    return [ast.copy_location(ast.If(test, sides[0] or [ast.Pass()], sides[1]), node)]


def _branch_ends(node: ast.If) -> bool:
    """Whether what follows went into a branch."""
    return _always_ends(node.body) or _always_ends(node.orelse)


def _always_ends(body: Sequence[ast.stmt]) -> bool:
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return _always_ends(last.body) and _always_ends(last.orelse)
    return any(isinstance(node, _ENDS) for node in body)


def _without_tail(body: list[ast.stmt], tail: str) -> list[ast.stmt]:
    if body and tail == "continue" and isinstance(body[-1], ast.Continue):
        return body[:-1]
    if body and tail == "return" and isinstance(body[-1], ast.Return) and _is_none(body[-1].value):
        return body[:-1]
    return body


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _inside(node: ast.stmt, uses: Counter[str]) -> ast.stmt:
    """The same for the bodies inside a loop; other compound statements stay as they are but for their blocks."""
    if isinstance(node, ast.For):
        body = _block(node.body, uses, "continue") or [ast.Pass()]
        return ast.copy_location(ast.For(node.target, node.iter, body, _block(node.orelse, uses, "")), node)
    if isinstance(node, ast.While):
        body = _block(node.body, uses, "continue") or [ast.Pass()]
        return ast.copy_location(ast.While(node.test, body, _block(node.orelse, uses, "")), node)
    if isinstance(node, ast.With):
        return ast.copy_location(ast.With(node.items, _block(node.body, uses, "") or [ast.Pass()]), node)
    return node


def _constant_test(test: ast.expr) -> bool | None:
    if isinstance(test, ast.Constant):
        return bool(test.value)
    return None


def _idle(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _plain(targets: Sequence[ast.expr]) -> bool:
    return len(targets) == 1 and isinstance(targets[0], ast.Name)


def _filled(body: list[ast.stmt], uses: Counter[str]) -> list[ast.stmt]:
    """`x = []` and a loop that only appends to it, as one comprehension; dicts and sets alike."""
    made: list[ast.stmt] = []
    for node in body:
        before = made[-1] if made else None
        if isinstance(node, ast.For) and isinstance(before, ast.Assign | ast.AnnAssign):
            whole = _comprehension(before, node, uses)
            if whole is not None:
                made[-1] = whole
                continue
        made.append(node)
    return made


def _comprehension(start: ast.Assign | ast.AnnAssign, loop: ast.For, uses: Counter[str]) -> ast.stmt | None:
    targets = start.targets if isinstance(start, ast.Assign) else [start.target]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        return None
    name, empty = targets[0].id, _empty(start.value)
    generators: list[ast.comprehension] = []
    here: ast.stmt = loop
    while True:
        if isinstance(here, ast.For) and not here.orelse:
            generators.append(ast.comprehension(here.target, here.iter, [], 0))
        elif isinstance(here, ast.If) and not here.orelse and generators:
            generators[-1].ifs.append(here.test)
        else:
            break
        inner = [node for node in here.body if not _idle(node)]
        if len(inner) != 1:
            return None
        here = inner[0]
    element = _element(here, name, empty)
    if element is None:
        return None
    bound = {inner.id for one in generators for inner in walk(one.target) if isinstance(inner, ast.Name)}
    targets_plain = all(isinstance(n, ast.Name | ast.Tuple | ast.Store) for one in generators for n in walk(one.target))
    parts: list[ast.AST] = [element, *generators]
    inside = Counter(
        inner.id for part in parts for inner in walk(part) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    )
    # A loop's names live on after it, and its list can be looked at meanwhile: then it is no comprehension.
    if not targets_plain or name in inside or any(uses[one] > inside[one] for one in bound):
        return None
    forbidden = (ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr, ast.Lambda)
    if any(isinstance(inner, forbidden) for part in parts for inner in walk(part)):
        return None
    value: ast.expr
    if isinstance(element, ast.Tuple) and empty == "dict":
        value = ast.DictComp(element.elts[0], element.elts[1], generators)
    else:
        value = ast.SetComp(element, generators) if empty == "set" else ast.ListComp(element, generators)
    return ast.copy_location(ast.Assign([targets[0]], ast.copy_location(value, loop)), start)


def _empty(value: ast.expr | None) -> str:
    if isinstance(value, ast.List) and not value.elts:
        return "list"
    if isinstance(value, ast.Dict) and not value.keys:
        return "dict"
    return ""  # what `list()` or `set()` calls, only the module says


def _element(node: ast.stmt, name: str, empty: str) -> ast.expr | None:
    """What one round adds: an element, or a tuple of key and value."""
    if empty in ("list", "set") and isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call, method = node.value, "append" if empty == "list" else "add"
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr == method and isinstance(function.value, ast.Name):
            fits = (
                function.value.id == name
                and len(call.args) == 1
                and not call.keywords
                and not isinstance(call.args[0], ast.Starred)
            )
            return call.args[0] if fits else None
    if empty == "dict" and isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
        target = node.targets[0]
        # A subscript is evaluated after the value, a key before it: only for keys that nothing happens in.
        quiet = all(isinstance(n, ast.Name | ast.Attribute | ast.Constant | ast.Load) for n in walk(target.slice))
        if isinstance(target.value, ast.Name) and target.value.id == name and quiet:
            return ast.Tuple([target.slice, node.value], ast.Load())
    return None
