"""The primary metric as the gate computes it: overall, by fold and by slice, against baseline and champion, with intervals."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from skills.evaluate.champion import champion_tree, predictions_of
from workbench.errors import PipelineError, WorkbenchError
from workbench.gates.effect_scores import Compared, effect_of
from workbench.gates.facts import Audit, Ints
from workbench.gates.metric.baselines import baseline_name, baseline_predictions
from workbench.gates.metric.scores import Score, Values, check_known, fold_scores, metrics_of, overall, primary_score, scored
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.contract import load_contract
from workbench.pipeline.heldout import held_out
from workbench.pipeline.runner import Pipeline
from workbench.sessions.events import Number
from workbench.sessions.heldout import HeldOut
from workbench.skills.run import SkillContext

MOST_SLICES = 500


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Input(_Model):
    """`against`: git tree id of the code to compare with; empty means the champion's."""

    against: str = Field(default="", pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")


class Versus(_Model):
    """A difference on the same rows; `gain` is positive where the model is better. `reason` where it couldn't be had."""

    reference: Number | None = None
    gain: Number | None = None
    low: Number | None = None
    high: Number | None = None
    level: float = 0.95
    rows: int = 0
    reason: str = ""


class Part(_Model):
    """One part of the test: all of it, a fold (`fold 0`) or a slice (`origin=JFK`)."""

    label: str
    rows: int
    score: Number | None = None
    versus: dict[str, Versus] = Field(default_factory=dict)


class Output(_Model):
    """See SKILL.md; `scores`, `code` and `held_out` are what a look at the test is counted by."""

    ok: bool
    metric: str = ""
    direction: Literal["minimize", "maximize", ""] = ""
    overall: Part | None = None
    folds: list[Part] = Field(default_factory=list)
    slices: list[Part] = Field(default_factory=list)
    champion: str = ""
    scores: dict[str, Number] = Field(default_factory=dict)
    code: str = ""
    held_out: HeldOut | None = None
    error: str = ""


class _Sides:
    """The model's test rows and predictions fold by fold, and those of whom it is compared with."""

    def __init__(self, audit: Audit, score: Score) -> None:
        self.audit, self.score = audit, score
        self.parts = [scored(audit, index) for index in range(len(audit.base.fold_runs))]
        self.others: dict[str, list[Values]] = {}

    def part(self, label: str, chosen: list[Ints]) -> Part:
        """The score of the chosen rows (positions in each fold) and its differences."""
        picked = [
            (rows[at], truth[at], made[at], number, at)
            for number, ((rows, truth, made), at) in enumerate(zip(self.parts, chosen, strict=True))
            if len(at)
        ]
        count = sum(len(rows) for rows, *_ in picked)
        values = [self.score.compute(truth, made, self.audit.frame.iloc[rows]) for rows, truth, made, *_ in picked]
        value = overall(np.array(values), np.array([float(len(rows)) for rows, *_ in picked])) if picked else float("nan")
        versus = {
            name: self._versus([(rows, made, other[number][at]) for rows, _, made, number, at in picked], name)
            for name, other in self.others.items()
        }
        return Part(label=label, rows=count, score=value if np.isfinite(value) else None, versus=versus)

    def _versus(self, parts: list[tuple[Ints, Values, Values]], name: str) -> Versus:
        if not parts:
            return Versus(reason="no row")
        compared = Compared.of(parts)
        try:
            effect = effect_of(self.audit, compared, name)
        except (NotExercised, NotApplicable) as stop:
            return Versus(rows=len(compared.rows), reason=stop.reason)
        found = effect.model_dump(include={"gain", "low", "high", "level"})
        return Versus(reference=effect.honest, rows=len(compared.rows), **found)

    @property
    def every(self) -> list[Ints]:
        """All positions of each fold."""
        return [np.arange(len(rows)) for rows, *_ in self.parts]

    def fold(self, index: int) -> list[Ints]:
        """All positions of one fold, none of the others."""
        return [at if number == index else at[:0] for number, at in enumerate(self.every)]

    def slices(self) -> list[tuple[str, list[Ints]]]:
        """Label and positions of each slice that the contract declares."""
        found = []
        declared = self.audit.contract.slices
        for column in declared.by if declared else ():
            values = self.audit.column(column).astype(object)
            for value in sorted(pd.unique(values.iloc[np.concatenate([rows for rows, *_ in self.parts])]), key=str)[:MOST_SLICES]:
                same = (values.isna() if pd.isna(value) else values == value).to_numpy()
                found.append((f"{column}={value}", [np.flatnonzero(same[rows]) for rows, *_ in self.parts]))
        return found


def run(context: SkillContext, input: Input) -> Output:
    """Evaluates the use case in `context.root`. A pipeline that fails is an answer; a wrong contract raises ContractError."""
    contract = load_contract(context.root, context.use_case)
    check_known(contract)
    with Pipeline(context.settings, contract, root=context.root, progress=context.progress) as pipeline:
        audit = Audit(settings=context.settings, contract=contract, pipeline=pipeline, root=context.root, progress=context.say)
        output = Output(ok=False, code=pipeline.code_digest)
        try:
            metrics = metrics_of(contract)
            audit.prepare()
            score = primary_score(audit)
            sides = _Sides(audit, score)
        except (NotExercised, NotApplicable) as stop:
            return output.model_copy(update={"error": stop.reason})
        except PipelineError as error:
            return output.model_copy(update={"error": f"{error.stage}: {error.message}" if error.stage else error.message})
        output.metric, output.direction = score.name, score.direction
        output.held_out = held_out(
            contract, audit.tables, audit.frame, [np.asarray(run.fold.test) for run in audit.base.fold_runs]
        )
        stands = _baseline(sides, output, metrics.margin)
        _champion(context, sides, input.against, output)
        context.say("scores by fold and slice")
        output.overall = sides.part("all", sides.every)
        output.folds = [sides.part(f"fold {index}", sides.fold(index)) for index in range(len(sides.parts))]
        output.slices = [sides.part(label, chosen) for label, chosen in sides.slices()]
        if output.overall.score is not None:
            output.scores[score.name] = output.overall.score
        output.ok = stands and output.overall.score is not None
    return output


def _baseline(sides: _Sides, output: Output, margin: float | None) -> bool:
    """Adds the contract's baseline; whether the model is better by the margin, and true where there is no baseline."""
    audit, score = sides.audit, sides.score
    try:
        made = baseline_predictions(audit, baseline_name(audit))
    except NotApplicable:
        return True
    except (NotExercised, PipelineError) as stop:
        output.error = f"the baseline: {stop}"
        return False
    sides.others["baseline"] = made
    reached, reference = (overall(*fold_scores(audit, score, of)) for of in (None, made))
    return bool(np.isfinite(reference)) and score.better(reached, score.required(reference, margin or 0.0))


def _champion(context: SkillContext, sides: _Sides, against: str, output: Output) -> None:
    tree, output.champion = (against, f"tree {against[:12]}") if against else champion_tree(context.settings, context.use_case)
    if not tree:
        return
    if sides.audit.opaque:
        output.champion = "a back-test that is one stage can't be compared row by row"
        return
    context.say("run the champion's code on the same tables")
    try:
        sides.others["champion"] = predictions_of(context, sides.audit, tree)
    except WorkbenchError as error:
        output.champion = f"{output.champion} can't be compared: {error.message}"
