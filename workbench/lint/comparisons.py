"""Comparisons: as a mask they divide rows, as values they carry what went into them; and the other side of a mask."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from workbench.lint import expressions, subscripts
from workbench.lint.rows import Part
from workbench.lint.values import MISSING, ColumnNames, Value

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter

_OPPOSITE = {"low": "high", "high": "low", "in": "out", "out": "in", "train": "rest", "test": "rest"}


def inverted(value: Value) -> Value:
    """`~mask`: the other side of the division; of several conditions together the other side isn't known."""
    if not value.mask:
        return value
    parts = sorted(value.mask, key=repr)
    if len(parts) > 1:
        key = " & ".join(f"{p.key} {p.side}" for p in parts)
        return value.with_(mask=frozenset({Part(key, "out")}))  # type: ignore[no-any-return]
    part = parts[0]
    if part.side[:1] in "=!":
        side = ("!" if part.side[0] == "=" else "=") + part.side[1:]
    else:
        side = _OPPOSITE.get(part.side, f"not {part.side}")
    return value.with_(mask=frozenset({Part(part.key, side)}))  # type: ignore[no-any-return]


_SIDES: dict[type[ast.cmpop], str] = {ast.Lt: "low", ast.LtE: "low", ast.Gt: "high", ast.GtE: "high"}
_MIRROR = {"low": "high", "high": "low"}


def compare(run: Interpreter, node: ast.Compare) -> Value:
    left = expressions.evaluate(run, node.left)
    rights = [expressions.evaluate(run, c) for c in node.comparators]
    result = expressions.aligned(left, rights[0])
    for right in rights[1:]:
        result = expressions.aligned(result, right)
    if any(isinstance(v, ColumnNames) for v in (left, *rights)):
        return _column_test(node, left, rights)
    op = node.ops[0]
    if len(rights) == 1 and left.const is not MISSING and rights[0].const is not MISSING and not left.rows:
        decided = _decided(op, left.const, rights[0].const)
        return Value(const=decided) if decided is not MISSING else Value()
    if len(rights) == 1:
        side = _SIDES.get(type(op), "")
        table, other, node_of = left, rights[0], node.left
        if not table.rows and other.rows:
            table, other, node_of, side = other, left, node.comparators[0], _MIRROR.get(side, side)
        if isinstance(op, ast.Eq | ast.NotEq):
            shown = repr(other.const) if other.const is not MISSING else ast.unparse(node.comparators[0])
            side = ("=" if isinstance(op, ast.Eq) else "!") + shown
        if side and (table.rows or not other.rows):
            # A statistic as the boundary divides rows; it doesn't flow into them.
            result.mask = frozenset({Part(f"by {_subject(node_of, table)}", side)})
    result.sign, result.step, result.const = 0, None, MISSING
    result.marks = subscripts.compared(result.marks)
    return result


def _subject(node: ast.expr, value: Value) -> str:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return f"{value.ident}" if isinstance(node, ast.Name) else ast.unparse(node)


def _decided(op: ast.cmpop, a: Any, b: Any) -> Any:
    if isinstance(op, ast.Eq | ast.Is):
        return bool(type(a) is type(b) and a == b)
    if isinstance(op, ast.NotEq | ast.IsNot):
        return not (type(a) is type(b) and a == b)
    return MISSING


def _column_test(node: ast.Compare, left: Value, rights: list[Value]) -> Value:
    # `df.columns != "y"` picks all columns but one.
    names = left if isinstance(left, ColumnNames) else next(v for v in rights if isinstance(v, ColumnNames))
    other = rights[0] if names is left else left
    if isinstance(node.ops[0], ast.NotEq) and isinstance(other.const, str):
        return ColumnNames(rows=names.rows, dropped=names.dropped | {other.const}, partial=names.partial)
    if isinstance(node.ops[0], ast.In | ast.NotIn):
        return Value()
    return ColumnNames(rows=names.rows, partial=True)
