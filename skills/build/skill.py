"""Runs a use case's pipeline once and says what came out, in figures and digests that can be compared later."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import PipelineError
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.heldout import held_out
from workbench.pipeline.runner import Pipeline
from workbench.sessions.events import Number
from workbench.sessions.heldout import HeldOut
from workbench.skills.run import SkillContext

if TYPE_CHECKING:
    from workbench.pipeline.results import Run


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Input(_Model):
    """Nothing to choose: the use case is the context's."""


class FoldFigures(_Model):
    """Rows in train and test of one fold, and the metrics stage's own scores of it."""

    train: int
    test: int
    scores: dict[str, Number] = Field(default_factory=dict)


class Shape(_Model):
    """Size of a frame."""

    rows: int
    columns: int


class Digests(_Model):
    """SHA-256 of what the run read and made; a model without a state that can be digested is null."""

    tables: dict[str, str] = Field(default_factory=dict)
    frame: str = ""
    folds: str = ""
    predictions: str = ""
    models: list[str | None] = Field(default_factory=list)


class BuildError(_Model):
    """Which stage failed and why; `detail` is the traceback, untrusted text."""

    stage: str
    message: str
    hint: str = ""
    detail: str = ""


class Output(_Model):
    """What came out; with `ok` false, as far as the run got."""

    ok: bool
    use_case: str
    scores: dict[str, Number] = Field(default_factory=dict)
    folds: list[FoldFigures] = Field(default_factory=list)
    frame: Shape | None = None
    digests: Digests = Field(default_factory=Digests)
    held_out: HeldOut | None = None
    """The test rows that the scores are about, so that looks at them can be counted."""
    opened: list[str] = Field(default_factory=list)
    seconds: dict[str, Number] = Field(default_factory=dict)
    error: BuildError | None = None


def run(context: SkillContext, input: Input) -> Output:
    """Builds the use case in `context.root`. A stage that fails is an answer; a wrong contract raises ContractError."""
    contract = load_contract(context.root, context.use_case)
    output = Output(ok=False, use_case=context.use_case)
    with Pipeline(context.settings, contract, root=context.root, progress=context.progress) as pipeline:
        try:
            tables = pipeline.load()
            output.digests.tables = {name: frame_digest(table) for name, table in sorted(tables.items())}
            if contract.stages.backtest:
                table = pipeline.backtest(tables)
                output.frame = Shape(rows=len(table), columns=table.shape[1])
                output.digests.predictions = frame_digest(table)
                output.held_out = held_out(contract, tables, table, [np.arange(len(table))])
            else:
                run = pipeline.run(tables, until="metrics", reuse=True)
                _describe(output, run)
                output.held_out = _tested(contract, tables, run)
        except PipelineError as error:
            output.error = BuildError(stage=error.stage, message=error.message, hint=error.hint, detail=error.detail)
        else:
            output.ok = True
        output.seconds = {stage: round(float(spent), 4) for stage, spent in pipeline.seconds.items()}
    return output


def frame_digest(frame: pd.DataFrame) -> str:
    """SHA-256 over names, types and values of a frame, in its order of rows and columns; the index plays no part."""
    digest = hashlib.sha256(str(len(frame)).encode())
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        digest.update(f"\0{name}\0{column.dtype}\0".encode())
        try:
            values = pd.util.hash_pandas_object(column, index=False)
        except TypeError:  # cells that are lists or dicts
            values = pd.util.hash_pandas_object(column.map(repr), index=False)
        digest.update(np.ascontiguousarray(values.to_numpy(dtype="uint64")).tobytes())
    return digest.hexdigest()


def _describe(output: Output, run: Run) -> None:
    if run.frame is not None:
        output.frame = Shape(rows=len(run.frame), columns=run.frame.shape[1])
        output.digests.frame = frame_digest(run.frame)
    scores = run.scores or [{} for _ in run.folds]
    output.folds = [
        FoldFigures(train=len(fold.train), test=len(fold.test), scores=found)
        for fold, found in zip(run.folds, scores, strict=True)
    ]
    output.scores = _means(run.scores)
    output.digests.folds = _arrays_digest(array for fold in run.folds for array in (fold.train, fold.test))
    output.digests.predictions = _arrays_digest(fold_run.predictions for fold_run in run.fold_runs)
    output.digests.models = [fold_run.model_digest for fold_run in run.fold_runs]
    output.opened = sorted(run.opened)


def _tested(contract: Contract, tables: dict[str, pd.DataFrame], run: Run) -> HeldOut | None:
    return held_out(contract, tables, run.frame, [fold.test for fold in run.folds]) if run.frame is not None else None


def _means(scores: list[dict[str, float]]) -> dict[str, float]:
    """Mean over the folds of every score that each fold has."""
    shared = set.intersection(*(set(found) for found in scores)) if scores else set()
    return {name: math.fsum(found[name] for found in scores) / len(scores) for name in sorted(shared)}


def _arrays_digest(arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(frame_digest(pd.DataFrame({"values": np.asarray(array)})).encode())
    return digest.hexdigest()
