"""Walking syntax trees, which is what most of the time of reading a change goes into."""

from __future__ import annotations

import ast
from collections.abc import Callable

# Fields that never hold a node, and the contexts (Load, Store, Del), which are looked at as `node.ctx` alone.
_BARE = frozenset({"ctx", "id", "attr", "arg", "asname", "module", "level", "kind", "type_comment", "is_async", "simple"})


def _fields() -> dict[type[ast.AST], tuple[str, ...]]:
    found: dict[type[ast.AST], tuple[str, ...]] = {}
    pending: list[type[ast.AST]] = [ast.AST]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        bare = _BARE | {"value"} if issubclass(kind, ast.Constant) else _BARE
        found[kind] = tuple(name for name in kind._fields if name not in bare)
    return found


_FIELDS = _fields()


def walk(node: ast.AST) -> list[ast.AST]:
    """Every node at and below `node`, breadth first as `ast.walk` goes, without the contexts of names."""
    found = [node]
    add: Callable[[ast.AST], None] = found.append
    for here in found:  # grows while it is gone through
        for name in _FIELDS[here.__class__]:
            value = getattr(here, name, None)
            if isinstance(value, list):
                for one in value:
                    if isinstance(one, ast.AST):
                        add(one)
            elif isinstance(value, ast.AST):
                add(value)
    return found


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, as `ast.iter_child_nodes` goes, without the contexts of names."""
    found: list[ast.AST] = []
    for name in _FIELDS[node.__class__]:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [one for one in value if isinstance(one, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found
