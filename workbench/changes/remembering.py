"""Signs that code remembers: that one call, stage or run could leave something behind for another."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.changes.code import call_name, dotted
from workbench.changes.model import RiskKind, word_set
from workbench.changes.signs import AFTER, Sign

_ALTERING = word_set("""
    append extend add update insert remove clear discard sort reverse appendleft extendleft put __setitem__ popitem setdefault pop
""")
_TAKING = word_set("setdefault pop popitem")
_CONTAINERS = word_set("list dict set defaultdict deque OrderedDict Counter bytearray")
_CACHES = word_set("lru_cache cache cached_property memoize cachedmethod cached")
_CALLS = AFTER | {"fit", "metrics"}


def remembering(node: ast.AST, shared: frozenset[str]) -> Iterator[Sign]:
    """The signs in one node; `shared` are names of the module that outlive a call."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _altered(node.value, shared, _ALTERING)
    elif isinstance(node, ast.Call):
        yield from _altered(node, shared, _TAKING)
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


def _altered(call: ast.Call, shared: frozenset[str], words: frozenset[str]) -> Iterator[Sign]:
    if isinstance(call.func, ast.Attribute) and call.func.attr in words and _root(call.func.value) in shared:
        yield _sign(f"something that outlives the call (`{ast.unparse(call)[:60]}`)")


def _set(target: ast.expr, shared: frozenset[str]) -> Iterator[Sign]:
    if isinstance(target, ast.Subscript) and _root(target.value) in shared:
        yield _sign(f"something that outlives the call (`{ast.unparse(target)[:60]}`)")
    elif isinstance(target, ast.Attribute):
        owner = target.value
        if (isinstance(owner, ast.Call) and call_name(owner) == "type") or dotted(owner)[:1] == ["cls"] or (
            isinstance(owner, ast.Attribute) and owner.attr == "__class__"
        ):  # fmt: skip
            yield _sign(f"the class (`{ast.unparse(target)[:60]}`)")


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _sign(what: str) -> Sign:
    return Sign(RiskKind.UNKNOWN, f"writes into {what}, so that one run can speak to another")
