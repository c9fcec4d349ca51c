"""Running git plumbing, and its objects: blobs and trees, written and read as bytes. No refs, no work tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from workbench.errors import Corrupt, Refusal, UsageError

ZERO = "0" * 40
FILE, EXECUTABLE, SYMLINK, SUBMODULE, DIRECTORY = "100644", "100755", "120000", "160000", "40000"
_SWITCHED_OFF = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "core.excludesFile=/dev/null",
    "protocol.allow=never", "gc.auto=0", "core.filesRefLockTimeout=10000", "core.packedRefsTimeout=10000",
    "safe.directory=*", "core.commitGraph=false", "core.quotePath=false", "core.autocrlf=false", "core.longpaths=true",
)  # fmt: skip
AT_ONCE = 500
"""Object ids written to the reader before its answers are read: they must fit into a pipe."""
_MOST_HELD = 3_000


@dataclass(frozen=True)
class Entry:
    """One file of a tree: git's `mode` (`100644`, `100755`, `120000`, `160000`) and the object's `id`."""

    mode: str
    id: str


Difference = tuple[str, Entry | None, Entry | None]
"""A path, and what was and is there."""


@lru_cache(maxsize=1)
def _git() -> str:
    found = shutil.which("git")
    if found is None:
        raise UsageError("git is not installed.", "install it (Debian: apt-get install git)")
    return found


class Objects:
    """The object database of a repository."""

    def __init__(self, root: Path, git_dir: Path) -> None:
        self.root = root
        self.git_dir = git_dir
        self._reader: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._trees: dict[str, tuple[tuple[str, Entry], ...]] = {}
        self._database: Any = None
        self._held: dict[str, bytes] = {}

    def _environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join((str(Path(_git()).parent), os.defpath)),
            "LC_ALL": "C",
            "TZ": "UTC",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_GRAFT_FILE": os.devnull,
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            **(extra or {}),
        }

    def _command(self, arguments: Sequence[str], git_dir: bool) -> list[str]:
        off = [word for setting in _SWITCHED_OFF for word in ("-c", setting)]
        where = [f"--git-dir={self.git_dir}", f"--work-tree={self.root}"] if git_dir else []
        return [_git(), "--no-pager", *off, *where, *arguments]

    def _run(
        self, arguments: Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None, git_dir: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        command = self._command(arguments, git_dir)
        where = self.root if self.root.is_dir() else None
        return subprocess.run(command, cwd=where, env=self._environment(env), input=stdin, capture_output=True, check=False)

    def _ask(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        done = self._run(arguments, stdin=stdin, env=env)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise Corrupt(f"git {arguments[0]} failed: {said[-1]}", f"look at the repository with `git -C {self.root} fsck`")
        return done.stdout.decode("utf-8", "surrogateescape").strip("\n")

    def _object(self, name: str) -> tuple[str, str, bytes] | None:
        """(id, type, content) of one object, None where it is missing."""
        return next(self._objects([name])) if "\n" not in name else None

    def _objects(self, names: Sequence[str]) -> Iterator[tuple[str, str, bytes] | None]:
        """Many objects through a reader process that lives as long as this Repo; few enough names to fit a pipe at once."""
        with self._lock:
            if self._reader is None or self._reader.poll() is not None:
                self._reader = subprocess.Popen(
                    self._command(["cat-file", "--batch"], True), env=self._environment(), cwd=self.root,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                )  # fmt: skip
            assert self._reader.stdin is not None and self._reader.stdout is not None
            self._reader.stdin.write(os.fsencode("".join(f"{name}\n" for name in names)))
            self._reader.stdin.flush()
            found: list[tuple[str, str, bytes] | None] = []
            for _ in names:
                head = self._reader.stdout.readline().split()
                if len(head) == 3 and head[2].isdigit():
                    found.append((head[0].decode(), head[1].decode(), self._reader.stdout.read(int(head[2]) + 1)[:-1]))
                else:
                    found.append(None)
        return iter(found)

    def close(self) -> None:
        """Ends the reader process; the next read starts another."""
        with self._lock:
            reader, self._reader = self._reader, None
            if reader is not None and reader.stdin is not None and reader.stdout is not None:
                reader.stdin.close()
                reader.stdout.close()
                reader.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_reader", None) is not None:
            self.close()

    def store(self, kind: str, content: bytes) -> str:
        """Writes one object (`blob`, `tree`) and returns its id; the bytes go in as they are."""
        from gitdb import IStream, LooseObjectDB
        from gitdb.util import bin_to_hex

        with self._lock:
            if self._database is None:
                common = self._ask("rev-parse", "--git-common-dir")
                self._database = LooseObjectDB(str((self.root / common).resolve() / "objects"))
            try:
                stored = self._database.store(IStream(kind, len(content), BytesIO(content)))
            except OSError as error:
                raise Refusal(f"git's objects can't be written: {error}.", "check the disk's room and permissions") from None
        return str(bin_to_hex(stored.binsha).decode())

    def blob(self, blob_id: str) -> bytes:
        """The bytes of a blob. Raises Corrupt where the object is missing."""
        held = self._held.get(blob_id)
        if held is not None:
            return held
        found = self._object(blob_id)
        if found is None or found[1] != "blob":
            raise Corrupt(f"git object {blob_id} is missing.", f"look at the repository with `git -C {self.root} fsck`")
        return found[2]

    def blobs(self, blob_ids: Iterable[str]) -> dict[str, bytes]:
        """The bytes of many blobs at once. Raises Corrupt where one is missing."""
        asked = list(dict.fromkeys(blob_ids))
        found: dict[str, bytes] = {}
        for start in range(0, len(asked), AT_ONCE):
            for blob_id, entry in zip(asked[start : start + AT_ONCE], self._objects(asked[start : start + AT_ONCE]), strict=True):
                found[blob_id] = entry[2] if entry is not None else self.blob(blob_id)
        return found

    def hold(self, blob_ids: Iterable[str]) -> None:
        """Reads blobs that will be asked for one by one, and keeps them; the caller sees to it that they aren't large."""
        with self._lock:
            if len(self._held) > _MOST_HELD:
                self._held = {}
            self._held |= self.blobs(set(blob_ids) - self._held.keys())

    def sizes(self, blob_ids: Iterable[str]) -> dict[str, int]:
        """Sizes in bytes of many blobs at once, without reading them; missing ones are left out."""
        asked = list(dict.fromkeys(blob_ids))
        said = self._ask("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin="".join(f"{i}\n" for i in asked).encode())
        pairs = (line.split(" ") for line in said.splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}

    def read_trees(self, trees: Iterable[str]) -> None:
        """Reads many tree objects (each alone, nothing below it) at once; `children` and `entry` then ask no more for them."""
        unread = list(dict.fromkeys(one for one in trees if one not in self._trees))
        for start in range(0, len(unread), AT_ONCE):
            some = unread[start : start + AT_ONCE]
            for one, found in zip(some, self._objects(some), strict=True):
                self._entries(one, found)

    def children(self, tree: str) -> tuple[tuple[str, Entry], ...]:
        """The entries of one tree object, directories (`40000`) included, names as git stores them."""
        known = self._trees.get(tree)
        if known is not None:
            return known
        return self._entries(tree, self._object(tree))

    def _entries(self, tree: str, found: tuple[str, str, bytes] | None) -> tuple[tuple[str, Entry], ...]:
        if found is None or found[1] != "tree":
            raise Corrupt(f"git tree {tree} is missing.", f"look at the repository with `git -C {self.root} fsck`")
        content, at = found[2], 0
        entries: list[tuple[str, Entry]] = []
        while at < len(content):
            space, nul = content.index(b" ", at), content.index(b"\0", at)
            entries.append(
                (os.fsdecode(content[space + 1 : nul]), Entry(content[at:space].decode(), content[nul + 1 : nul + 21].hex()))
            )
            at = nul + 21
        return self._trees.setdefault(tree, tuple(entries))

    def list_tree(self, tree: str, prefix: str = "") -> dict[str, Entry]:
        """Every file below `tree`: path with `/` → Entry, in git's order."""
        if not prefix:
            self._read_below(tree)
        listing: dict[str, Entry] = {}
        for name, entry in self.children(tree):
            if entry.mode == DIRECTORY:
                listing.update(self.list_tree(entry.id, f"{prefix}{name}/"))
            else:
                listing[prefix + name] = entry
        return listing

    def _read_below(self, tree: str) -> None:
        """Reads all tree objects below one, a level at a time, so that a large tree takes a few questions and not hundreds."""
        level = [tree]
        while level:
            unread = list(dict.fromkeys(one for one in level if one not in self._trees))
            self.read_trees(unread)
            level = [entry.id for one in unread for _, entry in self.children(one) if entry.mode == DIRECTORY]

    def entry(self, tree: str, path: str) -> Entry | None:
        """What is at `path` (directories too), or None."""
        here = Entry(DIRECTORY, tree)
        for part in path.split("/"):
            found = dict(self.children(here.id)).get(part) if here.mode == DIRECTORY else None
            if found is None:
                return None
            here = found
        return here

    def read_blob(self, tree: str, path: str) -> bytes | None:
        """The bytes of a file (of a link: its target), or None where `tree` has no file there."""
        found = self.entry(tree, path)
        return None if found is None or found.mode in (DIRECTORY, SUBMODULE) else self.blob(found.id)

    def diff(self, base: str, result: str) -> list[Difference]:
        """(path, before, after) of every file that differs in mode or bytes, by comparing tree objects; no renames."""
        found: list[Difference] = []
        self._diff(base, result, "", found)
        return sorted(found, key=lambda change: os.fsencode(change[0]))

    def _diff(
        self, base: str | None, result: str | None, prefix: str, found: list[tuple[str, Entry | None, Entry | None]]
    ) -> None:
        if base == result:
            return
        before = dict(self.children(base)) if base else {}
        after = dict(self.children(result)) if result else {}
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            old_tree = old.id if old and old.mode == DIRECTORY else None
            new_tree = new.id if new and new.mode == DIRECTORY else None
            if old_tree or new_tree:
                self._diff(old_tree, new_tree, f"{prefix}{name}/", found)
            old_file, new_file = (None if old_tree else old), (None if new_tree else new)
            if old_file or new_file:
                found.append((prefix + name, old_file, new_file))

    def tree_from(self, files: Mapping[str, Entry]) -> str:
        """Writes the tree that has exactly these files and returns its id."""
        direct: dict[bytes, Entry] = {}
        below: dict[str, dict[str, Entry]] = {}
        for path, entry in files.items():
            first, _, rest = path.partition("/")
            if not first or first in (".", "..") or first.lower() == ".git":
                raise UsageError(f"`{path}` can't be a path in a tree.", "use a path relative to the workspace")
            if rest:
                below.setdefault(first, {})[rest] = entry
            else:
                direct[os.fsencode(first)] = entry
        for name, inner in below.items():
            if os.fsencode(name) in direct and direct[os.fsencode(name)].mode != DIRECTORY:
                raise UsageError(f"`{name}` is both a file and a directory.", "remove one of the two")
            direct[os.fsencode(name)] = Entry(DIRECTORY, self.tree_from(inner))
        ordered = sorted(direct.items(), key=lambda pair: pair[0] + (b"/" if pair[1].mode == DIRECTORY else b""))
        return self.store("tree", b"".join(e.mode.encode() + b" " + name + b"\0" + bytes.fromhex(e.id) for name, e in ordered))

    def write_tree(self, base_tree: str | None, edits: Mapping[str, bytes | None]) -> str:
        """`base_tree` with `edits` (path → new bytes, None removes) as a new tree; an edited file keeps its exec bit."""
        files = self.list_tree(base_tree) if base_tree else {}
        for path, content in edits.items():
            old = files.pop(path, None)
            if content is not None:
                mode = old.mode if old is not None and old.mode in (FILE, EXECUTABLE) else FILE
                files[path] = Entry(mode, self.store("blob", content))
        return self.tree_from(files)
