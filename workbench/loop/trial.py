"""Edits tried on a throw-away copy of a code tree, so that a repair is proposed only after it has been seen to work.

The copy shares the directories that hold data. Nothing is ever written to the tree itself.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from workbench.findings import Finding, Severity
from workbench.gates.facts import Audit
from workbench.gates.registry import rules
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.contract import Contract
from workbench.pipeline.results import Fold, Run
from workbench.pipeline.runner import Pipeline
from workbench.sandbox import HIDDEN_IN_WORKSPACE
from workbench.settings import STATE, Settings

_LEFT_OUT = {
    ".git",
    ".venv",
    STATE,
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "node_modules",
    "mlruns",
}
# Neither a skill nor a stage reads these; of policies only stages don't, and they belong to the digest of the code.
_UNREAD = frozenset(HIDDEN_IN_WORKSPACE) - {"review_policies"}


@contextmanager
def edited_copy(settings: Settings, root: Path, edits: Mapping[str, str | None]) -> Iterator[Path]:
    """A temporary copy of the tree at `root` with the edits in it (None deletes); gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="trial-", dir=_place(settings)) as directory:
        copy = Path(directory) / "tree"
        _copy(root, copy, shared={Path(name) for name in settings.data})
        for path, text in edits.items():
            target = copy / path
            if not target.resolve().is_relative_to(copy.resolve()):
                raise ValueError(f"{path} lies outside the tree")
            if text is None:
                target.unlink(missing_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(text.encode("utf-8"))
        yield copy


def _place(settings: Settings) -> Path:
    place = settings.state / "trials"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _copy(root: Path, copy: Path, shared: set[Path]) -> None:
    for directory, folders, files in os.walk(root):
        here = Path(directory).relative_to(root)
        (copy / here).mkdir(parents=True, exist_ok=True)
        for name in list(folders):
            source = Path(directory) / name
            if name in _LEFT_OUT or (here == Path() and name in _UNREAD):
                folders.remove(name)
            elif here / name in shared or source.is_symlink():
                folders.remove(name)
                (copy / here / name).symlink_to(source.resolve(), target_is_directory=True)
        for name in files:
            source = Path(directory) / name
            if here == Path() and name in _UNREAD:
                continue
            if source.is_symlink():
                (copy / here / name).symlink_to(source.resolve())
            elif source.is_file():
                shutil.copyfile(source, copy / here / name)


@dataclass(frozen=True)
class Judged:
    """A gate's findings on a tree that ran to its predictions, what could not be looked at, and the frame and folds."""

    findings: list[Finding]
    reasons: list[str]
    frame: pd.DataFrame
    folds: list[Fold]

    @property
    def errors(self) -> list[Finding]:
        """Findings that fail the gate."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


class _TableStages(Audit):
    """An audit whose repetition ends with the split: nothing here looks at a second fit."""

    def prepare(self) -> None:
        self.tables = self.pipeline.load()
        self._base = self.pipeline.run(self.tables, until="predict")

    @cached_property
    def repeat(self) -> Run:
        return self.pipeline.run(self.tables, until="split")


def judged(settings: Settings, contract: Contract, root: Path, gate: str) -> Judged:
    """Runs the tree at `root` to its predictions and asks the rules of the gate `features` or `split`.

    Raises PipelineError where the tree doesn't run.
    """
    with Pipeline(settings, contract, root=root) as pipeline:
        subject = _TableStages(settings=settings, contract=contract, pipeline=pipeline, root=root, progress=lambda words: None)
        subject.prepare()
        subject.enter(gate)
        findings: list[Finding] = []
        reasons: list[str] = []
        for rule in rules():
            if rule.gate != gate:
                continue
            try:
                findings += list(rule.check(subject))
            except NotApplicable:
                continue
            except NotExercised as stop:
                reasons.append(f"{rule.id}: {stop.reason}")
        return Judged(findings, reasons, subject.frame, list(subject.base.folds))
