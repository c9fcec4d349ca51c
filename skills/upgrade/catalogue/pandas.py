"""What pandas 1.x deprecated and 2.x and 3.x took out: methods, keywords and positional arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from skills.upgrade.catalogue.pandas_calls import (
    aggregate_level,
    append,
    deviation,
    fill_by_method,
    group_axis,
    index_class,
    numeric_only,
    position_in_series,
    resample_how,
    rolling_function,
    squeeze,
)
from skills.upgrade.catalogue.pandas_frequencies import REMOVALS as FREQUENCIES
from skills.upgrade.removal import (
    Cure,
    NoCure,
    Removal,
    Site,
    dropped_keyword,
    missing_attribute,
    nothing,
    renamed_attribute,
    renamed_name,
    unexpected,
)
from workbench.skills.call_edits import remove_arguments, replace_argument
from workbench.skills.source import keyword

_READERS = ["read_csv", "read_table", "read_fwf", "read_excel"]


def _no_attribute(name: str) -> str:
    owner = r"'\w*(?:DataFrame|Series|Index|GroupBy|Resampler|Properties|Rolling)\w*'"
    return rf"AttributeError: {owner} object has no attribute '{name}'"


def _method(old: str, new: str, since: str) -> Removal:
    return Removal(f"pandas-{old}", "pandas", since, _no_attribute(old), renamed_attribute(old, new), everywhere=False)


def _line_terminator(site: Site) -> Iterator[str]:
    for call in site.module.calls():
        found = keyword(call, "line_terminator")
        if found is not None and isinstance(call.func, ast.Attribute) and call.func.attr == "to_csv":
            start = site.module.start(found)
            site.edits.replace(start, start + len("line_terminator"), "lineterminator")
            yield "`line_terminator=` → `lineterminator=`"


def _replaced_keyword(name: str, table: dict[object, str], why: str) -> Cure:
    """`f(name=value)` → what the table says for the literal value ("" drops the argument)."""

    def cure(site: Site) -> Iterator[str]:
        for call in site.module.calls():
            found = keyword(call, name)
            if found is None or not (isinstance(call.func, ast.Attribute | ast.Name)):
                continue
            if not (call_name(call) in _READERS or (site.located and site.here(call))):
                continue
            value = found.value.value if isinstance(found.value, ast.Constant) else None
            if value not in table and not site.located:
                continue
            if value not in table:
                raise NoCure(f"{site.module.path}:{call.lineno}: `{site.module.segment(found)}`: {why}")
            text = table[value]
            if text:
                replace_argument(site.module, found, text, site.edits)
            else:
                remove_arguments(site.module, call, [found], site.edits)
            yield f"`{site.module.segment(found)}` → `{text}`" if text else f"`{site.module.segment(found)}` dropped"

    return cure


def call_name(call: ast.Call) -> str:
    """The last part of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


# Names of the positional parameters that became keyword-only, after `self`.
_POSITIONS: dict[str, tuple[str, ...]] = {
    "drop": ("labels", "axis"), "pivot": ("index", "columns", "values"), "sort_values": ("by", "axis", "ascending"),
    "sort_index": ("axis", "level", "ascending"), "set_index": ("keys", "drop", "append"),
    "reset_index": ("level", "drop", "inplace"),
    "dropna": ("axis", "how"), "drop_duplicates": ("subset", "keep"), "fillna": ("value", "method", "axis"),
    "read_csv": ("filepath_or_buffer", "sep"), "read_table": ("filepath_or_buffer", "sep"), "to_csv": ("path_or_buf", "sep"),
    "any": ("axis",), "all": ("axis",), "clip": ("lower", "upper", "axis"), "where": ("cond", "other", "inplace"),
    "concat": ("objs", "axis", "join"), "ffill": ("axis",), "bfill": ("axis",), "rename_axis": ("mapper", "index"),
    "split": ("pat", "n", "expand"), "to_dict": ("orient",), "droplevel": ("level", "axis"), "interpolate": ("method", "axis"),
    "replace": ("to_replace", "value"), "set_axis": ("labels", "axis"), "drop_level": ("level",), "quantile": ("q", "axis"),
    "read_excel": ("io", "sheet_name"), "read_json": ("path_or_buf", "orient"), "to_json": ("path_or_buf", "orient"),
    "to_parquet": ("path", "engine"), "reindex": ("labels", "index"),
    "sum": ("axis",), "mean": ("axis",), "max": ("axis",), "min": ("axis",),
}  # fmt: skip


def _by_keyword(site: Site) -> Iterator[str]:
    """Positional arguments that are keyword-only now get their names."""
    if not site.located:
        return
    assert site.match is not None
    name, taken = site.match["name"].rpartition(".")[2], int(site.match["taken"])
    bound = 0 if name in ("read_csv", "read_table", "read_excel", "read_json", "concat") else 1
    allowed = taken - bound
    for call in site.module.calls():
        if call_name(call) != name or len(call.args) <= allowed:
            continue
        names = _POSITIONS.get(name, ())
        if len(call.args) > len(names) or any(isinstance(a, ast.Starred) for a in call.args):
            if site.here(call):
                raise NoCure(f"{site.module.path}:{call.lineno}: what the positional arguments of `{name}` mean isn't known")
            continue
        slots = {slot.node: slot for slot in site.module.arguments(call)}
        for argument, word in list(zip(call.args, names))[allowed:]:
            site.edits.insert(slots[argument].start, f"{word}=")
        yield f"`{name}`: {', '.join(names[allowed : len(call.args)])} by keyword"


def _json_normalize(site: Site) -> Iterator[str]:
    yield from renamed_name("pandas.io.json.json_normalize", "pandas.json_normalize")(site)


def _through_numpy(site: Site) -> Iterator[str]:
    """`pd.np.x` → `np.x`."""
    from skills.upgrade.removal import through_module

    for node in ast.walk(site.module.tree):
        if isinstance(node, ast.Attribute) and site.module.qualified(node) == "pandas.np":
            site.edits.replace(site.module.start(node), site.module.end(node), through_module(site, "numpy"))
            yield "`pd.np` → `numpy`"


def _called_on(old: str, text: str) -> Cure:
    """`x.old` → `x.text`, where `text` may hold a call and take the place of one."""

    def cure(site: Site) -> Iterator[str]:
        if not site.located:
            return
        for node in ast.walk(site.module.tree):
            if isinstance(node, ast.Attribute) and node.attr == old:
                if isinstance(node.value, ast.Call) and call_name(node.value) == text.partition("(")[0]:
                    continue
                parent = site.module.parents.get(node)
                end = site.module.end(node)
                if isinstance(parent, ast.Call) and parent.func is node:
                    if parent.args or parent.keywords:
                        if site.here(node):
                            raise NoCure(f"{site.module.path}:{node.lineno}: `{old}` with arguments")
                        continue
                    end = site.module.end(parent)
                site.edits.replace(site.module.end(node) - len(old), end, text)
                yield f"`.{old}` → `.{text}`"

    return cure


def _value_counts(site: Site) -> Iterator[str]:
    for call in site.module.calls():
        if site.module.qualified(call.func) == "pandas.value_counts" and isinstance(call.func, ast.Attribute) and call.args:
            prefix = site.module.segment(call.func.value)
            slot = site.module.arguments(call)[0]
            rest = site.module.arguments(call)[1].start if len(call.args) + len(call.keywords) > 1 else site.module.end(call) - 1
            inner = site.module.text[slot.start : slot.end]
            site.edits.replace(site.module.start(call), rest, f"{prefix}.Series({inner}).value_counts(")
            yield "`pd.value_counts(x)` → `pd.Series(x).value_counts()`"


def _orient(site: Site) -> Iterator[str]:
    words = {"d": "dict", "l": "list", "s": "series", "sp": "split", "r": "records", "i": "index"}
    for call in site.module.calls():
        if call_name(call) != "to_dict" or not site.located:
            continue
        for value in [*call.args[:1], *(k.value for k in call.keywords if k.arg == "orient")]:
            if isinstance(value, ast.Constant) and value.value in words:
                site.edits.replace(site.module.start(value), site.module.end(value), f'"{words[value.value]}"')
                yield f'`to_dict("{value.value}")` → `to_dict("{words[value.value]}")`'


def _drop_unit(site: Site) -> Iterator[str]:
    """`astype("datetime64")` had nanoseconds by default."""
    for call in site.module.calls():
        for value in call.args if call_name(call) == "astype" and site.located else []:
            if isinstance(value, ast.Constant) and value.value == "datetime64":
                site.edits.insert(site.module.end(value) - 1, "[ns]")
                yield '`"datetime64"` → `"datetime64[ns]"`'


_GONE_KEYWORDS: list[tuple[str, dict[object, str], str]] = [
    ("error_bad_lines", {False: 'on_bad_lines="skip"', True: ""}, "bad lines are skipped or not by `on_bad_lines` now"),
    ("warn_bad_lines", {False: "", True: 'on_bad_lines="warn"'}, "bad lines are warned of by `on_bad_lines` now"),
    ("delim_whitespace", {True: 'sep=r"\\s+"', False: ""}, "white space is a separator by `sep` now"),
    ("mangle_dupe_cols", {True: ""}, "doubled names are always told apart"),
]

REMOVALS: list[Removal] = [
    Removal("pandas-append", "pandas", "2.0", _no_attribute("append"), append, everywhere=False),
    _method("iteritems", "items", "2.0"),
    _method("is_monotonic", "is_monotonic_increasing", "2.0"),
    _method("pad", "ffill", "2.0"),
    _method("backfill", "bfill", "2.0"),
    _method("applymap", "map", "3.0"),
    Removal("pandas-mad", "pandas", "2.0", _no_attribute("mad"), deviation, everywhere=False),
    Removal("pandas-line-terminator", "pandas", "2.0", unexpected("line_terminator", "to_csv"), _line_terminator),
    Removal(
        "pandas-infer-datetime-format",
        "pandas",
        "3.0",
        unexpected("infer_datetime_format"),
        dropped_keyword(["to_datetime", *_READERS], "pandas", "infer_datetime_format"),
    ),
    Removal(
        "pandas-fill-method",
        "pandas",
        "3.0",
        unexpected("method", "fillna")
        + "|"
        + _no_attribute("fillna")
        + r"|ValueError: Can not interpolate with method=\w+|ValueError: fill_method must be None",
        fill_by_method,
    ),
    *(
        Removal(
            f"pandas-{name.replace('_', '-')}",
            "pandas",
            "2.0",
            unexpected(name, *_READERS),
            _replaced_keyword(name, table, why),
        )
        for name, table, why in _GONE_KEYWORDS
    ),
    Removal("pandas-squeeze", "pandas", "2.0", unexpected("squeeze", *_READERS), squeeze, everywhere=False),
    Removal(
        "pandas-date-parser",
        "pandas",
        "3.0",
        unexpected("date_parser", *_READERS),
        nothing("`date_parser` is a function of the author's; parse the column after reading, with the format that is meant"),
    ),
    Removal(
        "pandas-level",
        "pandas",
        "2.0",
        unexpected("level", "sum", "mean", "min", "max", "count", "median", "std", "var", "prod", "any", "all"),
        aggregate_level,
        everywhere=False,
    ),
    Removal(
        "pandas-group-axis",
        "pandas",
        "3.0",
        unexpected("axis", "groupby", "rolling", "resample", "expanding", "ewm"),
        group_axis,
        everywhere=False,
    ),
    Removal("pandas-resample-how", "pandas", "1.0", unexpected("how", "resample"), resample_how, everywhere=False),
    Removal("pandas-rolling-function", "pandas", "0.24", missing_attribute(r"rolling_\w+", "pandas"), rolling_function),
    Removal(
        "pandas-positional",
        "pandas",
        "2.0",
        r"TypeError: (?P<name>[\w.]+)\(\) takes (?:from \d+ to )?(?P<taken>\d+) positional arguments? but \d+ (?:were|was) given",
        _by_keyword,
        everywhere=False,
    ),
    Removal(
        "pandas-nuisance-columns",
        "pandas",
        "2.0",
        r"TypeError: (?:agg function failed \[how->(?P<how>\w+),dtype->(?:str|object|string|category)"
        r"|Cannot perform reduction '(?P<reduction>\w+)' with string"
        r"|[Cc]ould not convert (?:string|\[?')|dtype 'str' does not support operation '(?P<operation>\w+)'"
        r"|category type does not support (?P<category>\w+))",
        numeric_only,
        everywhere=False,
    ),
    Removal("pandas-series-position", "pandas", "3.0", r"KeyError: (?P<position>-?\d+)$", position_in_series, everywhere=False),
    *(
        Removal(f"pandas-{name}", "pandas", "2.0", missing_attribute(name, "pandas"), index_class(name, kind))
        for name, kind in (("Int64Index", "int64"), ("UInt64Index", "uint64"), ("Float64Index", "float64"))
    ),
    Removal("pandas-week", "pandas", "2.0", _no_attribute("week"), _called_on("week", "isocalendar().week"), everywhere=False),
    Removal(
        "pandas-weekofyear",
        "pandas",
        "2.0",
        _no_attribute("weekofyear"),
        _called_on("weekofyear", "isocalendar().week"),
        everywhere=False,
    ),
    Removal(
        "pandas-weekday-name",
        "pandas",
        "1.0",
        _no_attribute("weekday_name"),
        _called_on("weekday_name", "day_name()"),
        everywhere=False,
    ),
    Removal(
        "pandas-as-matrix", "pandas", "1.0", _no_attribute("as_matrix"), _called_on("as_matrix", "to_numpy()"), everywhere=False
    ),
    Removal(
        "pandas-ravel",
        "pandas",
        "3.0",
        r"AttributeError: 'Series' object has no attribute 'ravel'",
        _called_on("ravel", "to_numpy()"),
        everywhere=False,
    ),
    Removal("pandas-value-counts", "pandas", "3.0", missing_attribute("value_counts", "pandas"), _value_counts),
    Removal("pandas-orient", "pandas", "2.0", r"ValueError: orient '(?:d|l|s|sp|r|i)' not understood", _orient, everywhere=False),
    Removal(
        "pandas-datetime64",
        "pandas",
        "2.0",
        r"(?:Type|Value)Error: .*'datetime64' dtype (?:has no unit|with no precision)",
        _drop_unit,
        everywhere=False,
    ),
    Removal("pandas-json-normalize", "pandas", "2.0", missing_attribute("json_normalize", "pandas.io.json"), _json_normalize),
    Removal(
        "pandas-datetime",
        "pandas",
        "2.0",
        missing_attribute("datetime", "pandas"),
        renamed_name("pandas.datetime", "datetime.datetime"),
    ),
    Removal("pandas-np", "pandas", "2.0", missing_attribute("np", "pandas"), _through_numpy),
    Removal(
        "pandas-testing",
        "pandas",
        "2.0",
        missing_attribute("testing", "pandas.util"),
        renamed_name("pandas.util.testing", "pandas.testing"),
    ),
    Removal(
        "pandas-ix",
        "pandas",
        "1.0",
        _no_attribute("ix"),
        nothing("`ix` was by label or by position, depending on the index; only the author knows"),
    ),
    Removal(
        "pandas-lookup",
        "pandas",
        "2.0",
        _no_attribute("lookup"),
        nothing("`lookup` has no like of its own; see pandas' page on looking up values by index and column"),
    ),
    Removal(
        "pandas-errors-ignore",
        "pandas",
        "3.0",
        r"ValueError: invalid error value specified|AssertionError:?\s*$",
        nothing('`errors="ignore"` is gone; whether bad values may become missing is a person\'s decision'),
    ),
    *FREQUENCIES,
]
