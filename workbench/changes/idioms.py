"""Idioms that tell what a piece of code does whatever the stage it stands in, and constructs that no reading can follow.

Compared between base and result: only what a change brings, alters or takes away counts.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeGuard

from workbench.changes.code import Target, call_name, dotted
from workbench.changes.model import RiskKind, word_set
from workbench.changes.remembering import aliases, outliving, remembering
from workbench.changes.signs import NOT_FEATURES, ROWS_MATTER, SIZED, Sign, by_size, telltales
from workbench.changes.syntax import walk
from workbench.changes.wholes import put_together, whole_tables
from workbench.repo import TOOL_CACHES

_SPLITTING = word_set("""
    train_test_split KFold StratifiedKFold GroupKFold StratifiedGroupKFold RepeatedKFold RepeatedStratifiedKFold
    LeaveOneOut LeavePOut LeaveOneGroupOut LeavePGroupsOut ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit
    PredefinedSplit TimeSeriesSplit cross_val_score cross_validate cross_val_predict GridSearchCV RandomizedSearchCV
    HalvingGridSearchCV HalvingRandomSearchCV learning_curve validation_curve permutation_test_score check_cv
""")
_FROM_OTHER_ROWS = word_set("""
    shift diff rolling ewm expanding bfill backfill ffill pad interpolate merge_asof pct_change cumsum cummax cummin
    cumprod cumcount transform fit_transform rank resample asfreq tshift quantile std var median mode value_counts
""")
_CHOOSING_ROWS = word_set("""
    dropna query sample drop_duplicates head tail nlargest nsmallest truncate isin between first last between_time
    at_time sort_values shuffle permutation
""")
_OPAQUE_CALLS = word_set("""
    eval exec compile __import__ globals locals vars setattr delattr run_path run_module spec_from_file_location
    module_from_spec exec_module load_module set_config set_option seterr setrecursionlimit settrace setprofile
    addaudithook register_at_fork currentframe _getframe read_pickle to_pickle unpickle loadlibrary CDLL PyDLL
    system popen Popen check_output check_call run_in_subprocess monkeypatch patch reload site addsitedir path_hooks
    urlopen urlretrieve set_global_output unsafe_load unsafe_load_all full_load full_load_all locate
""")
_OPAQUE_MODULES = word_set("""
    ctypes cffi pickle cPickle marshal dill cloudpickle joblib shelve subprocess gc inspect importlib runpy imp sys
    builtins socket requests httpx urllib code codeop atexit faulthandler platform
    time random secrets uuid locale getpass tempfile threading multiprocessing signal shutil sched
    resource traceback warnings asyncio concurrent contextvars weakref select glob fcntl pwd grp pty mmap ssl ftplib http
    smtplib telnetlib webbrowser xmlrpc socketserver psutil cpuinfo tracemalloc pydoc pdb bdb trace timeit profile cProfile
    linecache dis symtable sysconfig site zipimport pkgutil pkg_resources winreg forbiddenfruit gorilla wrapt
""")
_CIRCUMSTANCES = word_set("""
    getenv environ gethostname now today utcnow time_ns monotonic getlogin getuser getpid uuid1 uuid4 urandom getcwd
    expanduser isatty cpu_count exists is_file is_dir is_symlink iterdir rglob listdir scandir getmtime st_mtime getsize
    perf_counter process_time hostname getnode ismount lexists islink isfile isdir getatime getctime samefile
    handlers getEffectiveLevel isEnabledFor hasHandlers f_locals f_globals f_back
""")
_HARMLESS_OF_MODULES = frozenset({("sys", "maxsize"), ("sys", "version_info"), ("inspect", "cleandoc"), ("warnings", "warn")})
_VALUES = word_set(
    "DataFrame Series ndarray Index Timestamp Timedelta datetime dict list str float int tuple set UserDict UserList"
)
_FIELD_BEHIND = re.compile(r"\{[^{}]*\.__\w")
_LOOKED_AT = frozenset(
    {("logging", "root"), ("logging", "disable"), ("logging", "config"), ("pd", "options"), ("pandas", "options")}
)
_FINE_DUNDERS = word_set("__init__ __name__ __call__ __version__ __file__ __post_init__ __qualname__ __len__ __enter__ __exit__")
_DUNDERS = word_set("""
    __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __float__ __int__ __bool__ __array__ __array_ufunc__
    __array_function__ __array_wrap__ __array_priority__ __getattr__ __getattribute__ __reduce__ __reduce_ex__
    __setstate__ __init_subclass__ __class_getitem__ __set_name__ __instancecheck__ __subclasscheck__ __hash__
    __len__ __index__ __sub__ __rsub__
""")

_Occurrence = tuple[Sign, str]
"""A sign and the syntax of what carries it."""


def changed_signs(before: Iterable[ast.AST], after: Iterable[ast.AST], shared: frozenset[str]) -> list[tuple[Sign, int | None]]:
    """(sign, line in the result) of each idiom that came, went or was altered, and each opaque construct that came.

    `shared` are the names that a module shares with others (what it imports, its classes): setting something on one of
    them acts at a distance.
    """
    old, _ = _signs(before, shared)
    new, lines = _signs(after, shared)
    found: dict[Sign, int | None] = {}
    for occurrence in new - old:
        found.setdefault(occurrence[0], lines.get(occurrence))
    for sign, _ in old - new:
        if sign.kind is not RiskKind.UNKNOWN or sign.gone:
            found.setdefault(sign, None)
    return list(found.items())


def binding_signs(before: Mapping[str, set[Target]], after: Mapping[str, set[Target]]) -> list[Sign]:
    """Signs in what a module newly imports: names that are imported under another one would not be seen in use."""
    old = {target for targets in before.values() for target in targets}
    found = []
    for target in sorted({target for targets in after.values() for target in targets} - old, key=repr):
        module, name = target
        words = f"{module}.{name}" if name else module
        if name in _SPLITTING:
            found.append(Sign(RiskKind.SPLIT, f"imports `{words}`, which divides rows into training and test"))
        elif module.partition(".")[0] in _OPAQUE_MODULES - {"importlib"} or name in _OPAQUE_CALLS | _CIRCUMSTANCES:
            found.append(Sign(RiskKind.UNKNOWN, f"imports `{words}`, whose effect no reading of the code can follow"))
    return found


def opaque_signs(nodes: Iterable[ast.AST], shared: frozenset[str]) -> list[str]:
    """What no reading can follow, or what depends on circumstances, in words; random numbers with a constant seed apart."""
    found: dict[str, None] = {}
    for node in nodes:
        seeded = {id(part) for inner in walk(node) if _is_seeded(inner) for part in walk(inner.func)}
        for inner in walk(node):
            for sign in _sign(inner, shared) if id(inner) not in seeded else ():
                # Another seed is a question for people; that there is one makes a run the same each time. What is decided by
                # size was decided before: what says something new is told apart from this.
                if sign.kind is RiskKind.UNKNOWN and not sign.gone and sign.stages != SIZED:
                    found.setdefault(sign.reason)
    return list(found)


def _is_seeded(node: ast.AST) -> TypeGuard[ast.Call]:
    if not (isinstance(node, ast.Call) and call_name(node) in ("default_rng", "RandomState", "Random")):
        return False
    seeds = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "seed")]
    return bool(seeds) and isinstance(seeds[0], ast.Constant) and isinstance(seeds[0].value, int)


def _signs(nodes: Iterable[ast.AST], shared: frozenset[str]) -> tuple[Counter[_Occurrence], dict[_Occurrence, int]]:
    counted: Counter[_Occurrence] = Counter()
    lines: dict[_Occurrence, int] = {}
    for node in nodes:
        names = shared | aliases(node, shared)
        for inner in walk(node):
            for sign in _sign(inner, names):
                counted[sign, ast.dump(inner)] += 1
                lines.setdefault((sign, ast.dump(inner)), getattr(inner, "lineno", 1))
        for sign, carrier in (*whole_tables(node), *outliving(node)):
            counted[sign, ast.dump(carrier)] += 1
            lines.setdefault((sign, ast.dump(carrier)), getattr(carrier, "lineno", 1))
    return counted, lines


def _sign(node: ast.AST, shared: frozenset[str]) -> list[Sign]:
    return [*telltales(node), *by_size(node), *put_together(node), *remembering(node, shared), *_opaque_or_other(node, shared)]


def _opaque_or_other(node: ast.AST, shared: frozenset[str]) -> list[Sign]:
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, ast.Name) and node.id in _SPLITTING:
        return [Sign(RiskKind.SPLIT, f"uses `{node.id}`, which divides rows into training and test")]
    if isinstance(node, ast.Attribute):
        return _attribute(node)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _is_mask(node.slice):
        reason = f"picks rows by a condition (`{_short(node)}`): which rows are trained on and judged may change"
        return [Sign(RiskKind.SPLIT, reason, ROWS_MATTER)]
    if isinstance(node, ast.ClassDef) and _is_own_value(node):
        return [Sign(RiskKind.UNKNOWN, f"`{node.name}` is a kind of value or table that can answer in its own way")]
    if isinstance(node, ast.FunctionDef) and node.name in _DUNDERS:
        return [
            Sign(RiskKind.UNKNOWN, f"defines `{node.name}`, by which an object can answer differently to whoever looks at it")
        ]
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [sign for target in targets for sign in _assigned(target, shared)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if _FIELD_BEHIND.search(node.value):
            return [Sign(RiskKind.UNKNOWN, "formats a text by what lies behind an object, where no reading can follow")]
        named = next((cache for cache in TOOL_CACHES | {".workbench", ".venv"} if cache in node.value), None)
        return [Sign(RiskKind.UNKNOWN, f"names `{named}`, whose content is not part of a change")] if named else []
    return []


def _is_own_value(node: ast.ClassDef) -> bool:
    bases = {(dotted(base) or [""])[-1] for base in node.bases}
    return bool(bases & _VALUES) and not any(base.endswith(("Enum", "Flag", "Protocol")) for base in bases)


def _call(node: ast.Call) -> list[Sign]:
    name = call_name(node)
    words = dotted(node.func)
    if name == "getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
        return [Sign(RiskKind.UNKNOWN, "looks up an attribute whose name is only known when it runs (`getattr`)")]
    if name in ("load", "load_all") and any(k.arg == "Loader" and "Safe" not in ast.unparse(k.value) for k in node.keywords):
        return [Sign(RiskKind.UNKNOWN, f"reads texts that can make any object (`{_short(node)}`)")]
    if name in _OPAQUE_CALLS and not (name == "compile" and words[:1] == ["re"]):
        return [Sign(RiskKind.UNKNOWN, f"calls `{'.'.join(words) or name}`, which no reading of the code can follow")]
    if name in ("import_module", "find_spec"):
        constant = bool(node.args) and isinstance(node.args[0], ast.Constant)
        return [] if constant else [Sign(RiskKind.UNKNOWN, "imports a module whose name is only known when it runs")]
    if name in _FROM_OTHER_ROWS and isinstance(node.func, ast.Attribute):
        return [Sign(RiskKind.FEATURE, f"computes values from other rows (`{_short(node)}`)", NOT_FEATURES)]
    if name in _CHOOSING_ROWS and isinstance(node.func, ast.Attribute):
        reason = f"picks or orders rows (`{_short(node)}`): which rows are trained on and judged may change"
        return [Sign(RiskKind.SPLIT, reason, ROWS_MATTER)]
    if any(k.arg == "center" and not (isinstance(k.value, ast.Constant) and k.value.value is False) for k in node.keywords):
        return [Sign(RiskKind.FEATURE, "centers a window, which reads later rows", NOT_FEATURES)]
    return []


def _attribute(node: ast.Attribute) -> list[Sign]:
    words = dotted(node)
    if node.attr in _SPLITTING:
        return [Sign(RiskKind.SPLIT, f"uses `{node.attr}`, which divides rows into training and test")]
    if len(words) > 1 and words[0] in _OPAQUE_MODULES and tuple(words[:2]) not in _HARMLESS_OF_MODULES:
        return [] if words[:2] == ["importlib", "import_module"] else [
            Sign(RiskKind.UNKNOWN, f"uses `{'.'.join(words)}`, which no reading of the code can follow")
        ]  # fmt: skip
    if tuple(words[:2]) in _LOOKED_AT:
        return [Sign(RiskKind.UNKNOWN, f"uses `{'.'.join(words)}`, which all code shares")]
    if len(words) > 1 and words[0] == "os" and words[1] not in ("path", "sep", "linesep", "PathLike", "fspath"):
        return [Sign(RiskKind.UNKNOWN, f"uses `{'.'.join(words)}`: it may behave differently elsewhere or another day")]
    if node.attr.startswith("__") and node.attr.endswith("__") and node.attr not in _FINE_DUNDERS:
        return [Sign(RiskKind.UNKNOWN, f"goes behind an object (`{_short(node)}`), where no reading of the code can follow")]
    if node.attr in _CIRCUMSTANCES:
        return [
            Sign(RiskKind.UNKNOWN, f"reads `{'.'.join(words) or node.attr}`: it may behave differently elsewhere or another day")
        ]
    if words[:2] in (["np", "random"], ["numpy", "random"]) or words[:1] == ["random"]:
        return [Sign(RiskKind.UNKNOWN, f"draws random numbers (`{'.'.join(words)}`)")]
    return []


def _assigned(target: ast.expr, shared: frozenset[str]) -> list[Sign]:
    if isinstance(target, ast.Name) and target.id in _DUNDERS:
        return [Sign(RiskKind.UNKNOWN, f"sets `{target.id}`, by which an object can answer differently to whoever looks at it")]
    words = dotted(target) if isinstance(target, ast.Attribute) else []
    if words and words[0] in shared:
        return [Sign(RiskKind.UNKNOWN, f"sets `{'.'.join(words)}` on something that other code may use")]
    if isinstance(target, ast.Subscript) and dotted(target.value)[-1:] in (["environ"], ["modules"], ["__dict__"]):
        return [Sign(RiskKind.UNKNOWN, f"sets `{_short(target)}`, which other code reads")]
    return []


def _is_mask(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_is_mask(inner) for inner in node.elts)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Invert)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor)
    if isinstance(node, ast.Call):
        return call_name(node) in ("isin", "between", "notna", "isna", "notnull", "isnull", "duplicated", "eq", "ne", "gt", "lt")
    return isinstance(node, ast.Compare)


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + "…"


def mentions_of(nodes: Iterable[ast.AST], words: frozenset[str], names: frozenset[str]) -> Counter[str]:
    """The smallest statements and expressions around each use of `words` (as string, attribute, keyword) or `names`."""
    found: Counter[str] = Counter()
    for node in nodes:
        for inner in walk(node):
            if not isinstance(inner, ast.stmt):
                continue
            heads = [getattr(inner, name, None) for name in ("test", "iter", "subject")] if hasattr(inner, "body") else [inner]
            for head in heads:
                if isinstance(head, ast.AST) and _names_one(head, words, names):
                    found[ast.dump(head)] += 1
    return found


def _names_one(node: ast.AST, words: frozenset[str], names: frozenset[str]) -> bool:
    for inner in walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value in words:
            return True
        if isinstance(inner, ast.Attribute) and inner.attr in words:
            return True
        if isinstance(inner, ast.keyword) and inner.arg in words:
            return True
        if isinstance(inner, ast.Name) and inner.id in names:
            return True
    return False
