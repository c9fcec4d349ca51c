"""From an accepted code tree to a registered version: check out, fit on all labelled rows, gather the lineage, register.

The one way a model gets into the registry: the code is checked out here, from git's objects, so that tree, contract, code
digest and model belong together. What has to be complete is in `lineage`, storing it in `registry`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import Refusal
from workbench.pipeline.checkouts import check_out
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.runner import Pipeline
from workbench.release.lineage import AGAIN, Feature, ModelBuild, ModelVersion, Scores
from workbench.release.online import plain
from workbench.release.registry import Registry
from workbench.report.model import AuditReport
from workbench.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


def register_tree(
    settings: Settings,
    use_case: str,
    tree: str,
    *,
    report: AuditReport,
    session: str,
    signoffs: Sequence[str],
    skills: Mapping[str, str],
    registry: Registry | None = None,
    progress: Callable[[str], None] | None = None,
) -> ModelVersion:
    """Fits the model of `tree` (a git tree id) on all labelled rows and registers it.

    `report` is the audit of exactly this tree; `signoffs` the ids under which it was applied, empty where the policy
    allowed it by itself; `skills` name → version. Raises Refusal where gates or lineage aren't whole (before anything is
    fitted, where that can be seen), PipelineError where a stage fails.
    """
    if report.verdict != "pass":
        raise Refusal(f"The gates of {use_case} didn't pass: the report says {report.verdict}.", AGAIN)
    say = progress or (lambda _: None)
    place = settings.state / "registering"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        root = Path(scratch) / "tree"
        check_out(settings, tree, root)
        contract = load_contract(root, use_case)
        scores = scores_of(contract, report)
        with Pipeline(settings, contract, root=root, progress=progress) as pipeline:
            if report.code_digest != pipeline.code_digest:
                raise Refusal(f"The gate report of {use_case} is on another code tree than {tree[:12]}.", AGAIN)
            say("fitting the final model on all rows whose outcome is known")
            rows = pipeline.run(pipeline.load(), until="features", reuse=True).frame
            assert rows is not None
            frame = rows[rows[contract.prediction.target].notna()].reset_index(drop=True)
            fitted = pipeline.fit_final(frame, Path(scratch) / "model")
        features = _inputs(contract, frame, fitted.features)
        build = ModelBuild(
            use_case=use_case,
            session=session,
            code_tree=tree,
            code_digest=report.code_digest,  # the same as the pipeline's, see above
            contract_digest=contract.digest,
            model=fitted.path,
            flavor=fitted.flavor,
            model_sha256=fitted.sha256,
            model_bytes=fitted.size,
            train_rows=fitted.train_rows,
            features=[Feature(name=name, dtype=str(frame[name].dtype)) for name in features],
            example={name: plain(frame[name].iloc[-1]) for name in features},
            skills=dict(skills),
            gate_report=report.model_dump_json().encode(),
            decision="signed" if signoffs else "allowed by policy",
            signoffs=list(signoffs),
            scores=scores,
            params={"train_rows": str(fitted.train_rows), "flavor": fitted.flavor, "kind": contract.kind},
            metrics={name: score for name, score in report.scores.items() if math.isfinite(score)},
        )
        return (registry or Registry(settings, progress=progress)).register(build)


def _inputs(contract: Contract, frame: pd.DataFrame, named: Sequence[str]) -> list[str]:
    """The columns that the model was fitted on; fitted on an array, where columns have no names, those of the contract."""
    return list(named) if set(named) <= set(frame.columns) else feature_names(contract, frame)


def feature_names(contract: Contract, frame: pd.DataFrame) -> list[str]:
    """The model's input columns: those the contract lists, else all but keys, times, target and groups."""
    prediction = contract.prediction
    if prediction.features is not None:
        return list(prediction.features)
    keys: set[Any] = {
        *prediction.entity,
        prediction.target,
        prediction.target_time,
        prediction.prediction_time,
        *prediction.groups,
    }
    return [str(name) for name in frame.columns if name not in keys]


def scores_of(contract: Contract, report: AuditReport) -> Scores | None:
    """The primary metric and its baseline as the gate computed them; None where the contract declares no metric.

    Raises Refusal where the report lacks a figure that the contract asks for.
    """
    metrics = contract.metrics
    if metrics is None:
        return None
    value, baseline = report.scores.get(metrics.primary), report.scores.get(f"{metrics.primary} of {metrics.baseline}")
    if value is None or not math.isfinite(value) or (metrics.baseline is not None and baseline is None):
        lacking = metrics.primary if value is None or not math.isfinite(value) else f"baseline ({metrics.baseline})"
        raise Refusal(f"The gate report of {contract.name} has no figure for {lacking}.", AGAIN)
    return Scores(
        primary=metrics.primary,
        direction=metrics.direction,
        value=value,
        baseline=metrics.baseline,
        baseline_value=baseline,
        margin=metrics.margin or 0.0,
    )
