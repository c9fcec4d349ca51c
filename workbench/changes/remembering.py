"""Signs that code remembers: that one call, stage or run could leave something behind for another."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.changes.code import call_name, dotted
from workbench.changes.model import RiskKind, word_set
from workbench.changes.signs import AFTER, Sign
from workbench.changes.syntax import walk

_ALTERING = word_set("""
    append extend add update insert remove clear discard sort reverse appendleft extendleft put __setitem__ popitem setdefault pop
""")
_TAKING = word_set("setdefault pop popitem")
_CONTAINERS = word_set("list dict set defaultdict deque OrderedDict Counter bytearray")
_BOXES = word_set("Queue SimpleQueue LifoQueue PriorityQueue ContextVar local WeakValueDictionary WeakKeyDictionary SharedMemory")
_PUTTING = word_set("copyto put place putmask fill_diagonal put_along_axis")
_CACHES = word_set("lru_cache cache cached_property memoize cachedmethod cached")
_CALLS = AFTER | {"fit", "metrics"}


def remembering(node: ast.AST, shared: frozenset[str]) -> Iterator[Sign]:
    """The signs in one node; `shared` are names of the module that outlive a call."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _altered(node.value, shared, _ALTERING)
    elif isinstance(node, ast.Call):
        yield from _altered(node, shared, _TAKING)
        yield from _given(node, shared)
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        for target in targets:
            yield from _set(target, shared)
    elif isinstance(node, ast.arguments):
        for default in (*node.defaults, *node.kw_defaults):
            if isinstance(default, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp) or (
                isinstance(default, ast.Call) and call_name(default) in _CONTAINERS
            ):
                yield _sign(f"a default that every call shares (`{ast.unparse(default)[:40]}`)")
    elif isinstance(node, ast.Attribute) and node.attr == "attrs":
        yield _sign(f"notes that travel with a table (`{ast.unparse(node)[:40]}`)")
    elif isinstance(node, ast.Name | ast.Attribute) and (node.id if isinstance(node, ast.Name) else node.attr) in _CACHES:
        yield Sign(RiskKind.UNKNOWN, f"keeps what it was asked before (`{ast.unparse(node)[:40]}`)", _CALLS)


def outliving(node: ast.AST) -> Iterator[tuple[Sign, ast.AST]]:
    """(sign, what carries it) of a statement of a module: empty containers made for later, functions that keep what they made."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_empty(node.value):
        yield Sign(RiskKind.UNKNOWN, f"makes a container that outlives every call (`{ast.unparse(node)[:60]}`)", _CALLS), node
    for outer in walk(node):
        if not isinstance(outer, ast.FunctionDef):
            continue
        given = {one.id for inner in walk(outer) if isinstance(inner, ast.Return) and inner.value is not None
                 for one in walk(inner.value) if isinstance(one, ast.Name)}  # fmt: skip
        for inner in walk(outer):
            if isinstance(inner, ast.FunctionDef) and inner is not outer and inner.name in given:
                own = {one.arg for one in walk(inner) if isinstance(one, ast.arg)}
                own |= {one.id for one in walk(inner) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
                for call in walk(inner):
                    names = frozenset({_root(call.func)} - own - {""}) if isinstance(call, ast.Call) else frozenset[str]()
                    for sign in _altered(call, names, _ALTERING) if isinstance(call, ast.Call) else ():
                        yield sign, call


def aliases(node: ast.AST, shared: frozenset[str]) -> frozenset[str]:
    """Other names that code gives to what outlives it, by which it could be altered as well."""
    return frozenset(
        target.id
        for inner in walk(node)
        if isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Name) and inner.value.id in shared and inner is not node
        for target in inner.targets
        if isinstance(target, ast.Name)
    )


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Set | ast.Tuple):
        return isinstance(value, ast.List) and not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    return isinstance(value, ast.Call) and (
        (call_name(value) in _CONTAINERS and not value.args and not value.keywords) or call_name(value) in _BOXES
    )


def _given(call: ast.Call, shared: frozenset[str]) -> Iterator[Sign]:
    """Something that outlives the call is handed to what alters its argument."""
    words = dotted(call.func)
    alters = words[:1] in (["operator"], ["heapq"], ["bisect"]) or (words[:1] == ["np"] and words[-1] in _PUTTING)
    alters |= len(words) == 2 and words[0] in _CONTAINERS and words[1] in _ALTERING
    targets = [*call.args[:1]] if alters else []
    targets += [one.value for one in call.keywords if one.arg in ("out", "inplace")]
    for target in targets:
        if _root(target) in shared and not isinstance(target, ast.Call):
            yield _sign(f"something that outlives the call (`{ast.unparse(call)[:60]}`)")


def _altered(call: ast.Call, shared: frozenset[str], words: frozenset[str]) -> Iterator[Sign]:
    if isinstance(call.func, ast.Attribute) and call.func.attr in words and _root(call.func.value) in shared:
        yield _sign(f"something that outlives the call (`{ast.unparse(call)[:60]}`)")


def _set(target: ast.expr, shared: frozenset[str]) -> Iterator[Sign]:
    if isinstance(target, ast.Subscript) and _root(target.value) in shared:
        yield _sign(f"something that outlives the call (`{ast.unparse(target)[:60]}`)")
    elif isinstance(target, ast.Attribute):
        owner = target.value
        if isinstance(owner, ast.Call | ast.Subscript) and _root(owner) in shared:
            yield _sign(f"something that outlives the call (`{ast.unparse(target)[:60]}`)")
        elif (isinstance(owner, ast.Call) and call_name(owner) == "type") or dotted(owner)[:1] == ["cls"] or (
            isinstance(owner, ast.Attribute) and owner.attr == "__class__"
        ):  # fmt: skip
            yield _sign(f"the class (`{ast.unparse(target)[:60]}`)")


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _sign(what: str) -> Sign:
    return Sign(RiskKind.UNKNOWN, f"writes into {what}, so that one run can speak to another")
