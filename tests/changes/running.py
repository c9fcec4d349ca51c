"""Changes of the small shop that are really run: a committed workspace, an edit of it, and what both keys make of the edit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.changesets import AGENT, commit, git
from tests.workspaces import make_workspace
from workbench.changes import Change, Classification, RiskKind, judge
from workbench.repo import Repo
from workbench.settings import load_settings

P = "pipelines/shop/"


class Running:
    """A workspace with the use case `shop` in a git repository."""

    def __init__(self, root: Path, **parts: object) -> None:
        make_workspace(root, **parts)  # type: ignore[arg-type]
        Repo.ensure(root)
        self.repo = Repo.open(root)
        commit(self.repo, self.repo.snapshot(), "start")
        git(root, "reset", "-q")
        self.settings = load_settings(root)
        self.said: list[str] = []

    def change(self, edits: Mapping[str, str | None]) -> Change:
        """HEAD's tree with some files replaced, as a change."""
        base = self.repo.tree_of("HEAD")
        contents = {path: None if text is None else text.encode() for path, text in edits.items()}
        return Change(base=base, result=self.repo.write_tree(base, contents), author=AGENT, title="a change")

    def judged(self, edits: Mapping[str, str | None], timeout: float = 300) -> Classification:
        """Both keys on an edit; what was said meanwhile is in `said`."""
        self.said = []
        return judge(self.settings, self.repo, self.change(edits), timeout=timeout, progress=self.said.append)


def seen(found: Classification) -> dict[str, str]:
    """The kinds that running showed, with their reasons."""
    return {risk.kind.value: risk.reason for risk in found.risks if risk.by == "effect"}


def stands(found: Classification) -> set[str]:
    """The kinds that aren't cleared, text and layout apart."""
    return {kind.value for kind in found.kinds} - {RiskKind.DOCS.value, RiskKind.FORMAT.value}


def swapped(text: str, *pairs: tuple[str, str]) -> str:
    """`text` with parts replaced, each of which must be there."""
    for old, new in pairs:
        assert old in text, f"{old!r} is not there"
        text = text.replace(old, new)
    return text


def listed(split: str) -> str:
    """A split that returns a list of its folds instead of yielding them: reading can't tell that it is the same, a run can."""
    return swapped(
        split, ("    for back", "    made = []\n    for back"), ("yield train, test", "made.append((train, test))")
    ) + ("    return made\n")
