"""How much each finding flatters the score: the pipeline re-evaluated without the leak, on the same test rows.

Asked once at the end of an audit that has found something; a clean audit pays nothing. Which remedy fits which finding is here;
the remedies are in `effect_features.py`, `effect_splits.py`, `effect_fits.py` and `effect_tests.py`, the numbers in
`effect_scores.py`, the interval in `effect_interval.py`. A finding is compared with the evaluation as it stands, its other leaks
included: two leaks of different kinds can hide behind each other. What can't be measured says why; nothing is ever called zero
because nobody looked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.errors import PipelineError
from workbench.findings import Effect, Finding, Severity
from workbench.gates import effect_features, effect_fits, effect_splits, effect_tests
from workbench.gates.facts import Audit
from workbench.gates.metric.scores import metrics_of
from workbench.gates.rule import NotApplicable, NotExercised

Measure = Callable[[Audit, Finding], Effect]

_MEASURES: dict[str, Measure] = {
    "leakage/fit-sees-test": effect_fits.blind_fit,
    "leakage/predict-sees-label": effect_fits.blind_prediction,
    "leakage/batch-prediction": effect_fits.predicted_apart,
    "leakage/outcome-filter": effect_tests.unfiltered,
    "metric/recomputed": effect_tests.recomputed,
    "metric/dropped-rows": effect_tests.answered,
    **{f"leakage/{name}": effect_splits.purged for name in effect_splits.MEASURED},
}
_REASONS = {
    "leakage/reads-outside": "what the stage reads from outside can't be changed or taken away by the audit",
    "leakage/unstable-fit": "two fits of the same rows differ; that is noise of the score, not a gain",
    "leakage/unstable-split": "the folds change from run to run, so there are no test rows to compare on",
    "leakage/split-sees-test": "which training rows a choice without the test would keep isn't known",
    "leakage/future-prediction": "an undivided back-test can't be run without the leak; take it apart into its stages",
    "metric/permuted-labels": "on which way the outcomes come in isn't known, so it can't be closed",
    "metric/too-good": "it says to look for a leak, not which one; the finding that names it is measured",
    "metric/baseline": "nothing leaks here: the score is what it is, and too low",
    "metric/slices": "nothing leaks here: the score is what it is, and too low on a slice",
}
# What odd frames can raise in our own arithmetic: an effect is an addition, and the finding has to be reported without it.
_ARITHMETIC = (ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError)


def measured(audit: Audit, findings: Sequence[Finding]) -> list[Finding]:
    """The findings, errors and warnings with their effect or the reason why it isn't known; in the order given.

    A finding that brings its effect along keeps it. Costs at most one fit of the folds per finding, and one run of the features
    stage altogether.
    """
    asked = [finding for finding in findings if finding.effect is None and finding.severity is not Severity.NOTE]
    if not asked:
        return list(findings)
    audit.progress("measure what the findings do to the score")
    effects: dict[int, Effect] = {}
    if not audit.opaque:
        columns = [finding for finding in asked if effect_features.is_leak(audit, finding)]
        if columns:
            by_column = _of_columns(audit, columns)
            effects |= {id(finding): by_column[str(finding.column)] for finding in columns}
    done = []
    for finding in findings:
        if finding.effect is None and finding.severity is not Severity.NOTE:
            effect = effects.get(id(finding)) or _of_one(audit, finding)
            finding = finding.model_copy(update={"effect": effect})
        done.append(finding)
    return done


def _of_columns(audit: Audit, findings: Sequence[Finding]) -> dict[str, Effect]:
    try:
        metrics_of(audit.contract)
        return effect_features.repaired(audit, findings)
    except (NotExercised, NotApplicable) as stop:
        why = stop.reason
    except PipelineError as error:
        why = f"the pipeline doesn't run with the column repaired: {error.message}"
    except _ARITHMETIC as error:
        why = _fault(error)
    return {str(finding.column): Effect(not_measured=why) for finding in findings}


def _of_one(audit: Audit, finding: Finding) -> Effect:
    measure = _measure(audit, finding)
    if isinstance(measure, str):
        return Effect(not_measured=measure)
    try:
        metrics_of(audit.contract)
        return measure(audit, finding)
    except (NotExercised, NotApplicable) as stop:
        return Effect(not_measured=stop.reason)
    except PipelineError as error:
        return Effect(not_measured=f"the pipeline doesn't run without the leak: {error.message}")
    except _ARITHMETIC as error:
        return Effect(not_measured=_fault(error))


def _measure(audit: Audit, finding: Finding) -> Measure | str:
    """How a finding is measured, or why it isn't."""
    family = finding.rule.partition("/")[0]
    if family == "schema":
        return "a fault of the data is no leak: the score without it isn't defined"
    if family == "parity":
        return "a row that is served otherwise than it was trained can't be scored before it is served: use a shadow release"
    if finding.rule == "leakage/fold-coverage":
        repeated = finding.column in ("repeated", "overlapping")
        return effect_tests.counted_once if repeated else "a fold without rows has no score"
    if finding.rule == "leakage/unknown-label" and finding.source == "test":
        return "test rows without an outcome have no score, with or without them"
    if finding.rule in _MEASURES:
        return _MEASURES[finding.rule]
    if finding.rule in _REASONS:
        return _REASONS[finding.rule]
    if finding.stage == "features" and finding.column is None:
        return "which rows the frame would have without the future isn't known for the whole test"
    if finding.rule == "leakage/future-feature" and finding.column == audit.contract.prediction.target:
        return "labels that are still open can't be scored as what they will be"
    if finding.rule == "leakage/future-feature":
        return "whether the column leaks could not be seen"
    return "no remedy can be applied to this by machine"


def _fault(error: BaseException) -> str:
    return f"it could not be computed: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"


__all__ = ["measured"]
