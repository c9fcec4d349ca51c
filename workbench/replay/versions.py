"""Finds a version of a skill, wherever it still is: in the workspace, in what sessions have on record, in git's history."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from workbench.errors import ConfigError, Corrupt, UsageError
from workbench.replay.world import World
from workbench.repo import Repo
from workbench.sessions.events import SkillRan
from workbench.sessions.header import SkillVersion
from workbench.sessions.reader import Session
from workbench.settings import Settings
from workbench.skills import lock
from workbench.skills.discover import FOLDER, read_skill
from workbench.skills.tree import File, read_folder

_DEEPEST = 2000
"""Commits of the branch that are looked through."""


@dataclass(frozen=True)
class Found:
    """A version of a skill with its files."""

    name: str
    version: SkillVersion
    files: Mapping[str, File]


def find_version(settings: Settings, world: World, session: Session, wanted: str) -> Found:
    """`name=version` (or `name`, the present one). Raises UsageError where it is nowhere."""
    name, _, version = wanted.partition("=")
    if name not in session.header.skills and not (settings.root / FOLDER / name).is_dir():
        raise UsageError(f"There is no skill `{name}`.", f"the session worked with: {', '.join(sorted(session.header.skills))}")
    seen: dict[str, None] = {}
    for found in _versions(settings, world, session, name):
        if version in ("", found.version.version):
            return found
        seen[found.version.version] = None
    raise UsageError(f"{name} {version} is not to be found.", f"there are: {', '.join(seen) or 'none'}")


def recorded_version(repo: Repo, name: str, version: SkillVersion) -> Found | None:
    """A version by its tree id, from git's objects; None where they aren't there."""
    try:
        listed = repo.list_tree(version.tree)
        files = {path: File(entry.mode, repo.blob(entry.id)) for path, entry in listed.items()}
    except Corrupt:
        return None
    return Found(name, version, files)


def _versions(settings: Settings, world: World, session: Session, name: str) -> Iterator[Found]:
    """Every version of a skill that can be had, the present one first."""
    folder = settings.root / FOLDER / name
    if folder.is_dir():
        with suppress(ConfigError):
            skill = read_skill(folder)
            yield Found(name, SkillVersion(version=skill.version, tree=skill.tree_id), read_folder(folder))
    known = [session.header.skills[name]] if name in session.header.skills else []
    known += [
        SkillVersion(version=event.version, tree=event.tree)
        for event in session.events
        if isinstance(event, SkillRan) and event.name == name
    ]
    with Repo.open(settings.root) as own:
        for repo, version in [*((world.repo, one) for one in known), *((own, one) for one in _locked(own, name))]:
            if (found := recorded_version(repo, name, version)) is not None:
                yield found


def _locked(repo: Repo, name: str) -> Iterator[SkillVersion]:
    """What the lock said of a skill, commit by commit, the newest first."""
    for commit in reversed(repo.chain(repo.head())[-_DEEPEST:]):
        tree = repo.commit_of(commit).tree
        content = repo.read_blob(tree, lock.LOCK)
        if content is None:
            continue
        try:
            versions = tomllib.loads(content.decode()).get("skills", {}).get(name, {})
        except ValueError:
            continue
        for version, id_ in versions.items() if isinstance(versions, dict) else ():
            with suppress(ValidationError):
                yield SkillVersion(version=str(version), tree=str(id_))
