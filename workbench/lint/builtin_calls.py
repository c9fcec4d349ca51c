"""Python's built-in functions on abstract values, as far as rows and marks flow through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.lint.definitions import follow
from workbench.lint.joins import item_of, mix, one_of
from workbench.lint.trace import ChoiceEvent
from workbench.lint.values import MISSING, ColumnNames, Function, Mapped, Mark, Sequence, Table, Value

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter

MAX_ITEMS = 64


def _items(value: Value) -> tuple[list[Value], bool]:
    if isinstance(value, Sequence):
        return value.items, value.open
    if isinstance(value, Mapped):
        return [Value(const=k) for k in value.entries], value.rest is not None
    from workbench.lint.values import Splitter

    if isinstance(value, Splitter):
        return [value], True
    return [Value(step=0) if isinstance(value, Table) and value.view == "counter" else item_of(value)], True


def _range(run: Interpreter, made: Call) -> Value:
    return Table(view="counter", series=True)


def _enumerate(run: Interpreter, made: Call) -> Value:
    from workbench.lint.expressions import iterated

    first = made.argument(0) or Value()
    items, is_open = _items(first)
    if is_open:
        return Sequence(items=[Sequence(items=[Value(step=0), iterated(run, first)])], open=True)
    return Sequence(items=[Sequence(items=[Value(), v]) for v in items], open=False)


def _zip(run: Interpreter, made: Call) -> Value:
    columns = [_items(v) for v in made.args]
    if not columns:
        return Sequence()
    if any(is_open for _, is_open in columns):
        return Sequence(items=[Sequence(items=[one_of(items) if items else Value() for items, _ in columns])], open=True)
    shortest = min(len(items) for items, _ in columns)
    return Sequence(items=[Sequence(items=[items[i] for items, _ in columns]) for i in range(shortest)])


def _list(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    if first is None:
        return Sequence()
    if isinstance(first, ColumnNames | Sequence):
        return first.with_(items=list(first.items)) if isinstance(first, Sequence) else first.with_()  # type: ignore[no-any-return]
    if isinstance(first, Mapped):
        return Sequence(items=[Value(const=k) for k in first.entries], open=first.rest is not None)
    if isinstance(first, Table):
        return first.copy()
    return Sequence(items=[item_of(first)], open=True)


def _dict(run: Interpreter, made: Call) -> Value:
    if made.args and isinstance(made.args[0], Mapped):
        return Mapped(entries=dict(made.args[0].entries) | made.keywords, rest=made.args[0].rest)
    rest = mix(made.args) if made.args else None
    return Mapped(entries=dict(made.keywords), rest=rest)


def _nothing(run: Interpreter, made: Call) -> Value:
    return Value(const=None)


def _number(run: Interpreter, made: Call) -> Value:
    given = mix(made.every())
    return Value(
        marks=given.marks if not given.rows else frozenset(), scores=given.scores, sign=made.args[0].sign if made.args else 0
    )


def _plain(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    if first is not None and isinstance(first.const, int | float | str):
        return first
    return _number(run, made) if first is not None and not first.rows else mix(made.every())


def _size(run: Interpreter, made: Call) -> Value:
    return Value()


def _extreme(run: Interpreter, made: Call) -> Value:
    values = made.args
    key = made.keywords.get("key")
    several = len(values) == 1
    mixed = mix(values)
    if isinstance(key, Function):
        element = item_of(values[0]) if several else one_of(values)
        judged = follow(run, key, [element], {})
        if judged.scores:
            run.trace.add(ChoiceEvent(judged.scores, run.site(made.node), made.text))
        return element
    if several and mixed.scores and _holds_many(values[0]):
        run.trace.add(ChoiceEvent(mixed.scores, run.site(made.node), made.text))
    if several and isinstance(values[0], Table) and values[0].rows and not values[0].scores:
        mark = Mark("statistic", run.site(made.node), made.text, values[0].rows, values[0].names)
        return Value(marks=values[0].all_marks() | {mark})
    if several and isinstance(values[0], Sequence | Mapped):
        return item_of(values[0])
    return mixed


def _holds_many(value: Value) -> bool:
    if isinstance(value, Sequence):
        return value.open or len(value.items) > 1
    return isinstance(value, Mapped | Table)


def _sorted(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    result = _list(run, made) if first is not None else Sequence()
    if isinstance(result, Sequence):
        result.view = "sorted"
    return result


def _sum(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    if isinstance(first, Table):
        from workbench.lint import tables

        return tables.method(run, first, "sum", type(made)(made.node, [], {}))
    return mix(made.every())


def _map(run: Interpreter, made: Call) -> Value:
    function, rest = made.argument(0), made.args[1:]
    if isinstance(function, Function) and rest:
        items, is_open = _items(rest[0])
        return Sequence(items=[follow(run, function, [v], {}) for v in items[:8]], open=is_open or len(items) > 8)
    return mix(rest)


def _filter(run: Interpreter, made: Call) -> Value:
    given = made.argument(1)
    return given if given is not None else Value()


def _reversed(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    if isinstance(first, Table) and first.view != "counter":
        return first.copy(reverse=not first.reverse)
    if isinstance(first, Sequence):
        return Sequence(items=first.items[::-1], open=first.open)
    return first if first is not None else Value()


def _super(run: Interpreter, made: Call) -> Value:
    holder = run.scope.find("self")
    return holder if holder is not None else Value(const=MISSING)


BUILTINS: dict[str, Callable[[Interpreter, Call], Value]] = {
    "range": _range,
    "enumerate": _enumerate,
    "zip": _zip,
    "list": _list,
    "tuple": _list,
    "set": _list,
    "dict": _dict,
    "defaultdict": _dict,
    "OrderedDict": _dict,
    "sorted": _sorted,
    "reversed": _reversed,
    "max": _extreme,
    "min": _extreme,
    "sum": _sum,
    "map": _map,
    "filter": _filter,
    "super": _super,
    "int": _plain,
    "float": _plain,
    "str": _plain,
    "round": _plain,
    "abs": _plain,
    **dict.fromkeys(("len", "isinstance", "hasattr", "type", "id", "callable", "hash", "issubclass"), _size),
    **dict.fromkeys(("print", "display", "open", "input", "exit", "quit"), _nothing),
}
