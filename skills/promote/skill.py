"""Moves a registry alias to a version; everything a step demands is checked in `workbench.release.promotion`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from workbench.release.promotion import promote
from workbench.skills.run import SkillContext


class Input(BaseModel):
    """Which version gets which alias, who asks for it and why."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1)
    alias: str
    reason: str = Field(min_length=1)
    actor: str = Field(default="the promote skill", min_length=1)


class Output(BaseModel):
    """Where the alias stands now and stood before."""

    ok: bool
    version: str
    alias: str
    previous: str | None = None


def run(context: SkillContext, input: Input) -> Output:
    """Promotes. Raises Refusal with every reason where the step's demands aren't met on exactly this version."""
    flip = promote(
        context.settings,
        context.use_case,
        input.version,
        input.alias,
        actor=input.actor,
        reason=input.reason,
        progress=context.progress,
    )
    previous = None if flip.before is None else str(flip.before)
    return Output(ok=True, version=str(flip.after), alias=flip.alias, previous=previous)
