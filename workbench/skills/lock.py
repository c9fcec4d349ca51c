"""`skills.lock`: name → version → git tree id of the skill's folder. What isn't in it, byte for byte, does not run.

Earlier versions stay in it, so that a session a month old, or a person, can ask for one: git has its bytes by that id.
Changing the lock is a change like any other and is reviewed as `skill`; writing the file is all that happens here.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import ConfigError, Refusal
from workbench.skills.discover import DESCRIPTION, SEMVER, Skill, discover, find

LOCK = "skills.lock"

_TREE = re.compile(r"[0-9a-f]{40}")
_MEND = "take the file back from git, or remove it and run `workbench skill lock`"
_HEADER = """\
# name → version → git tree id of skills/<name>. A skill whose bytes differ from this file does not run.
# Written by `workbench skill lock`; a change of it is reviewed.
format = 1
"""


@dataclass(frozen=True)
class Locked:
    """One skill's newest entry: its version, and the git tree id of its folder; `older` are the earlier ones by version."""

    version: str
    tree: str
    older: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def versions(self) -> dict[str, str]:
        """Version → tree id, the newest last."""
        return {**self.older, self.version: self.tree}


def read(root: Path) -> dict[str, Locked]:
    """The workspace's lock; empty where there is none. Raises ConfigError for a file that can't be used."""
    path = root / LOCK
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{LOCK} is not valid TOML: {error}.", "take the file back from git; no skill runs without it"
        ) from None
    if table.get("format") != 1:
        raise ConfigError(
            f"{LOCK} has the format {table.get('format')!r}; this version reads 1.", "upgrade workbench, or lock again"
        )
    skills = table.get("skills", {})
    if not isinstance(skills, dict) or not all(map(_is_entry, skills.values())) or set(table) - {"format", "skills"}:
        raise ConfigError(f"{LOCK} is not of the form name → version → tree id.", _MEND)
    return {name: _entry(versions) for name, versions in skills.items()}


def _entry(versions: Mapping[str, str]) -> Locked:
    *older, (version, tree) = sorted(versions.items(), key=lambda pair: _order(pair[0]))
    return Locked(version, tree, dict(older))


def _order(version: str) -> tuple[list[int], bool, str]:
    """The order of semantic versions: a pre-release comes before its release."""
    core, dash, rest = version.partition("+")[0].partition("-")
    return [int(number) for number in core.split(".")], not dash, rest


def check(root: Path, name: str | None = None) -> None:
    """Raises Refusal unless the bytes of the skill `name` (or of every skill) are exactly those of the lock."""
    locked = read(root)
    skills = discover(root).values() if name is None else [find(root, name)]
    for skill in skills:
        check_skill(skill, locked)


def check_skill(skill: Skill, locked: Mapping[str, Locked]) -> None:
    """Raises Refusal unless `skill` is in `locked` with its version and its bytes."""
    entry = locked.get(skill.name)
    hint = "`workbench skill lock` records it; that is a reviewed change"
    if entry is None or skill.version not in entry.versions:
        known = f", which has {entry.version}" if entry is not None else ""
        raise Refusal(f"The skill `{skill.name}` {skill.version} is not in {LOCK}{known}, so it does not run.", hint)
    if entry.versions[skill.version] != skill.tree_id:
        message = f"The bytes of the skill `{skill.name}` {skill.version} differ from {LOCK}, so it does not run."
        raise Refusal(message, f"take it back with `git checkout skills/{skill.name}`; for a wanted change, {hint}")


def write(root: Path, is_kept: Callable[[str], bool] = lambda tree: False) -> dict[str, Locked]:
    """Locks every skill as it lies, and keeps what was locked before. Returns the new lock.

    Where the bytes of a version differ from those it was locked with, and `is_kept` says of that tree id that git has it, the
    skill gets the next patch version (in its SKILL.md): one version means the same bytes for ever. A version whose bytes were
    never committed is locked anew. The file is replaced in one step, so that a crash leaves the old or the new one.
    """
    before = read(root)
    new: dict[str, Locked] = {}
    for name, skill in sorted(discover(root).items()):
        known = before[name].versions if name in before else {}
        locked = known.get(skill.version)
        if locked not in (None, skill.tree_id) and is_kept(str(locked)):
            skill = _bumped(root, skill, max([*known, skill.version], key=_order))
        new[name] = _entry({**known, skill.version: skill.tree_id})
    lines = [_HEADER]
    for name, entry in new.items():
        lines += [f"[skills.{name}]", *(f'"{version}" = "{tree}"' for version, tree in entry.versions.items()), ""]
    temporary = root / f".{LOCK}.{os.getpid()}"
    temporary.write_text("\n".join(lines), "utf-8")
    temporary.replace(root / LOCK)
    return new


def _bumped(root: Path, skill: Skill, newest: str) -> Skill:
    """The skill with the patch version after `newest` in its front matter."""
    major, minor, patch = _order(newest)[0]
    path = skill.path / DESCRIPTION
    text = path.read_text("utf-8")
    written = re.sub(
        rf"""(?m)^(\s+version:\s*)["']{re.escape(skill.version)}["']\s*$""", rf'\g<1>"{major}.{minor}.{patch + 1}"', text, count=1
    )
    if written == text:
        raise ConfigError(
            f"The bytes of the skill `{skill.name}` {skill.version} differ from {LOCK}, and its version can't be raised.",
            f'write the next version into skills/{skill.name}/{DESCRIPTION}, as `version: "{major}.{minor}.{patch + 1}"`',
        )
    path.write_text(written, "utf-8")
    return find(root, skill.name)


def _is_entry(versions: object) -> bool:
    if not isinstance(versions, dict) or not versions:
        return False
    return all(SEMVER.fullmatch(v) and isinstance(tree, str) and _TREE.fullmatch(tree) for v, tree in versions.items())
