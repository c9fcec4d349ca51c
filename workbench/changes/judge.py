"""Both keys together: a change judged by reading it and by running it.

Pandas and the stages' machinery are imported only where something is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workbench.changes.classify import classify
from workbench.changes.model import Change, Classification, Risk, RiskKind, ordered, shown_path
from workbench.changes.places import place_of
from workbench.errors import WorkbenchError
from workbench.repo import Repo
from workbench.settings import Settings
from workbench.visible import visible

if TYPE_CHECKING:
    from workbench.changes.measured import Measured

EFFECT_SECONDS = 120.0
"""How long running base and result may take in all, unless it is said otherwise."""

_WORDS = frozenset({RiskKind.DOCS, RiskKind.FORMAT})


def judge(
    settings: Settings,
    repo: Repo,
    change: Change,
    *,
    timeout: float = EFFECT_SECONDS,
    progress: Callable[[str], None] | None = None,
) -> Classification:
    """The risks of `change` by both keys; a static risk that running it clears stays in the list, marked `cleared`.

    `timeout` is in seconds and for all runs together; past it there is a risk `unknown`. A stage that fails is a risk, too,
    not an error. A change of which no stage can read a byte is not run.
    """
    from workbench.changes.measured import joined

    found = classify(repo, change)
    return joined(found, change, [], clearing=measure(settings, repo, change, found, timeout=timeout, progress=progress))


def measure(
    settings: Settings,
    repo: Repo,
    change: Change,
    found: Classification,
    *,
    timeout: float = EFFECT_SECONDS,
    tables: str = "",
    progress: Callable[[str], None] | None = None,
) -> Measured:
    """What running base and result shows of `change`; `found` is what reading its code did.

    `tables` names the tables as the caller saw them: where it is given, what was measured on the same trees and tables before
    is taken, and this is kept. Never raises for a stage.
    """
    if found.undeliverable:
        return _not_run(change, "it can't be written to a disk safely")
    if not _can_be_seen(repo, change, found):
        return _not_run(change, "no stage can read a byte of what changed")
    from workbench.changes import kept

    before = kept.found(settings, change, tables) if tables else None
    if before is None:
        before = _measured(settings, repo, change, found, timeout, progress)
        if tables and before.complete:
            kept.keep(settings, change, tables, before)
    return before


def _not_run(change: Change, why: str) -> Measured:
    from workbench.changes.measured import Measured

    return Measured(base=change.base, result=change.result, skipped=why)


def _measured(
    settings: Settings, repo: Repo, change: Change, found: Classification, timeout: float, progress: Callable[[str], None] | None
) -> Measured:  # fmt: skip
    from workbench.changes.clearing import cleared
    from workbench.changes.effect import Clock, Sides, measured
    from workbench.changes.kept import tables_digest
    from workbench.changes.measured import UNMEASURED, Measured, RanUseCase

    begin = time.monotonic()
    try:
        with Sides(settings, change, Clock(timeout), progress) as sides:
            outcomes = measured(sides, found.risks)
            harmless, why = cleared(repo, sides, found.risks, outcomes)
            ran = [
                RanUseCase(
                    use_case=one.use_case, equal=one.equal,
                    tables=tables_digest(one.given.tables, one.given.known) if one.given else "",
                    compared=one.why_not, figures=one.figures, differences=one.differences,
                )
                for one in outcomes
            ]  # fmt: skip
            return Measured(
                base=change.base, result=change.result, use_cases=ran, cleared=harmless, not_cleared=why,
                risks=ordered(risk for one in outcomes for risk in one.risks),
                complete=all(one.complete for one in outcomes), seconds=round(time.monotonic() - begin, 1),
            )  # fmt: skip
    except (WorkbenchError, OSError) as error:
        said = error.message if isinstance(error, WorkbenchError) else str(error)
        reason = f"{UNMEASURED}: {visible(said, limit=300)}"
        risk = Risk(kind=RiskKind.UNKNOWN, path="", by="effect", reason=reason)
        seconds = round(time.monotonic() - begin, 1)
        return Measured(base=change.base, result=change.result, risks=[risk], complete=False, seconds=seconds)


def _can_be_seen(repo: Repo, change: Change, found: Classification) -> bool:
    """Whether a stage can read anything of the change: not hidden from it, nor text for people that no stage names."""
    from workbench.sandbox import HIDDEN_IN_WORKSPACE

    kinds: dict[str, set[RiskKind]] = {}
    for risk in found.risks:
        kinds.setdefault(risk.path, set()).add(risk.kind)
    for path, _, _ in repo.diff(change.base, change.result):
        hidden = PurePosixPath(path).parts[0] in HIDDEN_IN_WORKSPACE
        words = place_of(path) in ("docs", "image") and kinds.get(shown_path(path), set()) <= _WORDS
        if not hidden and not words:
            return True
    return False
