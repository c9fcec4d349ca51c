"""Runs every gate on one use case: loads, runs the pipeline twice (the second run measures its noise), asks each rule.

A gate passes only where every rule that has a subject here could look and found nothing. What could not look is
`not exercised`; what the pipeline can't do at all makes the audit's verdict `error`. What a rule looks for is in its own
file; the models of the result are in `report/model.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from workbench.errors import ConfigError, ContractError, PipelineError, UsageError, WorkbenchError
from workbench.findings import Finding
from workbench.gates.facts import Audit, Counting
from workbench.gates.metric.scores import check_known
from workbench.gates.registry import gate_names, report_order, rules, run_order
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.gates.schema.drift import explain_missing
from workbench.gates.schema.profile import read_reference
from workbench.gates.sides import begin_import
from workbench.gates.waivers import Waivers, read_waivers
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.report.model import AuditReport, AuditReports, Cost, Fault, GateResult, GateStatus, Verdict, ranked
from workbench.settings import Settings

__all__ = ["Audit", "AuditReport", "AuditReports", "Cost", "Fault", "GateResult", "audit"]

Progress = Callable[[str], None]
_CHANGED_WORLDS = frozenset({"features", "availability", "parity"})
"""Gates that share the changed worlds; they run beside the others, which keeps a second core at work."""


@dataclass
class _Outcome:
    """What one gate has come to so far."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Why rules could not look; one is enough to keep the gate from passing."""
    blind: list[str] = field(default_factory=list)
    """The rules that could not look, in the order of the reasons."""
    absent: list[str] = field(default_factory=list)
    """Why rules have no subject here."""
    seconds: float = 0.0
    runs: int = 0

    def status(self) -> GateStatus:
        if any(finding.severity == "error" and not finding.waived for finding in self.findings):
            return "fail"
        return "not exercised" if self.reasons else "pass"


def audit(
    settings: Settings,
    use_case: str,
    *,
    root: Path | None = None,
    gates: Sequence[str] | None = None,
    progress: Progress | None = None,
    today: date | None = None,
    looks: Counting | None = None,
    quick: bool = False,
) -> AuditReport:
    """Audits one use case; `root` is the code tree to audit (default: the workspace), `gates` limits it to some gates,
    `today` (default: the day it is, UTC) decides which of the tree's waivers hold,
    `looks` says how often the test has been looked at (without it nobody counts), `quick` runs two changed worlds and measures
    no effect: a first look after each edit, which no gate of a release takes for the whole.

    A contract or pipeline that can't be used comes back as a report with the verdict `error`, not as an exception.
    Raises UsageError for an unknown gate or use case, SandboxError where stage code can't be confined.
    """
    wanted = _wanted(gates)
    begin = time.perf_counter()
    say = progress or (lambda words: None)
    tree = root or settings.root
    try:
        contract = load_contract(tree, use_case)
        check_known(contract)
        # Read before any stage has run, from the tree that is audited.
        waivers = read_waivers(tree, use_case, today or datetime.now(UTC).date())
    except ContractError as error:
        return _unusable(use_case, wanted, error, begin)
    with Pipeline(settings, contract, root=tree, progress=progress) as pipeline:
        subject = Audit(
            settings=settings, contract=contract, pipeline=pipeline, root=tree, progress=say, looks=looks, quick=quick
        )
        try:
            say("load and run the pipeline")
            if "split" in wanted:
                begin_import()
            subject.prepare()
        except PipelineError as error:
            return _unusable(
                use_case,
                wanted,
                _explained(error, subject),
                begin,
                contract_digest=contract.digest,
                code_digest=pipeline.code_digest,
            )
        try:
            outcomes = _gates(wanted, subject, _one_at_a_time(say))
        except ConfigError as error:
            return _unusable(use_case, wanted, error, begin, contract_digest=contract.digest, code_digest=pipeline.code_digest)
        if not subject.quick:
            _measure(subject, outcomes)
        return _report(use_case, subject, outcomes, waivers, begin)


def _wanted(gates: Sequence[str] | None) -> list[str]:
    names = gate_names()
    unknown = [gate for gate in gates or () if gate not in names]
    if unknown:
        raise UsageError(f"There is no gate `{unknown[0]}`.", f"the gates are: {', '.join(names)}")
    return [name for name in names if not gates or name in gates]


def _gates(wanted: Sequence[str], subject: Audit, say: Progress) -> list[_Outcome]:
    """All gates in run order; those of the changed worlds beside the others, each in a process of its own."""
    ordered = sorted(wanted, key=run_order)
    worlds = [name for name in ordered if name in _CHANGED_WORLDS]
    others = [name for name in ordered if name not in _CHANGED_WORLDS]
    if not worlds or not others:
        return [_gate(name, subject, say) for name in ordered]
    subject.pipeline.warm(2)
    with ThreadPoolExecutor(1) as beside:
        try:
            second = beside.submit(lambda: [_gate(name, subject, say) for name in others])
            outcomes = [_gate(name, subject, say) for name in worlds]
            outcomes += second.result()
        except (ConfigError, KeyboardInterrupt):
            subject.pipeline.end()  # what runs beside would have to be waited for
            raise
    return sorted(outcomes, key=lambda outcome: run_order(outcome.name))


def _one_at_a_time(say: Progress) -> Progress:
    speaking = threading.Lock()

    def said(words: str) -> None:
        with speaking:
            say(words)

    return said


def _gate(name: str, subject: Audit, say: Progress) -> _Outcome:
    say(f"gate {name}")
    outcome = _Outcome(name)
    begin = time.perf_counter()
    subject.enter(name)
    with subject.pipeline.counted() as spent:
        for rule in rules():
            if rule.gate == name:
                _ask(rule, subject, outcome)
    outcome.runs = max(spent.values(), default=0)
    outcome.seconds = time.perf_counter() - begin
    return outcome


def _ask(rule: Rule, subject: Audit, outcome: _Outcome) -> None:
    try:
        outcome.findings += list(rule.check(subject))
    except NotApplicable as stop:
        outcome.absent.append(stop.reason)
        return
    except NotExercised as stop:
        outcome.reasons.append(f"{rule.id}: {stop.reason}")
        outcome.blind.append(rule.id)
    except PipelineError as error:
        # The base runs went through, so it is the changed world that the pipeline can't stand: not tested, hence no pass.
        outcome.reasons.append(f"{rule.id}: the pipeline failed in a changed world: {error.message}")
        outcome.blind.append(rule.id)
    outcome.ran.append(rule.id)


def _measure(subject: Audit, outcomes: Sequence[_Outcome]) -> None:
    """Gives every error and warning its effect on the score; all at once, so that findings of a kind share their runs."""
    if not any(outcome.findings for outcome in outcomes):
        return
    from workbench.gates.effect import measured  # a second of imports, which a clean audit needn't pay

    whole = iter(measured(subject, [finding for outcome in outcomes for finding in outcome.findings]))
    for outcome in outcomes:
        outcome.findings = [next(whole) for _ in outcome.findings]


def _report(use_case: str, subject: Audit, outcomes: list[_Outcome], waivers: Waivers, begin: float) -> AuditReport:
    results = []
    for outcome in sorted(outcomes, key=lambda o: report_order(o.name)):
        outcome.findings = waivers.marked(outcome.findings)
        accepted = [waivers.unlooked(rule) for rule in outcome.blind]
        if not outcome.ran:
            continue
        probe = subject.probes.get(outcome.name)
        results.append(
            GateResult(
                name=outcome.name,
                status=outcome.status(),
                seconds=round(outcome.seconds, 4),
                runs=outcome.runs,
                reason="; ".join([*outcome.reasons, *_waived_words(outcome.findings)]),
                probed=probe[0] if probe else None,
                probed_what=probe[1] if probe else "",
                facts=subject.facts.get(outcome.name, []),
                rules=outcome.ran,
                waived="; ".join(accepted) if outcome.status() == "not exercised" and all(accepted) else "",
            )
        )
    verdict: Verdict = "pass" if results and all(gate.stands for gate in results) else "fail"
    asked = {rule.id for rule in rules() if any(outcome.name == rule.gate for outcome in outcomes)}
    spent = time.perf_counter() - begin - subject.base_seconds
    # A plain run has to import its stages, too.
    plain = subject.pipeline_seconds + subject.pipeline.import_seconds
    return AuditReport(
        use_case=use_case,
        verdict=verdict,
        findings=ranked([finding for outcome in outcomes for finding in outcome.findings]),
        gates=results,
        inapplicable={outcome.name: "; ".join(dict.fromkeys(outcome.absent)) for outcome in outcomes if not outcome.ran},
        cost=Cost(
            pipeline_seconds=round(plain, 4), audit_seconds=round(spent, 4), ratio=round(spent / plain, 3) if plain > 0 else 0.0
        ),
        code_digest=subject.pipeline.code_digest,
        contract_digest=subject.contract.digest,
        scores=subject.scores,
        waivers=waivers.results(asked, {rule.id for rule in rules()}),
    )


def _waived_words(findings: Sequence[Finding]) -> list[str]:
    waived = sum(finding.severity == "error" and bool(finding.waived) for finding in findings)
    return [f"{waived} {'error is' if waived == 1 else 'errors are'} waived"] if waived else []


def _explained(error: PipelineError, subject: Audit) -> PipelineError:
    """A failed load with what became of the columns or tables that are missing, where they can be recognised."""
    if error.stage != "load":
        return error
    try:
        tables = subject.pipeline.load(check=False)
        reference = read_reference(subject.root, subject.contract.name)
    except (PipelineError, ConfigError):
        return error
    renames = explain_missing(subject.contract, tables, reference)
    if not renames:
        return error
    words = "; ".join(f"{f'in `{r.source}`, ' if r.column else ''}{r.sentence}" for r in renames[:3])
    return PipelineError(
        error.message, f"{words}. Give it its name back in the load stage. {error.hint}", stage=error.stage, detail=error.detail
    )


def _unusable(
    use_case: str, gates: Sequence[str], error: WorkbenchError, begin: float, *, contract_digest: str = "", code_digest: str = ""
) -> AuditReport:
    return AuditReport(
        use_case=use_case,
        verdict="error",
        gates=[GateResult(name=name, status="error", reason=error.message) for name in gates],
        cost=Cost(audit_seconds=round(time.perf_counter() - begin, 4)),
        code_digest=code_digest,
        contract_digest=contract_digest,
        error=Fault(kind=error.kind, message=error.message, hint=error.hint, detail=getattr(error, "detail", "")),
    )
