"""The same call spelled otherwise: parameters named or given by place, defaults said aloud, a filter as text.

Only for telling whether code says something new, where running it has shown that it gives the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from workbench.changes.code import call_name, dotted
from workbench.changes.model import word_set
from workbench.changes.syntax import children, walk

# What the first parameter of methods of frames, columns and arrays is called.
_PLACES = {
    "shift": "periods", "diff": "periods", "sort_values": "by", "groupby": "by", "merge": "right", "join": "other",
    "fillna": "value", "astype": "dtype", "map": "arg", "isin": "values", "head": "n", "tail": "n", "set_index": "keys",
    "rolling": "window", "round": "decimals", "quantile": "q", "query": "expr", "concat": "objs", "column_stack": "tup",
    "asarray": "a", "to_numpy": "dtype", "read_csv": "filepath_or_buffer", "read_parquet": "path",
}  # fmt: skip
# Defaults, as their documentation has them; saying one changes nothing.
_DEFAULTS = {
    ("merge", "how"): "'inner'", ("join", "how"): "'left'", ("sort_values", "ascending"): "True",
    ("sort_values", "inplace"): "False", ("sort_index", "ascending"): "True", ("groupby", "sort"): "True",
    ("groupby", "as_index"): "True", ("groupby", "dropna"): "True", ("reset_index", "drop"): "False",
    ("reset_index", "inplace"): "False", ("shift", "periods"): "1", ("diff", "periods"): "1",
    ("drop_duplicates", "keep"): "'first'", ("copy", "deep"): "True", ("dropna", "how"): "'any'", ("dropna", "axis"): "0",
    ("concat", "axis"): "0", ("concat", "ignore_index"): "False", ("value_counts", "normalize"): "False",
    ("set_index", "drop"): "True", ("rolling", "center"): "False", ("open", "mode"): "'r'",
}  # fmt: skip
_RECORDS = word_set("dataclass")
_HOW_A_RECORD_IS = word_set("frozen slots kw_only repr")
VARIABLE = "at__"
"""What stands before the name of a variable in the condition of a filter, where the text has `@`."""
_AT = re.compile(r"@(?=[A-Za-z_])")
_IN_A_FILTER = (
    ast.Expression, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.cmpop, ast.boolop, ast.operator,
    ast.unaryop,
)  # fmt: skip


def unspoken(node: ast.AST) -> Iterator[ast.AST]:
    """What says nothing: the name of a place or a default in a call, how a record is made, the types of its fields."""
    if isinstance(node, ast.ClassDef) and is_record(node):  # nothing looks at the types of its fields
        yield from (one for field in node.body if isinstance(field, ast.AnnAssign) for one in walk(field.annotation))
    if not isinstance(node, ast.Call):
        return
    name = call_name(node)
    for keyword in node.keywords:
        value = keyword.value
        if keyword.arg == _PLACES.get(name) and not node.args:
            yield keyword
        constant = isinstance(value, ast.Constant)
        if constant and _DEFAULTS.get((name, keyword.arg or "")) == ast.unparse(value):
            yield from (keyword, value)
        if constant and name in _RECORDS and keyword.arg in _HOW_A_RECORD_IS:
            yield from (keyword, value)


def filter_of(node: ast.AST) -> ast.Expression | None:
    """The condition in the text that a `query` is given, `@x` as `at__x`; None where it is no plain one."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "query"):
        return None
    if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Constant):
        return None
    text = node.args[0].value
    if not isinstance(text, str) or len(text) > 500 or "`" in text or VARIABLE in text:
        return None
    try:
        found = ast.parse(_AT.sub(VARIABLE, text.strip()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found if all(isinstance(inner, _IN_A_FILTER) for inner in walk(found)) else None


def records(nodes: Iterable[ast.stmt], made: Iterable[str]) -> frozenset[str]:
    """Variables that hold nothing but new records of the classes `made`: their fields are names of the change's own."""
    classes, held, other = set(made), set[str](), set[str]()
    for node in nodes:
        pending: list[ast.AST] = [node]
        while pending:
            here = pending.pop()
            pending += children(here)
            if isinstance(here, ast.Assign) and len(here.targets) == 1 and isinstance(here.targets[0], ast.Name):
                (held if _makes(here.value, classes) else other).add(here.targets[0].id)
                pending.remove(here.targets[0])
            elif isinstance(here, ast.For | ast.comprehension) and isinstance(here.target, ast.Name):
                over = here.iter
                inside = [over.elt] if isinstance(over, ast.ListComp | ast.GeneratorExp) else getattr(over, "elts", [])
                (held if inside and all(_makes(one, classes) for one in inside) else other).add(here.target.id)
                pending.remove(here.target)
            elif isinstance(here, ast.Name) and not isinstance(here.ctx, ast.Load):
                other.add(here.id)
            elif isinstance(here, ast.arg):
                other.add(here.arg)
    return frozenset(held - other)


def _makes(value: ast.AST, classes: set[str]) -> bool:
    return isinstance(value, ast.Call) and dotted(value.func) in [[name] for name in classes]


def is_record(node: ast.stmt) -> bool:
    """Whether a class is a plain record: fields alone, made by `dataclass` or `NamedTuple`."""
    if not isinstance(node, ast.ClassDef):
        return False
    makers = [call_name(one) if isinstance(one, ast.Call) else dotted(one)[-1:] for one in node.decorator_list]
    decorated = makers in (["dataclass"], [["dataclass"]]) and not node.bases
    named = not makers and [dotted(base)[-1:] for base in node.bases] == [["NamedTuple"]]
    return (decorated or named) and all(isinstance(inner, ast.AnnAssign) and inner.value is None for inner in node.body)


def fields_of(node: ast.stmt) -> set[str]:
    """The fields of a record."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    return {one.target.id for one in body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)}


def members_of(nodes: Iterable[ast.stmt]) -> set[str] | None:
    """Methods of a class and what they set on their first parameter; None where it is no class, or one of other classes."""
    found: set[str] = set()
    for node in nodes:
        if not isinstance(node, ast.ClassDef) or node.bases or node.keywords or node.decorator_list:
            return None
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or method.decorator_list or not method.args.args:
                continue
            found.add(method.name)
            found |= {
                inner.attr
                for inner in walk(method)
                if isinstance(inner, ast.Attribute)
                and isinstance(inner.ctx, ast.Store)
                and dotted(inner.value) == [method.args.args[0].arg]
            }
    return found
