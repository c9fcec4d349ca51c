"""Tests of the `evaluate` skill."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from skills.evaluate.skill import Input, Output, run
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.repo import Repo
from workbench.testing import make_workspace, skill_context


def evaluate(root: Path, against: str = "") -> Output:
    return run(skill_context(root), Input(against=against))


def committed(root: Path) -> str:
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=ana", "-c", "user.email=ana@a", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    with Repo.open(root) as repo:
        return repo.tree_of("HEAD")


def sliced(place: Path, edits: dict[str, tuple[str, str]] | None = None) -> Path:
    root = make_workspace(place, edits)
    contract = root / "pipelines/visits/contract.toml"
    contract.write_text(contract.read_text() + '\n[slices]\nby = ["door"]\n')
    return root


def test_scores_are_computed_from_the_predictions_by_fold_and_slice(tmp_path: Path) -> None:
    root = sliced(tmp_path, {"pipelines/visits/metrics.py": ('{"mae": ', '{"mae": 0 * ')})
    output = evaluate(root)
    assert output.ok and output.metric == "mae" and output.overall is not None, output.error
    settings = skill_context(root).settings
    with Pipeline(settings, load_contract(root, "visits")) as pipeline:
        done = pipeline.run(pipeline.load(), until="metrics")
    assert done.frame is not None
    truth = done.frame["visitors"].to_numpy()
    errors = [np.abs(truth[f.fold.test] - f.predictions) for f in done.fold_runs]
    assert [part.score for part in output.folds] == pytest.approx([e.mean() for e in errors])
    assert output.overall.score == pytest.approx(np.concatenate(errors).mean())
    doors = np.concatenate([done.frame["door"].to_numpy()[f.fold.test] for f in done.fold_runs])
    expected = {f"door={d}": np.concatenate(errors)[doors == d].mean() for d in ("A", "B")}
    assert {part.label: part.score for part in output.slices} == pytest.approx(expected)
    assert output.held_out is not None and output.scores == {"mae": output.overall.score}
    versus = output.overall.versus["baseline"]
    assert output.overall.score is not None
    assert versus.low is not None and versus.gain is not None and versus.high is not None and versus.reference is not None
    assert 0 < versus.low <= versus.gain <= versus.high and versus.gain == pytest.approx(versus.reference - output.overall.score)
    assert output.champion == "there is no champion yet"


def test_a_model_no_better_than_its_baseline_is_a_no(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/model.py": ("num_boost_round=30", "num_boost_round=1")})
    path = root / "pipelines/visits/contract.toml"
    path.write_text(path.read_text().replace("margin = 0.02", "margin = 0.5"))
    output = evaluate(root)
    assert not output.ok and output.overall is not None and output.overall.score is not None


def test_it_is_compared_with_other_code_on_the_same_rows(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/model.py": ("num_boost_round=30", "num_boost_round=3")})
    before = committed(root)
    path = root / "pipelines/visits/model.py"
    path.write_text(path.read_text().replace("num_boost_round=3", "num_boost_round=30"))
    output = evaluate(root, before)
    assert output.overall is not None
    versus = output.overall.versus["champion"]
    assert versus.rows == output.overall.rows and versus.gain is not None and versus.low is not None and versus.low > 0
    assert evaluate(root, "0" * 40).champion.startswith("tree 000000000000 can't be compared")


def test_a_pipeline_that_fails_has_no_score(tmp_path: Path) -> None:
    output = evaluate(make_workspace(tmp_path, {"pipelines/visits/features.py": ("visitors", "visitor")}))
    assert not output.ok and "visitor" in output.error and not output.scores and output.overall is None
