"""A fresh checkout of a tree, as stages are run from it: the tree's files, and links to the workspace's data.

Data that isn't under version control (`data` in the settings) is linked in, so that a stage finds it at the same place
relative to its code as in the workspace.
"""

from __future__ import annotations

from pathlib import Path

from workbench.repo import Repo
from workbench.settings import Settings


def check_out(settings: Settings, tree: str, place: Path) -> None:
    """Writes the files of `tree`, from git's objects, to `place`, which must not exist; data directories are linked in."""
    with Repo.open(settings.root) as repo:
        repo.checkout(tree, place)
    for name in settings.data:
        source = settings.root / name
        if source.is_dir() and not (place / name).exists():
            (place / name).symlink_to(source, target_is_directory=True)
