"""An audit's findings → causes: which skill can repair what a rule found, and what only a person can decide."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from workbench.findings import Finding, Severity
from workbench.loop.diagnosis import CauseKind, Cure, Diagnosis
from workbench.report.model import GateResult

# Rule → (kind of cause, the skill that can cure it)
_RULES: dict[str, tuple[CauseKind, str | None]] = {
    "leakage/future-feature": (CauseKind.FUTURE_FEATURE, "deleak"),
    "leakage/future-prediction": (CauseKind.FUTURE_FEATURE, None),
    "leakage/label-embargo": (CauseKind.LABEL_EMBARGO, "resplit"),
    "leakage/late-label": (CauseKind.LABEL_EMBARGO, None),
    "leakage/unknown-label": (CauseKind.LABEL_EMBARGO, "resplit"),
    "leakage/time-order": (CauseKind.SPLIT_ORDER, "resplit"),
    "leakage/unstable-split": (CauseKind.SPLIT_ORDER, "resplit"),
    "leakage/shared-group": (CauseKind.SPLIT_GROUPS, "resplit"),
    "leakage/overlap": (CauseKind.SPLIT_OVERLAP, "resplit"),
    "leakage/fold-coverage": (CauseKind.SPLIT_OVERLAP, "resplit"),
    "leakage/duplicates": (CauseKind.SPLIT_OVERLAP, "resplit"),
    "leakage/near-duplicates": (CauseKind.SPLIT_OVERLAP, None),
    "leakage/outcome-filter": (CauseKind.SPLIT_OVERLAP, None),
    "schema/renamed": (CauseKind.SCHEMA_RENAME, "migrate"),
    "schema/retyped": (CauseKind.SCHEMA_RETYPE, "migrate"),
    "schema/type": (CauseKind.SCHEMA_RETYPE, "migrate"),
    "schema/rescaled": (CauseKind.SCHEMA_RESCALE, "migrate"),
}
_FAMILIES = {"schema": CauseKind.SCHEMA_VALUES, "metric": CauseKind.METRIC, "leakage": CauseKind.FIT_LEAK}
# Stages whose findings a gate of the split makes, whatever their rule is called.
_STAGES = {"features": CauseKind.FUTURE_FEATURE, "split": CauseKind.SPLIT_OVERLAP}


def of_findings(findings: Sequence[Finding]) -> list[Diagnosis]:
    """One cause per finding that fails a gate; findings that one skill cures share its input, so that one run cures them."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    together: dict[str, list[JsonValue]] = {}
    for finding in errors:
        skill = _rule(finding)[1]
        if skill is not None and _can_be_cured(finding):
            together.setdefault(skill, []).append(finding.model_dump(mode="json", exclude={"fingerprint"}))
    diagnoses = []
    for finding in errors:
        kind, skill = _rule(finding)
        cure = None
        if skill is not None and _can_be_cured(finding):
            cure = Cure(skill=skill, input={} if skill == "migrate" else {"findings": together[skill]})
        tail = "" if cure is not None else f" No skill can decide this: {finding.remedy}"
        diagnoses.append(
            Diagnosis(
                kind=kind, stage=finding.stage, source=finding.source, column=finding.column, message=finding.message + tail,
                evidence=[f"{finding.rule}: {finding.remedy}", *_facts(finding)], cure=cure,
            )
        )  # fmt: skip
    return diagnoses


def _rule(finding: Finding) -> tuple[CauseKind, str | None]:
    family = finding.rule.partition("/")[0]
    unknown = _STAGES.get(finding.stage, _FAMILIES.get(family, CauseKind.UNKNOWN))
    return _RULES.get(finding.rule, (unknown if family == "leakage" else _FAMILIES.get(family, CauseKind.UNKNOWN), None))


def _can_be_cured(finding: Finding) -> bool:
    # A column that isn't the same in two runs is not a look-ahead; which randomness was meant only its author knows.
    return not (finding.rule == "leakage/future-feature" and (finding.column is None or finding.lookahead is None))


def _facts(finding: Finding) -> list[str]:
    facts = []
    if finding.lookahead:
        facts.append(f"up to {finding.lookahead} beyond what was known")
    if finding.rows is not None:
        facts.append(f"{finding.rows:,} rows")
    return facts


def of_gates(gates: Sequence[GateResult], explained: bool) -> list[Diagnosis]:
    """Gates that could not look, and with nothing else to explain it, gates that failed without a finding."""
    found = []
    for gate in gates:
        if gate.status == "not exercised":
            found.append(
                Diagnosis(
                    kind=CauseKind.NOT_EXERCISED, stage=gate.name, evidence=[gate.reason],
                    message=f"The gate {gate.name} could not look, so it did not pass: {gate.reason}",
                )
            )  # fmt: skip
        elif gate.status == "error" and not explained:
            found.append(
                Diagnosis(kind=CauseKind.UNKNOWN, stage=gate.name, evidence=[gate.reason], message=gate.reason or gate.name)
            )
    return found
