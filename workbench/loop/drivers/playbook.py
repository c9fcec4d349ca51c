"""The `playbook` driver: matches diagnoses to repair skills. Deterministic, needs no key and no network.

It takes the first diagnosis that has a cure it hasn't tried on the same failure yet, and says honestly when it has none. It
proposes nothing where nothing fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.loop.drivers.answers import Answer, Done, NoCure, Repair, Stuck

if TYPE_CHECKING:
    from workbench.loop.drivers import Driver
    from workbench.loop.turn import Turn
    from workbench.settings import Settings


def make(settings: Settings, argument: str = "") -> Driver:
    """The driver; it has nothing to set."""
    if argument:
        raise UsageError("The driver `playbook` takes no argument.", "use --driver playbook")
    return next_repair


def next_repair(turn: Turn) -> Answer:
    """The next repair for the turn's failure, or why there is none.

    The same failure coming back after the same cure is `Stuck`: it goes to a person at once instead of being tried again.
    """
    if turn.failure is None:
        return Done("nothing fails")
    failure = turn.failure.fingerprint
    used = {(fix["failure"], fix["cure"]): fix["changed"] for fix in turn.tried}
    repeated: list[str] = []
    for diagnosis in turn.diagnoses:
        cure = diagnosis.get("cure")
        if not isinstance(cure, dict):
            continue
        skill = str(cure["skill"])
        repair = Repair(skill=skill, input=dict(cure.get("input") or {}), diagnosis=diagnosis)
        if (failure, repair.key) in used:
            if used[failure, repair.key]:
                repeated.append(skill)
            continue
        return repair
    if repeated:
        return Stuck(f"the same failure came back after {', '.join(sorted(set(repeated)))} had repaired it")
    causes = "; ".join(str(d.get("message", d.get("cause", ""))) for d in turn.diagnoses) or "nothing was diagnosed"
    return NoCure(f"the playbook has no cure for this: {causes}")
