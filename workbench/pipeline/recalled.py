"""Notices when a stage fetches the source tables itself: calls `load`, or what `load` is made of, again, or takes its globals.

Runs inside the confined process, loaded by its path. What a stage gets that way is the tables as they are, whatever world the
gates have made, so no gate could see what it does with them. The functions that `load` is made of are wrapped when their modules
are compiled; nothing else of the code changes. What is opened as a file is noted by `opened.py`.
"""

from __future__ import annotations

import ast
import builtins
import functools
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Protocol, TypeGuard

import numpy as np
import pandas as pd

_NAME = "__noted_by_workbench__"
# A decorator that compiles or registers what it is given may not stand a wrapper.
_PLAIN = frozenset({"cache", "lru_cache", "staticmethod", "classmethod"})
_FEWEST = 5
"""Rows from which what a function returns is a table rather than a few constants."""
_ALIKE = 0.9
"""Share of a global's rows, or of a column's values, that are a source's: then it is one."""
_LARGE = 100
"""Rows from which a table in a global is data rather than a table of constants."""


class _Running(Protocol):
    now: str


class _Watch:
    def __init__(self) -> None:
        self.compiling = False
        self.entry = ""
        """The load stage's own name, the last part of its entry."""
        self.running: _Running | None = None
        self.calls: dict[tuple[str, str, str], None] = {}
        """(stage, function, caller as `path:line`), each once."""
        self.reached: frozenset[str] = frozenset()
        self.unknown: dict[tuple[str, str, str], Any] = {}
        """As `calls`: globals used by other code than `load`'s, of which only their content says what they are."""
        self.trees: dict[str, ast.Module] = {}
        """Path → module, of the workspace's modules; those of `load` are in `own`."""
        self.own: set[str] = set()


_watch = _Watch()


@contextmanager
def watching(entry: str) -> Iterator[None]:
    """Modules that are compiled meanwhile are `load`'s: `entry` is the stage's `module:callable`."""
    _watch.compiling, _watch.entry = True, entry.rpartition(":")[2].rpartition(".")[2]
    try:
        yield
    finally:
        _watch.compiling = False


def instrumented(source: bytes, path: str) -> Any:
    """The module's code, as a tree with its functions wrapped while `watching`, else as it is."""
    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError):
        return source  # compiling it says what is wrong
    _watch.trees[path] = tree
    if not _watch.compiling:
        return source
    _watch.own.add(path)
    _watch.reached |= _reached(tree, {_watch.entry, *_watch.reached})
    for node in _functions(tree):
        if node.name in _watch.reached and all(_plain(one) for one in node.decorator_list):
            node.decorator_list.append(ast.copy_location(ast.Name(_NAME, ast.Load()), node))
    setattr(builtins, _NAME, _noted)
    return tree


def note_globals() -> None:
    """Notes where other code than `load`'s uses a table that a module of the workspace keeps in a global; asked after importing.

    What `load` hands out by its name is one of the source tables; whether another one is, its content says (`recognise`).
    """
    modules = {str(getattr(module, "__file__", "")): module for module in list(sys.modules.values())}
    kept, handed_out = dict[str, Any](), set[str]()
    for path in set(_watch.trees) & set(modules):
        for name, value in vars(modules[path]).items():
            if not isinstance(value, ModuleType) and _table(value, _LARGE):
                kept[name] = value
                handed_out |= {name} if path in _watch.own and name in _watch.reached else set()
    if not kept:
        return
    for path, tree in _watch.trees.items():
        others = [node for node in _functions(tree) if node.name not in _watch.reached] if path in _watch.own else [tree]
        names = vars(modules[path]) if path in modules else {}
        for node in itertools.chain.from_iterable(map(ast.walk, others)):
            for name in _taken(node, names, kept, modules.values()):
                seen = ("import", name, f"{path}:{node.lineno}")  # type: ignore[attr-defined]
                if name in handed_out:
                    _watch.calls.setdefault(seen)
                else:
                    _watch.unknown[seen] = kept[name]


def _taken(node: ast.AST, names: Mapping[str, Any], kept: Mapping[str, Any], modules: Iterable[ModuleType]) -> list[str]:
    """The kept globals that an expression reads, or that an import (which may stand inside a function) fetches."""
    if isinstance(node, ast.ImportFrom):
        last = (node.module or "").rpartition(".")[2]
        holders = [vars(module) for module in modules if module.__name__.rpartition(".")[2] == last]
        wanted = [alias.name for alias in node.names if alias.name in kept]
        # At the top of a module it is a name like any other: what reads it counts.
        return [name for name in wanted if any(held.get(name) is kept[name] for held in holders) and names.get(name) is None]
    if not _is_word(node) or not isinstance(node.ctx, ast.Load):
        return []
    name = node.id if isinstance(node, ast.Name) else node.attr
    if name not in kept:
        return []
    holder = node.value.id if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""
    local = holder and holder not in names  # a module that was imported inside the function goes by its own name
    there = local and any(vars(m).get(name) is kept[name] for m in modules if m.__name__.rpartition(".")[2] == holder)
    return [name] if there or _holds(node, names, kept[name]) else []


def recognise(tables: Mapping[str, pd.DataFrame]) -> None:
    """Notes those globals whose rows, or a column of measurements, are those of a source table."""
    for seen, value in _watch.unknown.items():
        if any(_resembles(one, table) for one in _frames(value) for table in tables.values()):
            _watch.calls.setdefault(seen)


def _frames(value: Any) -> Iterator[pd.DataFrame]:
    if isinstance(value, Mapping | tuple | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _frames(one)
    elif isinstance(value, pd.DataFrame | pd.Series | np.ndarray) and 0 < np.ndim(value) < 3:
        yield value if isinstance(value, pd.DataFrame) else pd.DataFrame(value)


def _resembles(kept: pd.DataFrame, table: pd.DataFrame) -> bool:
    common = [name for name in kept.columns if name in table.columns]
    if len(common) > 1:
        rows, theirs = (pd.util.hash_pandas_object(one[common].astype("str"), index=False) for one in (kept, table))
        if rows.isin(theirs).mean() > _ALIKE:
            return True
    numbers = [
        table[name].dropna().to_numpy(dtype="float64") for name in table.columns if pd.api.types.is_float_dtype(table[name].dtype)
    ]
    for name in kept.columns:
        if pd.api.types.is_float_dtype(kept[name].dtype):
            values = np.unique(kept[name].dropna().to_numpy(dtype="float64"))
            measured = len(values) >= _LARGE // 2 and (values % 1 != 0).mean() > 0.5
            if measured and any(np.isin(values, other).mean() > _ALIKE for other in numbers):
                return True
    return False


def _holds(node: ast.Name | ast.Attribute, names: Mapping[str, Any], table: Any) -> bool:
    """Whether the expression is that very object: a global of that name, or an attribute of a module that is one."""
    if isinstance(node, ast.Name):
        return names.get(node.id) is table
    holder = names.get(node.value.id) if isinstance(node.value, ast.Name) else None
    return isinstance(holder, ModuleType) and getattr(holder, node.attr, None) is table


def begin(running: _Running) -> None:
    """From here on calls are noted under the stage that `running` names."""
    _watch.running = running


def lines(root: str) -> list[str]:
    """What was called: `stage: call: function (path:line)`; `import` as the stage while modules were imported."""
    return [f"{stage}: call: {name} ({caller.removeprefix(root + '/')})" for stage, name, caller in _watch.calls]


def _plain(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in _PLAIN


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Functions of the module and of its classes; those inside functions are their own."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    return [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]


def _reached(tree: ast.Module, wanted: set[str]) -> frozenset[str]:
    """The names in `wanted`, all that functions and classes of these names use, and those use, as far as names tell."""
    used: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            words = (one.id if isinstance(one, ast.Name) else one.attr for one in ast.walk(node) if _is_word(one))
            used.setdefault(node.name, set()).update(words)
    seen, ahead = set[str](), list(wanted)
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += used.get(name, ())
    return frozenset(seen)


def _is_word(node: ast.AST) -> TypeGuard[ast.Name | ast.Attribute]:
    return isinstance(node, ast.Name | ast.Attribute)


def _noted(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        result = function(*arguments, **keywords)
        stage = _watch.running.now if _watch.running is not None else "import"
        if not stage or stage in ("load", "backtest"):
            return result
        entry = name == _watch.entry
        # A module may make its tables when it is imported, and `load` hand them out: only `load` itself isn't called then.
        if entry or (stage != "import" and _is_source(name, arguments, keywords, result)):
            caller = sys._getframe(1)
            _watch.calls.setdefault((stage, name, f"{caller.f_code.co_filename}:{caller.f_lineno}"))
        return result

    return call


def _is_source(name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any], result: Any) -> bool:
    """Whether a function that `load` is made of gave a table without being given one."""
    if name not in _watch.reached or any(_table(one) for one in (*arguments, *keywords.values())):
        return False
    return _table(result)


def _table(value: Any, fewest: int = _FEWEST) -> bool:
    if isinstance(value, Mapping):
        return any(_table(one, fewest) for one in value.values())
    if isinstance(value, tuple | list) and value and len(value) < 50:
        return any(_table(one, fewest) for one in value)
    return isinstance(value, pd.DataFrame | pd.Series | np.ndarray) and np.ndim(value) > 0 and len(value) >= fewest
