"""Do the gates bite here? Plants known leaks into a use case's own pipeline, one at a time, and audits each.

A pass of the audit says little about a pipeline in which the gates could find nothing anyhow. So each leak of `own_leaks.py` is
planted into a copy of the code tree, and its gate has to fail by the right rule, which it doesn't without the leak. Where a leak
can't be planted, the gate is not exercised, with the reason; that is no proof.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workbench.gates.audit import audit
from workbench.mutants.own_leaks import OWN_LEAKS, OwnLeak, names_for, plant, schema_leak
from workbench.pipeline.checkouts import check_out
from workbench.pipeline.contract import Contract, load_contract
from workbench.repo import Repo
from workbench.settings import Settings
from workbench.visible import visible


class Proof(BaseModel):
    """One planted leak and what its gate made of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    leak: str
    status: Literal["caught", "missed", "not exercised"]
    rule: str = ""
    message: str = ""
    """The finding that caught it, or why it wasn't."""
    seconds: float = 0.0


class ProofReport(BaseModel):
    """`workbench audit USE_CASE --prove --json`: what each gate did with a leak in this use case's own pipeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    use_case: str
    proofs: list[Proof]

    @property
    def proven(self) -> bool:
        """Whether no planted leak was missed, and at least one was caught."""
        statuses = {proof.status for proof in self.proofs}
        return "missed" not in statuses and "caught" in statuses


def prove(
    settings: Settings, use_case: str, *, gates: Sequence[str] | None = None, progress: Callable[[str], None] | None = None
) -> ProofReport:
    """Plants every leak that has a place in the use case. Raises ContractError, UsageError."""
    contract = load_contract(settings.root, use_case)
    say = progress or (lambda words: None)
    proofs = []
    for leak in _leaks(contract):
        if isinstance(leak, Proof):
            proofs.append(leak)
        elif not gates or leak.gate in gates:
            say(f"gate {leak.gate}: {leak.name}")
            proofs.append(_proof(settings, contract, leak))
    return ProofReport(use_case=use_case, proofs=[proof for proof in proofs if not gates or proof.gate in gates])


def _leaks(contract: Contract) -> Iterator[OwnLeak | Proof]:
    for leak in OWN_LEAKS:
        if why := leak.hindrance(contract):
            yield Proof(gate=leak.gate, leak=leak.name, status="not exercised", message=why)
        else:
            yield names_for(leak, contract)
    own = schema_leak(contract)
    if isinstance(own, str):
        yield Proof(gate="schema", leak="a declared fact is broken", status="not exercised", message=own)
    else:
        yield own


def _proof(settings: Settings, contract: Contract, leak: OwnLeak) -> Proof:
    begin = time.perf_counter()
    with _copy(settings) as place:
        if why := plant(leak, contract, place):
            return Proof(gate=leak.gate, leak=leak.name, status="not exercised", message=why)
        report = audit(settings, contract.name, root=place, gates=[leak.gate])
    seconds = round(time.perf_counter() - begin, 3)
    if report.error is not None:
        words = f"the pipeline doesn't run with it: {report.error.message}"
        return Proof(gate=leak.gate, leak=leak.name, status="not exercised", message=words, seconds=seconds)
    caught = next((finding for finding in report.errors if finding.rule in leak.rules), None)
    if caught is not None:
        told = {"rule": caught.rule, "message": caught.message}
        return Proof(gate=leak.gate, leak=leak.name, status="caught", seconds=seconds, **told)
    gate = report.gate(leak.gate)
    if gate is None or gate.status == "not exercised":
        words = report.inapplicable.get(leak.gate, "") if gate is None else gate.reason
        return Proof(gate=leak.gate, leak=leak.name, status="not exercised", message=words, seconds=seconds)
    said = ", ".join(sorted({finding.rule for finding in report.errors})) or "nothing"
    return Proof(gate=leak.gate, leak=leak.name, status="missed", message=f"the gate found {said}", seconds=seconds)


@contextmanager
def _copy(settings: Settings) -> Iterator[Path]:
    """The code tree as it stands in the work tree, in a directory of its own."""
    parent = settings.state / "scratch-trees"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="prove-") as folder:
        place = Path(folder) / "tree"
        with Repo.open(settings.root) as repo:
            tree = repo.snapshot()
        check_out(settings, tree, place)
        yield place


def words(report: ProofReport) -> str:
    """The report as lines of text."""
    marks = {"caught": "✓ caught", "missed": "✗ MISSED", "not exercised": "– not exercised"}
    lines = [f"{report.use_case}: leaks planted into copies of its own pipeline"]
    for proof in report.proofs:
        lines.append(f"  {proof.gate:<13} {marks[proof.status]:<16} {visible(proof.leak)}")
        by = f"{proof.rule}: " if proof.rule else ""
        lines.append(f"  {'':<13} {by}{visible(proof.message)}")
    caught = sum(proof.status == "caught" for proof in report.proofs)
    missed = sum(proof.status == "missed" for proof in report.proofs)
    lines.append(f"{caught} caught, {missed} missed, {len(report.proofs) - caught - missed} not exercised")
    return "\n".join(lines)
