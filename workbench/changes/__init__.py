"""Changes: two git trees and an author, and what kind of change that is."""

from workbench.changes.classify import classify
from workbench.changes.diff import DiffLine, FileDiff, Hunk, file_diffs
from workbench.changes.judge import judge, measure
from workbench.changes.measured import Measured, joined
from workbench.changes.model import Author, Change, Classification, Risk, RiskKind, change_size

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
