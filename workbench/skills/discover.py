"""Finds a workspace's skills: `skills/<name>/SKILL.md` → what the skill is called, which version, what it needs.

A skill is a valid Agent Skill and a Python package at once, so its name is one lower-case word. Nothing is imported or
run here, and nothing is trusted: see `lock.py` and `run.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from workbench.errors import ConfigError, UsageError
from workbench.skills.needs import Needs, read_needs
from workbench.skills.tree import File, read_folder, tree_id

FOLDER = "skills"
DESCRIPTION = "SKILL.md"

_NAME = re.compile(r"[a-z][a-z0-9]{0,63}")
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_ENTRY = re.compile(r"[a-z_][a-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*")
_FIELDS = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}


@dataclass(frozen=True)
class Skill:
    """One skill as it lies on disk: `tree_id` names its bytes, `entry` is `module:callable` inside the folder."""

    name: str
    version: str
    description: str
    path: Path
    tree_id: str
    entry: str
    needs: Needs


def discover(root: Path) -> dict[str, Skill]:
    """Every skill of the workspace `root` by name, sorted. Raises ConfigError for the first that can't be used."""
    folder = root / FOLDER
    if not folder.is_dir():
        raise ConfigError(f"{root} has no {FOLDER}/ folder.", "run `workbench init` there, or give the workspace with -C DIR")
    return {name: read_skill(folder / name) for name in names(root)}


def names(root: Path) -> list[str]:
    """The names of the folders below `skills/`, valid or not, sorted."""
    folder = root / FOLDER
    found = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(path.name for path in found if path.is_dir() and not path.name.startswith((".", "__")))


def find(root: Path, name: str) -> Skill:
    """The skill of that name. Raises UsageError where there is none and ConfigError for one that can't be used."""
    known = names(root)
    if name not in known:
        raise UsageError(f"There is no skill `{name}`.", f"there are: {', '.join(known) or 'none'}; see `workbench skill list`")
    return read_skill(root / FOLDER / name)


def read_skill(folder: Path) -> Skill:
    """The skill in `folder`. Raises ConfigError that names the file, the field and what is asked for."""
    return skill_from(folder, read_folder(folder))


def skill_from(folder: Path, files: Mapping[str, File]) -> Skill:
    """The skill that these bytes are; `folder` is only where they were read from."""
    if DESCRIPTION not in files:
        raise ConfigError(f"{FOLDER}/{folder.name} has no {DESCRIPTION}.", "a skill's folder needs one; see docs/sessions.md")
    front = _front_matter(folder.name, files[DESCRIPTION].content)
    unknown = sorted(set(front) - _FIELDS)
    if unknown:
        raise _wrong(folder.name, unknown[0], "is not a field of an Agent Skill (a version goes to `metadata.version`)")
    name = front.get("name")
    if name != folder.name or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(folder.name, "name", "must be the folder's name, one lower-case word of letters and digits")
    description = front.get("description")
    if not isinstance(description, str) or not 1 <= len(description.strip()) <= 1024:
        raise _wrong(folder.name, "description", "must be a text of 1 to 1024 characters")
    metadata = _metadata(folder.name, front)
    entry = metadata.get("entry", "skill:run")
    module = entry.partition(":")[0]
    if not _ENTRY.fullmatch(entry) or f"{module}.py" not in files:
        raise _wrong(folder.name, "metadata.entry", "must be `module:callable` with the module a file of the folder")
    return Skill(name, metadata["version"], description.strip(), folder, tree_id(files), entry, _needs(folder.name, metadata))


def _front_matter(name: str, content: bytes) -> dict[str, object]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong(name, "front matter", "is not UTF-8") from None
    match = re.match(r"---\r?\n(.*?)\r?\n---[ \t]*(\r?\n|\Z)", text, re.DOTALL)
    if match is None:
        raise _wrong(name, "front matter", "is missing: the file has to begin with a block between two lines `---`")
    try:
        front = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _wrong(name, "front matter", f"is not valid YAML{f' at line {mark.line + 2}' if mark else ''}") from None
    if not isinstance(front, dict) or not all(isinstance(key, str) for key in front):
        raise _wrong(name, "front matter", "must be a mapping of fields")
    return front


def _metadata(name: str, front: Mapping[str, object]) -> dict[str, str]:
    metadata = front.get("metadata", {})
    if not isinstance(metadata, dict):
        raise _wrong(name, "metadata", "must be a mapping")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise _wrong(name, f"metadata.{key}", "must be a string; put it in quotes")
    if not SEMVER.fullmatch(metadata.get("version", "")):
        raise _wrong(name, "metadata.version", 'must be a semantic version such as "0.1.0"')
    return metadata


def _needs(name: str, metadata: Mapping[str, str]) -> Needs:
    try:
        return read_needs(metadata)
    except ValueError as error:
        raise _wrong(name, *error.args) from None


def _wrong(name: str, field: str, what: str) -> ConfigError:
    return ConfigError(
        f"{FOLDER}/{name}/{DESCRIPTION}: `{field}` {what}.", "mend the front matter, then `workbench skill validate`"
    )
