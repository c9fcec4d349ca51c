"""Revisions, refs and commits: what a name means, and moving a ref by compare-and-swap. No work tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workbench.errors import Corrupt, Refusal, UsageError
from workbench.repo.objects import AT_ONCE, EXECUTABLE, FILE, ZERO, Objects

_HEX = re.compile(r"[0-9a-f]{4,40}")
_FULL = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Identity:
    """Who a commit is by."""

    name: str
    email: str


@dataclass(frozen=True)
class Commit:
    """A commit: ids of itself, its tree and its parents; `message` and the identities are untrusted text."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Identity
    committer: Identity
    committed: int
    message: str


class History(Objects):
    """The refs and commits of a repository."""

    def branch(self) -> str | None:
        """The full name of the branch HEAD points at (it may have no commit yet); None when HEAD is detached."""
        done = self._run(["symbolic-ref", "-q", "HEAD"])
        return done.stdout.decode("utf-8", "surrogateescape").strip() or None

    def head(self) -> str:
        """The commit HEAD points at. Raises UsageError where there is no commit yet."""
        done = self._run(["rev-parse", "--verify", "-q", "HEAD^{commit}"])
        if done.returncode != 0:
            raise UsageError("The repository has no commit yet.", "commit the workspace first: `git add -A && git commit`")
        return done.stdout.decode().strip()

    def resolve(self, revision: str) -> str:
        """The commit id of `revision`: an id, `HEAD`, or a name with one meaning under refs/heads, refs/remotes, refs/tags.

        Raises UsageError for anything else, and for names with two meanings.
        """
        unknown = UsageError(
            f"`{revision}` is not a commit of this repository.", "give a commit id, a branch, a remote branch or a tag"
        )
        if not revision or any(c in revision for c in " ~^:?*[\\@{\n\0") or revision.startswith("-") or ".." in revision:
            raise unknown
        spaces = ("refs/heads/", "refs/remotes/", "refs/tags/")
        if _FULL.fullmatch(revision):  # an id means itself, whatever a ref is called
            wanted = [f"{revision}^{{commit}}"]
        else:
            names = [revision] if revision.startswith(spaces) else [space + revision for space in spaces]
            known = self.refs("refs/")
            wanted = [f"{known[name]}^{{commit}}" for name in names if name in known]
            wanted = [f"{revision}^{{commit}}", *wanted] if _HEX.fullmatch(revision) else wanted
        ids = [found[0] for found in map(self._object, wanted) if found is not None]
        if revision == "HEAD":
            ids.append(self.head())
        if len(ids) > 1:
            raise UsageError(f"`{revision}` has more than one meaning.", "give the commit id, or the ref in full: refs/heads/…")
        if not ids:
            raise unknown
        return ids[0]

    def tree_of(self, revision: str) -> str:
        """The tree of a revision (see `resolve`)."""
        return self.commit_of(self.resolve(revision)).tree

    def commit_of(self, commit_id: str) -> Commit:
        """Reads one commit by its id. Raises Corrupt where it is missing."""
        return _commit(commit_id, self._object(commit_id))

    def commits_of(self, commit_ids: Iterable[str]) -> dict[str, Commit]:
        """Many commits at once by their ids. Raises Corrupt where one is missing."""
        asked = list(dict.fromkeys(commit_ids))
        found: dict[str, Commit] = {}
        for start in range(0, len(asked), AT_ONCE):
            some = asked[start : start + AT_ONCE]
            found |= {one: _commit(one, read) for one, read in zip(some, self._objects(some), strict=True)}
        return found

    def files_of(self, commit_ids: Iterable[str], path: str) -> dict[str, tuple[Commit, bytes | None]]:
        """Many commits at once, each with the file at `path` at the root of its tree; None where there is none."""
        commits = self.commits_of(commit_ids)
        self.read_trees(commit.tree for commit in commits.values())
        entries = {one: self.entry(commit.tree, path) for one, commit in commits.items()}
        blobs = self.blobs(entry.id for entry in entries.values() if entry is not None and entry.mode in (FILE, EXECUTABLE))
        return {one: (commits[one], blobs.get(entry.id) if entry is not None else None) for one, entry in entries.items()}

    def first_parents(self, base: str, head: str) -> list[str]:
        """Commit ids after `base` up to `head` along first parents, oldest first."""
        return self._ask("rev-list", "--first-parent", "--reverse", head, f"^{base}", "--").splitlines()

    def chain(self, head: str) -> list[str]:
        """Every commit id from the root to `head` along first parents, oldest first."""
        return self._ask("rev-list", "--first-parent", "--reverse", head, "--").splitlines()

    def chained_trees(self, head: str) -> list[tuple[str, str]]:
        """(commit id, tree) of every commit from the root to `head` along first parents, oldest first."""
        said = self._ask("rev-list", "--first-parent", "--reverse", "--format=%H %T", head, "--").splitlines()
        return [(line.split()[0], line.split()[1]) for line in said if not line.startswith("commit ")]

    def chained_files(self, head: str, path: str, after: str | None = None) -> list[tuple[str, tuple[str, ...], bytes | None]]:
        """(id, parents, the file at `path`) of every commit up to `head` along first parents, oldest first; not up to `after`."""
        known = [f"^{after}"] if after else []
        said = self._ask("rev-list", "--first-parent", "--parents", "--reverse", head, *known, "--")
        rows = [(words[0], tuple(words[1:])) for words in (line.split() for line in said.splitlines())]
        found: list[tuple[str, tuple[str, ...], bytes | None]] = []
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            read = self._objects([f"{commit_id}:{path}" for commit_id, _ in some])
            for (commit_id, parents), one in zip(some, read, strict=True):
                found.append((commit_id, parents, one[2] if one is not None and one[1] == "blob" else None))
        return found

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` is `older` or was made on top of it."""
        return self._run(["merge-base", "--is-ancestor", older, newer]).returncode == 0

    def refs(self, prefix: str) -> dict[str, str]:
        """Full ref name → object id, of every ref at or below `prefix`."""
        said = self._ask("for-each-ref", "--format=%(objectname) %(refname)", prefix.rstrip("/") if prefix != "refs/" else "refs")
        return {name: found for found, _, name in (line.partition(" ") for line in said.splitlines())}

    def update_ref(self, ref: str, new: str | None, expect: str | None) -> None:
        """Compare-and-swap: `ref` becomes `new` (None deletes) if it is `expect` (None: doesn't exist), else Refusal."""
        change = f"delete {ref}\0{expect or ZERO}\0" if new is None else f"update {ref}\0{new}\0{expect or ZERO}\0"
        done = self._run(["update-ref", "--no-deref", "-z", "--stdin"], stdin=os.fsencode(change))
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise Refusal(
                f"{ref} was not moved: {said.splitlines()[-1] if said else 'git gave no reason'}", "it moved; try again"
            )

    def commit(
        self, tree: str, parents: Sequence[str], message: str, *, author: Identity, ref: str | None = None,
        expect: str | None = None, at: datetime | None = None,
    ) -> str:  # fmt: skip
        """Makes a commit and, where `ref` is given, moves it there by compare-and-swap; returns the commit's id."""
        name = re.sub(r"[<>\x00-\x1f]", " ", author.name).strip() or "unknown"
        email = re.sub(r"[<>\x00-\x20]", "", author.email)
        when = f"{int(at.timestamp())} +0000" if at is not None else ""
        who: dict[str, str] = {}
        for role in ("AUTHOR", "COMMITTER"):
            who |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": email, **({f"GIT_{role}_DATE": when} if when else {})}
        above = [word for parent in parents for word in ("-p", parent)]
        made = self._ask("commit-tree", tree, *above, stdin=message.encode("utf-8", "replace"), env=who)
        if ref is not None:
            self.update_ref(ref, made, expect)
        return made


def _commit(commit_id: str, found: tuple[str, str, bytes] | None) -> Commit:
    if found is None or found[1] != "commit":
        raise Corrupt(f"git commit {commit_id} is missing.", "fetch the complete history (a shallow clone lacks it)")
    head, _, message = found[2].decode("utf-8", "replace").partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.splitlines():
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    who = [re.fullmatch(r"(.*?) ?<(.*?)> (\d+) [+-]\d+", fields.get(key, [""])[0]) for key in ("author", "committer")]
    author, committer = (Identity(m[1], m[2]) if m else Identity("", "") for m in who)
    when = int(who[1][3]) if who[1] else 0
    return Commit(found[0], fields["tree"][0], tuple(fields.get("parent", ())), author, committer, when, message)
