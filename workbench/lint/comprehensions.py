"""Comprehensions: of lists, dicts, generators, and those that pick columns by their names."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.lint import expressions
from workbench.lint.joins import join
from workbench.lint.scopes import Scope
from workbench.lint.stores import assign
from workbench.lint.values import ColumnNames, Mapped, Sequence, Value

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter


def comprehension(run: Interpreter, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    return _generated(run, node.generators, lambda: expressions.evaluate(run, node.elt), node)


def _generated(run: Interpreter, generators: list[ast.comprehension], element: Callable[[], Value], node: ast.AST) -> Value:
    first = generators[0]
    iterable = expressions.evaluate(run, first.iter)
    if isinstance(iterable, ColumnNames) and len(generators) == 1 and isinstance(node, ast.ListComp | ast.SetComp):
        return _column_choice(run, node, iterable)
    outer, run.scope = run.scope, Scope(run.scope, run.scope.function)
    run.loop += 1
    try:
        known = isinstance(iterable, Sequence) and not iterable.open and len(iterable.items) <= run.unrolled()
        items = iterable.items if known and isinstance(iterable, Sequence) else [expressions.iterated(run, iterable)]
        results = []
        for value in items:
            assign(run, first.target, value, first.iter)
            for condition in first.ifs:
                expressions.evaluate(run, condition)
            if len(generators) > 1:
                inner = _generated(run, generators[1:], element, ast.List(elts=[]))
                results += inner.items if isinstance(inner, Sequence) else [inner]
            else:
                results.append(element())
        return Sequence(items=results[:64], open=not known or bool(first.ifs) or len(generators) > 1)
    finally:
        run.loop -= 1
        run.scope = outer


def _column_choice(run: Interpreter, node: ast.ListComp | ast.SetComp, names: ColumnNames) -> Value:
    dropped, partial = names.dropped, names.partial
    marks = names.marks
    for condition in node.generators[0].ifs:
        tests = condition.values if isinstance(condition, ast.BoolOp) and isinstance(condition.op, ast.And) else [condition]
        for test in tests:
            value = expressions.evaluate(run, test.comparators[0]) if isinstance(test, ast.Compare) else Value()
            held = value.items if isinstance(value, Sequence) and not value.open else [value]
            texts = [v.const for v in held if isinstance(v.const, str)]
            negative = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotIn | ast.NotEq)
            if negative and texts:
                dropped |= frozenset(texts)
            else:
                partial = True
    if not isinstance(node.elt, ast.Name):
        partial = True
    return ColumnNames(rows=names.rows, dropped=dropped, partial=partial, marks=marks)


def dict_comprehension(run: Interpreter, node: ast.DictComp) -> Value:
    pairs = _generated(
        run,
        node.generators,
        lambda: Sequence(items=[expressions.evaluate(run, node.key), expressions.evaluate(run, node.value)]),
        node,
    )
    made = Mapped()
    for pair in pairs.items if isinstance(pairs, Sequence) else []:
        if isinstance(pair, Sequence) and len(pair.items) == 2:
            key, value = pair.items
            if isinstance(key.const, str | int | float) and isinstance(pairs, Sequence) and not pairs.open:
                made.entries[key.const] = value
            else:
                made.rest = join(made.rest, value)
    return made
