"""Calls: finds out what is called (a function of the file, a class, a method, a library) and hands over to who knows it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.lint import containers, estimators, functions, tables
from workbench.lint.definitions import follow, member
from workbench.lint.joins import item_of, mix
from workbench.lint.names import METRICS, is_label, role_of
from workbench.lint.rows import Part
from workbench.lint.values import (
    Class,
    ColumnNames,
    Estimator,
    External,
    Function,
    Instance,
    Mapped,
    Prediction,
    Sequence,
    Splitter,
    Table,
    Value,
    unique,
)

if TYPE_CHECKING:
    from workbench.lint.interpreter import Interpreter


@dataclass
class Call:
    """A call with its arguments evaluated."""

    node: ast.Call
    args: list[Value]
    keywords: dict[str, Value]

    def argument(self, position: int, *names: str) -> Value | None:
        """The argument at a position or under one of the names, if it was given."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.args[position] if 0 <= position < len(self.args) else None

    def every(self) -> list[Value]:
        """All arguments."""
        return [*self.args, *self.keywords.values()]

    def named(self, position: int, *names: str) -> str:
        """What the argument is called in the code: `X_test` for `X_test[cols]`."""
        for keyword in self.node.keywords:
            if keyword.arg in names:
                return spelled(keyword.value)
        return spelled(self.node.args[position]) if position < len(self.node.args) else ""

    @property
    def text(self) -> str:
        """The call in short."""
        text = " ".join(ast.unparse(self.node).split())
        return text if len(text) <= 70 else text[:67] + "…"


def spelled(node: ast.expr) -> str:
    """The name at the root of an expression."""
    while True:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            root = spelled(node.value)
            return node.attr if root in ("self", "") else root
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            inner = spelled(node.args[0]) if node.args else ""
            if inner and not isinstance(node.args[0], ast.Constant):
                return inner
            node = node.func
        else:
            return ""


def call(run: Interpreter, node: ast.Call) -> Value:
    """The value of a call."""
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    base = run.eval(node.func.value) if isinstance(node.func, ast.Attribute) else None
    target = run.eval(node.func) if base is None else None
    made = _arguments(run, node)
    if base is not None:
        base = run.dynamic.get(base.ident, base)
        return _method(run, base, method, made)
    assert target is not None
    return apply(run, target, made)


def _arguments(run: Interpreter, node: ast.Call) -> Call:
    args: list[Value] = []
    for argument in node.args:
        value = run.eval(argument)
        if isinstance(argument, ast.Starred):
            args += value.items if isinstance(value, Sequence) and not value.open else [item_of(value)]
        else:
            args.append(value)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = run.eval(keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
        elif isinstance(value, Mapped):
            keywords |= {str(k): v for k, v in value.entries.items()}
        else:
            keywords["**"] = value
    return Call(node, args, keywords)


def apply(run: Interpreter, target: Value, made: Call) -> Value:
    """Calls a value."""
    if isinstance(target, Function):
        return follow(run, target, made.args, made.keywords)
    if isinstance(target, Class):
        return _instance(run, target, made)
    if isinstance(target, Instance):
        found = member(run, target, "__call__") or member(run, target, "forward")
        return follow(run, found, made.args, made.keywords) if isinstance(found, Function) else _unknown(run, made)
    if isinstance(target, External):
        return functions.external(run, target, made)
    if isinstance(target, Estimator):  # torch: `model(inputs)`, keras' functional interface
        return _unknown(run, made)
    return _asked(run, target, made)


def _asked(run: Interpreter, target: Value, made: Call) -> Value:
    # `net(inputs)` of something from outside: a prediction; `criterion(prediction, labels)`: a score.
    result = _unknown(run, made)
    if not made.args or "outside" not in target.names:
        return mix([target, result])
    judged = [v for v in made.args if v.predictions]
    if judged and len(made.args) > 1:
        return Value(scores=frozenset(p for v in judged for p in v.predictions))
    first = made.args[0]
    if first.rows and isinstance(result, Table):
        name = made.named(0)
        result.predictions |= {Prediction(target.ident, (), first.rows, first.exact, run.site(made.node), name)}
    return result


def _unknown(run: Interpreter, made: Call, *more: Value) -> Value:
    return mix([*more, *made.every()])


def _instance(run: Interpreter, cls: Class, made: Call) -> Value:
    made_of = _external_base(cls)
    instance = Instance(cls=cls)
    init = member(run, instance, "__init__")
    if isinstance(init, Function):
        follow(run, init, made.args, made.keywords)
    elif not made_of:
        for name, value in made.keywords.items():
            instance.attributes[name] = value
        fields = (
            [s.target.id for s in cls.node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)]
            if cls.node
            else []
        )
        instance.attributes |= dict(zip(fields, made.args))
    if made_of and not any(member(run, instance, name) for name in ("fit", "predict", "transform", "forward", "call")):
        return Estimator(name=made_of, role=role_of(made_of) or "model")
    return instance


def _external_base(cls: Class) -> str:
    for base in cls.bases:
        if isinstance(base, External) and role_of(base.last):
            return base.last
        if isinstance(base, Class):
            found = _external_base(base)
            if found:
                return found
    return ""


def _method(run: Interpreter, base: Value, name: str, made: Call) -> Value:
    if isinstance(base, External):
        return functions.external(run, External(path=f"{base.path}.{name}"), made)
    if isinstance(base, Instance | Class):
        return _own_method(run, base, name, made)
    if isinstance(base, Estimator):
        return estimators.method(run, base, name, made)
    if isinstance(base, Splitter):
        if name == "split":
            return Sequence(items=[fold_item(run, base, made.argument(0, "X"), made)], open=True)
        return Value()
    if isinstance(base, Sequence | Mapped):
        return containers.method(run, base, name, made)
    if isinstance(base, ColumnNames):
        return containers.names_method(run, base, name, made)
    if isinstance(base, Function):
        return _unknown(run, made)
    if name in estimators.METHODS and not (isinstance(base, Table) and (base.rows and name in ("transform", "score"))):
        model = Estimator(name="model", role=_dynamic_role(name), marks=base.marks)
        run.dynamic[base.ident] = model
        return estimators.method(run, model, name, made)
    if isinstance(base, Table) or base.rows:
        return tables.method(run, base if isinstance(base, Table) else _as_table(base), name, made)
    return containers.plain_method(run, base, name, made)


def _dynamic_role(name: str) -> str:
    if name in ("fit_resample", "fit_sample"):
        return "resampler"
    return "transformer" if "transform" in name else "unknown"


def _as_table(value: Value) -> Table:
    return Table(
        rows=value.rows, exact=value.exact, marks=value.marks, names=value.names, order=value.order,
        predictions=value.predictions, scores=value.scores, mask=value.mask,
    )  # fmt: skip


def _own_method(run: Interpreter, base: Instance | Class, name: str, made: Call) -> Value:
    if isinstance(base, Instance) and name == "fit_transform" and member(run, base, name) is None:
        run_fit, transform = member(run, base, "fit"), member(run, base, "transform")
        if isinstance(run_fit, Function) and isinstance(transform, Function):
            follow(run, run_fit, made.args, made.keywords)
            return follow(run, transform, made.args[:1], {})
    found = member(run, base, name)
    if isinstance(found, Function):
        return follow(run, found, made.args, made.keywords)
    if found is not None:
        return apply(run, found, made)
    if isinstance(base, Instance) and isinstance(base.cls, Class) and (_external_base(base.cls) or name in estimators.METHODS):
        inner = base.attributes.setdefault(
            "__estimator__",
            Estimator(name=_external_base(base.cls) or "model", role=role_of(_external_base(base.cls)) or "model"),
        )
        if isinstance(inner, Estimator):
            return estimators.method(run, inner, name, made)
    if made.node.func and isinstance(made.node.func, ast.Attribute) and isinstance(made.node.func.value, ast.Call):
        return _unknown(run, made)
    known = [v for v in made.every() if v.rows]
    return _unknown(run, made) if known else run.fresh(names=frozenset({"outside"}))


def fold_item(run: Interpreter, splitter: Splitter, rows: Value | None, made: Call | None = None) -> Value:
    """(train positions, test positions) of one fold."""
    key = run.split_keys.get(f"splitter {splitter.ident}")
    if key is None:
        key = f"fold:{unique()}"
        run.split_keys[f"splitter {splitter.ident}"] = key
        run.split_keys[key] = "fold"
        functions.note_folds(run, splitter, key, rows, made)
    train = Table(mask=frozenset({Part(key, "train")}), series=True)
    test = Table(mask=frozenset({Part(key, "test")}), series=True)
    return Sequence(items=[train, test])


def is_metric(path: str) -> bool:
    """True for functions that score predictions."""
    last = path.rpartition(".")[2]
    return last in METRICS or (last.lower() in ("rmse", "mae", "mape", "wape", "smape", "rmsle") and not is_label(path))
