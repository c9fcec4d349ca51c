"""Git bundles: commits with all that is below them in one file, and repositories of one's own to take them into.

A bundle is git's own format (`git bundle verify` reads it), so what a recorded session refers to can travel beside it. What it
holds is only ever read into a scratch repository that was made for it, never into the one that a person works in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Corrupt, UsageError
from workbench.repo.worktree import Repo

_MAGIC = b"# v2 git bundle\n"
_LINE = re.compile(rb"(-?)([0-9a-f]{40})(?: ([^\n\0]*))?\n")
_HEAD_LIMIT = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """What a bundle says it holds: full ref name → commit, and the commits that have to be there already."""

    refs: dict[str, str]
    needs: tuple[str, ...]


def write_bundle(repo: Repo, path: Path, refs: Mapping[str, str], *, without: Sequence[str] = ()) -> None:
    """Writes the commits of `refs` with their history and files to `path`, leaving out what the commits `without` reach."""
    asked = "".join([*(f"{commit}\n" for commit in dict.fromkeys(refs.values())), *(f"^{commit}\n" for commit in without)])
    done = repo._run(["pack-objects", "--revs", "--stdout", "-q", "--threads=1", "--delta-base-offset"], stdin=asked.encode())
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise Corrupt(f"git can't pack the objects: {said[-1]}", f"look at the repository with `git -C {repo.root} fsck`")
    head = _MAGIC + "".join([*(f"-{c}\n" for c in without), *(f"{refs[name]} {name}\n" for name in sorted(refs)), "\n"]).encode()
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    fresh.write_bytes(head + done.stdout)
    fresh.replace(path)


def read_bundle(path: Path) -> Bundle:
    """The head of a bundle. Raises Corrupt where it isn't one."""
    broken = Corrupt(f"{path.name} is not a git bundle.", "take it back from version control")
    with path.open("rb") as file:
        head, end, _ = file.read(_HEAD_LIMIT).partition(b"\n\n")
    if not head.startswith(_MAGIC) or not end:
        raise broken
    refs: dict[str, str] = {}
    needs: list[str] = []
    at = len(_MAGIC)
    head += b"\n"
    while at < len(head):
        match = _LINE.match(head, at)
        if match is None:
            raise broken
        if match[1]:
            needs.append(match[2].decode())
        else:
            refs[(match[3] or b"").decode("utf-8", "replace")] = match[2].decode()
        at = match.end()
    return Bundle(refs, tuple(needs))


def scratch_repository(place: Path, *, borrow: Repo | None = None, branch: str = "nothing") -> Repo:
    """A repository of its own at `place`, on a branch without a commit; `borrow` lends it its objects and isn't written to."""
    fresh = Repo(place, place / ".git")
    if not fresh.git_dir.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        done = fresh._run(["init", "-q", "--template=", f"--initial-branch={branch}", str(place)], git_dir=False)
        if done.returncode != 0:
            raise UsageError(f"{place} can't become a git repository.", "check that the directory can be written")
    if borrow is not None:
        common = borrow._ask("rev-parse", "--git-common-dir")
        lent = (borrow.root / common).resolve() / "objects"
        (fresh.git_dir / "objects" / "info").mkdir(exist_ok=True)
        (fresh.git_dir / "objects" / "info" / "alternates").write_text(f"{lent}\n", "utf-8")
    return Repo.open(place)


def take_in(repo: Repo, path: Path, bundle: Bundle) -> None:
    """Reads a bundle's objects into a scratch repository and makes its refs.

    Raises UsageError where commits that it builds on are missing, Corrupt where its objects aren't whole.
    """
    missing = [commit for commit in bundle.needs if repo._run(["cat-file", "-e", f"{commit}^{{commit}}"]).returncode != 0]
    if missing:
        message = f"{path.name} builds on the commit {missing[0][:12]}, which this clone lacks."
        raise UsageError(message, "fetch the branch that it is on")
    with path.open("rb") as file:
        content = file.read()
    pack = content[content.index(b"\n\n") + 2 :]
    done = repo._run(["index-pack", "--stdin", "--strict", "--fix-thin"], stdin=pack)
    if done.returncode != 0:
        raise Corrupt(f"The objects in {path.name} are broken.", "take it back from version control")
    known = repo.refs("refs/")
    for name, commit in bundle.refs.items():
        if not name.startswith("refs/") or repo._run(["check-ref-format", name], git_dir=False).returncode != 0:
            raise Corrupt(f"{path.name} names a ref that can't be one.", "take it back from version control")
        if known.get(name) != commit:
            repo.update_ref(name, commit, known.get(name))
