"""What a case of the corpus is, and how its edit becomes a change of a real repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.changesets import AGENT, commit, git
from tests.corpus.changes.bases import BASES
from workbench.changes import Change, Classification
from workbench.policy import load_policy
from workbench.repo import Repo

Content = str | bytes | None
Edits = dict[str, Content]


class Place:
    """One of the base workspaces, committed in a repository; `files` are its texts."""

    def __init__(self, root: Path, base: str) -> None:
        self.root = root
        self.files = BASES[base]
        for path, text in self.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
        Repo.ensure(root)
        self.repo = Repo.open(root)
        self.base_commit = commit(self.repo, self.repo.snapshot(), "start")
        git(root, "reset", "-q")
        self.tree = self.repo.tree_of("HEAD")

    def edited(self, edits: Mapping[str, Content]) -> Change:
        """The base with some files replaced (None: removed)."""
        contents = {path: text.encode() if isinstance(text, str) else text for path, text in edits.items()}
        return self.changed_to(self.repo.write_tree(self.tree, contents))

    def changed_to(self, result: str, base: str | None = None) -> Change:
        """A change from `base` (the committed tree) to a tree."""
        return Change(base=base or self.tree, result=result, author=AGENT, title="a change")

    def as_it_lies(self) -> Change:
        """The work tree, as `--head WORKTREE` reads it."""
        return self.changed_to(self.repo.snapshot(include_ignored=True))

    def decision(self, change: Change, found: Classification) -> str:
        """What the base tree's policy says: allow, review or block."""
        policy = load_policy(self.repo, change.base)
        return policy.decide(
            found.risks, author=AGENT, use_cases=found.use_cases, size=found.size, undeliverable=found.undeliverable
        ).decision


Build = Callable[[Place], Change]


@dataclass(frozen=True)
class Case:
    """One change: of which base, what it does to it (edits, or a function where git itself is needed), and its kinds.

    `group` is the family of an evasion, the kind of a labelled change, the sort of a refactor; `kinds` have to be among those
    found (empty: any).
    """

    group: str
    name: str
    base: str
    edits: Edits = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    build: Build | None = None

    @property
    def id(self) -> str:
        """A name that no other case of its corpus has."""
        return f"{self.group}: {self.name}"

    def change(self, place: Place) -> Change:
        """The change; edits need no work tree of their own, a `build` does."""
        return self.build(place) if self.build is not None else place.edited(self.edits)


def swap(base: str, path: str, *pairs: tuple[str, str]) -> Edits:
    """A file of a base with parts replaced, each of which has to be there."""
    text = BASES[base][path]
    for old, new in pairs:
        if old not in text:
            raise ValueError(f"{old!r} is not in {path} of {base}")
        text = text.replace(old, new)
    return {path: text}


def more(base: str, path: str, addition: str) -> Edits:
    """A file of a base with something appended."""
    return {path: BASES[base].get(path, "") + addition}


def prefixed(base: str, path: str, addition: str) -> Edits:
    """A file of a base with something in front."""
    return {path: addition + BASES[base].get(path, "")}
