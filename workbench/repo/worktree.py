"""Repositories with their work tree: opened safely, read byte by byte, written without following links."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from workbench.errors import Refusal, UsageError
from workbench.repo.history import History
from workbench.repo.objects import DIRECTORY, EXECUTABLE, FILE, SUBMODULE, SYMLINK, ZERO, Entry
from workbench.settings import STATE

NOT_WORK = frozenset({".git", STATE, ".venv"})
"""Names at the root of a work tree that are never part of a snapshot."""
TOOL_CACHES = frozenset({".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"})
"""Further names at the root that are left out; code that mentions one of them is classified as `unknown`."""


class Repo(History):
    """A git repository with a work tree; open it with `Repo.open`. Safe to use from several threads."""

    @classmethod
    def open(cls, path: Path) -> Repo:
        """The repository whose work tree has `path` as its root.

        Raises UsageError where there is none, or where the workspace is only a part of it.
        """
        path = path.resolve()
        probe = cls(path, path / ".git")
        ask = ["rev-parse", "--show-toplevel", "--absolute-git-dir", "--is-bare-repository", "--show-object-format"]
        done = probe._run(ask, git_dir=False)
        if done.returncode != 0:
            raise UsageError(f"{path} is not a git repository.", "run `git init` there and commit what the workspace starts from")
        top, git_dir, _, kind = done.stdout.decode("utf-8", "surrogateescape").splitlines()[:4]
        if kind != "sha1":
            raise UsageError(f"{path} stores its objects as {kind}; only sha1 repositories are supported.", "clone it as sha1")
        if Path(top).resolve() != path:
            raise UsageError(
                f"{path} is not the root of its git repository, {top} is.", "a workspace has a repository of its own: `git init`"
            )
        return cls(path, Path(git_dir))

    @classmethod
    def ensure(cls, path: Path) -> bool:
        """Makes `path` a git repository (branch `main`) unless it is the root of one; says whether it made it."""
        if (path / ".git").exists():
            return False
        path.mkdir(parents=True, exist_ok=True)
        fresh = cls(path, path / ".git")
        done = fresh._run(["init", "-q", "--template=", "--initial-branch=main", str(path)], git_dir=False)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise UsageError(f"{path} can't become a git repository: {said}.", "check that the directory can be written")
        return True

    def snapshot(self, path: Path | None = None, *, include_ignored: bool = False) -> str:
        """The tree id of a directory as it lies on disk (default: the work tree), its blobs written to the repository.

        Without `include_ignored` files that `.gitignore` names are left out, unless the commit at HEAD has them. Never
        reads the index, attributes, filters or configuration. Raises UsageError for what a tree can't hold.
        """
        directory = (path or self.root).resolve()
        keep = None if include_ignored else self._not_ignored(directory)
        files = {relative: self._hashed(directory / relative, store=False) for relative in _walk(directory, keep)}
        known = self.sizes(entry.id for entry in files.values())
        for relative, entry in files.items():
            if entry.id not in known:  # read again: what is stored is what counts
                files[relative] = self._hashed(directory / relative, store=True)
        return self.tree_from(files)

    def _hashed(self, path: Path, *, store: bool) -> Entry:
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                mode, content = SYMLINK, os.fsencode(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                mode, content = EXECUTABLE if status.st_mode & stat.S_IXUSR else FILE, path.read_bytes()
            else:
                raise UsageError(f"{path} is neither a file nor a link.", "remove it; a change can't carry devices or pipes")
        except OSError as error:
            raise UsageError(f"{path} can't be read: {os.strerror(error.errno or 0)}.", "mend it; nothing is skipped") from None
        if store:
            return Entry(mode, self.store("blob", content))
        return Entry(mode, hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest())

    def _not_ignored(self, directory: Path) -> set[str]:
        """Paths that the directory's own .gitignore files leave, judged in an empty repository so that no other rule counts."""
        with tempfile.TemporaryDirectory(prefix="workbench-") as empty:
            bare = Repo(directory, Path(empty) / "git")
            bare._run(["init", "-q", "--bare", "--template=", str(bare.git_dir)], git_dir=False)
            said = bare._ask("ls-files", "--others", "-z", "--exclude-per-directory=.gitignore")
        keep = {name for name in said.split("\0") if name}
        if directory == self.root:
            done = self._run(["rev-parse", "--verify", "-q", "HEAD^{tree}"])
            keep |= set(self.list_tree(done.stdout.decode().strip())) if done.returncode == 0 else set()
        return keep

    def is_dirty(self) -> list[str]:
        """Paths in which the work tree differs from the commit at HEAD, ignored files left out."""
        return [path for path, _, _ in self.diff(self.commit_of(self.head()).tree, self.snapshot())]

    def checkout(self, tree: str, destination: Path) -> None:
        """Writes the files of `tree` below `destination` (made if missing) as they are; submodules become empty directories."""
        destination.mkdir(parents=True, exist_ok=True)
        for path, entry in self.list_tree(tree).items():
            self.write_file(destination, path, entry)

    def write_file(self, directory: Path, path: str, entry: Entry | None) -> None:
        """Makes `directory/path` what `entry` says (None removes it), atomically, and never through a link.

        Raises Refusal where a link lies on the way or the path would leave `directory`.
        """
        parts = path.split("/")
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
            raise Refusal(f"`{path}` leaves the directory it belongs in.", "refuse this change")
        target = directory
        for part in parts[:-1]:
            target = target / part
            if target.is_symlink():
                raise Refusal(f"{target} is a link.", "remove the link; files are not written through links")
        place = directory / path
        if entry is None:
            place.unlink(missing_ok=True)
            for parent in place.parents:
                if parent == directory or not _remove_empty(parent):
                    break
            return
        if entry.mode == SUBMODULE:
            place.mkdir(parents=True, exist_ok=True)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        content = self.blob(entry.id)
        fresh = Path(tempfile.mktemp(prefix=".workbench-", dir=place.parent))
        if entry.mode == SYMLINK:
            fresh.symlink_to(os.fsdecode(content))
        else:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755 if entry.mode == EXECUTABLE else 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        fresh.replace(place)

    def on_disk(self, path: str) -> Entry | None:
        """What lies at `path` in the work tree, None where nothing does."""
        place = self.root / path
        if not os.path.lexists(place):
            return None
        return Entry(DIRECTORY, ZERO) if place.is_dir() and not place.is_symlink() else self._hashed(place, store=False)

    def index_entries(self, paths: Iterable[str]) -> dict[str, Entry] | None:
        """What the index holds at `paths` (None: there is no index); only used to keep a person's staged work from being lost."""
        wanted = set(paths)
        lines = [line for line in self._ask("ls-files", "-s", "-z").split("\0") if line]
        found: dict[str, Entry] = {}
        for line in lines:
            head, _, path = line.partition("\t")
            if path in wanted:
                mode, blob_id, stage = head.split(" ")
                found[path] = Entry(mode, blob_id if stage == "0" else ZERO)
        return found if lines else None

    def set_index(self, entries: Mapping[str, Entry | None]) -> None:
        """Makes the index hold these entries (None: not there), without looking at the work tree."""
        lines = [f"{e.mode} {e.id}\t{path}\0" if e else f"0 {ZERO}\t{path}\0" for path, e in entries.items()]
        # Writing the index, git compares what was just touched through the configured filters, which are programs: give it
        # an empty work tree, in which there is nothing to compare.
        with tempfile.TemporaryDirectory(prefix="workbench-") as empty:
            Repo(Path(empty), self.git_dir)._ask("update-index", "-z", "--index-info", stdin=os.fsencode("".join(lines)))

    def checked_out(self, ref: str) -> Path | None:
        """The work tree (this one or a linked one) that has `ref` checked out, or None."""
        place: Path | None = None
        for line in self._ask("worktree", "list", "--porcelain", "-z").split("\0"):
            if line.startswith("worktree "):
                place = Path(line.removeprefix("worktree ")).resolve()
            elif line == f"branch {ref}":
                return place
        return None


def _walk(directory: Path, keep: set[str] | None) -> Iterable[str]:
    """Relative paths of the files below `directory`: those in `keep`, or all; `keep` may name whole directories (`sub/`)."""
    kept_in = None if keep is None else {path[: i + 1] for path in keep for i, c in enumerate(path) if c == "/"}
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(directory / prefix) as found:
            for place in sorted(found, key=lambda entry: entry.name):
                relative = f"{prefix}{place.name}"
                if (not prefix and place.name in NOT_WORK | TOOL_CACHES) or place.name.lower() == ".git":
                    continue
                if place.is_dir(follow_symlinks=False):
                    if keep is not None and f"{relative}/" in keep:  # a repository of its own: git lists only its name
                        yield from (f"{relative}/{inner}" for inner in _walk(directory / relative, None))
                    elif kept_in is None or f"{relative}/" in kept_in:
                        pending.append(f"{relative}/")
                elif keep is None or relative in keep:
                    yield relative


def _remove_empty(directory: Path) -> bool:
    try:
        directory.rmdir()
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.ENOENT):
            return False
        raise
    return True
