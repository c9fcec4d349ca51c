"""Changes: two git trees and an author, and what kind of change that is."""

from importlib import import_module
from typing import TYPE_CHECKING

from workbench.changes.classify import classify
from workbench.changes.judge import judge, measure
from workbench.changes.model import Author, Change, Classification, Risk, RiskKind, change_size

if TYPE_CHECKING:
    from workbench.changes.diff import DiffLine, FileDiff, Hunk, file_diffs
    from workbench.changes.measured import Measured, joined

__all__ = [
    "Author",
    "Change",
    "Classification",
    "DiffLine",
    "FileDiff",
    "Hunk",
    "Measured",
    "Risk",
    "RiskKind",
    "change_size",
    "classify",
    "file_diffs",
    "joined",
    "judge",
    "measure",
]

# What reading a change alone doesn't need is imported when it is first asked for.
_LATER = {
    "DiffLine": "diff",
    "FileDiff": "diff",
    "Hunk": "diff",
    "file_diffs": "diff",
    "Measured": "measured",
    "joined": "measured",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found
