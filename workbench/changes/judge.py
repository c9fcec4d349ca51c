"""Both keys together: a change judged by reading it and by running it.

Pandas and the stages' machinery are imported only where something is run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from workbench.changes.classify import classify
from workbench.changes.model import Change, Classification, Risk, RiskKind, ordered, shown_path
from workbench.changes.places import place_of
from workbench.errors import WorkbenchError
from workbench.repo import Repo
from workbench.sandbox import HIDDEN_IN_WORKSPACE
from workbench.settings import Settings
from workbench.visible import visible

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
    found = classify(repo, change)
    if found.undeliverable or not _can_be_seen(repo, change, found):
        return found
    from workbench.changes.clearing import cleared
    from workbench.changes.effect import Clock, Sides, measured

    clock = Clock(timeout)
    try:
        with Sides(settings, change, clock, progress) as sides:
            outcomes = measured(sides, _touched(found))
            shown = [risk for outcome in outcomes for risk in outcome.risks]
            risks = cleared(repo, sides, found.risks, outcomes)
    except (WorkbenchError, OSError) as error:
        why = error.message if isinstance(error, WorkbenchError) else str(error)
        reason = f"effect could not be measured: {visible(why, limit=300)}"
        shown, risks = [Risk(kind=RiskKind.UNKNOWN, path="", by="effect", reason=reason)], list(found.risks)
    named = {risk.use_case for risk in [*risks, *shown] if risk.use_case}
    return found.model_copy(update={"risks": ordered([*risks, *shown]), "use_cases": sorted(named)})


def _can_be_seen(repo: Repo, change: Change, found: Classification) -> bool:
    """Whether a stage can read anything of the change: not hidden from it, nor text for people that no stage names."""
    kinds: dict[str, set[RiskKind]] = {}
    for risk in found.risks:
        kinds.setdefault(risk.path, set()).add(risk.kind)
    for path, _, _ in repo.diff(change.base, change.result):
        hidden = PurePosixPath(path).parts[0] in HIDDEN_IN_WORKSPACE
        words = place_of(path) in ("docs", "image") and kinds.get(shown_path(path), set()) <= _WORDS
        if not hidden and not words:
            return True
    return False


def _touched(found: Classification) -> dict[str, bool]:
    """Use case → whether the static key says that the change reaches it; "" for those it says nothing of."""
    unknown = any(risk.kind is RiskKind.UNKNOWN for risk in found.risks)
    named = {risk.use_case: True for risk in found.risks if risk.use_case and risk.kind not in _WORDS}
    return {**named, "": unknown}
