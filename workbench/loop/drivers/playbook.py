"""The `playbook` driver: matches diagnoses to repair skills. Deterministic, needs no key and no network.

It takes the first diagnosis that has a cure it hasn't tried on the same failure yet, and says honestly when it has none.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.loop.drivers import NoCure, Repair, Stuck
from workbench.loop.state import Fix

NAME = "playbook"


def next_repair(failure: str, diagnoses: Sequence[dict[str, object]], tried: Sequence[Fix]) -> Repair | NoCure | Stuck:
    """The next repair for `failure` (a fingerprint), or why there is none.

    The same failure coming back after the same cure is `Stuck`: it goes to a person at once instead of being tried again.
    """
    used = {(fix["failure"], fix["cure"]): fix["changed"] for fix in tried}
    repeated: list[str] = []
    for diagnosis in diagnoses:
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
    causes = "; ".join(str(d.get("message", d.get("cause", ""))) for d in diagnoses) or "nothing was diagnosed"
    return NoCure(f"the playbook has no cure for this: {causes}")
