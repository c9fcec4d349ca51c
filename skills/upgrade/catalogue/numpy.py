"""What NumPy 1.24 and 2.0 took out of its main namespace."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from skills.upgrade.removal import (
    Cure,
    NoCure,
    Removal,
    Site,
    is_named,
    missing_attribute,
    nothing,
    renamed_keyword,
    renamed_name,
    unexpected,
)
from workbench.skills.call_edits import remove_arguments
from workbench.skills.source import keyword

_ALIASES = {"float": "float", "int": "int", "object": "object", "str": "str", "complex": "complex", "bool": "bool",
            "unicode": "str", "math": "math"}  # fmt: skip
_RENAMED = {
    "float_": "float64", "complex_": "complex128", "singlecomplex": "complex64", "cfloat": "complex128",
    "longfloat": "longdouble",
    "Inf": "inf", "Infinity": "inf", "infty": "inf", "PINF": "inf", "NaN": "nan", "NAN": "nan", "PZERO": "0.0",
    "product": "prod", "cumproduct": "cumprod", "alltrue": "all", "sometrue": "any", "in1d": "isin", "trapz": "trapezoid",
    "row_stack": "vstack", "round_": "round", "unicode_": "str_", "string_": "bytes_", "issubsctype": "issubdtype",
    "mat": "asmatrix", "bool8": "bool_", "int0": "intp", "uint0": "uintp", "object0": "object_", "str0": "str_",
    "bytes0": "bytes_",
}  # fmt: skip
_NONE = {
    "cast": "write `np.asarray(array, dtype=…)` with the type that is meant",
    "find_common_type": "`np.result_type` or `np.promote_types`, depending on whether values or types were meant",
    "lookfor": "search NumPy's documentation",
    "rank": "`ndim` was meant, or `matrix_rank`; only the author knows",
    "typeDict": "`np.dtype(name)` looks a type up",
    "sctypes": "list the types that are meant",
}


def _minus_infinity(site: Site) -> Iterator[str]:
    for node in ast.walk(site.module.tree):
        if isinstance(node, ast.Attribute) and site.module.qualified(node) == "numpy.NINF":
            text = f"-{site.module.segment(node.value)}.inf"
            power = isinstance(site.module.parents.get(node), ast.BinOp | ast.Attribute | ast.Subscript)
            site.edits.replace(site.module.start(node), site.module.end(node), f"({text})" if power else text)
            yield "`np.NINF` → `-np.inf`"


def _call_with(old: str, new: str, more: str, taken: str) -> Cure:
    """`np.old(x)` → `np.new(x, more)`, where the call doesn't say `taken` itself."""

    def cure(site: Site) -> Iterator[str]:
        for call in site.module.calls():
            if site.module.qualified(call.func) != f"numpy.{old}" or not isinstance(call.func, ast.Attribute):
                continue
            if keyword(call, taken) is None and len(call.args) > 1:
                raise NoCure(f"{site.module.path}:{call.lineno}: `{site.module.segment(call)}` gives `{taken}` by position")
            site.edits.replace(site.module.end(call.func) - len(old), site.module.end(call.func), new)
            if keyword(call, taken) is None:
                site.edits.insert(site.module.end(call.args[-1]), f", {more}")
            yield f"`np.{old}` → `np.{new}`"

    return cure


def _method_to_function(name: str) -> Cure:
    """`x.name(…)` → `np.name(x, …)` on the traceback's line."""

    def cure(site: Site) -> Iterator[str]:
        alias = next((local for local, origin in site.module.imports.items() if origin == "numpy"), None)
        for call in site.module.calls():
            if not (site.located and site.here(call) and isinstance(call.func, ast.Attribute) and call.func.attr == name):
                continue
            if alias is None:
                raise NoCure(f"{site.module.path} doesn't import numpy")
            receiver, module = call.func.value, site.module
            if module.qualified(receiver) == "numpy":
                continue
            site.edits.insert(module.start(receiver), f"{alias}.{name}(")
            comma = ", " if call.args or call.keywords else ""
            site.edits.replace(module.end(receiver), module.opening(call) + 1, comma)
            yield f"`.{name}()` → `np.{name}(…)`"

    return cure


def _copy_false(site: Site) -> Iterator[str]:
    """`np.array(x, copy=False)` meant "copy where needed", which is `np.asarray`."""
    for call in site.module.calls():
        flag = keyword(call, "copy")
        if flag is None or not is_named(site.module, call.func, ["array"], "numpy") or not isinstance(call.func, ast.Attribute):
            continue
        if isinstance(flag.value, ast.Constant) and flag.value.value is False:
            site.edits.replace(site.module.end(call.func) - len("array"), site.module.end(call.func), "asarray")
            remove_arguments(site.module, call, [flag], site.edits)
            yield "`np.array(…, copy=False)` → `np.asarray(…)`"


def _entries(table: Mapping[str, str], home: str) -> list[Removal]:
    return [
        Removal(
            f"numpy-{old}",
            "numpy",
            "2.0" if home else "1.24",
            missing_attribute(old, "numpy"),
            renamed_name(f"numpy.{old}", new if new[0].isdigit() else f"{home}{new}"),
            gone=f"numpy.{old}",
        )
        for old, new in table.items()
    ]


REMOVALS: list[Removal] = [
    *_entries(_ALIASES, ""),
    *_entries(_RENAMED, "numpy."),
    Removal("numpy-NINF", "numpy", "2.0", missing_attribute("NINF", "numpy"), _minus_infinity),
    Removal(
        "numpy-asfarray",
        "numpy",
        "2.0",
        missing_attribute("asfarray", "numpy"),
        _call_with("asfarray", "asarray", "dtype=float", "dtype"),
    ),
    Removal("numpy-msort", "numpy", "2.0", missing_attribute("msort", "numpy"), _call_with("msort", "sort", "axis=0", "axis")),
    Removal(
        "numpy-safe_eval",
        "numpy",
        "2.0",
        missing_attribute("safe_eval", "numpy"),
        renamed_name("numpy.safe_eval", "ast.literal_eval"),
    ),
    Removal(
        "numpy-percentile-interpolation",
        "numpy",
        "2.4",
        unexpected("interpolation", "nan", r"(?:nan)?(?:percentile|quantile)"),
        renamed_keyword(["percentile", "quantile", "nanpercentile", "nanquantile"], "numpy", "interpolation", "method"),
    ),
    Removal(
        "numpy-ptp-method",
        "numpy",
        "2.0",
        r"AttributeError: .*has no attribute 'ptp'",
        _method_to_function("ptp"),
        everywhere=False,
    ),
    Removal(
        "numpy-array-copy", "numpy", "2.0", r"ValueError: Unable to avoid copy while creating an array as requested", _copy_false
    ),
    *(
        Removal(f"numpy-{name}", "numpy", "2.0", missing_attribute(name, "numpy"), nothing(f"`np.{name}`: {why}"))
        for name, why in _NONE.items()
    ),
]
