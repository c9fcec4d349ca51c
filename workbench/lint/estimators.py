"""Methods of estimators: fit, transform, predict, score, resample; and early stopping, which looks at rows while it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lint.joins import flat, item_of, mix
from workbench.lint.names import STOPPING
from workbench.lint.trace import (
    CrossValidationEvent,
    EvaluateEvent,
    FitEvent,
    PredictEvent,
    StopEvent,
    features_of,
    fit_of,
)
from workbench.lint.values import (
    Estimator,
    External,
    Mark,
    Marks,
    Prediction,
    Sequence,
    Splitter,
    Table,
    Value,
)

if TYPE_CHECKING:
    from workbench.lint.calls import Call
    from workbench.lint.interpreter import Interpreter

FITS = frozenset({"fit", "partial_fit", "train", "fit_generator", "train_on_batch", "fit_on_texts", "adapt", "learn_one"})
PREDICTS = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "decision_function", "predict_classes", "predict_on_batch"}
)
SCORES = frozenset({"score", "evaluate", "evaluate_generator", "test_on_batch"})
TRANSFORMS = frozenset({"transform", "texts_to_sequences", "texts_to_matrix"})
METHODS = FITS | PREDICTS | SCORES | TRANSFORMS | {"fit_transform", "fit_resample", "fit_sample", "fit_predict"}
_KINDS = {"selector": "select", "encoder": "encode"}
_HELD_OUT = ("eval_set", "validation_data", "eval_sets", "valid_sets", "evals", "X_val", "eval_data", "tuning_data")
MAX_FITS = 6


def method(run: Interpreter, model: Estimator, name: str, made: Call) -> Value:
    """A method of an estimator."""
    if name in FITS:
        if name == "train" and not made.args and not made.keywords:
            return model
        fit(run, model, made)
        return model
    if name == "fit_transform":
        fit(run, model, made)
        return transform(run, model, made)
    if name in ("fit_resample", "fit_sample"):
        return _resample(run, model, made)
    if name in TRANSFORMS:
        return transform(run, model, made)
    if name in PREDICTS:
        return predict(run, model, made)
    if name == "fit_predict":
        fit(run, model, made)
        return predict(run, model, made)
    if name in SCORES:
        return _score(run, model, made)
    if name in ("set_params", "compile", "add", "load_weights"):
        if "early_stopping_rounds" in made.keywords:
            model.stops = True
        for held in made.args:
            if isinstance(held, Estimator):
                model.steps.append(held)
        return model
    if name in ("cuda", "to", "eval", "double", "float", "clone", "copy", "set_output", "with_params"):
        return model
    if name == "get_params":
        return Value()
    if name == "get_support":
        return Value(marks=learned(model))
    return mix(made.every())


def fit(run: Interpreter, model: Estimator, made: Call) -> None:
    """Records a fit, of a transformer or of a model."""
    X, y = made.argument(0, "X", "x", "train_set", "data", "dtrain", "texts"), made.argument(1, "y", "labels")
    if X is None:
        return
    if isinstance(y, Sequence) and not y.items:
        y = None
    given = y is not None and not (type(y) is Value and y.const is None)
    record(run, model, X, y if given else None, made)


def record(run: Interpreter, model: Estimator, X: Value, y: Value | None, made: Call) -> None:
    """Records that `model` was fitted on `X` with labels `y`."""
    site = run.site(made.node)
    held = X.with_() if isinstance(X, Table) else mix([X])
    features = features_of(held, made.named(0, "X", "x", "train_set", "dtrain"))
    names = frozenset(y.names) if y is not None else frozenset()
    run.trace.label_names |= names - {"?", "index", "outside"}
    made_fit = fit_of(model, features, site, y is not None)
    model.fits = (*model.fits, made_fit)[-MAX_FITS:] if run.branch and model.fits else (made_fit,)
    if model.role in ("model", "search", "cluster", "unknown"):
        labels = y.all_marks() if y is not None else frozenset()
        found = frozenset(m for m in labels if m.kind in ("fit", "statistic", "group"))
        tuned = frozenset(m for m in model.marks if m.kind == "tuned")
        run.trace.add(FitEvent(model.ident, model.name, model.role, features, y is not None, names, site, found, tuned))
        _early_stopping(run, model, made)
    if model.role == "search":
        inner = model.steps[0] if model.steps else None
        shuffled = isinstance(model.cv, Splitter) and model.cv.shuffle
        run.trace.add(
            CrossValidationEvent(model.name, inner.role if inner else "model", features, shuffled, site, names)
        )  # fmt: skip


def learned(model: Estimator) -> Marks:
    """What a transformer brings into what it transforms."""
    marks: Marks = frozenset()
    if model.role in ("stateless", "vocabulary"):
        return marks
    kind = _KINDS.get(model.role, "fit")
    labels = model.role in ("selector", "encoder")
    for one in model.fits:
        if one.rows:
            supervised = one.supervised or labels
            marks |= one.marks | {Mark(kind, one.site, model.name, one.rows, labels=supervised and kind != "fit")}
    return marks


def transform(run: Interpreter, model: Estimator, made: Call) -> Value:
    """The rows of the argument, changed by what was learned."""
    X = made.argument(0, "X", "x", "texts")
    if X is None:
        return Value()
    base = X if isinstance(X, Table) else mix([X])
    marks = learned(model)
    if isinstance(base, Table):
        return base.marked(marks)
    return Table(rows=base.rows, exact=base.exact, marks=base.marks | marks, names=base.names, order=base.order)


def predict(run: Interpreter, model: Estimator, made: Call) -> Value:
    """Predictions: their rows, and which fit they come from."""
    X = made.argument(0, "X", "x", "data", "dtest", "dataset")
    if X is None:
        return Value()
    base = X if isinstance(X, Table) else mix([X])
    return predicted(run, model, base, made, made.named(0, "X", "x", "data"))


def predicted(run: Interpreter, model: Estimator, base: Value, made: Call, name: str) -> Table:
    """The table of predictions of `model` for the rows of `base`."""
    site = run.site(made.node)
    prediction = Prediction(model.ident, model.fits, base.rows, base.exact, site, name)
    if model.fits or model.role == "unknown":
        run.trace.add(PredictEvent(prediction, features_of(base, name), site))
    supervised = frozenset(
        Mark("model", one.site, model.name, one.rows, labels=True) for one in model.fits if one.supervised and one.rows
    )
    # Clusters and outlier scores depend on every row that was fitted on, as a scaler does.
    grouped = frozenset(Mark("fit", one.site, model.name, one.rows) for one in model.fits if not one.supervised and one.rows)
    marks = base.all_marks() | supervised | (grouped if model.role != "unknown" else frozenset())
    return Table(rows=base.rows, exact=base.exact, marks=marks, predictions=frozenset({prediction}), order=base.order)


def _score(run: Interpreter, model: Estimator, made: Call) -> Value:
    X = made.argument(0, "X", "x", "data", "dataset")
    if X is None or model.role == "cluster":
        return Value()
    base = X if isinstance(X, Table) else mix([X])
    y = made.argument(1, "y")
    if y is not None:
        run.trace.label_names |= y.names - {"?", "index", "outside"}
    table = predicted(run, model, base, made, made.named(0, "X", "x"))
    run.trace.add(EvaluateEvent(table.predictions, run.site(made.node), made.text))
    return Value(scores=table.predictions)


def _resample(run: Interpreter, model: Estimator, made: Call) -> Value:
    X, y = made.argument(0, "X", "x"), made.argument(1, "y")
    if X is None:
        return Value()
    kind = "undersample" if model.role == "undersampler" else "resample"
    base = X if isinstance(X, Table) else mix([X])
    mark = Mark(kind, run.site(made.node), model.name, base.rows, labels=True)
    table = base.marked([mark]) if isinstance(base, Table) else Table(rows=base.rows, marks=base.marks | {mark})
    labels = y if isinstance(y, Table) else mix([y] if y is not None else [])
    labels = labels.marked([mark]) if isinstance(labels, Table) else labels.with_(marks=labels.marks | {mark})
    return Sequence(items=[table, labels])


def stops(value: Value) -> bool:
    """True where a callback that stops or keeps the best is among the values."""
    return any(isinstance(v, Estimator) and v.name in STOPPING for v in flat([value])) or any(
        isinstance(v, External) and v.last in STOPPING for v in flat([value])
    )


def _early_stopping(run: Interpreter, model: Estimator, made: Call) -> None:
    held = next((made.keywords[name] for name in _HELD_OUT if name in made.keywords), None)
    if held is None:
        return
    callbacks = made.keywords.get("callbacks")
    asked = "early_stopping_rounds" in made.keywords or (callbacks is not None and stops(callbacks))
    if not (asked or model.stops or model.name.startswith("CatBoost") or any(s.stops for s in model.steps)):
        return
    note_stop(run, held, made)


def note_stop(run: Interpreter, held: Value, made: Call) -> None:
    """Records that training looks at the rows of `held` to stop or to keep its best state."""
    tables = [v for v in flat([held]) if v.rows]
    if not tables:
        return
    last = tables[0] if not isinstance(held, Sequence) else _features_of_pairs(held) or tables[0]
    name = next((made.named(99, key) for key in _HELD_OUT if key in made.keywords), "")
    keyword = next((k for k in made.node.keywords if k.arg in _HELD_OUT), None)
    if keyword is not None:
        import ast

        names = [n.id for n in ast.walk(keyword.value) if isinstance(n, ast.Name)]
        name = next((n for n in names if n), name)
    run.trace.add(StopEvent(last.rows, last.exact, name, run.site(made.node), made.text))


def _features_of_pairs(held: Sequence) -> Value | None:
    # [(X_train, y_train), (X_test, y_test)]: the last pair decides; (X_test, y_test): the first of the pair.
    if not held.items:
        return None
    last = held.items[-1] if isinstance(held.items[-1], Sequence) else held.items[0]
    if isinstance(last, Sequence):
        return last.items[0] if last.items else None
    return last if last.rows else item_of(held)
