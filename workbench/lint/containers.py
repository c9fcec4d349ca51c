"""Methods of lists, dicts, column names and plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lint.joins import join, mix
from workbench.lint.values import MISSING, ColumnNames, Mapped, Sequence, Table, Value

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter

MAX_ITEMS = 64


def method(run: Interpreter, base: Sequence | Mapped, name: str, made: Call) -> Value:
    """`list.append(…)`, `dict.items()` and the rest."""
    if isinstance(base, Sequence):
        return _sequence(run, base, name, made)
    if name == "get":
        key = made.argument(0)
        if key is not None and isinstance(key.const, str | int | float | bool) and key.const in base.entries:
            return base.entries[key.const]
        return base.rest or made.argument(1) or mix([base])
    if name == "items":
        pairs = [Sequence(items=[Value(const=k), v]) for k, v in base.entries.items()]
        if base.rest is not None:
            pairs.append(Sequence(items=[Value(), base.rest]))
        return Sequence(items=list(pairs), open=base.rest is not None or not pairs)
    if name == "values":
        inner = [*base.entries.values(), *([base.rest] if base.rest else [])]
        return Sequence(items=inner, open=base.rest is not None or not inner)
    if name == "keys":
        return Sequence(items=[Value(const=k) for k in base.entries], open=base.rest is not None)
    if name in ("update", "setdefault"):
        given = made.argument(0)
        if isinstance(given, Mapped):
            base.entries |= given.entries
            base.rest = join(base.rest, given.rest) if given.rest else base.rest
        elif len(made.args) > 1 and given is not None and isinstance(given.const, str):
            return base.entries.setdefault(given.const, made.args[1])
        base.entries |= made.keywords
        return base.rest or mix([base])
    if name in ("copy",):
        return Mapped(entries=dict(base.entries), rest=base.rest, marks=base.marks)
    return mix([base, *made.every()])


def _sequence(run: Interpreter, base: Sequence, name: str, made: Call) -> Value:
    if name in ("append", "add", "insert", "appendleft"):
        value = made.args[-1] if made.args else Value()
        marks = run.controlled()
        if marks:
            value = value.marked(marks) if isinstance(value, Table) else value.with_(marks=value.marks | marks)
        if run.loop or run.branch:
            base.items = [join(base.items[0], value) if base.items else value]
            base.open = True
        else:
            base.items = [*base.items, value][-MAX_ITEMS:]
        return Value(const=None)
    if name == "extend":
        given = made.argument(0)
        if isinstance(given, Sequence):
            base.items = [*base.items, *given.items][-MAX_ITEMS:]
            base.open = base.open or given.open or bool(run.loop)
        elif given is not None:
            base.items, base.open = [*base.items, given], True
        return Value(const=None)
    if name == "sort":
        base.view = "sorted"
        return Value(const=None)
    if name in ("remove", "pop", "clear", "discard", "reverse"):
        if name == "remove" and made.args and isinstance(made.args[0].const, str):
            base.items = [i for i in base.items if i.const != made.args[0].const]
        return mix([base]) if name == "pop" else Value(const=None)
    if name == "copy":
        return Sequence(items=list(base.items), open=base.open)
    if name in ("index", "count"):
        return Value()
    return mix([base, *made.every()])


def names_method(run: Interpreter, base: ColumnNames, name: str, made: Call) -> Value:
    """Methods of `frame.columns`."""
    if name in ("drop", "difference", "delete", "remove"):
        given = made.argument(0)
        held = given.items if isinstance(given, Sequence) else [given] if given is not None else []
        texts = frozenset(v.const for v in held if isinstance(v.const, str))
        known = tuple(k for k in base.known if k not in texts) if base.known is not None else None
        if name == "remove":
            base.dropped |= texts
            base.known = known
            base.partial = base.partial or not texts
        return ColumnNames(rows=base.rows, dropped=base.dropped | texts, partial=base.partial or not texts, known=known)
    if name in ("tolist", "to_list", "copy", "to_numpy", "astype"):
        return base.with_()  # type: ignore[no-any-return]
    if name in ("append", "extend", "insert"):
        return Value(const=None)
    if name in ("get_loc", "isin"):
        return Value()
    return ColumnNames(rows=base.rows, dropped=base.dropped, partial=True, marks=base.marks)


def plain_method(run: Interpreter, base: Value, name: str, made: Call) -> Value:
    """A method of a value about which little is known."""
    if isinstance(base.const, str) and name == "format":
        return Value()
    if isinstance(base.const, str) and name in ("split", "splitlines"):
        return (
            Sequence(items=[Value(const=word) for word in base.const.split()][:MAX_ITEMS])
            if not made.args
            else Sequence(open=True)
        )
    if isinstance(base.const, str) and name in ("lower", "upper", "strip"):
        return Value(const=getattr(base.const, name)())
    given = mix([base, *made.every()])
    given.const = MISSING
    if base.mask:
        given.mask = base.mask
    return given
