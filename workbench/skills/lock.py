"""`skills.lock`: name → version → git tree id of the skill's folder. What isn't in it, byte for byte, does not run.

Changing the lock is a change like any other and is reviewed as `skill`; writing the file is all that happens here.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ConfigError, Refusal
from workbench.skills.discover import Skill, discover, find

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
    """One skill's entry: its version, and the git tree id of its folder."""

    version: str
    tree: str


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
    return {name: Locked(*next(iter(versions.items()))) for name, versions in skills.items()}


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
    if entry is None or entry.version != skill.version:
        known = f", which has {entry.version}" if entry is not None else ""
        raise Refusal(f"The skill `{skill.name}` {skill.version} is not in {LOCK}{known}, so it does not run.", hint)
    if entry.tree != skill.tree_id:
        message = f"The bytes of the skill `{skill.name}` {skill.version} differ from {LOCK}, so it does not run."
        raise Refusal(message, f"take it back with `git checkout skills/{skill.name}`; for a wanted change, {hint}")


def write(root: Path) -> dict[str, Locked]:
    """Locks every skill as it lies. Returns the new lock.

    The file is replaced in one step, so that a crash leaves the old or the new one.
    """
    new = {name: Locked(skill.version, skill.tree_id) for name, skill in sorted(discover(root).items())}
    lines = [_HEADER]
    for name, entry in new.items():
        lines += [f"[skills.{name}]", f'"{entry.version}" = "{entry.tree}"', ""]
    temporary = root / f".{LOCK}.{os.getpid()}"
    temporary.write_text("\n".join(lines), "utf-8")
    temporary.replace(root / LOCK)
    return new


def _is_entry(versions: object) -> bool:
    if not isinstance(versions, dict) or len(versions) != 1:
        return False
    return all(isinstance(tree, str) and _TREE.fullmatch(tree) for tree in versions.values())
