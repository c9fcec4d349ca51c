from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from tests.gates.subjects import HOURS, contract, errors, found, running, seen, shop_frame
from tests.workspaces import SHOP_METRICS
from workbench.errors import ContractError
from workbench.gates.facts import Audit
from workbench.gates.metric import baseline, dropped_rows, recomputed, slices, too_good
from workbench.gates.metric.baselines import baseline_predictions, season
from workbench.gates.metric.scores import Score, check_known, fold_scores, primary_score
from workbench.gates.rule import NotExercised
from workbench.pipeline.contract import Contract


def _declared(metrics: dict[str, Any], *, kind: str = "regression", by: list[str] | None = None, **prediction: Any) -> Contract:
    plain = contract(**prediction)
    facts = plain.model_dump(by_alias=True, exclude_none=True) | {"kind": kind, "metrics": metrics}
    return Contract.model_validate(facts | ({"slices": {"by": by, "max_regression": 0.1}} if by else {}))


def _subject(metrics: dict[str, Any], noise: float = 1.0, **more: Any) -> Audit:
    """Two folds of ten days; predictions are the outcomes plus noise."""
    frame = shop_frame()
    rng = np.random.default_rng(2)
    folds, predictions = [], []
    for first in (10, 20):
        inside = ((frame["hour"] >= HOURS[24 * first]) & (frame["hour"] < HOURS[24 * first] + pd.Timedelta("10D"))).to_numpy()
        train = (frame["hour"] <= HOURS[24 * first] - pd.Timedelta("26h")).to_numpy()
        folds.append((np.flatnonzero(train), np.flatnonzero(inside)))
        predictions.append(frame["units"].to_numpy()[inside] + noise * rng.normal(size=inside.sum()))
    by = more.pop("by", None)
    return seen(frame, folds, _declared(metrics, by=by), predictions=predictions, **more)


MAE = {"primary": "mae", "direction": "minimize", "baseline": "mean"}


def _claims(subject: Audit, change: Any = lambda error: error.mean()) -> list[dict[str, float]]:
    pairs = [(subject.target[r.fold.test], r.predictions) for r in subject.base.fold_runs]
    return [{"mae": float(change(np.abs(y - p)))} for y, p in pairs]


def test_a_claim_that_is_confirmed() -> None:
    subject = _subject(MAE)
    subject.base.scores = _claims(subject)
    assert found(recomputed.rule, subject) == []
    assert subject.scores["mae"] == pytest.approx(np.mean([c["mae"] for c in subject.base.scores]))


@pytest.mark.parametrize("share", [0.95, 0.9])
def test_a_metric_that_drops_the_worst_rows(share: float) -> None:
    subject = _subject(MAE)
    subject.base.scores = _claims(subject, lambda error: error[error < np.quantile(error, share)].mean())
    (finding,) = errors(recomputed.rule, subject)
    assert "better than it is" in finding.message
    assert f"without the {100 * (1 - share):.0f} % of rows with the largest error" in finding.message


def test_a_negated_claim_is_the_same_claim() -> None:
    subject = _subject({"primary": "neg_mean_absolute_error", "direction": "maximize"})
    subject.base.scores = _claims(subject)
    assert found(recomputed.rule, subject) == []
    subject.base.scores = [{"other": 1.0}] * 2
    assert [f.severity for f in found(recomputed.rule, subject)] == ["note"]


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    late = rng.integers(0, 2, 200)
    p = np.clip(0.3 * late + rng.random(200) * 0.7, 0.01, 0.99)
    frame = shop_frame().iloc[:200].assign(units=late)
    for name, expected in (
        ("roc_auc", roc_auc_score(late, p)),
        ("neg_log_loss", -log_loss(late, p)),
        ("f1", f1_score(late, p >= 0.5)),
    ):
        declared = _declared({"primary": name, "direction": "maximize"}, kind="binary")
        subject = seen(frame, [(np.arange(10), np.arange(200))], declared, predictions=[p])
        assert fold_scores(subject, primary_score(subject))[0][0] == pytest.approx(expected)
    words = frame.assign(units=np.where(late, "late", "fine"))
    declared = _declared({"primary": "f1_macro", "direction": "maximize"}, kind="binary")
    subject = seen(
        words, [(np.arange(10), np.arange(200))], declared, predictions=[np.where(p >= 0.5, "late", "fine").astype(object)]
    )
    assert fold_scores(subject, primary_score(subject))[0][0] == pytest.approx(f1_score(late, p >= 0.5, average="macro"))


def test_a_single_class_has_no_ranking() -> None:
    frame = shop_frame().iloc[:60].assign(units=np.r_[np.zeros(40), np.ones(20)].astype(int))
    declared = _declared({"primary": "roc_auc", "direction": "maximize", "baseline": "prior"}, kind="binary")
    subject = seen(frame, [(np.arange(60), np.arange(30))], declared, predictions=[np.linspace(0, 1, 30)])
    with pytest.raises(NotExercised, match="not defined"):
        found(baseline.rule, subject)


def test_an_unknown_metric_is_refused_with_a_hint() -> None:
    with pytest.raises(ContractError, match="`maee`") as error:
        check_known(_declared({"primary": "maee", "direction": "minimize"}))
    assert "mae" in error.value.hint


def test_a_model_has_to_beat_its_baseline_by_the_margin() -> None:
    assert found(baseline.rule, _subject({**MAE, "margin": 0.02})) == []
    (finding,) = errors(baseline.rule, _subject(MAE, noise=5.0))
    assert "doesn't beat" in finding.message
    base = fold_scores(_subject(MAE), Score("mae", "minimize", primary_score(_subject(MAE)).compute))[0].mean()
    assert 0.7 < base < 0.9
    assert len(errors(baseline.rule, _subject({**MAE, "margin": 0.9}))) == 1


def test_margins_are_relative_for_errors_and_absolute_for_scores() -> None:
    def nothing(y: Any, p: Any, frame: Any) -> float:
        return 0.0

    assert Score("mae", "minimize", nothing).required(10.0, 0.1) == pytest.approx(9.0)
    assert Score("neg_log_loss", "maximize", nothing).required(-10.0, 0.1) == pytest.approx(-9.0)
    assert Score("roc_auc", "maximize", nothing).required(0.5, 0.1) == pytest.approx(0.6)


def test_naive_baselines_use_only_what_is_known_when_the_prediction_is_made() -> None:
    frame = shop_frame()
    frame["units"] = np.arange(len(frame), dtype=float)  # each outcome tells which row it is
    test = np.flatnonzero(frame["hour"] >= HOURS[24 * 20])
    subject = seen(frame, [(np.arange(24), test)], contract())
    assert season(subject) == 24 * 3600 * 10**9
    (last,) = baseline_predictions(subject, "last_value")
    assert np.array_equal(last, frame["units"].to_numpy()[test] - 26)  # 24 h ahead, known 2 h late
    (seasonal,) = baseline_predictions(subject, "seasonal_naive")
    assert np.array_equal(seasonal, frame["units"].to_numpy()[test] - 48)


def test_an_entity_without_a_past_gets_the_training_mean() -> None:
    frame = shop_frame()
    subject = seen(frame, [(np.arange(100), np.arange(10))], contract())
    (made,) = baseline_predictions(subject, "last_value")
    assert np.allclose(made, frame["units"].iloc[:100].mean())


def test_a_slice_that_does_worse_than_its_baseline() -> None:
    subject = _subject(MAE, by=["store"])
    assert found(slices.rule, subject) == []
    for run in subject.base.fold_runs:
        run.predictions = np.where(subject.frame["store"].to_numpy()[run.fold.test] == "S1", 50.0, run.predictions)
    (finding,) = errors(slices.rule, subject)
    assert finding.source == "store=S1"


def test_slices_too_thin_to_judge() -> None:
    subject = _subject(MAE, by=["hour_of"])
    subject.frame["hour_of"] = subject.frame["hour"].dt.strftime("%d %H")
    with pytest.raises(NotExercised):
        found(slices.rule, subject)


def test_rows_without_a_prediction() -> None:
    subject = _subject(MAE)
    assert found(dropped_rows.rule, subject) == []
    subject.base.fold_runs[1].predictions[:4] = np.nan
    subject.base.fold_runs[1].predictions[4] = np.inf
    (finding,) = errors(dropped_rows.rule, subject)
    assert finding.rows == 5
    with pytest.raises(NotExercised):
        found(recomputed.rule, subject)


def test_a_score_without_any_error_is_suspicious() -> None:
    assert found(too_good.rule, _subject(MAE)) == []
    assert [f.severity for f in found(too_good.rule, _subject(MAE, noise=0.001))] == ["warning"]


def test_metric_and_baseline_of_the_use_case_run_where_its_code_runs(tmp_path: Path) -> None:
    own = SHOP_METRICS.replace("return {", 'return {"worst": worst(y_true, y_pred, frame), ') + (
        "\n\ndef worst(y_true, y_pred, frame):\n    return float(np.max(np.abs(y_true - y_pred)))\n"
        "\n\ndef median(train, rows):\n    assert 'units' not in rows\n    return np.full(len(rows), train['units'].median())\n"
    )
    metrics = ('primary = "mae"', 'primary = "worst"\ndefinition = "pipelines.shop.metrics:worst"')
    with running(
        tmp_path, metrics=own, edits=[metrics, ('"mean"\nmargin', '"pipelines.shop.metrics:median"\nmargin')]
    ) as subject:
        assert found(recomputed.rule, subject) == []
        assert found(baseline.rule, subject) == []
        assert set(subject.scores) == {"worst", "worst of pipelines.shop.metrics:median"}
        assert subject.scores["worst"] < subject.scores["worst of pipelines.shop.metrics:median"]
