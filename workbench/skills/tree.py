"""A folder's content → its git tree id, computed here without git, so that a skill's bytes have a name anywhere.

The id is the one that git itself gives the folder once it is committed; by it an old version comes back from git.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ConfigError

_CACHES = ("__pycache__",)


@dataclass(frozen=True)
class File:
    """One file as git sees it: `mode` is 100644 or 100755."""

    mode: str
    content: bytes


def read_folder(folder: Path) -> dict[str, File]:
    """Every file below `folder` by its path with `/`, Python's caches left out: they never run.

    Raises ConfigError for links and special files: their bytes lie elsewhere, and the id wouldn't cover them.
    """
    files: dict[str, File] = {}
    for directory, names, leaves in os.walk(folder):
        for name in [name for name in names if (Path(directory) / name).is_symlink()]:
            leaves.append(name)
            names.remove(name)
        names[:] = sorted(name for name in names if name not in _CACHES)
        for leaf in sorted(leaves):
            path = Path(directory) / leaf
            if leaf.endswith(".pyc"):
                continue
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(
                    f"{path} is not a regular file.", "a skill's folder holds plain files only; replace the link by its content"
                )
            mode = "100755" if status.st_mode & stat.S_IXUSR else "100644"
            files[path.relative_to(folder).as_posix()] = File(mode, path.read_bytes())
    return files


def tree_id(files: Mapping[str, File]) -> str:
    """The git tree id (SHA-1, 40 hex digits) of these files."""
    here: list[tuple[bytes, str, str]] = []
    below: dict[str, dict[str, File]] = {}
    for path, file in files.items():
        first, separator, rest = path.partition("/")
        if separator:
            below.setdefault(first, {})[rest] = file
        else:
            here.append((first.encode(), file.mode, _object_id("blob", file.content)))
    entries = [*here, *((name.encode(), "40000", tree_id(children)) for name, children in below.items())]
    # git sorts a folder as if its name ended with a slash.
    entries.sort(key=lambda entry: entry[0] + b"/" if entry[1] == "40000" else entry[0])
    return _object_id("tree", b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(id_) for name, mode, id_ in entries))


def _object_id(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
