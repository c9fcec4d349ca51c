"""Makes workspaces: from the templates that the package carries, or as a copy of one that exists.

The templates are this repository's own `skills/`, `review_policies/` and example use case: taken from the source tree in a
development install, from `workbench/templates/` in a wheel.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UsageError
from workbench.settings import MARKER, STATE

GITIGNORE = f"{STATE}/\n__pycache__/\n.venv/\n/data/\n"
TEMPLATES = ("skills", "skills.lock", "review_policies")
EXAMPLE = "departures"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*cache")


@dataclass(frozen=True)
class Made:
    """What `make_workspace` did: paths relative to the workspace, in order."""

    root: Path
    created: list[str]
    kept: list[str]


def template_root() -> Path:
    """The directory that holds the template folders; UsageError where this installation has none."""
    package = Path(__file__).parent
    for candidate in (package / "templates", package.parent):
        if (candidate / "skills.lock").is_file() and (candidate / "review_policies").is_dir():
            return candidate
    raise UsageError("This installation of workbench carries no templates.", "install the wheel, or run from the source tree")


def make_workspace(root: Path, *, example: bool = False) -> Made:
    """Turns `root` into a workspace. What is there already is kept as it is, so it can be called again.

    `example` adds the departures use case. Raises UsageError where `root` is a file.
    """
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is not a directory.", "give a directory, or a name for a new one")
    source = template_root()
    root.mkdir(parents=True, exist_ok=True)
    created: list[str] = []
    kept: list[str] = []
    wanted = [*TEMPLATES, *([f"pipelines/{EXAMPLE}"] if example else [])]
    for name in wanted:
        target = root / name
        if target.exists():
            kept.append(name)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target, ignore=_IGNORED)
        else:
            shutil.copyfile(source / name, target)
        created.append(name)
    for name in ("pipelines", "sessions"):
        keep = root / name / ".gitkeep"
        if not (root / name).is_dir() or not any((root / name).iterdir()):
            keep.parent.mkdir(parents=True, exist_ok=True)
            keep.touch()
            created.append(name)
    for name, text in ((MARKER, ""), (".gitignore", GITIGNORE)):
        if (root / name).exists():
            kept.append(name)
        else:
            (root / name).write_text(text)
            created.append(name)
    return Made(root.resolve(), created, kept)
