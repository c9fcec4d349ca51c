"""Text that is put together: f-strings, `format` and `%` in one form."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator

from workbench.changes.variables import Unclear

Part = tuple[str, ast.expr | None, str]
"""A literal, or a value with its `conversion:format`."""


def formatted(node: ast.JoinedStr) -> Iterator[Part]:
    for part in node.values:
        if isinstance(part, ast.Constant):
            yield str(part.value), None, ""
        elif isinstance(part, ast.FormattedValue):
            spec = part.format_spec
            texts = spec.values if isinstance(spec, ast.JoinedStr) else []
            if not all(isinstance(one, ast.Constant) for one in texts):
                raise Unclear("a computed format")
            form = "".join(str(one.value) for one in texts if isinstance(one, ast.Constant))
            yield "", part.value, f"{chr(part.conversion) if part.conversion > 0 else ''}:{form}"


def format_call(node: ast.Call) -> list[Part] | None:
    """`"… {} …".format(…)` in the parts of an f-string, where every value is used once and in order."""
    assert isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant)
    text = node.func.value.value
    if not isinstance(text, str) or node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
        return None
    parts: list[Part] = []
    used = 0
    try:
        for literal, name, spec, conversion in string.Formatter().parse(text):
            parts.append((literal, None, ""))
            if name is None:
                continue
            if name not in ("", str(used)) or "{" in (spec or "") or used >= len(node.args):
                return None
            parts.append(("", node.args[used], f"{conversion or ''}:{spec or ''}"))
            used += 1
    except ValueError:
        return None
    return parts if used == len(node.args) else None


def percent(node: ast.BinOp) -> list[Part] | None:
    """`"… %s …" % (a, b)` in the parts of an f-string, for `%s`, `%r` and `%.3f`."""
    if not (isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)):
        return None
    if not isinstance(node.right, ast.Tuple) or any(isinstance(one, ast.Starred) for one in node.right.elts):
        return None
    pieces = re.split(r"(%s|%r|%\.\d+[fe])", node.left.value)
    if any("%" in piece for piece in pieces[::2]) or len(pieces) // 2 != len(node.right.elts):
        return None
    parts: list[Part] = []
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            parts.append((piece, None, ""))
        else:
            form = {"%s": ":", "%r": "r:"}.get(piece, f":{piece[1:]}")
            parts.append(("", node.right.elts[place // 2], form))
    return parts
