"""Drafts of verdicts, kept in the workspace's state directory until they are signed or taken back.

A draft decides nothing. It belongs to one proposal: when the change is proposed anew, with other evidence, it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import UsageError
from workbench.review.index import Waiting
from workbench.review.signoff import Verdict


class Draft(BaseModel):
    """A verdict as it would be signed; `commit` is where the change lay in the queue, `answers` are by question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    commit: str
    answers: dict[str, str] = Field(default_factory=dict)
    comment: str = ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    drafts: dict[str, Draft] = Field(default_factory=dict)


class Drafts(Mapping[str, Draft]):
    """Drafts by change id; every change of them is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._drafts = dict(_File.model_validate_json(path.read_bytes()).drafts)
        except (OSError, ValidationError):  # drafts are a convenience; without them a reviewer decides again
            self._drafts = {}

    def __getitem__(self, change: str) -> Draft:
        return self._drafts[change]

    def __iter__(self) -> Iterator[str]:
        return iter(self._drafts)

    def __len__(self) -> int:
        return len(self._drafts)

    def put(self, change: str, draft: Draft | None) -> None:
        """Sets or (None) takes back the draft on a change. Raises UsageError where it can't be written; it holds till the end."""
        if draft is None:
            self._drafts.pop(change, None)
        else:
            self._drafts[change] = draft
        self._write()

    def prune(self, changes: Iterable[Waiting]) -> None:
        """Forgets drafts on what isn't in the queue any more, or not as it was."""
        commits = {queued.id: queued.commit for queued in changes}
        kept = {name: draft for name, draft in self._drafts.items() if commits.get(name) == draft.commit}
        if kept != self._drafts:
            self._drafts = kept
            self._write()

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(_File(drafts=self._drafts).model_dump_json(indent=1), "utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise UsageError(f"Drafts can't be kept in {self._path}: {error.strerror}.", "sign before you quit") from None
