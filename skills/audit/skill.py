"""Every deterministic gate on a use case as it stands; the gates themselves are in `workbench.gates`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.gates.audit import audit
from workbench.sessions.touches import Looks
from workbench.skills.run import SkillContext


class Input(BaseModel):
    """Names of gates to run; empty runs all. `looks`: how often the test has been looked at, where somebody counts."""

    model_config = ConfigDict(extra="forbid")

    gates: list[str] = Field(default_factory=list)
    looks: Looks | None = None


class Output(BaseModel):
    """The verdict, and the report as `workbench audit --json` prints it, with the `tree` it is about."""

    ok: bool
    verdict: Literal["pass", "fail", "error"]
    report: dict[str, Any]


def run(context: SkillContext, input: Input) -> Output:
    """Audits the use case in `context.root`. A contract or pipeline that can't be used is the verdict `error`."""
    report = audit(
        context.settings, context.use_case, root=context.root, gates=input.gates or None, progress=context.progress,
        looks=(lambda held_out, code: input.looks) if input.looks else None,
    )  # fmt: skip
    report = report.model_copy(update={"tree": context.tree})
    return Output(ok=report.verdict == "pass", verdict=report.verdict, report=report.model_dump(mode="json"))
