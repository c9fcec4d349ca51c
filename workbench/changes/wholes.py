"""Signs that code reads a table without naming its columns, so that the outcome may be among what it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from workbench.changes.code import call_name
from workbench.changes.model import RiskKind, word_set
from workbench.changes.signs import AFTER, Sign
from workbench.changes.syntax import walk

_ALL_VALUES = word_set("to_numpy values to_records iterrows itertuples to_dict to_json to_string to_csv T transpose stack melt")
_MAKING_ARRAYS = word_set("asarray array asanyarray DataFrame Series nan_to_num")
# What gives a table with the same columns, or with whichever are left.
_STILL_WHOLE = word_set("""
    copy drop reset_index astype fillna sort_values sort_index set_index dropna head tail assign rename pipe convert_dtypes
    infer_objects round clip abs replace loc iloc
""")
_ROWWISE = word_set("sum mean max min median prod any all std var apply agg aggregate quantile idxmax idxmin cumsum dot mul add")
_NOT_A_TABLE = re.compile(r"(?i)pred|prob|score|raw|^y_?|^p$|^values?$|model|request|self|cls|weights|coef|array|series|column")
_PUTTING_TOGETHER = word_set("""
    join format replace lower upper strip lstrip rstrip title swapcase translate removeprefix removesuffix casefold capitalize
    decode split
""")
_LETTERS = word_set("chr fromhex b64decode b32decode unhexlify a85decode")


def whole_tables(node: ast.AST) -> Iterator[tuple[Sign, ast.AST]]:
    """(sign, what carries it) in a function: a table that it was given is read as a whole."""
    for function in walk(node):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            tables = _tables(function)
            for inner in walk(function) if tables else ():
                if _reads_all(inner, tables):
                    reason = f"reads a table without naming columns (`{ast.unparse(inner)[:60]}`); the outcome may be one"
                    yield Sign(RiskKind.LABEL, reason, AFTER), inner


def put_together(node: ast.AST) -> Iterator[Sign]:
    """The sign of a text that is made when it runs, and may name a column."""
    made = False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod | ast.Mult):
        made = any(_is_text(side) for side in (node.left, node.right))
    elif isinstance(node, ast.Subscript):
        made = _is_text(node.value) or isinstance(node.slice, ast.JoinedStr)
    elif isinstance(node, ast.Call):
        on_text = isinstance(node.func, ast.Attribute) and _is_text(node.func.value)
        made = (on_text and call_name(node) in _PUTTING_TOGETHER) or call_name(node) in _LETTERS
    if made:
        reason = f"puts a text together that may name a column (`{ast.unparse(node)[:60]}`), the outcome perhaps"
        yield Sign(RiskKind.LABEL, reason, AFTER)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _tables(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Parameters that may be tables, and other names for them."""
    arguments = function.args
    places = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    found = {name for number, name in enumerate(places) if number > 0 or not _NOT_A_TABLE.search(name)} - {"self", "cls"}
    found |= {one.arg for one in (*arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg)))}
    for inner in walk(function):
        if isinstance(inner, ast.Assign) and _table(inner.value, found):
            found |= {target.id for target in inner.targets if isinstance(target, ast.Name)}
    return found


def _table(node: ast.AST, tables: set[str]) -> bool:
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute) and node.attr in _STILL_WHOLE:
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):  # rows of `.loc[…]`
            if isinstance(node.slice, ast.Tuple):
                return False
            node = node.value
        else:
            return isinstance(node, ast.Name) and node.id in tables


def _reads_all(node: ast.AST, tables: set[str]) -> bool:
    if isinstance(node, ast.Attribute) and node.attr in _ALL_VALUES:
        return _table(node.value, tables)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _MAKING_ARRAYS:
            return any(_table(one, tables) and isinstance(one, ast.Name) for one in node.args)
        if node.func.attr in _ROWWISE and _table(node.func.value, tables):
            return any(one.arg == "axis" for one in node.keywords) or node.func.attr in ("dot", "apply", "agg", "aggregate")
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) and _table(node.left, tables)
