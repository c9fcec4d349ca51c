"""The second key: what running base and result side by side on the same data shows, as risks seen by `effect`.

Both trees are checked out afresh and run in the sandbox. A stage that fails, takes too long, or can't be run is a risk
(`unknown` and the stage's kind), never an exception. How results are compared is in `compared.py` and `fingerprints.py`; what an
equal run allows to be cleared, in `clearing.py`.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from workbench.changes.compared import Reference, differences, reference
from workbench.changes.contracts import STAGE_KINDS
from workbench.changes.fingerprints import Difference
from workbench.changes.model import Change, Risk, RiskKind
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


def measured(sides: Sides, touched: Mapping[str, bool]) -> list[Outcome]:
    """Runs every use case that both trees have, one after the other.

    `touched`: use case → whether reading the code says that the change reaches it; others differ by noise alone where the
    base itself does.
    """
    shared = [name for name in use_cases(sides.base) if name in set(use_cases(sides.result))]
    return [_use_case(sides, name, touched.get(name, touched.get("", False))) for name in shared]


def _use_case(sides: Sides, name: str, touched: bool) -> Outcome:
    outcome = Outcome(name)
    contract = f"{FOLDER}/{name}/{FILE}"
    try:
        given = _reference(sides, name)
    except WorkbenchError as error:
        outcome.risks.append(_unmeasured(error, name, contract))
        return outcome
    outcome.given = given
    found: list[Difference] = []
    try:
        result = sides.pipeline(sides.result, name)
        with sides.clock.watching(result):
            for one in differences(given, result, code=sides.code_differs):
                found.append(one)
    except TimedOut as error:
        outcome.risks.append(_unmeasured(error, name, contract))
    except PipelineError as error:
        outcome.risks += _failures(error, given.contract, name)
    except WorkbenchError as error:
        outcome.risks.append(_failure(RiskKind.UNKNOWN, error, name, contract))
    if found:
        try:
            noise = _noise(sides, given, name)
        except WorkbenchError as error:
            noise = []
            outcome.risks.append(_unmeasured(error, name, contract))
        outcome.risks += _risks(found, noise, given.contract, sides.result, name, touched)
    outcome.equal = not found and not outcome.risks and not given.lacking
    outcome.why_not = "; ".join(given.lacking) or ("" if outcome.equal else "running it showed a difference, or did not end")
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
    reason = f"effect could not be measured: {visible(error.message, limit=300)}"
    return Risk(kind=RiskKind.UNKNOWN, path=path, by="effect", reason=reason, use_case=name)
