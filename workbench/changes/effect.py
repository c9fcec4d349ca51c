"""The second key: what running base and result side by side on the same data shows, as risks seen by `effect`.

Both trees are checked out afresh and run in the sandbox. A stage that fails, takes too long, or can't be run is a risk
(`unknown` and the stage's kind), never an exception. How results are compared is in `compared.py` and `fingerprints.py`; what an
equal run allows to be cleared, in `clearing.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from workbench.changes import frozen, kept
from workbench.changes.compared import Reference, differences, reference
from workbench.changes.contracts import STAGE_KINDS
from workbench.changes.figures import Figures
from workbench.changes.fingerprints import Difference
from workbench.changes.measured import UNMEASURED
from workbench.changes.model import Change, Risk, RiskKind
from workbench.changes.sketches import Sketch
from workbench.errors import PipelineError, WorkbenchError
from workbench.pipeline.cache import code_digest
from workbench.pipeline.checkouts import check_out
from workbench.pipeline.contract import FILE, FOLDER, Contract, load_contract, use_cases
from workbench.pipeline.hosts import scratch
from workbench.pipeline.runner import Pipeline
from workbench.settings import Settings
from workbench.visible import visible

NOISE = 3.0
"""How many times as large as the base's own noise a difference has to be to be told from it."""
_REASONS = 3
_WORDS = frozenset({RiskKind.DOCS, RiskKind.FORMAT})
_BEFORE_STAGES = frozenset({RiskKind.CONTRACT, RiskKind.DEPENDENCY, RiskKind.UNKNOWN})
"""Kinds that reach every stage."""


class TimedOut(WorkbenchError):
    """The time for running base and result is over."""


class Clock:
    """The time that running a change may take in all: `watching` ends the processes when it is over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, not below zero."""
        return max(0.0, self._end - time.monotonic())

    def check(self) -> None:
        """Raises TimedOut when the time is over."""
        if self.left <= 0:
            raise TimedOut(f"Running base and result takes longer than {self.seconds:g} s.")

    @contextmanager
    def watching(self, *pipelines: Pipeline) -> Iterator[None]:
        """Ends the pipelines' processes when the time is over, and says so by TimedOut."""
        self.check()
        timer = threading.Timer(self.left, _close, pipelines)
        timer.daemon = True
        timer.start()
        try:
            yield
        except PipelineError:
            self.check()
            raise
        finally:
            timer.cancel()
            _close(*pipelines)


def _close(*pipelines: Pipeline) -> None:
    for pipeline in pipelines:
        pipeline.close()


@dataclass
class Outcome:
    """What running one use case showed. `equal`: both ran to the end, in all their stages, and nothing differed."""

    use_case: str
    risks: list[Risk] = field(default_factory=list)
    equal: bool = False
    why_not: str = ""
    given: Reference | None = None
    differences: str = ""
    """SHA-256 over everything that came out otherwise, the reasons that no risk has room for included."""
    complete: bool = True
    """False where the time was over or something outside the stages failed."""
    figures: Figures | None = None
    """What can be drawn of it, where something differs."""


class Sides:
    """Fresh checkouts of both trees of a change, gone with the `with` block."""

    def __init__(self, settings: Settings, change: Change, clock: Clock, progress: Callable[[str], None] | None = None) -> None:
        self.settings, self.change, self.clock = settings, change, clock
        self.progress = progress or (lambda text: None)

    def __enter__(self) -> Sides:
        self._place, self._lock = scratch(self.settings.state)
        self.base, self.result = self._place / "base", self._place / "result"
        with contextlib.ExitStack() as undo:
            undo.callback(self.__exit__)
            check_out(self.settings, self.change.base, self.base)
            check_out(self.settings, self.change.result, self.result)
            undo.pop_all()  # both are there: they go with the block
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            shutil.rmtree(self._place, ignore_errors=True)
            os.close(self._lock)

    @cached_property
    def code_differs(self) -> bool:
        """Whether the trees differ in more than data."""
        return code_digest(self.base) != code_digest(self.result)

    def pipeline(self, root: Path, use_case: str, *, cache: bool = False, cover: Sequence[str] = ()) -> Pipeline:
        """A use case of one of the checkouts, by the contract of that checkout. Raises ContractError."""
        sandbox = self.settings.sandbox
        seconds = max(1, min(sandbox.wall_seconds, math.ceil(self.clock.left)))
        settings = self.settings.model_copy(update={"sandbox": sandbox.model_copy(update={"wall_seconds": seconds})})
        side = "base" if root == self.base else "result"
        told = f"{side} of {use_case}: "
        return Pipeline(
            settings,
            load_contract(root, use_case),
            root=root,
            cache=cache,
            cover=cover,
            progress=lambda text: self.progress(told + text),
        )


def measured(sides: Sides, risks: Sequence[Risk]) -> list[Outcome]:
    """Runs every use case that both trees have, one after the other.

    `risks` are those read from the code. A use case that they don't reach differs by noise alone where the base itself does;
    what makes a base run that did not has to be among them.
    """
    shared = [name for name in use_cases(sides.base) if name in set(use_cases(sides.result))]
    return [_use_case(sides, name, risks) for name in shared]


def _use_case(sides: Sides, name: str, risks: Sequence[Risk]) -> Outcome:
    outcome = Outcome(name)
    contract = f"{FOLDER}/{name}/{FILE}"
    try:
        given = _reference(sides, name)
    except PipelineError as error:
        # Killed, out of memory or out of time is no answer of a stage: then nobody knows whether the base runs.
        return _mended(sides, outcome, error, risks) if error.stage else _unknown(outcome, error, contract)
    except WorkbenchError as error:
        return _unknown(outcome, error, contract)
    outcome.given = given
    kept.keep_last_tables(sides.settings, name, given.tables, given.known)
    _compare(sides, outcome, given, _reaches(risks, name))
    if not any(risk.kind is RiskKind.UNKNOWN for risk in outcome.risks):
        _check_loosening(sides, outcome, given, risks)
    return outcome


def _check_loosening(sides: Sides, outcome: Outcome, given: Reference, risks: Sequence[Risk]) -> None:
    """Whether the contract and the checks now take what they refused: bad rows are tried where the change reaches the checks."""
    name = outcome.use_case
    found: list[Difference] = []
    try:
        contract = load_contract(sides.result, name)
        found += frozen.loosened_facts(given.contract, contract)
        reached = any(
            risk.stage == "validate" or risk.kind is RiskKind.UNKNOWN for risk in risks if risk.use_case in (name, None)
        )
        if given.contract.stages.validate_ is not None and reached:
            found += _tried(sides, given, contract.stages.validate_ is not None)
        elif given.contract.stages.validate_ is not None:
            sides.progress(f"{name}: bad rows not tried, because nothing that was read reaches `validate`")
    except WorkbenchError as error:
        _unknown(outcome, error, given.contract.path)
    outcome.risks += _risks(found, [], given.contract, sides.result, name, True)
    if found:
        outcome.equal, outcome.why_not = False, found[0].reason


def _tried(sides: Sides, given: Reference, checked: bool) -> list[Difference]:
    """The bad rows that the base doesn't take, tried on the result; `checked` is whether that has a check at all."""
    name = given.contract.name
    base = sides.pipeline(sides.base, name)
    kept_for = (base.code_digest, given.contract.digest, kept.tables_digest(given.tables, given.known))
    before = kept.verdicts(sides.settings, kept_for)
    if before is None:
        with sides.clock.watching(base):
            before = frozen.verdicts(base, given.contract, given.tables)
        kept.keep_verdicts(sides.settings, kept_for, before)
    strict = [words for words, verdict in before.items() if verdict != "taken"]
    if frozen.GOOD in strict:
        sides.progress(f"{name}: bad rows not tried, because the checks don't take the first good ones by themselves either")
        return []
    if not strict or not checked:
        return frozen.loosened(before, {})
    result = sides.pipeline(sides.result, name)
    with sides.clock.watching(result):
        return frozen.loosened(before, frozen.verdicts(result, given.contract, given.tables, strict))


def _compare(sides: Sides, outcome: Outcome, given: Reference, touched: bool) -> None:
    """Runs the result beside what the base gave, and puts what differs into the outcome."""
    name, contract = outcome.use_case, f"{FOLDER}/{outcome.use_case}/{FILE}"
    found: list[Difference] = []
    sketch = Sketch(given.contract)
    try:
        result = sides.pipeline(sides.result, name)
        with sides.clock.watching(result):
            for one in differences(given, result, code=sides.code_differs, sketch=sketch):
                found.append(one)
    except TimedOut as error:
        _unknown(outcome, error, contract)
    except PipelineError as error:
        outcome.complete &= bool(error.stage)
        outcome.risks += _failures(error, given.contract, name)
    except WorkbenchError as error:
        outcome.complete = False
        outcome.risks.append(_failure(RiskKind.UNKNOWN, error, name, contract))
    if found:
        outcome.figures = sketch.figures
        try:
            noise = _noise(sides, given, name)
        except WorkbenchError as error:
            noise = []
            _unknown(outcome, error, contract)
        outcome.risks += _risks(found, noise, given.contract, sides.result, name, touched)
    outcome.equal = not found and not outcome.risks and not given.lacking
    outcome.differences = _digest(found)
    outcome.why_not = "; ".join(given.lacking) or ("" if outcome.equal else "running it showed a difference, or did not end")


def _digest(found: Sequence[Difference]) -> str:
    rows = sorted((one.kind.value, one.stage, one.what, one.reason, f"{one.size:.9g}") for one in found)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest() if rows else ""


def _mended(sides: Sides, outcome: Outcome, broken: PipelineError, risks: Sequence[Risk]) -> Outcome:
    """A base that fails in a stage, which the change may be there to mend: compared as far as that is possible.

    On the tables of the last run here that came to its end, where the base still runs on those; else in the stages before the
    one that fails. The result has to run, and what reading the code found has to explain that it does; if not, it is `unknown`.
    """
    name, contract = outcome.use_case, f"{FOLDER}/{outcome.use_case}/{FILE}"
    outcome.why_not = f"the base fails in `{broken.stage}`: {visible(broken.message, limit=300)}"
    sides.progress(f"{name}: {outcome.why_not}")
    try:
        result = sides.pipeline(sides.result, name, cache=True)
        with sides.clock.watching(result):
            reference(result)
    except WorkbenchError as error:
        outcome.complete = isinstance(error, PipelineError) and bool(error.stage)
        outcome.risks.append(_unmeasured(error, name, contract))
        return outcome
    for tables, failing in ((kept.last_tables(sides.settings, name), ""), (None, broken.stage)):
        if tables is None and not failing:
            continue
        try:
            base = sides.pipeline(sides.base, name, cache=not tables)
            with sides.clock.watching(base):
                given = reference(base, tables, failing=failing)
        except PipelineError:
            continue
        except WorkbenchError as error:
            return _unknown(outcome, error, contract)
        again = Outcome(name)
        _compare(sides, again, given, True)
        if tables is not None and any(risk.kind is RiskKind.UNKNOWN for risk in again.risks):
            continue  # the result needs the tables as they are now
        outcome.given, outcome.risks, outcome.complete, outcome.figures = given, again.risks, again.complete, again.figures
        outcome.differences = again.differences
        break
    if not _explained(broken.stage, risks, name):
        reason = f"{outcome.why_not}; the result runs, and nothing that was read in the code says why"
        outcome.risks.append(Risk(kind=RiskKind.UNKNOWN, path=contract, by="effect", reason=reason, use_case=name))
    return outcome


def _reaches(risks: Sequence[Risk], name: str) -> bool:
    """Whether reading the code says that the change reaches the use case."""
    named = any(risk.use_case == name and risk.kind not in _WORDS for risk in risks)
    return named or any(risk.kind is RiskKind.UNKNOWN for risk in risks)


def _explained(stage: str, risks: Sequence[Risk], name: str) -> bool:
    """Whether a risk that was read from the code lies in the stage or in one before it."""
    order = list(STAGE_KINDS)
    upto = order[: order.index(stage) + 1] if stage in order else order
    kinds = {kind for one in upto for kind in STAGE_KINDS[one]} | _BEFORE_STAGES
    return any(risk.kind in kinds and risk.use_case in (name, None) for risk in risks)


def _unknown(outcome: Outcome, error: WorkbenchError, contract: str) -> Outcome:
    outcome.complete = False
    outcome.risks.append(_unmeasured(error, outcome.use_case, contract))
    return outcome


def _reference(sides: Sides, name: str) -> Reference:
    base = sides.pipeline(sides.base, name, cache=True)
    with sides.clock.watching(base):
        return reference(base)


def _noise(sides: Sides, given: Reference, name: str) -> list[Difference]:
    """What the base gives otherwise when it is run again."""
    again = sides.pipeline(sides.base, name)
    with sides.clock.watching(again):
        return list(differences(given, again))


def _risks(
    found: Sequence[Difference], noise: Sequence[Difference], contract: Contract, root: Path, name: str, touched: bool
) -> list[Risk]:
    """One risk for each kind and stage; what can't be told from noise is `unknown` where the change reaches the use case."""
    own = {(one.stage, one.what): one.size for one in noise}
    standing: dict[tuple[RiskKind, str], list[Difference]] = {}
    covered: list[Difference] = []
    for one in found:
        size = own.get((one.stage, one.what))
        if size is not None and one.size <= NOISE * size:
            covered.append(one)
        else:
            standing.setdefault((one.kind, one.stage), []).append(one)
    risks = []
    for (kind, stage), ones in standing.items():
        risks.append(_risk(kind, f"running it shows: {_joined([one.reason for one in ones])}", contract, root, name, stage))
    if covered and touched:
        reason = (
            f"what running it shows can't be told from the base's own noise, which differs from run to run by as much: "
            f"{_joined([one.reason for one in covered])}"
        )
        risks.append(_risk(RiskKind.UNKNOWN, reason, contract, root, name, covered[0].stage))
    return risks


def _joined(reasons: Sequence[str]) -> str:
    more = len(reasons) - _REASONS
    return "; ".join(reasons[:_REASONS]) + (f"; and {more} more" if more > 0 else "")


def _risk(kind: RiskKind, reason: str, contract: Contract, root: Path, name: str, stage: str) -> Risk:
    return Risk(kind=kind, path=_place(contract, root, stage), by="effect", reason=reason, stage=stage, use_case=name)


def _place(contract: Contract, root: Path, stage: str) -> str:
    """The file of the stage's entry where it is there, else the contract."""
    entry = contract.stages.entries().get(stage, "")
    module = entry.partition(":")[0].replace(".", "/")
    there = (f"{module}.py", f"{module}/__init__.py") if module else ()
    return next((path for path in there if (root / path).is_file()), contract.path)


def _failures(error: PipelineError, contract: Contract, name: str) -> list[Risk]:
    """A result that fails where the base ran: nobody knows what it does, and the stage is not what it was."""
    kinds = (RiskKind.UNKNOWN, *(STAGE_KINDS.get(error.stage, ()) if error.stage else ()))
    return [_failure(kind, error, name, contract.path, error.stage or None) for kind in kinds]


def _failure(kind: RiskKind, error: WorkbenchError, name: str, path: str, stage: str | None = None) -> Risk:
    reason = f"the result does not run where the base did: {visible(error.message, limit=300)}"
    return Risk(kind=kind, path=path, by="effect", reason=reason, stage=stage, use_case=name)


def _unmeasured(error: WorkbenchError, name: str, path: str) -> Risk:
    reason = f"{UNMEASURED}: {visible(error.message, limit=300)}"
    return Risk(kind=RiskKind.UNKNOWN, path=path, by="effect", reason=reason, use_case=name)
