"""Scores computed by the gate from predictions: never a number that the pipeline's own code printed.

Scores go by the names of scikit-learn's scorers, or `mae`, `rmse`, `wape`. A key of the use case's own is defined by
`metrics.definition`, which is the use case's code and runs where that runs: in the confined process. No rule of its own.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer, get_scorer_names

from workbench.errors import ContractError
from workbench.gates.facts import Audit, Floats, Ints
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.contract import Contract, Metrics
from workbench.warned import filtered

Values = np.ndarray[Any, Any]
Compute = Callable[[Values, Values, pd.DataFrame], float]
"""(outcomes, predictions, rows of the feature frame) → score; NaN where it isn't defined (one class only)."""

PLAIN = ("mae", "rmse", "wape")
ALIASES = {
    "mae": ("neg_mean_absolute_error", "mean_absolute_error"),
    "rmse": ("neg_root_mean_squared_error", "root_mean_squared_error"),
    "neg_mean_absolute_error": ("mean_absolute_error", "mae"),
    "neg_root_mean_squared_error": ("root_mean_squared_error", "rmse"),
    "neg_mean_squared_error": ("mean_squared_error", "mse"),
    "neg_log_loss": ("log_loss", "logloss"),
    "neg_brier_score": ("brier_score", "brier"),
    "roc_auc": ("auc", "auroc"),
}
"""Names under which a metrics stage may return the same thing, perhaps with the opposite sign."""


@dataclass(frozen=True)
class Score:
    """The primary metric of a use case."""

    name: str
    direction: Literal["minimize", "maximize"]
    compute: Compute

    @property
    def is_loss(self) -> bool:
        """Whether it measures an error (mae, or a scorer that scikit-learn negates): margins are relative then."""
        return self.direction == "minimize" or self.name.startswith("neg_")

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is better than `other`."""
        return one < other if self.direction == "minimize" else one > other

    def required(self, reference: float, margin: float) -> float:
        """What has to be reached to be better than `reference` by `margin`: relative for errors, absolute for the rest.

        A negative margin is what may be lost.
        """
        if self.direction == "minimize":
            return reference - margin * abs(reference)
        return reference + margin * (abs(reference) if self.is_loss else 1.0)


def metrics_of(contract: Contract) -> Metrics:
    """The contract's metrics. Raises NotApplicable where it declares none."""
    if contract.metrics is None:
        raise NotApplicable("the contract declares no metrics")
    return contract.metrics


def check_known(contract: Contract) -> None:
    """Raises ContractError where the primary metric is neither known nor defined."""
    metrics = contract.metrics
    if metrics is None or metrics.definition or ":" in metrics.primary or metrics.primary in PLAIN:
        return
    names = [*PLAIN, *get_scorer_names()]
    if metrics.primary not in names:
        near = difflib.get_close_matches(metrics.primary, names, 3, 0.5)
        line = contract.line_of("metrics", "primary")
        raise ContractError(
            f"{contract.path}{f':{line}' if line else ''}: `metrics.primary` is `{metrics.primary}`, which nothing defines.",
            ("did you mean " + " or ".join(f"`{n}`" for n in near) + "? " if near else "")
            + 'Use mae, rmse, wape or a scorer of scikit-learn, or add definition = "module:callable"',
        )


def primary_score(audit: Audit) -> Score:
    """How the gate computes the primary metric of this use case."""
    metrics = metrics_of(audit.contract)
    check_known(audit.contract)
    own = metrics.definition or (metrics.primary if ":" in metrics.primary else None)
    if own:
        return Score(metrics.primary, metrics.direction, _own(audit, own))
    if metrics.primary in PLAIN:
        return Score(metrics.primary, metrics.direction, _plain(metrics.primary))
    return Score(metrics.primary, metrics.direction, _scorer(metrics.primary, audit.contract.kind, classes(audit)))


def classes(audit: Audit) -> Values:
    """All classes of the target in sorted order (as numbers where they are numbers); empty for regression."""
    if audit.contract.kind == "regression":
        return np.array([])
    known: Values = np.unique(audit.column(audit.contract.prediction.target).dropna().to_numpy())
    return known


def outcomes(audit: Audit, rows: Ints) -> Values:
    """The outcomes of rows, as stored for classes and as float64 for numbers."""
    if audit.contract.kind == "regression":
        return audit.target[rows]
    stored: Values = audit.column(audit.contract.prediction.target).to_numpy()[rows]
    return stored


def scored(audit: Audit, index: int) -> tuple[Ints, Values, Values]:
    """Test rows of a fold, their outcomes and predictions, all of the same length.

    Raises NotExercised where predictions or outcomes are missing: rules of their own report that.
    """
    run = audit.base.fold_runs[index]
    rows = np.asarray(run.fold.test, dtype="int64")
    predictions = np.asarray(run.predictions)
    if len(predictions) != len(rows) or pd.isna(predictions).any():
        raise NotExercised(f"fold {index} has test rows without a prediction, see metric/dropped-rows")
    if audit.column(audit.contract.prediction.target).isna().to_numpy()[rows].any():
        raise NotExercised(f"fold {index} has test rows without an outcome, see leakage/unknown-label")
    return rows, outcomes(audit, rows), predictions


def fold_scores(audit: Audit, score: Score, predictions: list[Values] | None = None) -> tuple[Floats, Floats]:
    """The score of each fold and its weight (test rows); of `predictions` where given, else of the base run."""
    values, weights = [], []
    for index in range(len(audit.base.fold_runs)):
        rows, truth, made = scored(audit, index)
        made = made if predictions is None else predictions[index]
        # A baseline without any past to learn from says nothing about this fold.
        silent = pd.isna(made).any()
        values.append(float("nan") if silent else score.compute(truth, made, audit.frame.iloc[rows]))
        weights.append(float(len(rows)))
    return np.array(values), np.array(weights)


def overall(values: Floats, weights: Floats) -> float:
    """Mean over folds weighted by test rows, of those where the score is defined; NaN where it is nowhere."""
    defined = ~np.isnan(values)
    return float(np.average(values[defined], weights=weights[defined])) if defined.any() else float("nan")


def _own(audit: Audit, entry: str) -> Compute:
    def compute(truth: Values, predictions: Values, frame: pd.DataFrame) -> float:
        return audit.pipeline.measure(entry, predictions, frame)

    return compute


def _plain(name: str) -> Compute:
    def compute(truth: Values, predictions: Values, frame: pd.DataFrame) -> float:
        error = np.asarray(truth, dtype="float64") - np.asarray(predictions, dtype="float64")
        if name == "mae":
            return float(np.abs(error).mean())
        if name == "rmse":
            return float(np.sqrt((error**2).mean()))
        whole = float(np.abs(np.asarray(truth, dtype="float64")).sum())
        return float(np.abs(error).sum() / whole) if whole else float("nan")

    return compute


class _Told(BaseEstimator):  # type: ignore[misc]
    """Stands in for a fitted model towards a scorer: answers with the predictions it was given."""

    def __init__(self, predictions: Values | None = None, known: Values | None = None) -> None:
        self.predictions = predictions
        self.known = known

    def fit(self, x: Any, y: Any = None) -> _Told:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, x: Any) -> Values:
        assert self.predictions is not None
        return self.predictions


class _ToldNumbers(RegressorMixin, _Told):  # type: ignore[misc]
    pass


class _ToldClasses(ClassifierMixin, _Told):  # type: ignore[misc]
    @property
    def classes_(self) -> Values:
        assert self.known is not None
        return self.known

    def predict(self, x: Any) -> Values:
        assert self.predictions is not None and self.known is not None
        if len(self.known) == 2 and are_probabilities(self.predictions, self.known):
            return np.asarray(self.known[(self.predictions.astype("float64") >= 0.5).astype(int)])
        return np.asarray(self.predictions, dtype=self.known.dtype)

    def predict_proba(self, x: Any) -> Values:
        assert self.predictions is not None and self.known is not None
        p = positive(self.predictions, self.known)
        return np.column_stack([1 - p, p])

    def decision_function(self, x: Any) -> Values:
        assert self.predictions is not None and self.known is not None
        return positive(self.predictions, self.known)


def are_probabilities(predictions: Values, known: Values) -> bool:
    """Whether predictions of a binary use case are scores of the second class rather than classes."""
    if predictions.dtype.kind not in "fiub":
        return False
    return not np.isin(np.unique(predictions), known).all()


def positive(predictions: Values, known: Values) -> Floats:
    """Predictions of a binary use case as numbers that are higher the likelier the second class is."""
    if are_probabilities(predictions, known):
        return np.asarray(predictions, dtype="float64")
    return np.asarray(predictions.astype(known.dtype) == known[-1], dtype="float64")


def _scorer(name: str, kind: str, known: Values) -> Compute:
    scorer = get_scorer(name)

    def compute(truth: Values, predictions: Values, frame: pd.DataFrame) -> float:
        told = (
            _ToldNumbers(np.asarray(predictions, dtype="float64")) if kind == "regression" else _ToldClasses(predictions, known)
        )
        try:
            with filtered("error", UndefinedMetricWarning):
                return float(scorer(told, np.zeros((len(truth), 1)), truth))
        except UndefinedMetricWarning:
            return float("nan")
        except ValueError as error:
            if len(np.unique(truth)) < 2:
                return float("nan")
            raise NotExercised(f"`{name}` can't be computed from these predictions: {str(error).splitlines()[0]}") from None

    return compute
