"""What was already run, kept by content: the loaded tables and whole runs, in the state directory.

An entry's key covers everything the result can depend on: the code tree, the contract, the versions of Python and of the
installed packages, the readable files of the workspace, the stage and its input. Entries appear whole or not at all; one
that can't be read is a miss. What the results mean isn't known here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.pipeline import frames
from workbench.pipeline.contract import Contract
from workbench.settings import Settings

_FORMAT = "1"
_NOT_CODE = frozenset({".git", ".workbench", ".venv", "venv", "sessions", "__pycache__", "node_modules", ".tox", ".nox"})
_CODE = frozenset(
    {".py", ".pyi", ".pyx", ".pxd", ".so", ".pth", ".toml", ".json", ".yaml", ".yml", ".cfg", ".ini", ".sql", ".txt", ".zip"}
)
# Beyond this a look at every file costs more than it saves.
_MOST_FILES = 50_000
# Larger files count by size and time.
_BY_CONTENT = 1_000_000
_ENTRY_LIMIT = 64_000_000_000


def code_digest(root: Path) -> str:
    """SHA-256 (hex) over the code tree: path and content of every file that can be imported or that configures code."""
    digest = hashlib.sha256()
    for path in _files(root):
        if path.suffix not in _CODE and not path.is_symlink():
            continue
        name = path.relative_to(root).as_posix()
        try:
            content = str(path.readlink()).encode() if path.is_symlink() else hashlib.sha256(path.read_bytes()).digest()
        except OSError as error:  # it can't be imported either; but it is there
            content = str(error.errno).encode()
        digest.update(f"{len(name)} {name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def surroundings(settings: Settings) -> str:
    """What results depend on beside code and tables: Python, the installed packages, and files outside that may be read."""
    further = [settings.root / path for path in settings.sandbox.read]
    further += [place for name in settings.data if (place := settings.root / name).is_dir()]
    return _hash([_FORMAT, _versions(), _surroundings(settings.state / "nowhere", further)])


class Cache:
    """The kept results of one use case's code tree."""

    def __init__(self, settings: Settings, contract: Contract, root: Path, code: str) -> None:
        self._folder = settings.state / "cache"
        self._root = root
        further = [settings.root / path for path in settings.sandbox.read]
        further += [place for name in settings.data if (place := settings.root / name).is_dir()]
        self._code = code
        seen = _surroundings(root, further)
        base = [_FORMAT, code, contract.digest, contract.name, _versions(), seen]
        self._base = _hash(base) if seen else ""

    def tables(self) -> dict[str, pd.DataFrame] | None:
        """The tables of an earlier load whose files have not changed since; None where there is none."""
        folder = self._entry("load", "tables")
        if folder is None:
            return None
        try:
            facts = json.loads((folder / "facts.json").read_text("utf-8"))
            if any(_content(self._root / path) != content for path, content in facts["opened"].items()):
                return None
            return {name: frames.read_untrusted(folder / f"table-{i}", _ENTRY_LIMIT) for i, name in enumerate(facts["tables"])}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def keep_tables(self, tables: Mapping[str, pd.DataFrame], opened: list[str]) -> None:
        """Keeps loaded tables together with what was opened to load them."""
        contents = {
            (path.relative_to(self._root) if path.is_relative_to(self._root) else path).as_posix(): _content(path)
            for path in map(Path, opened)
        }
        if None in contents.values():
            return
        with self._new("load", "tables") as folder:
            if folder is not None:
                for i, table in enumerate(tables.values()):
                    frames.write(frames.encode(table), folder / f"table-{i}")
                (folder / "facts.json").write_text(json.dumps({"tables": list(tables), "opened": contents}), "utf-8")

    def run_key(self, until: str, inputs: Mapping[str, str]) -> str:
        """The key of a run on these inputs (role → content id)."""
        return _hash([until, dict(inputs)])

    def run(self, key: str) -> tuple[dict[str, Any], Path] | None:
        """An earlier run's answer and the directory with its files, checked against what was kept; None for a miss."""
        folder = self._entry("run", key)
        if folder is None:
            return None
        try:
            facts = json.loads((folder / "facts.json").read_text("utf-8"))
            if any(_file_hash(folder / name) != digest for name, digest in facts["files"].items()):
                return None
            answer: dict[str, Any] = facts["answer"]
            return answer, folder
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def keep_run(self, key: str, answer: Mapping[str, Any], out: Path) -> None:
        """Keeps a run's answer and its files."""
        names = [p.name for p in out.iterdir() if p.name.split("-")[0] in ("frame", "folds", "fold", "probe")]
        with self._new("run", key) as folder:
            if folder is not None:
                for name in names:
                    (folder / name).write_bytes(frames.read_regular(out / name, _ENTRY_LIMIT))
                digests = {name: _file_hash(folder / name) for name in names}
                (folder / "facts.json").write_text(json.dumps({"answer": answer, "files": digests}), "utf-8")

    def _path(self, kind: str, key: str) -> Path:
        return self._folder / kind / _hash([self._base, kind, key])

    def _entry(self, kind: str, key: str) -> Path | None:
        path = self._path(kind, key)
        return path if self._base and path.is_dir() else None

    @contextlib.contextmanager
    def _new(self, kind: str, key: str) -> Iterator[Path | None]:
        """A directory to fill that takes its place when all of it is there; a full disk keeps nothing and harms nothing."""
        path = self._path(kind, key)
        if not self._base or code_digest(self._root) != self._code:  # edited meanwhile: nobody knows which code ran
            yield None
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=".new-"))
        try:
            yield folder
            if path.exists():
                shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):  # somebody else was faster with the same
                folder.rename(path)
        except (OSError, ValueError):
            pass
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        # A link to a folder isn't walked into; that it is there and where it leads is part of the tree.
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = sorted(
            name for name in folders if name not in _NOT_CODE and not name.endswith("_cache") and name not in links
        )
        for name in sorted([*names, *links]):
            yield Path(folder) / name


def _surroundings(root: Path, further: list[Path]) -> str:
    """Every readable file, by content or by size and time; empty where there are too many to look at.

    Code that reads a file natively can't be seen doing so, so any change near it makes earlier results unusable. In the
    code tree itself small files count by their content, so that two copies of the same tree share their results.
    """
    digest = hashlib.sha256()
    count = 0
    for place in (root, *further):
        for path in _files(place) if place.is_dir() else [place]:
            count += 1
            if count > _MOST_FILES:
                return ""
            stamp: Any = _stamp(path)
            name = str(path)
            if place == root:
                name = path.relative_to(root).as_posix()
                if stamp is not None and stamp[0] <= _BY_CONTENT:
                    with contextlib.suppress(OSError):
                        stamp = _file_hash(path)
            digest.update(f"{name}\0{stamp}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _stamp(path: Path) -> list[int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return [facts.st_size, facts.st_mtime_ns, facts.st_ino]


def _versions() -> list[str]:
    """Python and every installed package, by the names and times of their records; what runs the stages, by content."""
    records = [sys.version, platform.machine(), *(_file_hash(path) for path in sorted(Path(__file__).parent.glob("*.py")))]
    for entry in sys.path:
        if Path(entry).name in ("site-packages", "dist-packages"):
            with contextlib.suppress(OSError):
                records += sorted(f"{p.name} {p.stat().st_mtime_ns}" for p in Path(entry).glob("*.dist-info"))
    return records


def _content(path: Path) -> str | None:
    """The hash of a regular file that stage code has opened; None for anything else, which can't be compared."""
    try:
        return _file_hash(path) if path.is_file() else None
    except OSError:
        return None


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
