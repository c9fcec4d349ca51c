"""Where a driver reads, searches and edits: the session's git tree with edits on top, in memory.

There is no directory behind it, so there is no path out of it: no `.git`, no state, no key, no data outside version control,
no link to follow. What the house itself stands on (policies, skills, settings, records, continuous integration) can't be
edited here, and what holds decisions or secrets can't be read.
"""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workbench.errors import UsageError
from workbench.repo import EXECUTABLE, FILE, Repo

MAX_FILE = 400_000
"""Bytes of the largest text that is read or written here."""
MAX_EDITED = 200
"""Files that one turn may touch."""

_UNREADABLE = frozenset({"review_policies", "sessions", "skills"})
_DATA = (
    ".csv", ".tsv", ".parquet", ".feather", ".arrow", ".orc", ".jsonl", ".ndjson", ".xlsx", ".npy", ".npz", ".h5", ".hdf5",
    ".sqlite", ".db", ".duckdb", ".pkl", ".pickle", ".joblib", ".gz", ".zip",
)  # fmt: skip
"""Names of files that hold rows, the hold-out's among them: those are looked at through skills only."""
_FIXED = frozenset({"skills.lock", "workbench.toml", "hooks", "conftest.py", "sitecustomize.py", "usercustomize.py"})


@dataclass(frozen=True)
class Hit:
    """A line that was searched for: `line` counts from 1."""

    path: str
    line: int
    text: str


class WorkPlace:
    """The files of one tree, and the edits of one turn. Errors are UsageError and say what is possible instead."""

    def __init__(self, repo: Repo, tree: str, data: Sequence[str] = ()) -> None:
        """`data` are the workspace's directories of data, which are closed even where they are in git."""
        self._repo, self.tree = repo, tree
        self._data = tuple(f"{name.strip('/').casefold()}/" for name in data)
        self._files = {path: entry for path, entry in repo.list_tree(tree).items() if entry.mode in (FILE, EXECUTABLE)}
        self._edits: dict[str, bytes | None] = {}

    @property
    def edits(self) -> Mapping[str, bytes | None]:
        """What differs from the tree now: path → new bytes, None where it was removed."""
        return {path: new for path, new in sorted(self._edits.items()) if new != self._before(path)}

    def paths(self, pattern: str = "*") -> list[str]:
        """The readable files whose path fits the shell pattern, sorted."""
        there = {path for path in self._files if self._edits.get(path, b"") is not None}
        there |= {path for path, new in self._edits.items() if new is not None}
        return sorted(path for path in there if self._readable(path) and fnmatch.fnmatchcase(path, pattern))

    def read(self, path: str) -> str:
        """A file's text as it is now."""
        if not self._readable(path):
            raise UsageError(f"{path!r} can't be read here.", "paths are relative to the workspace; data is seen through skills")
        content = self._now(path)
        if content is None:
            raise UsageError(f"There is no file {path!r}.", "look at the list of files")
        if len(content) > MAX_FILE:
            raise UsageError(f"{path} has {len(content):,} bytes; at most {MAX_FILE:,} are read.", "search it instead")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{path} is not UTF-8 text.", "only text can be read here") from None

    def search(self, pattern: str, paths: str = "*", limit: int = 200) -> Iterator[Hit]:
        """Lines that match a regular expression (RE2: linear in time), at most `limit`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = 0
        for path in self.paths(paths):
            try:
                lines = self.read(path).splitlines()
            except UsageError:
                continue
            try:
                matches = pc.match_substring_regex(pa.array(lines, pa.string()), pattern=pattern).to_pylist()
            except pa.ArrowInvalid as error:
                raise UsageError(f"{pattern!r} is not a regular expression: {error}.", "RE2 syntax: no look-around") from None
            for number, (text, match) in enumerate(zip(lines, matches, strict=True), start=1):
                if match and found < limit:
                    found += 1
                    yield Hit(path, number, text)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replaces `old`, which has to be in the file exactly once, by `new`."""
        text = self.read(path)
        count = text.count(old) if old else 0
        if count != 1:
            raise UsageError(f"The old text is in {path} {count} times, not once.", "give more of the lines around it")
        self.write(path, text.replace(old, new))

    def write(self, path: str, text: str | None) -> None:
        """Makes `path` hold exactly `text`; None removes it."""
        self._set(path, None if text is None else text.encode("utf-8"))

    def _set(self, path: str, new: bytes | None) -> None:
        _refuse_path(path)
        if self._is_data(path):
            raise UsageError(f"{path!r} is data.", "edit code; data is changed by people")
        if path not in self._files and self._repo.entry(self.tree, path) is not None:
            raise UsageError(f"{path!r} is a link, a directory or a submodule.", "edit plain files only")
        _refuse_size(path, new)
        if new is None and self._now(path) is None:
            raise UsageError(f"There is no file {path!r} to remove.", "look at the list of files")
        touched = {*self._edits, path}
        if len(touched) > MAX_EDITED:
            raise UsageError(f"More than {MAX_EDITED} files are edited in one turn.", "propose a smaller change")
        self._edits[path] = new

    def _now(self, path: str) -> bytes | None:
        return self._edits[path] if path in self._edits else self._before(path)

    def _before(self, path: str) -> bytes | None:
        return self._repo.blob(self._files[path].id) if path in self._files else None

    def _readable(self, path: str) -> bool:
        return _plain(path) and not _closed(path, _UNREADABLE) and not self._is_data(path)

    def _is_data(self, path: str) -> bool:
        folded = path.casefold()
        return folded.startswith(self._data) or folded.endswith(_DATA)


def edited_tree(repo: Repo, tree: str, edits: Mapping[str, bytes | None], data: Sequence[str] = ()) -> str:
    """`tree` with `edits` in it; the one place where a driver's edits become a tree, so everything is asked once more.

    Raises UsageError for a path that no driver may edit.
    """
    place = WorkPlace(repo, tree, data)
    for path, new in edits.items():
        place._set(path, new)
    return repo.write_tree(tree, dict(place.edits))


def _refuse_path(path: str) -> None:
    if not _plain(path):
        raise UsageError(f"{path!r} is not a path that can be edited.", "give it relative to the workspace, as git has it")
    if _closed(path, _UNREADABLE | _FIXED):
        what = "Policies, skills, settings and records are changed by people"
        raise UsageError(
            f"{path!r} can't be edited here. {what}.", "edit the code of the use case; say in words what else is needed"
        )


def _refuse_size(path: str, new: bytes | None) -> None:
    if new is not None and len(new) > MAX_FILE:
        raise UsageError(f"{path} would have {len(new):,} bytes; at most {MAX_FILE:,} are written.", "write less")


def _plain(path: str) -> bool:
    """Whether it is a relative path in the one form git has for it, without anything that another system reads otherwise."""
    parts = path.split("/")
    odd = any(not part or part in (".", "..") or part != part.strip() or part.endswith(".") for part in parts)
    safe = all(character.isprintable() and character not in '\\:*?"<>|~' for character in path)
    return bool(path) and not odd and safe and unicodedata.normalize("NFKC", path) == path and len(path) <= 300


def _closed(path: str, names: frozenset[str]) -> bool:
    # Case is folded because some file systems do; a leading dot at any depth hides git, state, secrets and CI.
    parts = unicodedata.normalize("NFKC", path).casefold().split("/")
    return parts[0] in names or any(part.startswith(".") for part in parts) or "__pycache__" in parts
