"""Expressions → abstract values: names, constants, operators, conditions. Comparisons, comprehensions, subscripts and calls have
modules of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.lint import calls, comparisons, comprehensions, subscripts
from workbench.lint.definitions import function_of
from workbench.lint.joins import item_of, join, mix, one_of
from workbench.lint.trace import ChoiceEvent
from workbench.lint.values import (
    MISSING,
    ColumnNames,
    Estimator,
    External,
    Instance,
    Mapped,
    Sequence,
    Splitter,
    Table,
    Value,
    unique,
)

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Div: lambda a, b: a / b,
}


def evaluate(run: Interpreter, node: ast.expr) -> Value:
    """The abstract value of an expression; what isn't known further mixes what went into it."""
    run.tick()
    method = _METHODS.get(type(node))
    if method is not None:
        return method(run, node)
    return mix([evaluate(run, child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)])


def _constant(run: Interpreter, node: ast.Constant) -> Value:
    return Value(const=node.value)


def _name(run: Interpreter, node: ast.Name) -> Value:
    found = run.scope.find(node.id)
    if found is None:
        return External(path=node.id)
    return run.dynamic.get(found.ident, found)


def _attribute(run: Interpreter, node: ast.Attribute) -> Value:
    base = evaluate(run, node.value)
    return subscripts.attribute(run, base, node)


def _sequence(run: Interpreter, node: ast.List | ast.Tuple | ast.Set) -> Value:
    items: list[Value] = []
    is_open = False
    for element in node.elts:
        value = evaluate(run, element.value if isinstance(element, ast.Starred) else element)
        if isinstance(element, ast.Starred):
            if isinstance(value, Sequence) and not value.open:
                items += value.items
            else:
                items.append(item_of(value))
                is_open = True
        else:
            items.append(value)
    return Sequence(items=items, open=is_open)


def _dict(run: Interpreter, node: ast.Dict) -> Value:
    made = Mapped()
    for key, value in zip(node.keys, node.values):
        held = evaluate(run, value)
        if key is None:
            if isinstance(held, Mapped):
                made.entries |= held.entries
            continue
        known = evaluate(run, key)
        if isinstance(known.const, str | int | float | bool):
            made.entries[known.const] = held
        else:
            made.rest = join(made.rest, held)
    return made


def _joined(run: Interpreter, node: ast.JoinedStr) -> Value:
    text: str | None = ""
    for part in node.values:
        value = evaluate(run, part.value if isinstance(part, ast.FormattedValue) else part)
        text = text + str(value.const) if text is not None and isinstance(value.const, str | int | float) else None
    return Value(const=text) if text is not None else Value(const=MISSING)


def _binary(run: Interpreter, node: ast.BinOp) -> Value:
    return combined(run, node, node.op, evaluate(run, node.left), evaluate(run, node.right))


def combined(run: Interpreter, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
    """`left op right`."""
    constant = _computed(op, left.const, right.const)
    if constant is not MISSING:
        return Value(const=constant)
    if isinstance(left, Sequence) and isinstance(right, Sequence) and isinstance(op, ast.Add):
        return Sequence(items=[*left.items, *right.items], open=left.open or right.open)
    if isinstance(left, ColumnNames) or isinstance(right, ColumnNames):
        return ColumnNames(partial=True, marks=left.all_marks() | right.all_marks())
    step = _step(op, left, right)
    if step is not None:
        return Value(step=step)
    if isinstance(op, ast.BitAnd) and (left.mask or right.mask):
        result = aligned(left, right)
        result.mask = (left.mask or frozenset()) | (right.mask or frozenset())
        return result
    result = aligned(left, right)
    if isinstance(op, ast.Sub) and left.const == 0 and right.const is MISSING:
        result.sign = -1
    if isinstance(op, ast.Mult) and (left.sign < 0) != (right.sign < 0):
        result.sign = -1
    return result


def _computed(op: ast.operator, a: Any, b: Any) -> Any:
    function = _OPERATORS.get(type(op))
    plain = (int, float, str)
    if function is None or not isinstance(a, plain) or not isinstance(b, plain):
        return MISSING
    if isinstance(op, ast.Mult) and (isinstance(a, str) or isinstance(b, str)):
        return MISSING
    try:
        return function(a, b)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return MISSING


def _step(op: ast.operator, left: Value, right: Value) -> int | None:
    # `i + 1` counts ahead of the row i; `i + k` with k unknown counts ahead as well, numbers being sizes.
    if left.step is None and right.step is None:
        return None
    counter, other = (left, right) if left.step is not None else (right, left)
    assert counter.step is not None
    if other.step is not None:
        return 0
    if isinstance(op, ast.Add):
        return counter.step + other.const if isinstance(other.const, int) else counter.step + (1 if other.sign == 0 else -1)
    if isinstance(op, ast.Sub) and counter is left:
        return counter.step - other.const if isinstance(other.const, int) else counter.step - 1
    return 0


def aligned(left: Value, right: Value) -> Value:
    """A value computed row by row from two: the rows are those of the table that comes first."""
    if isinstance(left, Sequence | Mapped):
        left = mix([left])
    if isinstance(right, Sequence | Mapped):
        right = mix([right])
    result = mix((left, right))
    leading = left if left.rows else right
    result.rows, result.exact = leading.rows, leading.exact
    if isinstance(leading, Table) and leading.columns and isinstance(result, Table):
        other = right if leading is left else left
        added = other.all_marks()
        result.marks = leading.marks | added
        if isinstance(other, Table) and other.columns:
            result.marks |= NO_MARKS.union(*(c.all_marks() for n, c in other.columns.items() if n not in leading.columns))
            result.marks = leading.marks | other.marks
        result.columns = {
            name: column.with_(marks=column.marks | _of_column(other, name, added)) for name, column in leading.columns.items()
        }
        result.only, result.partial = leading.only, leading.partial
    if isinstance(result, Table):
        result.series = isinstance(leading, Table) and leading.series
    result.order = left.order | right.order
    return result


NO_MARKS: frozenset[Any] = frozenset()


def _of_column(other: Value, name: str, every: frozenset[Any]) -> frozenset[Any]:
    if isinstance(other, Table) and other.columns:
        column = other.columns.get(name)
        return other.marks | (column.all_marks() if column is not None else NO_MARKS)
    return every


def _unary(run: Interpreter, node: ast.UnaryOp) -> Value:
    value = evaluate(run, node.operand)
    if isinstance(node.op, ast.USub):
        if isinstance(value.const, int | float):
            return Value(const=-value.const)
        if value.mask and value.rows:  # pandas of old: -mask
            return comparisons.inverted(value)
        return value.with_(sign=-1, step=None) if not value.rows else value
    if isinstance(node.op, ast.Invert):
        return comparisons.inverted(value)
    if isinstance(node.op, ast.Not):
        return value.with_(const=not value.const if isinstance(value.const, bool) else MISSING, mask=None)  # type: ignore[no-any-return]
    return value


def _bool(run: Interpreter, node: ast.BoolOp) -> Value:
    return one_of([evaluate(run, v) for v in node.values])


def _conditional(run: Interpreter, node: ast.IfExp) -> Value:
    test = evaluate(run, node.test)
    body, other = evaluate(run, node.body), evaluate(run, node.orelse)
    if test.scores and (_chosen(body) or _chosen(other)):
        run.trace.add(ChoiceEvent(test.scores, run.site(node), ast.unparse(node)[:80]))
    result = join(body, other)
    decided = subscripts.ahead_marks(test) | subscripts.compared_marks(test)
    return result.with_(marks=result.marks | decided) if decided else result


def _chosen(value: Value) -> bool:
    return isinstance(value, Estimator | Mapped | Instance) or bool(value.predictions)


def notice_choice(run: Interpreter, node: ast.If, test: Value, body: list[ast.stmt]) -> None:
    """`if score > best: best = …` inside a loop, or an `if` on a score that picks a model: a choice made by that score."""
    if not test.scores or not isinstance(node.test, ast.Compare | ast.BoolOp):
        return
    assigned = [s for s in body if isinstance(s, ast.Assign | ast.AnnAssign)]
    constant = any(isinstance(c, ast.Constant) for c in getattr(node.test, "comparators", []))
    picks = any(
        isinstance(s.value, ast.Name) and isinstance(run.scope.find(s.value.id), Estimator)
        for s in assigned
        if s.value is not None
    )
    if picks or (run.loop and assigned and not constant):
        run.trace.add(ChoiceEvent(test.scores, run.site(node), f"if {ast.unparse(node.test)[:70]}"))


def _lambda(run: Interpreter, node: ast.Lambda) -> Value:
    return function_of(run, node)


def iterated(run: Interpreter, iterable: Value) -> Value:
    """One item of an iterable in a loop."""
    if isinstance(iterable, Splitter):  # scikit-learn of old: the splitter itself is the iterable
        return calls.fold_item(run, iterable, None)
    if isinstance(iterable, Table) and iterable.view == "group":
        return Sequence(items=[Value(), iterable.copy(view="", rows=subscripts.filtered(iterable.rows, f"group {unique()}"))])
    if isinstance(iterable, Table) and iterable.view == "counter":
        return Value(step=0)
    return item_of(iterable)


def _starred(run: Interpreter, node: ast.Starred) -> Value:
    return evaluate(run, node.value)


def _named(run: Interpreter, node: ast.NamedExpr) -> Value:
    from workbench.lint.stores import bind

    value = evaluate(run, node.value)
    bind(run, node.target.id, value)
    return value


def _await(run: Interpreter, node: ast.Await) -> Value:
    return evaluate(run, node.value)


def _yield(run: Interpreter, node: ast.Yield) -> Value:
    value = evaluate(run, node.value) if node.value else Value(const=None)
    run.scope.yields.append(value)
    return Value()


_METHODS: dict[type[ast.expr], Callable[[Any, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: lambda run, node: comparisons.compare(run, node),
    ast.BoolOp: _bool,
    ast.IfExp: _conditional,
    ast.Lambda: _lambda,
    ast.ListComp: lambda run, node: comprehensions.comprehension(run, node),
    ast.SetComp: lambda run, node: comprehensions.comprehension(run, node),
    ast.GeneratorExp: lambda run, node: comprehensions.comprehension(run, node),
    ast.DictComp: lambda run, node: comprehensions.dict_comprehension(run, node),
    ast.Starred: _starred,
    ast.NamedExpr: _named,
    ast.Await: _await,
    ast.Yield: _yield,
    ast.Subscript: lambda run, node: subscripts.subscript(run, node),
    ast.Call: lambda run, node: calls.call(run, node),
}
