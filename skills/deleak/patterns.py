"""Idioms that look ahead and what says the same without: shifts, windows, fills, joins, statistics of the whole column.

Each gives edits of a few characters. Whether it is the leak, and whether the edit is the cure, is found out by running it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from workbench.skills.call_edits import remove_arguments
from workbench.skills.source import Edits, Module, constant_text, keyword

_AGGREGATES = ("mean", "std", "var", "min", "max", "sum", "median", "count", "quantile", "first", "last", "nunique", "skew")
_WINDOWS = ("rolling", "expanding", "ewm", "cumsum", "cummax", "cummin", "cumprod")


@dataclass(frozen=True)
class Reach:
    """How far the column looks ahead: `ahead` beyond what was known, `lag` from a row's time until its cells are known at a
    prediction (horizon plus the source's delay), `step` between rows in time; None where the frame doesn't say."""

    ahead: pd.Timedelta
    lag: pd.Timedelta
    step: pd.Timedelta | None
    clocks: tuple[str, ...] = ()
    """Columns that hold times of rows: the sources' and the frame's."""
    entity: tuple[str, ...] = ()

    def rows(self, length: pd.Timedelta) -> int:
        """How many rows make up a length of time, at least one."""
        return max(1, math.ceil(length / self.step)) if self.step is not None and self.step > pd.Timedelta(0) else 1


@dataclass(frozen=True)
class Idiom:
    """One possible cure at one place, in `words` for a person.

    `telling` says how much the code itself says that it looks ahead: 2 it does (`shift(-1)`, `center=True`), 1 it may, as a
    statistic of the whole column does, 0 it only does where values come in late.
    """

    words: str
    line: int
    apply: Callable[[Edits], None]
    telling: int = 2


def idioms(module: Module, node: ast.AST, reach: Reach) -> Iterator[Idiom]:
    """Every idiom at or below `node`, in the order of the text; alternatives at one place follow each other."""
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    for call in sorted(calls, key=lambda n: (n.lineno, n.col_offset)):
        name = _last(call)
        if name in ("shift", "diff", "pct_change"):
            yield from _shift(module, call, name, reach)
        elif name == "rolling":
            yield from _centred(module, call, reach)
        elif name in ("bfill", "backfill", "interpolate", "fillna"):
            yield from _fill(module, call, name, reach)
        elif name == "merge_asof":
            yield from _asof_direction(module, call)
        if name in ("merge", "merge_asof", "join"):
            yield from _join(module, call, reach)
        if name == "transform":
            yield from _transform(module, call, reach)
        if name == "map":
            yield from _encoding(module, call, reach)
        if name == "rank":
            yield from _rank(module, call, reach)
        if name in _WINDOWS:
            yield from _window(module, call, name, reach)
    yield from _reversed(module, node, reach)
    yield from _statistics(module, node, reach)


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def _idiom(words: str, node: ast.AST, apply: Callable[[Edits], None], telling: int = 2) -> Idiom:
    return Idiom(words, node.lineno, apply, telling)  # type: ignore[attr-defined]


def _integer(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _shift(module: Module, call: ast.Call, name: str, reach: Reach) -> Iterator[Idiom]:
    named = keyword(call, "periods")
    periods = call.args[0] if call.args else named.value if named else None
    step = reach.step
    freq = keyword(call, "freq")
    if freq is not None and constant_text(freq.value):
        try:
            step = pd.Timedelta(f"1{freq.value.value}" if not freq.value.value[0].isdigit() else freq.value.value)
        except ValueError:
            step = None
    if step is None:
        return
    more = math.ceil(reach.ahead / step)
    now = 1 if periods is None else _integer(periods)
    if name != "shift":
        if now is not None and now < 0 and periods is not None:
            yield _idiom(f"`{name}({now})` looks back: `{name}({-now})`", call, _put(module, periods, str(-now)))
        return
    if periods is None:
        yield _idiom(
            f"`shift()` becomes `shift({1 + more})`", call, lambda edits: edits.insert(module.end(call) - 1, str(1 + more))
        )
    elif now is not None:
        yield _idiom(
            f"`shift({now})` becomes `shift({now + more})`", call, _put(module, periods, str(now + more)), 2 if now < 0 else 0
        )
    else:
        text = f"{module.segment(periods)} + {more}"
        yield _idiom(f"`shift({module.segment(periods)})` becomes `shift({text})`", call, _put(module, periods, text), 0)


def _put(module: Module, node: ast.expr, text: str) -> Callable[[Edits], None]:
    return lambda edits: edits.replace(module.start(node), module.end(node), text)


def _centred(module: Module, call: ast.Call, reach: Reach) -> Iterator[Idiom]:
    centre = keyword(call, "center")
    if centre is None or not (isinstance(centre.value, ast.Constant) and centre.value.value):
        return
    yield _idiom("the centred window becomes a trailing one", call, lambda edits: remove_arguments(module, call, [centre], edits))
    assert isinstance(call.func, ast.Attribute)
    receiver, back = call.func.value, reach.rows(reach.lag)
    if _is_grouped(module, receiver):
        return

    def both(edits: Edits) -> None:
        remove_arguments(module, call, [centre], edits)
        edits.insert(module.end(receiver), f".shift({back})")

    yield _idiom(f"the centred window becomes a trailing one that ends {back} rows before", call, both)


def _fill(module: Module, call: ast.Call, name: str, reach: Reach) -> Iterator[Idiom]:
    assert isinstance(call.func, ast.Attribute) or name
    if not isinstance(call.func, ast.Attribute):
        return
    function, back = call.func, reach.rows(reach.lag)
    method = keyword(call, "method")
    if name == "fillna":
        if method is not None and constant_text(method.value) and method.value.value in ("bfill", "backfill"):
            yield _idiom("gaps are filled from before, not from behind", call, _put(module, method.value, '"ffill"'))
        return

    def forward(edits: Edits) -> None:
        end = module.end(call) if name == "interpolate" else module.end(function)
        edits.replace(module.end(function) - len(name), end, "ffill()" if name == "interpolate" else "ffill")

    words = "gaps are filled with the last value before" + (" instead of a line to the next one" if name == "interpolate" else "")
    yield _idiom(words, call, forward)
    if not _is_grouped(module, function.value):

        def later(edits: Edits) -> None:
            edits.insert(module.end(function.value), f".shift({back})")
            forward(edits)

        yield _idiom(f"{words}, {back} rows before", call, later)


def _asof_direction(module: Module, call: ast.Call) -> Iterator[Idiom]:
    direction = keyword(call, "direction")
    if direction is not None and constant_text(direction.value) and direction.value.value != "backward":
        now = direction.value.value
        yield _idiom(f'the as-of join looks backward instead of "{now}"', call, _put(module, direction.value, '"backward"'))


def _join(module: Module, call: ast.Call, reach: Reach) -> Iterator[Idiom]:
    """Joins on a row's time: the other table's rows count from when they were known, not from when they happened."""
    method = isinstance(call.func, ast.Attribute) and module.qualified(call.func) is None
    named = keyword(call, "right")
    position = 0 if method else 1
    right = named.value if named else call.args[position] if len(call.args) > position else None
    keys = [
        node.value
        for word in ("on", "right_on")
        if (found := keyword(call, word))
        for node in ast.walk(found.value)
        if constant_text(node)
    ]
    clock = next((key for key in keys if key in reach.clocks), None)
    if right is None or clock is None:
        return
    lengths = [reach.ahead] if reach.ahead == reach.lag else [reach.ahead, reach.lag]
    column = clock if clock.isidentifier() else None
    for length in lengths:
        lag = f'pd.Timedelta("{spoken(length)}")'
        inner = f"lambda table: table[{clock!r}] + {lag}".replace("'", '"')
        given = f"{column}={inner}" if column else f'**{{"{clock}": {inner}}}'

        def later(edits: Edits, given: str = given) -> None:
            edits.insert(module.end(right), f".assign({given})")

        words = f"the joined rows count from {spoken(length)} after their `{clock}`"
        yield _idiom(words, call, later, 0)
        direction = keyword(call, "direction")
        if direction is not None and constant_text(direction.value) and direction.value.value != "backward":
            turned = _put(module, direction.value, '"backward"')

            def backward(edits: Edits, given: str = given, turned: Callable[[Edits], None] = turned) -> None:
                edits.insert(module.end(right), f".assign({given})")
                turned(edits)

            yield _idiom(f"{words}, and the join looks backward", call, backward)


def _transform(module: Module, call: ast.Call, reach: Reach) -> Iterator[Idiom]:
    what = call.args[0] if call.args else None
    if not constant_text(what) or what.value not in _AGGREGATES or len(call.args) > 1:
        return
    for back in _lags(reach):
        text = f"lambda values: values.shift({back}).expanding().{what.value}()"
        yield _idiom(f'`transform("{what.value}")` goes over what was known, {back} rows back', call, _put(module, what, text), 1)


def _lags(reach: Reach) -> Sequence[int]:
    return list(dict.fromkeys([reach.rows(reach.lag), 1]))


def _encoding(module: Module, call: ast.Call, reach: Reach) -> Iterator[Idiom]:
    """`keys.map(frame.groupby(key)[value].mean())` → the mean of what was known before, row by row."""
    source = call.args[0] if call.args else None
    if not (isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr in _AGGREGATES):
        return
    if not _is_grouped(module, source.func.value):
        return
    aggregate = source.func
    for back in _lags(reach):
        text = f"{module.segment(aggregate.value)}.transform(lambda values: values.shift({back}).expanding().{aggregate.attr}())"
        words = f"the encoding is the {aggregate.attr} of the rows before, {back} back"
        yield _idiom(words, call, _put(module, call, text), 1)


def _rank(module: Module, call: ast.Call, reach: Reach) -> Iterator[Idiom]:
    if not isinstance(call.func, ast.Attribute) or _is_grouped(module, call.func.value):
        return
    receiver, back = call.func.value, reach.rows(reach.lag)
    if reach.entity and isinstance(receiver, ast.Subscript) and isinstance(receiver.value, ast.Name):
        by = reach.entity[0] if len(reach.entity) == 1 else list(reach.entity)
        inner = f"lambda values: values.shift({back}).expanding(){module.text[module.end(receiver) : module.end(call)]}"
        grouped = f"{module.segment(receiver.value)}.groupby({by!r})[{module.segment(receiver.slice)}]".replace("'", '"')
        words = f"the rank is among each entity's rows before, {back} back"
        yield _idiom(words, call, _put(module, call, f"{grouped}.transform({inner})"), 1)
    insert = lambda edits: edits.insert(module.end(receiver), f".shift({back}).expanding()")  # noqa: E731
    yield _idiom(f"the rank is among the rows before, {back} back", call, insert, 1)


def _window(module: Module, call: ast.Call, name: str, reach: Reach) -> Iterator[Idiom]:
    """A window that ends with the row itself: it has to end where the values were known."""
    if not isinstance(call.func, ast.Attribute) or _is_grouped(module, call.func.value) or reach.step is None:
        return
    receiver = call.func.value
    if isinstance(receiver, ast.Call) and _last(receiver) == "shift":
        return
    back = math.ceil(reach.ahead / reach.step)
    insert = lambda edits: edits.insert(module.end(receiver), f".shift({back})")  # noqa: E731
    yield _idiom(f"the window `{name}` ends {back} rows before", call, insert, 0)


def _reversed(module: Module, node: ast.AST, reach: Reach) -> Iterator[Idiom]:
    """`x[::-1].rolling(n).mean()[::-1]` is a window into the future."""
    turns = [n for n in ast.walk(node) if isinstance(n, ast.Subscript) and _is_turn(n)]
    for outer in turns:
        inner = next((n for n in turns if n is not outer and n in set(ast.walk(outer.value))), None)
        if inner is None:
            continue
        for back in (0, reach.rows(reach.lag)):

            def straight(edits: Edits, inner: ast.Subscript = inner, outer: ast.Subscript = outer, back: int = back) -> None:
                edits.replace(module.end(inner.value), module.end(inner), f".shift({back})" if back else "")
                edits.replace(module.end(outer.value), module.end(outer), "")

            yield _idiom("the window isn't turned round" + (f" and ends {back} rows before" if back else ""), outer, straight)


def _is_turn(node: ast.Subscript) -> bool:
    part = node.slice
    return (
        isinstance(part, ast.Slice)
        and part.lower is None
        and part.upper is None
        and part.step is not None
        and _integer(part.step) == -1
    )


def _statistics(module: Module, node: ast.AST, reach: Reach) -> Iterator[Idiom]:
    """Statistics of a whole column in a formula (`(x - x.mean()) / x.std()`): of what was known until the row instead."""
    found = []
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr not in _AGGREGATES:
            continue
        if call.args and function.attr != "quantile":
            continue
        receiver = function.value
        if (
            isinstance(receiver, ast.Name | ast.Subscript)
            and not _is_grouped(module, receiver)
            and module.qualified(receiver) is None
        ):
            found.append((call, function, receiver))
    if not found:
        return
    for back in _lags(reach):

        def grouped(edits: Edits, back: int = back) -> None:
            for call, function, receiver in found:
                assert isinstance(receiver, ast.Subscript)
                frame, rest = module.segment(receiver.value), module.text[module.end(function) : module.end(call)]
                by = list(reach.entity) if len(reach.entity) > 1 else reach.entity[0]
                inner = f"lambda values: values.shift({back}).expanding().{function.attr}{rest}"
                text = f"{frame}.groupby({by!r})[{module.segment(receiver.slice)}].transform({inner})".replace("'", '"')
                edits.replace(module.start(call), module.end(call), text)

        def plain(edits: Edits, back: int = back) -> None:
            for _, _, receiver in found:
                edits.insert(module.end(receiver), f".shift({back}).expanding()")

        if reach.entity and all(isinstance(r, ast.Subscript) and isinstance(r.value, ast.Name) for _, _, r in found):
            yield _idiom(f"statistics go over each entity's rows before, {back} back", node, grouped, 1)
        yield _idiom(f"statistics go over the rows before, {back} back", node, plain, 1)


def _is_grouped(module: Module, node: ast.expr) -> bool:
    """Whether an expression is a groupby object, on which a shift gives an ordinary column again."""
    current: ast.expr = node
    while True:
        if isinstance(current, ast.Call):
            return _last(current) == "groupby"
        if isinstance(current, ast.Subscript | ast.Attribute):
            current = current.value
            continue
        break
    if isinstance(current, ast.Name):
        scope = module.scope(current)
        for statement in ast.walk(scope):
            if isinstance(statement, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == current.id for t in statement.targets
            ):
                value = statement.value
                if not (isinstance(value, ast.Name) and value.id == current.id) and _chain_groups(value):
                    return True
    return False


def _chain_groups(value: ast.expr) -> bool:
    while isinstance(value, ast.Subscript | ast.Attribute):
        value = value.value
    return isinstance(value, ast.Call) and _last(value) == "groupby"


def spoken(length: pd.Timedelta) -> str:
    """A length as a pandas duration in its largest whole unit."""
    seconds = math.ceil(length.total_seconds())
    for unit, size in (("D", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
