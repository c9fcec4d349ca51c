"""Cures for pandas calls that have to be rewritten rather than renamed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from skills.upgrade.removal import Cure, NoCure, Site, is_named
from workbench.skills.call_edits import add_argument, remove_arguments
from workbench.skills.source import Module, constant_text, keyword, require_name

_FILLS = {"ffill": "ffill", "pad": "ffill", "bfill": "bfill", "backfill": "bfill"}


def append(site: Site) -> Iterator[str]:
    """`a.append(b, …)` → `pd.concat([a, b], …)`.

    A list's `append` returns nothing, so off the traceback's line only calls whose value is used are taken.
    """
    if not site.located:
        return
    module = site.module
    for call in module.calls():
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "append"):
            continue
        if not site.here(call) and isinstance(module.parents.get(call), ast.Expr):
            continue
        other = call.args[0] if call.args else None
        named = keyword(call, "other")
        other = other if other is not None else named.value if named else None
        if other is None or len(call.args) > 1:
            raise NoCure(f"{module.path}:{call.lineno}: `append` gives its options by position")
        receiver = call.func.value
        # Both keep their text: only what is around and between them changes.
        site.edits.insert(module.start(receiver), f"{require_name(module, 'pandas', 'concat', site.edits)}([")
        site.edits.replace(module.end(receiver), module.start(other), ", ")
        before, after = _as_frames(module, other)
        if isinstance(other, ast.List):
            inner = module.segment(other)[1:-1].strip().rstrip(",")
            site.edits.replace(module.start(other), module.end(other), f"{inner}]")
        else:
            if before:
                site.edits.insert(module.start(other), before)
            site.edits.insert(module.end(other), f"{after}]")
        yield "`.append(…)` → `pd.concat([…])`"


def _as_frames(module: Module, other: ast.expr) -> tuple[str, str]:
    """What to put around the appended value so that `concat` takes it: a row given as a dictionary becomes a frame."""
    value: ast.expr = other
    if isinstance(other, ast.Name):
        found = [a.value for a in ast.walk(module.scope(other)) if isinstance(a, ast.Assign)
                 if any(isinstance(t, ast.Name) and t.id == other.id for t in a.targets)]  # fmt: skip
        value = found[-1] if found else other
    if isinstance(value, ast.Dict | ast.DictComp) or (isinstance(value, ast.Call) and module.dotted(value.func) == "dict"):
        frame = next((f"{local}.DataFrame" for local, origin in module.imports.items() if origin == "pandas"), "DataFrame")
        return f"{frame}([", "])"
    if isinstance(value, ast.Call) and is_named(module, value.func, ["Series"], "pandas"):
        return "", ".to_frame().T"
    if isinstance(value, ast.List | ast.ListComp) and value is not other:
        return "*", ""
    return "", ""


def deviation(site: Site) -> Iterator[str]:
    """`x.mad()` → `(x - x.mean()).abs().mean()` where `x` may be written twice."""
    if not site.located:
        return
    module = site.module
    for call in module.calls():
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "mad"):
            continue
        receiver = call.func.value
        if call.args or call.keywords or any(isinstance(n, ast.Call) for n in ast.walk(receiver)):
            if site.here(call):
                raise NoCure(f"{module.path}:{call.lineno}: `mad()` of what is computed in place has no one-line like")
            continue
        text = module.segment(receiver)
        site.edits.replace(module.start(call), module.end(call), f"({text} - {text}.mean()).abs().mean()")
        yield "`.mad()` → `(x - x.mean()).abs().mean()`"


def fill_by_method(site: Site) -> Iterator[str]:
    """`x.fillna(method="ffill")` → `x.ffill()`; the same for `interpolate(method="pad")` and `pct_change(fill_method=…)`."""
    module = site.module
    for call in module.calls():
        if not isinstance(call.func, ast.Attribute):
            continue
        name = call.func.attr
        if name == "pct_change":
            yield from _change(site, call)
        if name not in ("fillna", "interpolate"):
            continue
        method = keyword(call, "method")
        gone: list[ast.expr | ast.keyword] = [method] if method else []
        value = method.value if method else None
        empty = [a for a in call.args[:1] if isinstance(a, ast.Constant) and a.value is None]
        gone += empty
        gone += [k for k in call.keywords if k.arg == "value" and isinstance(k.value, ast.Constant) and k.value.value is None]
        if value is None and len(call.args) > 1 and empty:
            value, gone = call.args[1], [*gone, call.args[1]]
        if not constant_text(value) or value.value not in _FILLS:
            if value is not None and name == "fillna" and site.here(call):
                raise NoCure(f"{module.path}:{call.lineno}: which way `{module.segment(value)}` fills isn't known before it runs")
            continue
        new = _FILLS[value.value]
        site.edits.replace(module.end(call.func) - len(name), module.end(call.func), new)
        remove_arguments(module, call, gone, site.edits)
        yield f'`{name}(method="{value.value}")` → `{new}()`'


def _change(site: Site, call: ast.Call) -> Iterator[str]:
    method = keyword(call, "fill_method")
    if method is None or not constant_text(method.value) or method.value.value not in _FILLS:
        return
    assert isinstance(call.func, ast.Attribute)
    site.edits.insert(site.module.end(call.func.value), f".{_FILLS[method.value.value]}()")
    site.edits.replace(site.module.start(method.value), site.module.end(method.value), "None")
    yield f'`pct_change(fill_method="{method.value.value}")` → `{_FILLS[method.value.value]}().pct_change(fill_method=None)`'


def squeeze(site: Site) -> Iterator[str]:
    """`pd.read_csv(…, squeeze=True)` → `pd.read_csv(…).squeeze("columns")`."""
    for call in site.module.calls():
        flag = keyword(call, "squeeze")
        if flag is None or not is_named(site.module, call.func, ["read_csv", "read_table", "read_excel", "read_fwf"], "pandas"):
            continue
        if not isinstance(flag.value, ast.Constant):
            raise NoCure(
                f"{site.module.path}:{call.lineno}: whether `{site.module.segment(flag)}` is true isn't known before it runs"
            )
        remove_arguments(site.module, call, [flag], site.edits)
        if flag.value.value:
            site.edits.insert(site.module.end(call), '.squeeze("columns")')
        yield '`squeeze=` → `.squeeze("columns")`'


def aggregate_level(site: Site) -> Iterator[str]:
    """`x.sum(level=0)` → `x.groupby(level=0).sum()`."""
    for call in site.module.calls():
        level = keyword(call, "level")
        if level is None or not (site.located and site.here(call)) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr == "groupby":
            continue
        site.edits.insert(site.module.end(call.func.value), f".groupby({site.module.segment(level)})")
        remove_arguments(site.module, call, [level], site.edits)
        yield f"`{call.func.attr}(level=…)` → `groupby(level=…).{call.func.attr}()`"


def group_axis(site: Site) -> Iterator[str]:
    """`groupby(…, axis=0)` said the default; along columns there is no like."""
    for call in site.module.calls():
        axis = keyword(call, "axis")
        if axis is None or not (site.located and site.here(call)) or not isinstance(call.func, ast.Attribute):
            continue
        if not (isinstance(axis.value, ast.Constant) and axis.value.value in (0, "index")):
            raise NoCure(f"{site.module.path}:{call.lineno}: along columns is on the transposed frame now; a person decides")
        remove_arguments(site.module, call, [axis], site.edits)
        yield f"`{call.func.attr}(…, {site.module.segment(axis)})` → without `axis`"


def resample_how(site: Site) -> Iterator[str]:
    """`resample(rule, how="mean")` → `resample(rule).mean()`."""
    for call in site.module.calls():
        how = keyword(call, "how")
        if how is None or not isinstance(call.func, ast.Attribute) or call.func.attr != "resample":
            continue
        if not constant_text(how.value):
            raise NoCure(f"{site.module.path}:{call.lineno}: how to aggregate isn't one word")
        remove_arguments(site.module, call, [how], site.edits)
        site.edits.insert(site.module.end(call), f".{how.value.value}()")
        yield f'`resample(how="{how.value.value}")` → `resample().{how.value.value}()`'


def rolling_function(site: Site) -> Iterator[str]:
    """`pd.rolling_mean(x, n, …)` → `x.rolling(n, …).mean()`."""
    module = site.module
    for call in module.calls():
        origin = module.qualified(call.func) or ""
        if not origin.startswith("pandas.rolling_") or not call.args:
            continue
        slots = module.arguments(call)
        first = module.text[slots[0].start : slots[0].end]
        receiver = first if isinstance(call.args[0], ast.Name | ast.Attribute | ast.Subscript | ast.Call) else f"({first})"
        rest = module.text[slots[1].start : module.end(call) - 1] if len(slots) > 1 else ""
        site.edits.replace(
            module.start(call), module.end(call), f"{receiver}.rolling({rest}).{origin.removeprefix('pandas.rolling_')}()"
        )
        yield f"`{origin.replace('pandas', 'pd')}(x, n)` → `x.rolling(n).{origin.removeprefix('pandas.rolling_')}()`"


def numeric_only(site: Site) -> Iterator[str]:
    """Columns that aren't numbers were left out of an aggregation by themselves."""
    if not site.located:
        return
    assert site.match is not None
    words = {site.match[group] for group in ("how", "reduction", "operation", "category")} - {None}
    names = words or {"mean", "median", "std", "var", "sum", "sem", "quantile", "skew", "corr", "prod"}
    for call in site.module.calls():
        if (
            site.here(call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in names
            and keyword(call, "numeric_only") is None
        ):
            if call.args and call.func.attr != "quantile":
                raise NoCure(f"{site.module.path}:{call.lineno}: `{call.func.attr}` with positional arguments")
            add_argument(site.module, call, "numeric_only=True", site.edits)
            yield f"`{call.func.attr}()` → `{call.func.attr}(numeric_only=True)`"


def position_in_series(site: Site) -> Iterator[str]:
    """`s[-1]` on a series took a position; by position is `iloc` now. Only on the traceback's line."""
    if not site.located:
        return
    assert site.match is not None
    module = site.module
    receivers = {
        module.segment(node.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Subscript) and site.here(node) and module.segment(node.slice) == site.match["position"]
        if not (isinstance(node.value, ast.Attribute) and node.value.attr in ("iloc", "loc", "iat", "at"))
    }
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Subscript) and site.here(node) and module.segment(node.value) in receivers):
            continue
        if re.fullmatch(r"-?\d+", module.segment(node.slice)):
            site.edits.insert(site.module.end(node.value), ".iloc")
            yield f"`[{module.segment(node.slice)}]` → `.iloc[{module.segment(node.slice)}]`"


def index_class(name: str, kind: str) -> Cure:
    """`pd.Int64Index(x)` → `pd.Index(x, dtype="int64")`; a check for the class has no like."""

    def cure(site: Site) -> Iterator[str]:
        module = site.module
        called = {call.func for call in module.calls()}
        for node in ast.walk(module.tree):
            ours = isinstance(node, ast.Name | ast.Attribute) and module.qualified(node) == f"pandas.{name}"
            if ours and node not in called:
                raise NoCure(f"{module.path}: `{name}` is used as a type; an index of any kind of number is `pd.Index` now")
        for call in module.calls():
            if module.qualified(call.func) != f"pandas.{name}":
                continue
            home = module.dotted(call.func.value) if isinstance(call.func, ast.Attribute) else None
            text = f"{home}.Index" if home else "Index"
            site.edits.replace(module.start(call.func), module.end(call.func), text)
            if keyword(call, "dtype") is None:
                add_argument(module, call, f'dtype="{kind}"', site.edits)
            yield f'`{name}(…)` → `Index(…, dtype="{kind}")`'
        for imported in ast.walk(module.tree):
            if isinstance(imported, ast.ImportFrom) and imported.module == "pandas":
                for alias in imported.names:
                    if alias.name == name:
                        site.edits.replace(module.start(alias), module.end(alias), "Index")
                        yield f"`{name}` → `Index`"

    return cure
