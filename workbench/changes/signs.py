"""What a stage's code does beyond its own work, told by its syntax: rows left out, seeds, thresholds, files, columns by place.

Each is a `Sign`; idioms of splitting and what no reading can follow are in `idioms.py`, which also compares base and result.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.changes.code import call_name
from workbench.changes.model import RiskKind, word_set
from workbench.changes.syntax import walk

_WRITING = word_set("""
    to_csv to_parquet to_feather to_json to_sql to_hdf to_excel save savez savez_compressed savetxt dump write_text
    write_bytes write_table mkdir makedirs unlink tofile memmap
""")
_READING = word_set("""
    open read_csv read_parquet read_feather read_json read_sql read_sql_query read_sql_table read_excel read_hdf read_table
    read_fwf read_text read_bytes loadtxt genfromtxt fromfile memmap load_dataset scan_csv scan_parquet connect
""")
# Of a reader of tables: which rows come in at all.
_SOME_ROWS = word_set("nrows skiprows skipfooter chunksize filters on_bad_lines row_groups where max_rows n_rows")
# Of a reader of tables: what the values become, the outcome's too.
_OTHER_VALUES = word_set("""
    na_values keep_default_na na_filter converters thousands decimal true_values false_values comment names header dayfirst
""")
# Of a whole table they change every column, the target's too.
_EVERY_COLUMN = word_set("""
    fillna clip replace where mask apply applymap map interpolate round astype transform update combine_first ffill bfill
    pipe multiply mul div add sub abs rank cumsum diff pct_change shift convert_dtypes infer_objects
""")
_COMBINING = word_set("merge join concat merge_ordered groupby explode melt pivot pivot_table reindex stack unstack append")
# Columns that are not named one by one: the target may be among them.
_UNNAMED_COLUMNS = word_set("columns select_dtypes filter iat")
_SEED = re.compile(r"(?i)(?:^|_)(?:seed|seeds|random_state|randomstate|rng_seed)(?:$|_)|seed$")
_SEEDED_CALLS = word_set("default_rng RandomState Random SeedSequence PRNGKey manual_seed set_seed seed")
_THRESHOLD = re.compile(r"(?i)thresh|cut_?off|operating_?point|decision_?(?:point|boundary|level)|accept_?(?:above|below)")
_FILE_NAME = re.compile(
    r"(?i)(?:[\w .{}%-]*/)*[\w .{}%*?-]+\.(?:csv|tsv|parquet|feather|arrow|orc|jsonl?|ndjson|xlsx?|sqlite3?|duckdb|db|npy|npz|h5|"
    r"txt|gz|zip)|(?:https?|s3|gs|abfss?|postgres(?:ql)?|mysql|sqlite|file|ftp)://.*"
)
_SQL = re.compile(r"(?is)\s*(?:select|with|from)\b.*\b(?:from|select|where)\b.*")

TABLES = frozenset({"load", "validate", "preprocess"})
AFTER = frozenset({"predict", "postprocess", "serve"})
"""Stages that are given rows with their outcome, or finish what the model says of them."""
ROWS_MATTER = TABLES | {"fit"}
NOT_FEATURES = ROWS_MATTER | AFTER
_NOT_LOADING = frozenset({"preprocess", "features", "fit", "metrics", "split"}) | AFTER
_LEARNING = AFTER | {"fit"}
SIZED = _LEARNING | {"preprocess", "metrics"}


@dataclass(frozen=True)
class Sign:
    """An idiom found: its kind, what it is in words, and the stages in which it says something new (empty: in each)."""

    kind: RiskKind
    reason: str
    stages: frozenset[str] = frozenset()
    gone: bool = False
    """Counts when it goes away, too, although it is `unknown`."""


def telltales(node: ast.AST) -> Iterator[Sign]:
    """The signs in one node of a syntax tree; what is inside it is asked for separately."""
    if isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.keyword):
        yield from _named(node.arg or "", node.value)
        if node.arg in _SOME_ROWS and node.arg != "where":
            yield Sign(RiskKind.SPLIT, f"reads only some rows (`{node.arg}`)", TABLES)
        if node.arg in _OTHER_VALUES:
            reason = f"reads values otherwise (`{node.arg}={_short(node.value)}`), the outcome's perhaps too"
            yield Sign(RiskKind.LABEL, reason, frozenset({"load"}))
        if node.arg == "allow_pickle" and not (isinstance(node.value, ast.Constant) and node.value.value is False):
            yield Sign(RiskKind.UNKNOWN, "reads pickles (`allow_pickle`), which run code")
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from _named(_last_name(target), node.value)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _named(key.value, value)
    elif isinstance(node, ast.arguments):
        arguments = [*node.posonlyargs, *node.args]
        pairs = [*zip(arguments[len(arguments) - len(node.defaults) :], node.defaults, strict=True)]
        pairs += [(one, default) for one, default in zip(node.kwonlyargs, node.kw_defaults, strict=True) if default is not None]
        for argument, default in pairs:
            yield from _named(argument.arg, default)
    elif isinstance(node, ast.Compare) and any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops):
        reason = f"decides by a threshold (`{_short(node)}`); one that was picked on the test makes results look better"
        yield Sign(RiskKind.METRIC, reason, AFTER)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and any(map(_is_condition, (node.left, node.right))):
        reason = f"weighs rows by a condition (`{_short(node)}`): which rows are trained on and judged may change"
        yield Sign(RiskKind.SPLIT, reason, ROWS_MATTER)
    elif isinstance(node, ast.While) and _never_ends(node):
        yield Sign(RiskKind.UNKNOWN, "holds a loop that nothing ends")
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "iloc":
        if isinstance(node.slice, ast.Tuple) and len(node.slice.elts) > 1:
            yield Sign(RiskKind.LABEL, f"takes columns by their place (`{_short(node)}`); the outcome may be one", _LEARNING)
        else:
            yield Sign(RiskKind.SPLIT, f"picks rows by their place (`{_short(node)}`)", ROWS_MATTER)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load):
        yield Sign(RiskKind.SPLIT, f"takes a part of the rows (`{_short(node)}`)", TABLES)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        yield Sign(
            RiskKind.UNKNOWN, f"sets `{', '.join(node.names)}` outside of its function, so that one run can speak to another"
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        if _FILE_NAME.fullmatch(node.value):
            reason = f"names another source of its tables (`{node.value[:60]}`): their rows and outcomes may be others"
            yield Sign(RiskKind.LABEL, reason, TABLES)
            yield Sign(RiskKind.UNKNOWN, f"names a file or an address (`{node.value[:60]}`)", _LEARNING | {"metrics"})
        elif _SQL.fullmatch(node.value):
            yield Sign(RiskKind.SPLIT, "asks a database for rows by other words", TABLES)
            yield Sign(RiskKind.LABEL, "asks a database for values by other words", TABLES)


def _is_condition(node: ast.AST) -> bool:
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Compare)


def _by_size(node: ast.Compare | ast.BinOp) -> bool:
    """Whether something is decided by how many rows a table has, or by a digest of it; asking whether it is empty is none."""
    given = [node.left, *(node.comparators if isinstance(node, ast.Compare) else [node.right])]
    if isinstance(node, ast.Compare) and any(isinstance(one, ast.Constant) and _is_nothing(one, node.ops[0]) for one in given):
        return False
    for one in given:
        for inner in walk(one):
            if isinstance(inner, ast.Call) and call_name(inner) in ("len", "nunique", "memory_usage", "hash", "count", "id"):
                return True
            if isinstance(inner, ast.Attribute) and inner.attr in ("shape", "size", "ndim", "nbytes"):
                return True
    return False


def _is_nothing(one: ast.Constant, op: ast.cmpop) -> bool:
    return one.value == 0 or (one.value == 1 and isinstance(op, ast.Lt | ast.GtE))


def by_size(node: ast.AST) -> Iterator[Sign]:
    """The sign of code that does one thing for a table of this size and another for others."""
    decides = isinstance(node, ast.Compare) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod))
    if decides and isinstance(node, ast.Compare | ast.BinOp) and _by_size(node):
        reason = f"decides by how much there is (`{_short(node)}`), so that today's tables may not show what it does"
        yield Sign(RiskKind.UNKNOWN, reason, SIZED)


def _never_ends(node: ast.While) -> bool:
    if not (isinstance(node.test, ast.Constant) and node.test.value):
        return False
    return not any(isinstance(inner, ast.Break | ast.Return | ast.Raise | ast.Yield) for inner in ast.walk(node))


def _call(node: ast.Call) -> Iterator[Sign]:
    name = call_name(node)
    if name in _SEEDED_CALLS:
        yield _seed(_short(node))
    if name in _WRITING and isinstance(node.func, ast.Attribute):
        yield Sign(RiskKind.UNKNOWN, f"writes something down (`{_short(node)}`), so that one run can speak to another")
    if name in _READING:
        yield Sign(RiskKind.UNKNOWN, f"reads something that it is not given (`{_short(node)}`)", _NOT_LOADING)
    if isinstance(node.func, ast.Attribute) and not _one_column(node):
        if name in _EVERY_COLUMN:
            yield Sign(
                RiskKind.LABEL, f"changes columns that it doesn't name (`{_short(node)}`), the outcome perhaps too", TABLES
            )
        elif name in _COMBINING:
            yield Sign(
                RiskKind.LABEL, f"puts tables together otherwise (`{_short(node)}`): rows and outcomes may be others", TABLES
            )


def _named(name: str, value: ast.expr) -> Iterator[Sign]:
    """Signs in a value that is given a name: as a variable, an argument, a key."""
    if _SEED.search(name) and not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        yield _seed(f"{name}={_short(value)}")
    if _THRESHOLD.search(name):
        reason = f"sets a threshold (`{name} = {_short(value)}`); one that was picked on the test makes results look better"
        yield Sign(RiskKind.METRIC, reason)


def _seed(text: str) -> Sign:
    reason = f"draws by another seed (`{text}`): whether a better result is better or only luckier can't be told"
    return Sign(RiskKind.UNKNOWN, reason, gone=True)


def _attribute(node: ast.Attribute) -> Iterator[Sign]:
    if node.attr in _UNNAMED_COLUMNS and isinstance(node.ctx, ast.Load):
        yield Sign(RiskKind.LABEL, f"takes columns without naming them (`{_short(node)}`); the outcome may be one", _LEARNING)


def _one_column(node: ast.Call) -> bool:
    """Whether a method is called on columns that are named, or says itself which columns it is about."""
    assert isinstance(node.func, ast.Attribute)
    here: ast.expr = node.func.value
    while True:
        if isinstance(here, ast.Subscript):
            if _text(here.slice):
                return not _is_table(here)
            here = here.value
        elif isinstance(here, ast.Attribute):
            here = here.value
        elif isinstance(here, ast.Call):
            here = here.func
        else:
            break
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    if any(isinstance(one, ast.Dict) and all(key is not None and _text(key) for key in one.keys) and one.keys for one in given):
        return True
    return isinstance(here, ast.Constant) or (
        node.func.attr in ("replace", "where", "round", "add", "update", "join") and _on_text(node)
    )


def _is_table(node: ast.Subscript) -> bool:
    """`tables["sales"]` is a table and not a column: what is subscripted is called so."""
    value = node.value
    return isinstance(value, ast.Name) and bool(re.search(r"(?i)tables?$|frames$|sources$|raw$|result|out$|data$", value.id))


def _on_text(node: ast.Call) -> bool:
    values = [one for one in node.args if isinstance(one, ast.Constant)]
    return (bool(values) and all(isinstance(one.value, str) for one in values)) or (
        isinstance(node.func, ast.Attribute)
        and (
            isinstance(node.func.value, ast.Constant)
            or (isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy"))
        )
    )


def _text(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return bool(node.elts) and all(_text(one) for one in node.elts)
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or (isinstance(node, ast.Name) and node.id.isupper())


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + "…"
