"""Every deterministic gate on a use case as it stands; the gates themselves are in `workbench.gates`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.gates.audit import audit
from workbench.sessions.heldout import HeldOut
from workbench.sessions.touches import Looks
from workbench.skills.run import SkillContext


class Input(BaseModel):
    """Names of gates to run; empty runs all. `looks`: how often the test has been looked at, where somebody counts."""

    model_config = ConfigDict(extra="forbid")

    gates: list[str] = Field(default_factory=list)
    looks: Looks | None = None


class Output(BaseModel):
    """The verdict, the report as `workbench audit --json` prints it, with its `tree`, and the test rows its scores are about."""

    ok: bool
    verdict: Literal["pass", "fail", "error"]
    report: dict[str, Any]
    held_out: HeldOut | None = None


def run(context: SkillContext, input: Input) -> Output:
    """Audits the use case in `context.root`. A contract or pipeline that can't be used is the verdict `error`."""
    seen: list[HeldOut] = []

    def looks(held_out: HeldOut, code: str) -> Looks | None:
        seen.append(held_out)
        return input.looks

    report = audit(
        context.settings, context.use_case, root=context.root, gates=input.gates or None, progress=context.progress, looks=looks
    )
    report = report.model_copy(update={"tree": context.tree})
    rows = seen[-1] if seen else None
    return Output(ok=report.verdict == "pass", verdict=report.verdict, report=report.model_dump(mode="json"), held_out=rows)
