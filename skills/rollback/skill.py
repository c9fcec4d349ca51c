"""Moves a registry alias back to the version before; see `workbench.release.rollback`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from workbench.release.rollback import rollback
from workbench.skills.run import SkillContext


class Input(BaseModel):
    """Which alias goes back, who asks for it and why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1)
    alias: str = "champion"
    actor: str = Field(default="the rollback skill", min_length=1)


class Output(BaseModel):
    """Where the alias stands now and stood before."""

    ok: bool
    version: str
    alias: str
    previous: str | None = None


def run(context: SkillContext, input: Input) -> Output:
    """Rolls back. Raises Refusal where there is no version before."""
    flip = rollback(
        context.settings,
        context.use_case,
        actor=input.actor,
        reason=input.reason,
        alias=input.alias,
        progress=context.progress,
    )
    previous = None if flip.before is None else str(flip.before)
    return Output(ok=True, version=str(flip.after), alias=flip.alias, previous=previous)
