"""Functions and classes of libraries: splitting, cross-validation, metrics, reading, joining tables, and what is not known."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.lint import builtin_calls, construction, tables
from workbench.lint.definitions import follow
from workbench.lint.joins import mix, one_of
from workbench.lint.names import (
    ASSOCIATIONS,
    COLUMN_UNIONS,
    CROSS_VALIDATIONS,
    GROUPED_SPLITTERS,
    NOT_A_CHOICE,
    RANKS,
    READERS,
    REDUCTIONS,
    SHUFFLING_SPLITTERS,
    SPLITTERS,
    STATISTIC_FUNCTIONS,
    STOPPING,
    TIMED_SPLITTERS,
    TUNERS,
    TWO_SIDED_FILTERS,
    role_of,
)
from workbench.lint.rows import Part, narrowed
from workbench.lint.trace import ChoiceEvent, CrossValidationEvent, EvaluateEvent, SplitEvent, features_of
from workbench.lint.values import (
    Estimator,
    External,
    Function,
    Mark,
    Sequence,
    Splitter,
    Table,
    Value,
    unique,
)

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter

_INDICATORS = ("talib", "ta", "qtpylib", "pandas_ta", "technical", "freqtrade")
_UNCHANGED = frozenset({"shuffle", "Tensor", "tensor", "from_numpy", "as_tensor", "FloatTensor", "from_pandas", "csr_matrix"})


def external(run: Interpreter, target: External, made: Call) -> Value:
    """Calls something that isn't of this file."""
    name = target.last
    special = _SPECIAL.get(name)
    if special is not None:
        return special(run, made)
    builtin = builtin_calls.BUILTINS.get(target.path) if "." not in target.path else None
    if builtin is not None:
        return builtin(run, made)
    from workbench.lint.calls import is_metric

    if is_metric(target.path):
        return metric(run, name, made)
    if name in construction.CONSTRUCTORS:
        return construction.CONSTRUCTORS[name](run, made)
    if name in READERS:
        return construction.read(run, made)
    if name in SPLITTERS:
        return _splitter(run, name, made)
    if name in CROSS_VALIDATIONS:
        return _cross_validation(run, name, made)
    if name in STOPPING:
        return Estimator(name=name, role="callback")
    role = role_of(name)
    if role or name in COLUMN_UNIONS:
        return construction.estimator(run, name, role or "transformer", made)
    if name in ASSOCIATIONS:
        return _association(run, name, made)
    if name in TUNERS:
        tuned(run, made)
    return _computed(run, target, made)


def _computed(run: Interpreter, target: External, made: Call) -> Value:
    name = target.last
    first = made.args[0] if made.args else None
    if first is not None and isinstance(first, Sequence) and not any(isinstance(i, Estimator) for i in first.items):
        first = mix([first])
        if not isinstance(first, Table) and first.rows:
            first = Table(
                rows=first.rows, exact=first.exact, marks=first.marks, predictions=first.predictions, scores=first.scores
            )
    if isinstance(first, Table) and (name in REDUCTIONS or name in RANKS or name in tables.NUMPY_METHODS):
        rest = type(made)(made.node, made.args[1:], made.keywords)
        return tables.method(run, first, name, rest)
    if isinstance(first, Value) and (first.scores or first.predictions) and name in REDUCTIONS | {"argmax", "argmin", "sqrt"}:
        return tables.reduced_score(run, first, name, made) or mix([first])
    if isinstance(first, Table) and first.rows and name in STATISTIC_FUNCTIONS and not tables.row_wise(made):
        return first.marked([Mark("fit", run.site(made.node), name, first.rows)])
    if isinstance(first, Table) and name in TWO_SIDED_FILTERS:
        return first.marked([Mark("window", run.site(made.node), made.text, first.rows, first.names)])
    if target.path.partition(".")[0] in _INDICATORS:
        return _indicator(made)
    return unknown(run, made)


def _association(run: Interpreter, name: str, made: Call) -> Value:
    # One number for each column: how well it goes with the label.
    given = mix(made.every())
    marks = given.marks | {Mark("correlation", run.site(made.node), made.text, given.rows, labels=True)}
    if name.startswith(("mutual", "r_")):
        return Table(marks=marks, series=True)
    return Sequence(items=[Table(marks=marks, series=True), Table(marks=marks, series=True)])


def _indicator(made: Call) -> Value:
    # Indicators of price bars read the bars' own columns, whatever else the frame carries.
    from workbench.lint.names import is_bar

    given: list[Value] = []
    for value in made.every():
        if isinstance(value, Table) and value.columns:
            bars = [c for n, c in value.columns.items() if is_bar(n)]
            marks = value.marks.union(*(c.all_marks() for c in bars)) if bars else value.marks
            given.append(Table(rows=value.rows, exact=value.exact, marks=marks, order=value.order))
        else:
            given.append(value)
    result = mix(given)
    result.order |= {"lagged"}
    return result


def unknown(run: Interpreter, made: Call) -> Value:
    """The result of a call about which nothing is known: all that went in, or a table from outside."""
    given = [v for v in made.every() if v.rows or v.all_marks() or isinstance(v, Sequence | Estimator)]
    framed = [v for v in given if isinstance(v, Table) and v.columns]
    if len(framed) == 1 and len([v for v in given if v.rows]) == 1:
        return framed[0].copy(exact=False, partial=True)
    for value in given:
        if isinstance(value, Function):
            return Value()
    if not any(v.rows or v.all_marks() for v in given):
        masks = [v.mask for v in made.every() if v.mask]
        return Value(mask=masks[0]) if masks else run.fresh(names=frozenset({"outside"}))
    result = mix(given)
    masked = [v.mask for v in given if v.mask]
    result.mask = masked[0] if masked else None
    if isinstance(result, Table):
        return result
    return Table(
        rows=result.rows, exact=result.exact, marks=result.marks, names=result.names, order=result.order,
        predictions=result.predictions, scores=result.scores, mask=result.mask,
    )  # fmt: skip


def metric(run: Interpreter, name: str, made: Call) -> Value:
    """A score of predictions."""
    mixed = mix(made.every())
    for value in made.every():
        if not value.predictions:
            run.trace.label_names |= value.names - {"?", "index", "outside"} if value.names and value.rows else frozenset()
    if mixed.predictions:
        run.trace.add(EvaluateEvent(mixed.predictions, run.site(made.node), made.text))
    if name in NOT_A_CHOICE:
        return Sequence(items=[Value(scores=mixed.predictions)], open=True)
    return Value(scores=mixed.predictions)


def _train_test_split(run: Interpreter, made: Call) -> Value:
    shuffle = made.keywords.get("shuffle")
    shuffled = not (shuffle is not None and shuffle.const is False)
    seed, size = made.keywords.get("random_state"), made.keywords.get("test_size")
    key = f"split:{unique()}"
    if seed is not None and seed.const is not None and isinstance(seed.const, int) and size is not None:
        # The same seed and size on tables of the same length divide in the same way.
        key = run.split_keys.setdefault(f"seeded {seed.const} {size.const!r}", key)
    run.split_keys[key] = "split"
    given = [v if isinstance(v, Table) else mix([v]) for v in made.args]
    stratified = any(k in made.keywords and made.keywords[k].const is not None for k in ("stratify",))
    if given:
        event = SplitEvent(
            key, made.text, features_of(given[0], made.named(0)), shuffled, not shuffled, False, run.site(made.node), stratified
        )
        run.trace.add(event)
    parts: list[Value] = []
    for value in given:
        for side in ("train", "test"):
            part = Part(key, side)
            rows = narrowed(value.rows, [part])
            mask = frozenset({part}) if not value.rows else None
            parts.append(value.copy(rows=rows, mask=mask) if isinstance(value, Table) else value.with_(rows=rows, mask=mask))
    return Sequence(items=parts)


def _splitter(run: Interpreter, name: str, made: Call) -> Value:
    shuffle = made.keywords.get("shuffle")
    shuffled = (shuffle is not None and shuffle.const is True) or name in SHUFFLING_SPLITTERS
    return Splitter(
        name=name, shuffle=shuffled, timed=name in TIMED_SPLITTERS, site=run.site(made.node), grouped=name in GROUPED_SPLITTERS
    )  # fmt: skip


def note_folds(run: Interpreter, splitter: Splitter, key: str, rows: Value | None, made: Call | None) -> None:
    """Records that rows were divided into folds."""
    if rows is None:
        return
    value = rows if isinstance(rows, Table) else mix([rows])
    site = run.site(made.node) if made is not None else splitter.site
    name = made.named(0, "X") if made is not None else ""
    features = features_of(value, name)
    run.trace.add(SplitEvent(key, splitter.name, features, splitter.shuffle, splitter.timed, splitter.grouped, site, True))


def _cross_validation(run: Interpreter, name: str, made: Call) -> Value:
    estimator, X, y = made.argument(0, "estimator"), made.argument(1, "X"), made.argument(2, "y")
    if X is None:
        return Value()
    base = X if isinstance(X, Table) else mix([X])
    names = y.names - {"?", "index", "outside"} if y is not None else frozenset()
    run.trace.label_names |= names
    cv = made.keywords.get("cv")
    shuffled = isinstance(cv, Splitter) and cv.shuffle
    role = estimator.role if isinstance(estimator, Estimator) else "model"
    features = features_of(base, made.named(1, "X"))
    run.trace.add(CrossValidationEvent(made.text, role, features, shuffled, run.site(made.node), frozenset(names)))
    if name == "cross_val_predict":
        kept = frozenset(m for m in base.all_marks() if m.kind != "model")
        return Table(rows=base.rows, exact=base.exact, marks=kept)
    return Sequence(items=[Value()], open=True) if name in ("learning_curve", "validation_curve") else Value()


def tuned(run: Interpreter, made: Call) -> None:
    """An optimiser is given a function: what it returns decides."""
    for value in made.every():
        if isinstance(value, Function):
            arguments = value.node.args.args if value.node is not None else []
            result = follow(run, value, [Value() for _ in arguments], {})
            if result.scores:
                run.trace.add(ChoiceEvent(result.scores, run.site(made.node), made.text))


def _train(run: Interpreter, made: Call) -> Value:
    # lightgbm.train(params, data), xgboost.train(params, data, rounds, evals)
    from workbench.lint import estimators

    rows = made.argument(1, "train_set", "dtrain")
    if rows is None or not rows.rows:
        return unknown(run, made)
    model = Estimator(name="booster", role="model")
    moved = type(made)(made.node, [rows], {k: v for k, v in made.keywords.items() if k not in ("train_set", "dtrain")})
    label = next((v for k, v in (("label", made.keywords.get("label")),) if v is not None), Value())
    estimators.record(run, model, rows, label, moved)
    return model


def _resample(run: Interpreter, made: Call) -> Value:
    replace = made.argument(99, "replace")
    drawn = not (replace is not None and replace.const is False)
    results: list[Value] = []
    for value in made.args:
        base = value if isinstance(value, Table) else mix([value])
        if isinstance(base, Table) and drawn:
            base = base.marked([Mark("resample", run.site(made.node), made.text, base.rows)])
        results.append(base)
    return results[0] if len(results) == 1 else Sequence(items=results)


def _clone(run: Interpreter, made: Call) -> Value:
    given = made.argument(0, "estimator", "x")
    if isinstance(given, Estimator):
        return Estimator(
            name=given.name, role=given.role, steps=given.steps, stops=given.stops, cv=given.cv,
            fits=given.fits if made.text.startswith(("copy", "deepcopy")) else (),
        )  # fmt: skip
    return given if given is not None else Value()


def _where(run: Interpreter, made: Call) -> Value:
    if len(made.args) < 3:
        condition = made.argument(0)
        return condition.with_() if condition is not None else Value()
    condition, left, right = made.args[:3]
    chosen = one_of([left, right]) if left.rows and right.rows else mix([left, right])
    result = mix([condition, chosen])
    leading = next((v for v in (condition, left, right) if v.rows), condition)
    result.rows, result.exact, result.order = leading.rows, leading.exact, leading.order
    return result


def _roll(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    if isinstance(first, Table):
        return tables.method(run, first, "shift", type(made)(made.node, made.args[1:], made.keywords))
    return mix(made.every())


def _forward_window(run: Interpreter, made: Call) -> Value:
    return Value(const="forward")


def _same(run: Interpreter, made: Call) -> Value:
    return made.args[0] if len(made.args) == 1 else Sequence(items=list(made.args))


def _permutation(run: Interpreter, made: Call) -> Value:
    first = made.argument(0)
    return first if first is not None and first.rows else Value()


def _positions(run: Interpreter, made: Call) -> Value:
    return Table(view="counter", series=True)


def _spread(run: Interpreter, made: Call) -> Value:
    return Value()


def _drawn(run: Interpreter, made: Call) -> Value:
    return run.fresh(names=frozenset({"outside"}))


def _getattr(run: Interpreter, made: Call) -> Value:
    holder, name = made.argument(0), made.argument(1)
    if holder is not None and name is not None and isinstance(name.const, str):
        from workbench.lint.subscripts import attribute

        return attribute(run, holder, ast.Attribute(value=made.node.args[0], attr=name.const, ctx=ast.Load()))
    return mix(made.every())


_SPECIAL: dict[str, Callable[[Interpreter, Call], Value]] = {
    "train_test_split": _train_test_split,
    "train": _train,
    "resample": _resample,
    "clone": _clone,
    "deepcopy": _clone,
    "copy": _clone,
    "where": _where,
    "roll": _roll,
    "FixedForwardWindowIndexer": _forward_window,
    "permutation": _permutation,
    "shuffled": _permutation,
    "getattr": _getattr,
    **dict.fromkeys(("randn", "rand", "normal", "uniform", "randint", "standard_normal", "make_classification"), _drawn),
    "arange": _positions,
    **dict.fromkeys(("linspace", "logspace", "geomspace", "default_rng", "RandomState", "Timestamp", "Timedelta"), _spread),
    **dict.fromkeys(_UNCHANGED, _same),
}
