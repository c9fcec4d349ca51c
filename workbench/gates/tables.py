"""Audits two sets that were split elsewhere, or don't fit in memory: Parquet files in place, judged by the rules about rows.

The contract says what names a row, its times, groups and horizon; no stage is run, so rules that need the pipeline have no
subject here. The set operations are those of `sides.py`; what they find is judged by the same rules as an audit of folds.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import workbench.gates.leakage
from workbench.errors import UsageError
from workbench.findings import Finding, Location
from workbench.gates.facts import Audit
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.gates.sides import roles_of
from workbench.pipeline.contract import Contract, load_contract
from workbench.report.model import AuditReport, Cost, GateResult, GateStatus, ranked

if TYPE_CHECKING:
    from workbench.engine.backend import Engine
    from workbench.engine.sides import Sides
    from workbench.pipeline.results import Fold, Run
    from workbench.pipeline.runner import Pipeline
    from workbench.settings import Settings

GATE = "split"
_ELSEWHERE = "the sets were given as files: the pipeline that made them is not run"


class TablesAudit(Audit):
    """What rules see of two tables: the same as of an audit, without anything that only a pipeline could tell."""

    def __init__(self, settings: Settings, contract: Contract, sides: Sides, progress: Callable[[str], None]) -> None:
        # There is no pipeline: every way to one says so, and rules that need it have no subject.
        super().__init__(settings=settings, contract=contract, pipeline=None, root=settings.root, progress=progress)  # type: ignore[arg-type]
        self.once("sides", lambda: sides)

    @property
    def pipeline(self) -> Pipeline:
        """There is none. Raises NotApplicable."""
        _elsewhere()

    @pipeline.setter
    def pipeline(self, pipeline: object) -> None: ...

    @property
    def base(self) -> Run:
        """There is none. Raises NotApplicable."""
        _elsewhere()

    @property
    def folds(self) -> list[Fold]:
        """Files have no positions. Raises NotApplicable."""
        _elsewhere()

    @property
    def opaque(self) -> bool:
        """The two sides are seen."""
        return False

    def location(self, stage: str) -> Location | None:
        """No code of this workspace made the files."""
        return None


def _elsewhere() -> NoReturn:
    raise NotApplicable(_ELSEWHERE)


def audit_tables(
    settings: Settings,
    use_case: str,
    *,
    train: Sequence[str],
    test: Sequence[str],
    base: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> AuditReport:
    """Audits `train` against `test`: Parquet files, directories or globs, relative ones below `base` (default: the workspace).

    Runs on the engine that the settings name. Raises UsageError for files or columns that aren't there or can't be compared,
    ContractError for a contract that can't be used, EngineError where the engine fails.
    """
    from workbench.engine.backend import open_engine, parquet_files

    begin = time.perf_counter()
    say = progress or (lambda words: None)
    contract = load_contract(settings.root, use_case)
    files = [parquet_files(side, base or settings.root) for side in (train, test)]
    chosen = settings.engine
    with open_engine(chosen.backend, memory=chosen.memory, threads=chosen.threads, scratch=_scratch(settings)) as engine:
        subject = TablesAudit(settings, contract, _sides(engine, contract, *files), say)
        subject.enter(GATE)
        return _report(subject, use_case, begin)


def _scratch(settings: Settings) -> Path:
    """Where the engine puts what doesn't fit into memory: in the workspace's state, whose disk the user has chosen."""
    place = settings.state / "engine"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _sides(engine: Engine, contract: Contract, train: Sequence[str], test: Sequence[str]) -> Sides:
    from workbench.engine.backend import Incomparable
    from workbench.engine.copies import identifiers
    from workbench.engine.sides import Sides

    tables = [engine.parquet(files) for files in (train, test)]
    roles = roles_of(contract, _features(contract, tables))
    for words, table in zip(("training", "test"), tables):
        lacking = [name for name in roles.columns() if name not in table.columns]
        if lacking:
            raise UsageError(
                f"The {words} files have no column `{lacking[0]}`, which the contract names.",
                f"they have: {', '.join(table.columns[:30])}",
            )
        for name in (name for name in (roles.at, roles.made) if name):
            dtype = table[name].type()
            if not (dtype.is_timestamp() or dtype.is_date()):
                raise UsageError(
                    f"`{name}` of the {words} files holds {dtype}, not times.", "write times as timestamps, or as dates"
                )  # fmt: skip
    named = identifiers(tables[0], [name for name in roles.judged if name != roles.target], engine)
    roles = roles_of(contract, [name for name in roles.judged if name not in named])
    try:
        return Sides.of_tables(engine, roles, *tables)
    except Incomparable as error:
        raise UsageError(
            f"{error}: nothing could ever be equal.", f"write `{error.column}` with the same type on both sides"
        ) from None


def _features(contract: Contract, tables: Sequence[Any]) -> list[str]:
    """The contract's features; where it lists none, what both sides have and is neither key, time, target nor group."""
    prediction = contract.prediction
    if prediction.features is not None:
        return list(prediction.features)
    aside = {*prediction.entity, prediction.target_time, prediction.prediction_time, prediction.target, *prediction.groups}
    return [name for name in tables[0].columns if name not in aside and name in tables[1].columns]


def _rules() -> list[Rule]:
    """The split's rules; those of the other gates aren't imported, some of them are slow to load."""
    names = sorted(module.name for module in pkgutil.iter_modules(workbench.gates.leakage.__path__))
    found = [getattr(importlib.import_module(f"workbench.gates.leakage.{name}"), "rule", None) for name in names]
    return [rule for rule in found if isinstance(rule, Rule) and rule.gate == GATE]


def _report(subject: TablesAudit, use_case: str, begin: float) -> AuditReport:
    findings: list[Finding] = []
    ran: list[str] = []
    reasons: list[str] = []
    subject.progress(f"gate {GATE}")
    for rule in _rules():
        try:
            findings += list(rule.check(subject))
        except NotApplicable:
            continue
        except NotExercised as stop:
            reasons.append(f"{rule.id}: {stop.reason}")
        ran.append(rule.id)
    failed = any(finding.severity == "error" for finding in findings)
    status: GateStatus = "fail" if failed else "not exercised" if reasons or not ran else "pass"
    seconds = round(time.perf_counter() - begin, 4)
    probe = subject.probes.get(GATE)
    gate = GateResult(
        name=GATE,
        status=status,
        seconds=seconds,
        reason="; ".join(reasons),
        probed=probe[0] if probe else None,
        probed_what=probe[1] if probe else "",
        facts=subject.facts.get(GATE, []),
        rules=ran,
    )
    return AuditReport(
        use_case=use_case,
        verdict="pass" if status == "pass" else "fail",
        findings=ranked(findings),
        gates=[gate],
        cost=Cost(audit_seconds=seconds),
        contract_digest=subject.contract.digest,
    )
