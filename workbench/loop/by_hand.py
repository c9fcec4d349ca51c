"""A skill that a person or another agent asks for, outside of a session: whatever it shows of the test is counted first.

The loop counts its own looks and keeps their budget (`looks.py`); here they are counted and said, as `workbench audit` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from workbench.pipeline.cache import code_digest
from workbench.pipeline.looking import LookCounter
from workbench.sessions.heldout import HeldOut
from workbench.skills.run import LoadedSkill, SkillContext, SkillRun, execute


def counted(context: SkillContext, loaded: LoadedSkill, input: Mapping[str, Any], *, by: str) -> tuple[SkillRun, str]:
    """Runs the skill and puts the look at the test on record, if its answer is one, before anybody sees it.

    Returns the run, and what went wrong with the counting, in words, or nothing. Raises as `run_skill`.
    """
    ran = execute(loaded, context, input)
    output = ran.output
    report = output.get("report")
    scores = output.get("scores") or (report.get("scores") if isinstance(report, dict) else None)
    if not isinstance(scores, dict) or not scores or not output.get("held_out"):
        return ran, ""
    try:
        rows = HeldOut.model_validate(output["held_out"])
    except ValidationError:
        return ran, "this look at the test could not be counted: the answer doesn't say which rows it is about"
    counter = LookCounter(context.settings.root, context.settings.state, context.use_case, by=by)
    counter.note(rows, code_digest(context.root))
    return ran, counter.keep({str(name): float(value) for name, value in scores.items() if isinstance(value, (int, float))})
