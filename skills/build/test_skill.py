"""Tests of the `build` skill."""

import math
from pathlib import Path

import pandas as pd
import pytest

from skills.build.skill import Input, Output, frame_digest, run
from workbench.errors import ContractError
from workbench.testing import make_workspace, skill_context


def build(root: Path) -> Output:
    return run(skill_context(root), Input())


def test_a_working_pipeline_gives_figures_and_the_same_digests_twice(tmp_path: Path) -> None:
    first, second = build(make_workspace(tmp_path / "a")), build(make_workspace(tmp_path / "b"))
    assert first.ok and first.error is None
    assert [(fold.train, fold.test) for fold in first.folds] == [(720, 96), (816, 96)] or all(
        fold.test == 96 for fold in first.folds
    )
    assert first.scores["mae"] == math.fsum(fold.scores["mae"] for fold in first.folds) / 2
    assert first.frame is not None and first.frame.rows == 960
    assert first.digests == second.digests and all(first.digests.models)


def test_another_model_gives_other_digests_of_models_and_predictions_alone(tmp_path: Path) -> None:
    edits = {"pipelines/visits/model.py": ("num_boost_round=30", "num_boost_round=29")}
    first, second = build(make_workspace(tmp_path / "a")).digests, build(make_workspace(tmp_path / "b", edits)).digests
    assert (first.tables, first.frame, first.folds) == (second.tables, second.frame, second.folds)
    assert first.predictions != second.predictions and first.models != second.models


@pytest.mark.parametrize(
    ("path", "old", "new", "stage", "says"),
    [
        ("features.py", "visitors", "visitor", "features", "visitor"),
        ("model.py", "num_boost_round=30", "early=30", "fit", "early"),
        ("data.py", 'return {"visits"', 'return {"visit"', "load", "visit"),
    ],
)
def test_a_broken_stage_is_an_answer_that_names_it(tmp_path: Path, path: str, old: str, new: str, stage: str, says: str) -> None:
    output = build(make_workspace(tmp_path, {f"pipelines/visits/{path}": (old, new)}))
    assert not output.ok and output.error is not None
    assert output.error.stage == stage and says in output.error.message
    assert output.scores == {}


def test_a_wrong_contract_is_an_error_not_an_answer(tmp_path: Path) -> None:
    with pytest.raises(ContractError):
        build(make_workspace(tmp_path, {"pipelines/visits/contract.toml": ("regression", "regresion")}))


def test_the_digest_of_a_frame_sees_values_names_types_and_order() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    others = [
        frame[["b", "a"]],
        frame.rename(columns={"a": "c"}),
        frame.astype({"a": float}),
        frame.iloc[::-1],
        frame.fillna("x"),
        frame[:1],
    ]
    assert len({frame_digest(other) for other in [frame, *others]}) == 7
    assert frame_digest(frame.set_index(pd.Index([5, 6]))) == frame_digest(frame.copy())
    assert frame_digest(pd.DataFrame({"a": [[1], [2]]})) != frame_digest(pd.DataFrame({"a": [[1], [3]]}))
