"""Gates and effect of a change, run here and now on fresh checkouts in the sandbox: what nobody has to be believed for.

Nothing is taken from the queue and no verdict is kept: whoever can write to the working copy could write a kept verdict, too.
What the pipeline keeps by content (stages of code that did not change) it keeps where confined code can't reach.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.changes import Measured, classify, measure
from workbench.changes.judge import EFFECT_SECONDS
from workbench.policy.rules import LEAK_GATES
from workbench.repo import Repo
from workbench.review import queue
from workbench.review.gates import GATES, GateEvidence, sha256
from workbench.review.queue import QueuedChange
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.report.model import AuditReport

Progress = Callable[[str], None]


def effect(
    settings: Settings, repo: Repo, queued: QueuedChange, *, timeout: float = EFFECT_SECONDS, progress: Progress | None = None
) -> Measured:  # fmt: skip
    """What running base and result shows, `timeout` seconds in all."""
    return measure(settings, repo, queued.change, classify(repo, queued.change), timeout=timeout, progress=progress)


def required_gates(
    settings: Settings, queued: QueuedChange, required: Sequence[str], use_cases: Sequence[str], *,
    progress: Progress | None = None,
) -> GateEvidence | None:  # fmt: skip
    """The gates that the policy requires, run on exactly the result tree, for every use case that the change reaches.

    A gate passed where it passed in each of them. None where nothing is required.
    """
    if not required:
        return None
    wanted = {gate for name in required for gate in (LEAK_GATES if name == "leakage" else [name])}
    with _checkout(settings, queued.change.result) as root:
        names = _present(root, [*use_cases, queued.use_case])
        reports = [_audited(settings, root, name, sorted(wanted), queued.change.result, progress) for name in names]
    return _together(reports, queued.change.result, wanted)


def same_audit(
    settings: Settings, repo: Repo, before: QueuedChange, result: str, *, progress: Progress | None = None
) -> bytes | None:  # fmt: skip
    """The audit that lies with `before`, the same use case and the same gates, run on another result tree: its report.

    None where `before` has no report to go by.
    """
    signed = queue.evidence(repo, before).get(GATES)
    try:
        report = json.loads(signed) if signed else None
        asked = sorted({str(gate["name"]) for gate in report["gates"]} | set(report.get("inapplicable", {}))) if report else []
        use_case = str(report.get("use_case") or before.use_case) if report else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not use_case:
        return None
    with _checkout(settings, result) as root:
        if not _present(root, [use_case], or_all=False):
            return None
        report = _audited(settings, root, use_case, _known(asked), result, progress)
    return report.model_dump_json(indent=1).encode()


def _known(gates: Sequence[str]) -> list[str]:
    from workbench.gates.registry import gate_names

    return [gate for gate in gates if gate in gate_names()]


def _audited(
    settings: Settings, root: Path, use_case: str, gates: Sequence[str], tree: str, progress: Progress | None
) -> AuditReport:  # fmt: skip
    from workbench.gates.audit import audit
    from workbench.pipeline.looking import LookCounter

    def say(words: str) -> None:
        if progress is not None and words.startswith(("gate ", "load")):
            progress(f"{use_case}: {words}")

    # What comes out is compared and shown to nobody as a score, so it is asked about looks and is none itself.
    looks = LookCounter(settings.root, settings.state, use_case, by="workbench review")
    report = audit(settings, use_case, root=root, gates=_known(gates) or None, progress=say, looks=looks)
    return report.model_copy(update={"tree": tree})


def _together(reports: Sequence[AuditReport], tree: str, wanted: Iterable[str]) -> GateEvidence:
    contents = [report.model_dump_json().encode() for report in reports]
    found = [one for one in map(GateEvidence.from_report, contents) if one is not None]
    passed = {name: all(one.passed.get(name, True) for one in found) for one in found for name in one.passed}
    if any(report.verdict == "error" for report in reports) or len(found) < len(reports):
        passed = dict.fromkeys(sorted(wanted), False)  # a use case that can't be run passes nothing
    return GateEvidence(
        tree=tree, passed=passed,
        findings=sorted({rule for one in found for rule in one.findings}), digest=sha256(b"\n".join(contents)),
    )  # fmt: skip


def _present(root: Path, wanted: Sequence[str], *, or_all: bool = True) -> list[str]:
    """Those of the use cases that the tree has; all of it where none is named or there."""
    from workbench.pipeline.contract import use_cases

    there = use_cases(root)
    return sorted(set(wanted) & set(there)) or (there if or_all else [])


@contextmanager
def _checkout(settings: Settings, tree: str) -> Iterator[Path]:
    """A fresh checkout of exactly that tree, gone with the block."""
    from workbench.pipeline.checkouts import check_out
    from workbench.pipeline.hosts import scratch

    place, lock = scratch(settings.state)
    try:
        check_out(settings, tree, place / "result")
        yield place / "result"
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)
