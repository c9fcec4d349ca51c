"""Signs that code reads a table without naming its columns, so that the outcome may be among what it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from workbench.changes.code import call_name, dotted
from workbench.changes.model import RiskKind, word_set
from workbench.changes.signs import AFTER, Sign
from workbench.changes.syntax import children, walk

# What gives a table with the same columns, or with whichever are left.
_STILL_WHOLE = word_set("""
    copy drop reset_index astype fillna sort_values sort_index set_index dropna head tail assign rename pipe convert_dtypes
    infer_objects round clip abs replace loc
""")
_TABLE = re.compile(r"(?i)frame|df|table|rows?$|data|batch|sample|train|test|inputs?$|features|^x$")
_NOT_A_TABLE = re.compile(r"(?i)pred|prob|score|raw|^y_?|^p$|^values?$|model|request|self|cls|weights|coef|array|series|column")
_TAKING_APART = word_set("list dict iter zip enumerate map filter set tuple sorted next reversed vars dir getattr")
_EVERY_COLUMN = word_set("""
    to_numpy values to_records iterrows itertuples to_dict to_json to_string to_csv T transpose stack melt keys items take squeeze
    pop get xs corrwith corr cov filter select_dtypes columns dtypes iat describe agg aggregate apply
""")
_LIBRARIES = frozenset({"np", "numpy", "pd", "pandas", "scipy", "pl"})
_FINE = word_set("index loc iloc at groupby merge join isin shape")  # some of these are signs of their own
_PUTTING_TOGETHER = word_set("""
    join format replace lower upper strip lstrip rstrip title swapcase translate removeprefix removesuffix casefold capitalize
    decode split
""")
_LETTERS = word_set("chr fromhex b64decode b32decode unhexlify a85decode")


def whole_tables(node: ast.AST) -> Iterator[tuple[Sign, ast.AST]]:
    """(sign, what carries it) in a function: a table that it was given is used otherwise than by columns that are named."""
    for function in walk(node):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        tables = _tables(function)
        above = {id(child): parent for parent in walk(function) for child in children(parent)} if tables else {}
        for inner in walk(function) if tables else ():
            if isinstance(inner, ast.Name) and inner.id in tables and isinstance(inner.ctx, ast.Load):
                carrier = _whole(inner, above)
                if carrier is not None:
                    text = f"reads a table without naming columns (`{ast.unparse(carrier)[:60]}`); the outcome may be one"
                    yield Sign(RiskKind.LABEL, text, AFTER), carrier


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
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr not in _STILL_WHOLE:
            return False
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id in tables


def _whole(name: ast.Name, above: dict[int, ast.AST]) -> ast.AST | None:
    """What uses a table as a whole, None where columns are named or it is handed on."""
    surely, here = bool(_TABLE.search(name.id)), _outermost(name, above)
    user = above.get(id(here))
    if isinstance(user, ast.Attribute):
        called = isinstance(above.get(id(user)), ast.Call)
        return user if user.attr in _EVERY_COLUMN or (surely and called and user.attr not in _FINE) else None
    if isinstance(user, ast.Subscript) and user.value is here:
        return user if _made_up(user.slice) else None
    if isinstance(user, ast.Call):
        if isinstance(user.func, ast.Name):
            return user if user.func.id in _TAKING_APART else None
        library = dotted(user.func)[:1]
        return user if surely and library and library[0] in _LIBRARIES else None
    if isinstance(user, ast.comprehension | ast.For | ast.Starred):
        return here if surely or here is not name else None
    if isinstance(user, ast.Assign):
        return user if any(isinstance(target, ast.Tuple | ast.List) for target in user.targets) else None
    return user if surely and isinstance(user, ast.BinOp | ast.Compare | ast.YieldFrom) else None


def _outermost(name: ast.expr, above: dict[int, ast.AST]) -> ast.AST:
    """The table with everything that leaves its columns as they are: `frame.drop(…).reset_index()`."""
    here: ast.AST = name
    while True:
        user = above.get(id(here))
        if (isinstance(user, ast.Attribute) and user.attr in _STILL_WHOLE) or (
            isinstance(user, ast.Call) and user.func is here and isinstance(here, ast.Attribute)
        ):
            here = user
        elif isinstance(here, ast.Attribute) and isinstance(user, ast.Subscript) and not isinstance(user.slice, ast.Tuple):
            here = user  # rows of `.loc[…]`
        else:
            return here


def _made_up(node: ast.expr) -> bool:
    """Whether a key is put together when it runs, and so is neither a name nor a condition on rows."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod | ast.Mult)
    if isinstance(node, ast.Call):
        return call_name(node) in _PUTTING_TOGETHER | _LETTERS | {"next", "str", "min", "max", "pop"}
    return isinstance(node, ast.Subscript)
