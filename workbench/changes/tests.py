"""What kind of change a changed test is: adding one is `test`; changing, skipping or removing one is `gate`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.changes.code import TOP, Module
from workbench.changes.model import Risk, RiskKind, shown_path, word_set
from workbench.changes.python import members
from workbench.changes.scene import Scene

_STEERING = word_set("""
    pytest_plugins pytestmark collect_ignore collect_ignore_glob setup_module teardown_module __test__ load_tests
""")


def judge_tests(scene: Scene, path: str, before: bytes | None, after: bytes | None) -> Iterator[Risk]:
    """The risks of one changed file below a test directory, Python or not."""
    place = shown_path(path)
    if after is None:
        yield Risk(kind=RiskKind.GATE, path=place, reason="a test or what it uses was removed")
        return
    if not path.endswith(".py"):
        kind, reason = (
            (RiskKind.TEST, "added for tests") if before is None else (RiskKind.GATE, "what tests compare with changed")
        )
        yield Risk(kind=kind, path=place, reason=reason)
        return
    old = scene.base.code.parse(path) if before is not None else None
    new = scene.result.code.parse(path)
    if new is None or (before is not None and old is None):
        yield Risk(kind=RiskKind.UNKNOWN, path=place, reason="the test file can't be parsed as Python in UTF-8")
        return
    yield from _added(place, new) if old is None else _changed(place, old, new)


def _added(place: str, new: Module) -> Iterator[Risk]:
    yield Risk(kind=RiskKind.TEST, path=place, reason="tests were added")
    for name, nodes in new.definitions.items():
        if _steers(name, nodes):
            yield Risk(kind=RiskKind.GATE, path=place, symbol=name, line=new.line(name), reason="steers how other tests run")
    for node in _acting(new):
        reason = "runs when tests are collected, and so may act on other tests"
        yield Risk(kind=RiskKind.GATE, path=place, symbol=TOP, line=node.lineno, reason=reason)


def _changed(place: str, old: Module, new: Module) -> Iterator[Risk]:
    before, after = old.parts(), new.parts()
    for name in {**before, **after}:
        if name == TOP or before.get(name) == after.get(name):
            continue
        line = new.line(name)
        if name not in after:
            yield Risk(kind=RiskKind.GATE, path=place, symbol=name, reason="a test or a part of one was removed")
        elif name in before and not _only_grew(old, new, name):
            yield Risk(kind=RiskKind.GATE, path=place, symbol=name, line=line, reason="an existing test was changed")
        elif name not in before and _steers(name, new.definitions.get(name, [])):
            yield Risk(kind=RiskKind.GATE, path=place, symbol=name, line=line, reason="steers how other tests run")
        else:
            yield Risk(kind=RiskKind.TEST, path=place, symbol=name, line=line, reason="a test was added")
    known = [ast.dump(node) for node in _acting(old)]
    if known != [ast.dump(node) for node in _acting(new)]:
        reason = "what runs when tests are collected changed"
        yield Risk(kind=RiskKind.GATE, path=place, symbol=TOP, reason=reason)


def _acting(module: Module) -> list[ast.stmt]:
    return [node for node in module.effects if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def _steers(name: str, nodes: list[ast.stmt]) -> bool:
    if name in _STEERING or name.startswith("pytest_"):
        return True
    return any("autouse" in ast.dump(node) for node in nodes)


def _only_grew(old: Module, new: Module, name: str) -> bool:
    """A test class that kept everything it had and gained methods."""
    before, after = old.definitions.get(name, []), new.definitions.get(name, [])
    if len(before) != 1 or len(after) != 1 or not (isinstance(before[0], ast.ClassDef) and isinstance(after[0], ast.ClassDef)):
        return False
    had, has = members(before[0]), members(after[0])
    if "<body>" in has and "<body>" not in had:
        return False
    heads = [[ast.dump(inner) for inner in (*node.bases, *node.decorator_list)] for node in (before[0], after[0])]
    return heads[0] == heads[1] and all(has.get(member) == text for member, text in had.items()) and not _steers(name, after)
