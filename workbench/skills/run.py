"""Runs one skill: its bytes are checked against the lock, its input against its own model, and its answer is on record.

A skill is a module with `Input` and `Output` (pydantic models) and `run(context, input) -> Output`. `Output.ok = False`
is an answer, too ("the build failed, here is why"); an exception is a fault. A skill that would change pipeline code
answers `edits: {path: new text | None}` and a `summary`; it writes nothing itself. It runs in a process of its own,
confined to what it declares (`confined.py`).
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import Corrupt, UsageError
from workbench.repo import Repo
from workbench.settings import Settings
from workbench.skills import confined, lock
from workbench.skills.context import SkillContext
from workbench.skills.discover import Skill, find
from workbench.skills.inside import checked

__all__ = ["LoadedSkill", "SkillContext", "SkillRun", "execute", "load", "locked", "run_skill", "schemas"]


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
    return execute(locked(context.settings, name), context, input or {})


def locked(settings: Settings, name: str, version: str = "") -> LoadedSkill:
    """The skill `name`, its bytes checked against the lock; an earlier `version` comes from git, by its tree id.

    Raises UsageError for an unknown skill or version, Refusal where its bytes aren't the locked ones.
    """
    root = settings.root
    known = lock.read(root)
    if not version or version == (present := find(root, name)).version:
        present = find(root, name)
        lock.check_skill(present, known)
        return LoadedSkill(present)
    versions = known[name].versions if name in known else {}
    if version not in versions:
        raise UsageError(f"The skill `{name}` has no version {version}.", f"{lock.LOCK} has: {', '.join(versions) or 'none'}")
    folder = settings.state / "skills" / versions[version] / name
    if not folder.is_dir():
        fresh = folder.parent.with_name(f".{versions[version]}-{uuid.uuid4().hex[:8]}")
        try:
            with Repo.open(root) as repo:
                repo.checkout(versions[version], fresh / name)
        except Corrupt:
            hint = "fetch the commit that it was locked in; git has the bytes of earlier versions"
            raise UsageError(f"This clone lacks the bytes of the skill `{name}` {version}.", hint) from None
        with contextlib.suppress(OSError):  # somebody else was faster, and theirs is as good
            fresh.rename(folder.parent)
    return load(folder, versions[version])


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
    """JSON schemas of the skill's `input` and `output`, kept by its tree id. Raises ConfigError where it can't be imported."""
    kept = context.settings.state / "skills" / f"{loaded.skill.tree_id}.json"
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(kept.read_text("utf-8")))
    found = confined.ask(loaded.skill, context, "schemas")
    fresh = kept.with_name(f".{kept.name}-{uuid.uuid4().hex[:8]}")
    fresh.write_text(json.dumps(found), "utf-8")
    fresh.replace(kept)
    return found
