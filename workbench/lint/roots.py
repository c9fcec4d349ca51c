"""Functions that nothing in the file calls: each is followed once with arguments that come from outside.

What such a function gives back, or leaves in a table that it was given, is recorded: in a library of indicators or a trading
strategy there is no model in sight, but its values go to one.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from workbench.lint.definitions import follow, member
from workbench.lint.names import SCALAR_ANNOTATIONS, is_label
from workbench.lint.trace import ReturnEvent
from workbench.lint.values import NONE, Class, External, Function, Instance, Marks, Sequence, Table, Value

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter

_STRATEGY = re.compile(r"Strategy$|^IStrategy")
_MAKES_FEATURES = re.compile(
    r"feature|indicator|signal|populate|engineer|(^|_)(add|build|make|compute|create|prep|prepare|preprocess|transform)(_|$)",
    re.I,
)
_CALLBACKS = re.compile(r"^(custom_|confirm_|check_|on_|plot|show|print|report|test_|main$|evaluate|score|adjust_|leverage)")


def run_roots(run: Interpreter) -> None:
    """Follows every function that wasn't entered."""
    run.trace.roots_from = len(run.trace.clock)
    instances: dict[int, Instance] = {}
    for function, owner in list(run.functions):
        node = function.node
        if node is None or id(node) in run.entered or isinstance(node, ast.Lambda):
            continue
        holder: Value | None = None
        if owner is not None:
            holder = instances.setdefault(id(owner), Instance(cls=owner))
            init = member(run, holder, "__init__")
            if isinstance(init, Function) and init.node is not None and id(init.node) not in run.entered:
                follow(run, init, _arguments(run, init, None), {})
        if id(node) not in run.entered:
            _follow(run, function, owner, holder)


def _arguments(run: Interpreter, function: Function, holder: Value | None) -> list[Value]:
    node = function.node
    assert node is not None
    names = [*node.args.posonlyargs, *node.args.args]
    if function.bound is not None and names:
        names = names[1:]
    values: list[Value] = []
    for place, argument in enumerate(names):
        if holder is not None and place == 0 and function.bound is None and not _static(node):
            values.append(holder)
        else:
            values.append(_argument(run, argument, function))
    return values


def _static(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in decorators)


def _argument(run: Interpreter, argument: ast.arg, function: Function) -> Value:
    default = function.defaults.get(argument.arg)
    if default is not None and default.const is not None:
        return default
    annotation = argument.annotation
    if isinstance(annotation, ast.Name) and annotation.id in SCALAR_ANNOTATIONS:
        return Value()
    if isinstance(annotation, ast.Constant | ast.BinOp):
        return Value()
    return run.fresh(names=frozenset({"outside"}))


def _follow(run: Interpreter, function: Function, owner: Class | None, holder: Value | None) -> None:
    node = function.node
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    arguments = _arguments(run, function, holder)
    order, run.trace.order = run.trace.order, set()
    result = follow(run, function, arguments, {})
    evidence = frozenset(run.trace.order)
    run.trace.order |= order
    strategy = owner is not None and _is_strategy(owner)
    if _CALLBACKS.search(node.name) or is_label(node.name):
        return
    features = strategy or bool(_MAKES_FEATURES.search(node.name))
    given = [a for a in arguments if isinstance(a, Table)]
    for name, marks, value in _outcomes(result, given):
        run.trace.add(
            ReturnEvent(node.name, marks, name, run.site(node), evidence | value.order, value.rows, strategy, features)
        )  # fmt: skip


def _outcomes(result: Value, given: list[Table]) -> list[tuple[str, Marks, Value]]:
    found: list[tuple[str, Marks, Value]] = []
    seen: set[int] = set()
    results = [result, *(result.items if isinstance(result, Sequence) else [])]
    for value in (*results, *given):
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Table):
            if value.marks:
                found.append(("", value.marks, value))
            found += [(name, column.all_marks(), value) for name, column in value.columns.items() if column.all_marks()]
        elif value.all_marks() - NONE and not isinstance(value, Sequence):
            # A number computed from a table isn't a value for each of its rows.
            found.append(("", frozenset(m for m in value.all_marks() if m.kind not in ("statistic", "history")), value))
    return found


def _is_strategy(owner: Class, depth: int = 0) -> bool:
    for base in owner.bases:
        name = base.last if isinstance(base, External) else base.node.name if isinstance(base, Class) and base.node else ""
        if _STRATEGY.search(name) or (isinstance(base, Class) and depth < 4 and _is_strategy(base, depth + 1)):
            return True
    return any(name.startswith("populate_") for name in owner.attributes)
