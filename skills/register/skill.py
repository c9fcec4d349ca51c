"""Fits the final model of an accepted tree and registers it; how, and what may be, is decided in `workbench.release`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import UsageError
from workbench.release.registration import register_tree
from workbench.report.model import AuditReport
from workbench.skills import lock
from workbench.skills.run import SkillContext
from workbench.visible import visible

_PART = ("audit", "build", "register")
"""Skills that had a part in every model."""


class Input(BaseModel):
    """The passed gate report, the git tree id of the code, the session, and the sign-offs under which the code was applied."""

    model_config = ConfigDict(extra="forbid")

    report: dict[str, Any]
    tree: str = Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")
    session: str = Field(min_length=1)
    signoffs: list[str] = Field(default_factory=list)


class Output(BaseModel):
    """The registered version."""

    ok: bool
    version: str
    sha256: str
    flavor: str
    train_rows: int
    features: list[str]
    run_id: str


def run(context: SkillContext, input: Input) -> Output:
    """Registers the model of `input.tree`, which is checked out of the workspace's own git repository.

    Raises UsageError for a report that is none or where `context` works on another tree, Refusal where lineage or gate
    report don't allow it, PipelineError where the model can't be fitted.
    """
    if context.tree and context.tree != input.tree:
        message = f"The code here is tree {context.tree[:12]}, not {input.tree[:12]}."
        raise UsageError(message, "register the tree that was built and audited")
    version = register_tree(
        context.settings,
        context.use_case,
        input.tree,
        report=_report(input.report),
        session=input.session,
        signoffs=input.signoffs,
        skills={name: entry.version for name, entry in lock.read(context.settings.root).items() if name in _PART},
        progress=context.progress,
    )
    lineage = version.lineage
    return Output(
        ok=True,
        version=str(version.version),
        sha256=lineage.model_sha256,
        flavor=lineage.flavor,
        train_rows=lineage.train_rows,
        features=[feature.name for feature in lineage.features],
        run_id=version.run_id,
    )


def _report(given: dict[str, Any]) -> AuditReport:
    try:
        return AuditReport.model_validate(given)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        message = f"The report is not a gate report: `{visible(where, limit=80)}`: {error.errors()[0]['msg']}."
        raise UsageError(message, "give what the audit skill returned as `report`") from None
