"""Runs one skill: its bytes are checked against the lock, its input against its own model, and its answer is on record.

A skill is a module with `Input` and `Output` (pydantic models) and `run(context, input) -> Output`. `Output.ok = False`
is an answer, too ("the build failed, here is why"); an exception is a fault. A skill that would change pipeline code
answers `edits: {path: new text | None}` and a `summary`; it writes nothing itself. It runs in a process of its own,
confined to what it declares (`confined.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.skills import confined, lock
from workbench.skills.context import SkillContext
from workbench.skills.discover import Skill, find
from workbench.skills.inside import checked

__all__ = ["LoadedSkill", "SkillContext", "SkillRun", "execute", "load", "run_skill", "schemas"]


@dataclass(frozen=True)
class SkillRun:
    """What one run was: the skill's exact version, its validated input and its output (JSON values), and wall seconds."""

    name: str
    version: str
    tree_id: str
    input: dict[str, Any]
    output: dict[str, Any]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the skill's own answer is a yes; an output without `ok` is one."""
        return bool(self.output.get("ok", True))


@dataclass(frozen=True)
class LoadedSkill:
    """A skill whose bytes have been checked; what runs is read once more and checked again."""

    skill: Skill


def run_skill(context: SkillContext, name: str, input: Mapping[str, Any] | None = None) -> SkillRun:
    """Runs the workspace's skill `name` on `input`.

    Raises UsageError for an unknown skill or a bad field of the input, Refusal where the skill's bytes aren't the
    locked ones or it tries more than it declares, ConfigError where it can't be imported, and what the skill itself raises.
    """
    root = context.settings.root
    skill = find(root, name)
    lock.check_skill(skill, lock.read(root))
    return execute(LoadedSkill(skill), context, input or {})


def execute(loaded: LoadedSkill, context: SkillContext, input: Mapping[str, Any]) -> SkillRun:
    """Runs a skill that `load` has checked; errors as `run_skill`."""
    skill = loaded.skill
    answer = confined.ask(skill, context, "run", input)
    return SkillRun(
        skill.name, skill.version, skill.tree_id, dict(answer["input"]), dict(answer["output"]), float(answer["seconds"])
    )


def load(folder: Path, expected: str) -> LoadedSkill:
    """The skill in `folder`. Raises ConfigError unless its bytes have the tree id `expected`."""
    return LoadedSkill(checked(folder, expected)[0])


def schemas(loaded: LoadedSkill, context: SkillContext) -> dict[str, Any]:
    """JSON schemas of the skill's `input` and `output`. Raises ConfigError where it can't be imported."""
    return confined.ask(loaded.skill, context, "schemas")
