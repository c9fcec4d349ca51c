"""The code of the champion, and what it predicts for the test rows of another pipeline."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.errors import Refusal
from workbench.gates.facts import Audit
from workbench.gates.metric.scores import Values
from workbench.pipeline.asof import entity_keys
from workbench.pipeline.checkouts import check_out
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.pipeline.times import nanoseconds, target_times
from workbench.release import history
from workbench.settings import Settings
from workbench.skills.run import SkillContext

ALIAS = "champion"


def champion_tree(settings: Settings, use_case: str) -> tuple[str, str]:
    """The git tree that the champion was built from, by release history and lineage; or nothing, and why."""
    lines = history.read(settings, use_case)
    version = history.flips(lines).recorded(ALIAS)
    if version is None:
        return "", "there is no champion yet"
    known = {line.version: line.lineage_digest for line in lines if isinstance(line, history.Registered)}
    for store in (settings.state / "registry", settings.state):
        for path in (store / "mlartifacts" / use_case).glob("*/artifacts/workbench/lineage.json"):
            text = path.read_bytes()
            if hashlib.sha256(text).hexdigest() == known.get(version):
                return str(json.loads(text)["code_tree"]), f"version {version}"
    return "", f"the lineage of version {version} is not in this workspace; give `against`"


def predictions_of(context: SkillContext, audit: Audit, tree: str) -> list[Values]:
    """What the code of `tree`, run on its own folds, predicts for the audit's test rows, fold by fold; NaN where nothing.

    Raises Refusal where its target or its keys are other ones, PipelineError where it doesn't run.
    """
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "tree"
        check_out(context.settings, tree, root)
        contract = load_contract(root, context.use_case)
        ours, theirs = audit.contract.prediction, contract.prediction
        if (ours.entity, ours.target, ours.target_time, ours.horizon) != (
            theirs.entity, theirs.target, theirs.target_time, theirs.horizon,
        ):  # fmt: skip
            raise Refusal(
                "It predicts something else: entity, target or horizon differ.", "compare with code of the same contract"
            )
        with Pipeline(context.settings, contract, root=root, progress=context.progress) as pipeline:
            run = pipeline.run(pipeline.load(), until="metrics", reuse=True)
        if run.frame is None:
            raise Refusal("It gave no feature frame.", "compare with code that has the stages of this one")
        made: dict[tuple[object, ...], object] = {}
        keys = _keys(run.frame, contract)
        for fold_run in run.fold_runs:
            for row, value in zip(fold_run.fold.test, np.asarray(fold_run.predictions), strict=True):
                made.setdefault(keys[row], value)
    own = _keys(audit.frame, audit.contract)
    found = [[made.get(own[row], np.nan) for row in run.fold.test] for run in audit.base.fold_runs]
    return [np.array(part) if any(isinstance(v, str) for v in part) else np.array(part, dtype="float64") for part in found]


def _keys(frame: pd.DataFrame, contract: object) -> list[tuple[object, ...]]:
    prediction = contract.prediction  # type: ignore[attr-defined]
    columns = [pd.Series(entity_keys(frame, prediction.entity)).tolist()]
    if prediction.target_time is not None:
        columns.append(nanoseconds(target_times(contract, frame), 0).tolist())  # type: ignore[arg-type]
    return list(zip(*columns, strict=True))
