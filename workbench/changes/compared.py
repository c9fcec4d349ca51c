"""What one side of a change gives on frozen data, and everything in which another code tree gives something else.

`Reference` is the base's: its tables, and what its stages make of them. `differences` lets another code tree do the same from
the same tables and names each thing that comes out otherwise, by the stage whose doing it is: where an early stage differs,
the later ones are run again on the reference's own results, so that each is judged by itself. Which tree is which, time limits
and what follows from a difference are in `effect.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.changes.fingerprints import (
    Difference,
    Keys,
    differing_answers,
    differing_finish,
    differing_folds,
    differing_frames,
    differing_models,
    differing_scores,
    differing_tables,
)
from workbench.changes.model import RiskKind
from workbench.changes.sketches import Sketch
from workbench.errors import PipelineError
from workbench.pipeline.answers import ServedRow
from workbench.pipeline.contract import Contract
from workbench.pipeline.online_request import online_request
from workbench.pipeline.results import FoldRun, Run
from workbench.pipeline.runner import Known, Pipeline, Until, known_tables
from workbench.pipeline.times import moment, nanoseconds, prediction_times, target_times

_REQUESTS = 8
_COMPARED: dict[str, Until | Literal["load"]] = {
    "split": "features", "fit": "split", "predict": "split", "postprocess": "split", "metrics": "split", "serve": "split",
}  # fmt: skip
"""Stage that fails → how far the stages before it can still be compared; for one not named here: the loaded tables alone."""
_NEVER = -(2**62)


@dataclass
class Reference:
    """What the base gives on its own tables; `lacking` says in words what of it could not be run.

    `loads`: the tables are what its own load gives, not those of an earlier run. `until`: how far it was run.
    """

    contract: Contract
    tables: dict[str, pd.DataFrame]
    loads: bool = True
    until: Until | Literal["load"] = "metrics"
    prepared: dict[str, dict[str, pd.DataFrame]] = field(default_factory=dict)
    run: Run | None = None
    backtest: pd.DataFrame | None = None
    own_scores: list[dict[str, float]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    served: list[object] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    @property
    def keys(self) -> Keys:
        """Which columns name a row of the feature frame."""
        prediction = self.contract.prediction
        times = [name for name in (prediction.target_time, prediction.prediction_time) if name]
        return Keys((*prediction.entity, *times), prediction.target, times[0] if times else None)

    @cached_property
    def known(self) -> Known:
        """The tables with their content's ids, so that equal ones needn't come over again."""
        return known_tables(self.tables)

    @cached_property
    def known_prepared(self) -> dict[str, Known]:
        """The same for the tables after `validate` and `preprocess`."""
        return {stage: known_tables(tables) for stage, tables in self.prepared.items()}

    @property
    def frame(self) -> pd.DataFrame:
        """The feature frame."""
        assert self.run is not None and self.run.frame is not None
        return self.run.frame

    @property
    def run_until(self) -> Until:
        """How far another code tree is run beside it."""
        return "features" if self.until == "load" else self.until

    @property
    def fold_runs(self) -> list[FoldRun]:
        """The folds with their predictions."""
        return self.run.fold_runs if self.run is not None else []


def reference(pipeline: Pipeline, tables: dict[str, pd.DataFrame] | None = None, *, failing: str = "") -> Reference:
    """Runs everything once; a run that is kept from earlier counts. Raises PipelineError.

    `tables` take the place of what the load stage gives. With `failing`, a stage that is known to fail, only what comes before
    it is run.
    """
    contract = pipeline.contract
    made = Reference(contract, pipeline.load() if tables is None else tables, loads=tables is None)
    pipeline.keep(*made.tables.values())
    if failing:
        made.until = _COMPARED.get(failing, "load")
        made.lacking.append(f"the base fails in `{failing}`")
        if made.until == "load" or contract.stages.backtest is not None:
            return made
    elif contract.stages.backtest is not None:
        made.backtest = pipeline.backtest(made.tables)
        return made
    if contract.stages.validate_ or contract.stages.preprocess:
        made.prepared = pipeline.prepared(made.tables)
    until = made.until
    assert until != "load"
    made.run = pipeline.run(made.tables, until=until, reuse=True)
    pipeline.keep(made.frame)
    if until != "metrics":
        return made
    made.own_scores = _own_scores(pipeline, made)
    if not any(len(fold.predictions) and len(fold.fold.train) for fold in made.fold_runs):
        made.lacking.append("no fold has rows on both sides, so nothing was fitted")
    if contract.stages.serve is not None:
        made.requests = _requests(contract, made.frame)
        made.served = _answers(pipeline, made)
        if not any(isinstance(answer, dict) for answer in made.served):
            made.lacking.append("the serve stage answered none of the requests that were tried")
    return made


def differences(given: Reference, pipeline: Pipeline, *, code: bool = True, sketch: Sketch | None = None) -> Iterator[Difference]:
    """Everything that `pipeline` gives otherwise, as it is found; `code` is whether the two differ in more than tables.

    As far as the reference was run; what can be drawn of it goes into `sketch`. Raises PipelineError where a stage fails.
    """
    pipeline.keep(*given.tables.values())
    if given.run is not None:
        pipeline.keep(given.frame)
    loaded, changed = given.tables, []
    if given.loads:
        loaded = pipeline.load(known=given.known)
        changed = differing_tables(given.tables, loaded, RiskKind.DATA, "load")
        yield from changed
    if given.backtest is not None:
        yield from _backtests(given, pipeline)
    if given.run is None:
        return
    if pipeline.contract.stages.validate_ or pipeline.contract.stages.preprocess or given.prepared:
        yield from _prepared(given, pipeline)
    run = pipeline.run(given.tables, until=given.run_until)
    found = differing_frames(given.frame, _framed(run), given.keys)
    if sketch is not None and found:
        sketch.moved_values(given.frame, _framed(run), given.run.folds, given.keys)
    yield from found
    if changed:
        known = {(one.kind, one.what) for one in found}
        yield from (one for one in _consequences(given, pipeline, loaded, code) if (one.kind, one.what) not in known)
    if given.until == "features":
        return
    if given.until == "split":
        yield from _splits(given, pipeline, run, same_frame=not found, sketch=sketch)
        return
    if sketch is not None:
        sketch.moved_scores(given.frame, given.fold_runs, run, given.keys)
    yield from _later_stages(given, pipeline, run, same_frame=not found, sketch=sketch)
    if given.served:
        yield from differing_answers(given.served, _answers(pipeline, given))


def _splits(
    given: Reference, pipeline: Pipeline, run: Run, *, same_frame: bool, sketch: Sketch | None = None
) -> list[Difference]:
    """The folds of the reference's frame."""
    assert given.run is not None
    times = _times(given.contract, given.frame)
    groups = list(dict.fromkeys(name for name in given.contract.prediction.groups if name in given.frame.columns))
    split = run.folds if same_frame else pipeline.run({}, frame=given.frame, until="split").folds
    if sketch is not None:
        sketch.moved_rows(times, given.run.folds, split)
    return differing_folds(given.frame, given.run.folds, split, times, groups)


def _later_stages(
    given: Reference, pipeline: Pipeline, run: Run, *, same_frame: bool, sketch: Sketch | None = None
) -> Iterator[Difference]:
    """Split, model, finish and scores: by the whole run where it had the reference's input, else by stages on that input."""
    assert given.run is not None
    moved = _splits(given, pipeline, run, same_frame=same_frame, sketch=sketch)
    yield from moved
    exact = same_frame and given.frame.equals(_framed(run))
    if same_frame and not moved:
        fitted = run.fold_runs
    else:
        fitted = pipeline.run({}, frame=given.frame, folds=given.run.folds, until="predict").fold_runs
        exact = True
    yield from differing_models(given.fold_runs, fitted, digests=exact)
    judged = pipeline.judged(given.frame, given.fold_runs)
    finished = differing_finish([fold.predictions for fold in given.fold_runs], [one for one, _ in judged])
    yield from finished
    scored = differing_scores(given.run.scores, [scores for _, scores in judged])
    scored += differing_scores(given.own_scores, _own_scores(pipeline, given))
    yield from scored
    if same_frame and not moved and not finished and not scored:
        yield from _whole_run(given, run)


def _whole_run(given: Reference, run: Run) -> Iterator[Difference]:
    """What only shows where the stages run one after the other in one process: one of them leaves something for another."""
    assert given.run is not None
    pairs = list(zip(given.fold_runs, run.fold_runs))
    if all(_same(old.raw, new.raw) for old, new in pairs):
        found = differing_finish([old.predictions for old, _ in pairs], [new.predictions for _, new in pairs])
        yield from found
        if not found:
            yield from differing_scores(given.run.scores, run.scores)


def _same(before: np.ndarray, after: np.ndarray) -> bool:
    return not differing_finish([before], [after])


def _prepared(given: Reference, pipeline: Pipeline) -> Iterator[Difference]:
    made = pipeline.prepared(given.tables, known=given.known_prepared)
    for stage in dict.fromkeys((*given.prepared, *made)):
        # A stage that is only on one side leaves the tables as the other got them.
        before, after = (side.get(stage, given.tables) for side in (given.prepared, made))
        yield from differing_tables(before, after, RiskKind.PREPROCESSING, stage)


def _consequences(given: Reference, pipeline: Pipeline, loaded: dict[str, pd.DataFrame], code: bool) -> Iterator[Difference]:
    """What other tables do to outcomes and, where it isn't the data but the code that changed, to features and rows."""
    frame = _framed(pipeline.run(loaded, until="features"))
    known = given.frame
    if not code and given.keys.target in known.columns:
        # An outcome that comes in with newer data isn't another outcome.
        known = known[known[given.keys.target].notna()]
    for one in differing_frames(known, frame, given.keys):
        if one.kind is RiskKind.LABEL:
            yield replace(one, stage="load", reason=f"with the tables as they are loaded now, {one.reason}")
        elif code and one.what == "rows":
            reason = f"with the tables as they are loaded now, {one.reason}: other rows are trained on and judged"
            yield replace(one, kind=RiskKind.SPLIT, stage="load", reason=reason)
        elif code:
            yield replace(one, stage="load", reason=f"with the tables as they are loaded now, {one.reason}")


def _backtests(given: Reference, pipeline: Pipeline) -> Iterator[Difference]:
    """The frames of two opaque back-tests; each column says what it is."""
    assert given.backtest is not None
    before, after = given.backtest, pipeline.backtest(given.tables)
    for one in differing_frames(before, after, given.keys, stage="backtest"):
        kind = one.kind
        if one.what in ("column fold", "rows", "row order", "type of fold"):
            kind = RiskKind.SPLIT
        elif one.what in ("column prediction", "type of prediction"):
            kind = RiskKind.MODEL
        yield replace(one, kind=kind, reason=one.reason.replace("the feature frame", "the back-test", 1))


def _framed(run: Run) -> pd.DataFrame:
    assert run.frame is not None
    return run.frame


def _times(contract: Contract, frame: pd.DataFrame) -> pd.Series | None:
    try:
        return target_times(contract, frame)
    except PipelineError:
        return None


def _own_scores(pipeline: Pipeline, given: Reference) -> list[dict[str, float]]:
    """The contract's own metric and baseline, fold by fold, on the reference's frame and predictions."""
    metrics = pipeline.contract.metrics
    if metrics is None:
        return []
    scores: list[dict[str, float]] = []
    for fold in given.fold_runs:
        own: dict[str, float] = {}
        rows = given.frame.take(fold.fold.test).reset_index(drop=True)
        whole = len(fold.fold.train) and len(fold.fold.test)
        if metrics.definition is not None and whole:
            own["definition"] = pipeline.measure(metrics.definition, fold.predictions, rows)
        if metrics.baseline is not None and ":" in metrics.baseline and whole:
            train = given.frame.take(fold.fold.train).reset_index(drop=True)
            values = pd.to_numeric(pd.Series(pipeline.baseline(metrics.baseline, train, rows)), errors="coerce").to_numpy()
            own["baseline"] = float(np.nansum(np.asarray(values, dtype="float64") * np.arange(1, len(values) + 1)))
        scores.append(own)
    return scores


def _requests(contract: Contract, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Requests for some rows, evenly from the first to the last."""
    prediction = contract.prediction
    places = dict.fromkeys(int(place) for place in np.linspace(0, len(frame) - 1, _REQUESTS)) if len(frame) else {}
    moments: list[np.ndarray] = []
    if prediction.target_time is not None:
        moments = [nanoseconds(times(contract, frame), _NEVER) for times in (target_times, prediction_times)]
    made = []
    for place in places:
        entity = [_plain(frame[name].iloc[place]) for name in prediction.entity]
        at = [moment(int(one[place])).to_pydatetime(warn=False) if one[place] != _NEVER else None for one in moments]
        made.append(online_request(contract, entity, *(at or [None, None])))
    return made


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _answers(pipeline: Pipeline, given: Reference) -> list[object]:
    """What `serve` makes of the requests; where it takes none of them as text, with times as objects."""
    if not given.requests or pipeline.contract.stages.serve is None:
        return ["no serve stage"] * len(given.requests)
    answered = pipeline.serve(given.tables, given.requests)
    if all(answer.made is None for answer in answered):
        times = [name for name in given.requests[0] if name not in given.contract.prediction.entity]
        answered = pipeline.serve(given.tables, given.requests, times=times)
    return _plainly(answered)


def _plainly(answers: Sequence[ServedRow]) -> list[object]:
    """Mappings, or that it failed: where in the code it did isn't a difference."""
    return [answer.made if answer.made is not None else "it fails" for answer in answers]
