"""A fit that knows the test.

**What it does.** Changes every row outside a fold's training part (its features, its label, both), leaves the training rows to
the bit, fits again and compares the fitted state and the predictions on fixed rows. It also fits on the unchanged frame without
running the stages before, which must give the same model: `fit` may know its argument and nothing else.

**Why it is bad.** A model that has seen the test rows, or only their number, mean or labels, was helped by what nobody has at
prediction time. It happens through module globals, closures, cached frames and early stopping on the test.

**Leaking**

    frames = {}
    def build(tables): frames["all"] = frame; return frame
    def fit(train): return Pipeline([StandardScaler().fit(frames["all"][X]), …])

**Repaired**

    def fit(train): return make_pipeline(StandardScaler(), Ridge()).fit(train[X], train[y])

**How it can be wrong.** A fit that isn't reproducible can only be compared within its noise: what is smaller than that isn't
seen. Leaks that are in the features before `fit` are the features gate's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Evidence, Finding, Measurement, Severity, Text
from workbench.gates.facts import Audit
from workbench.gates.leakage.refits import (
    Noise,
    Part,
    Values,
    alone,
    changed_frame,
    chosen_folds,
    control,
    difference,
    fitted,
    moved,
    noise,
    persists,
    refitted,
    shift,
)
from workbench.gates.rule import NotExercised, Rule
from workbench.pipeline.results import FoldRun

WORLDS: tuple[Part, ...] = ("features", "labels", "features and labels")


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a finding where a fit needs more than its argument, else one where the test's rows move it."""
    folds = chosen_folds(audit)
    floor = noise(audit, folds[0])
    audit.probed(len(folds), "fold")
    # What one fold leaves behind for the next shows in the last one only.
    needy = next((found for index in folds if (found := _needs_more(audit, index, floor)) is not None), None)
    if needy is not None:
        yield needy
        return
    for place, index in enumerate(folds):
        for part in WORLDS if place == 0 else WORLDS[2:]:
            evidence = _moves(audit, index, part, floor)
            if evidence is not None:
                yield _finding(audit, index, part, evidence)
                return
    if not floor.is_stable and not floor.is_small:
        raise NotExercised(
            "two fits on the same rows differ too much to see what the test rows do to them (leakage/unstable-fit)"
        )


def _needs_more(audit: Audit, index: int, floor: Noise) -> Finding | None:
    """A finding where the fold can't be fitted, or comes out differently, when only the feature frame is handed over."""
    evidence: Evidence
    try:
        again = alone(audit, index)
    except PipelineError as error:
        if error.stage not in ("fit", "predict", "postprocess"):
            raise
        stage = error.stage
        evidence = Text(text=error.message)
        what = "fails"
    else:
        base = audit.base.fold_runs[index]
        rows = moved(base.raw, again.raw, floor)
        same = floor.same_state and again.model_digest == base.model_digest
        if same or (floor.is_stable and not rows.any()):
            return None
        if not floor.is_stable and not _keeps_differing(audit, index, base, again):
            return None
        stage = "fit"
        evidence = Measurement(
            name="largest change of a prediction",
            value=float(difference(base.raw, again.raw).max()),
            expected="no change beyond noise",
        )
        what = "gives another model"
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage=stage,
        source="module state",
        evidence=[evidence],
        message=f"With the same training rows, {stage} {what} when the stages before it did not run in the same "
        "process: it reads "
        "something besides its argument, such as a global that an earlier stage leaves behind.",
        remedy=f"Pass what {stage} needs as columns of the feature frame; keep no state between stages.",
        location=audit.location(stage),
    )


def _keeps_differing(audit: Audit, index: int, base: FoldRun, again: FoldRun) -> bool:
    """Whether fits on the frame alone stay apart from fits after all stages, where no two fits are alike."""
    fold = audit.folds[index]

    def after_all_stages() -> Values:
        return np.asarray(audit.pipeline.run(audit.tables, until="predict", folds=[fold]).fold_runs[0].raw)

    def on_its_own() -> Values:
        return np.asarray(audit.pipeline.run(audit.tables, until="predict", frame=audit.frame, folds=[fold]).fold_runs[0].raw)

    return persists(shift(base.raw, again.raw), after_all_stages, on_its_own)


def _moves(audit: Audit, index: int, part: Part, floor: Noise) -> Evidence | None:
    """What moved when the rows outside the training part were changed, or None."""
    reference = control(audit, index)
    by_state = floor.same_state and reference.model_digest is not None
    try:
        # The label world goes on to the predictions: leakage/predict-sees-label asks for the same run.
        after = refitted(audit, index, part, until="fit" if by_state and part != "labels" else "predict")
    except PipelineError as error:
        if error.stage == "fit":
            return Text(text=f"fit fails there: {error.message}")
        raise
    if by_state and after.model_digest == reference.model_digest:
        return None
    evidence = _shift(reference, after, floor, by_state)
    if evidence is None or floor.is_stable or reference.probe is None or after.probe is None:
        return evidence
    world = changed_frame(audit, index, part)

    def ask(frame: pd.DataFrame) -> Callable[[], Values]:
        return lambda: np.asarray(fitted(audit, index, frame, "predict").probe)

    return evidence if persists(shift(reference.probe, after.probe), ask(audit.frame), ask(world)) else None


def _shift(before: FoldRun, after: FoldRun, floor: Noise, by_state: bool) -> Evidence | None:
    if after.probe is None or before.probe is None:
        return Text(text="the fitted state (its SHA-256) is another one, while two fits on unchanged rows give the same")
    rows = moved(before.probe, after.probe, floor)
    if not rows.any():
        return Text(text="the fitted state is another one, though not on the rows asked about") if by_state else None
    apart = difference(before.probe, after.probe)
    return Measurement(
        name=f"largest change on {len(rows):,} fixed rows, {int(rows.sum()):,} of which moved",
        value=float(apart[np.isfinite(apart)].max(initial=0.0)),
        expected="no change beyond noise",
    )


def _finding(audit: Audit, index: int, part: Part, evidence: Evidence) -> Finding:
    test = len(np.unique(audit.folds[index].test))
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        stage="fit",
        source=f"test {part}",
        rows=test,
        evidence=[evidence],
        message=f"The model of fold {index} changes when only the {part} of rows outside its training part are "
        "changed: fit sees the "
        "test.",
        remedy="Let fit use its argument only: no global frame, no file, no early stopping or choice of model on "
        "test rows; carve "
        "a validation part out of the training rows instead.",
        location=audit.location("fit"),
    )


rule = Rule("leakage/fit-sees-test", "fit", "The fitted model depends on test rows.", check)
