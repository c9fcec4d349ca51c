"""Tree pairs → file diffs with hunks, computed here from the bytes, so that no attribute, driver or setting can hide a line.

The text of a line is untrusted: whoever shows it puts it through `visible()`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal

from workbench.changes.model import Change
from workbench.repo import SUBMODULE, Entry, Repo

CONTEXT = 3
_COMPARED = 60_000
"""Changed lines beyond which two files are shown as one replaced by the other."""

Status = Literal["added", "deleted", "modified", "mode"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line: `mark` is ` `, `+` or `-`; `old` and `new` are its line numbers, from 1, on the sides that have it."""

    mark: str
    text: str
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class Hunk:
    """Changed lines with their context; the numbers are those of a unified diff."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: tuple[DiffLine, ...]

    @property
    def header(self) -> str:
        """The line that introduces the hunk in a unified diff."""
        return f"@@ -{self.old_start},{self.old_lines} +{self.new_start},{self.new_lines} @@"


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file of a change. A rename is a deletion and an addition; the addition names where it came from in `old_path`."""

    path: str
    old_path: str | None
    status: Status
    old_mode: str | None
    new_mode: str | None
    binary: bool
    hunks: tuple[Hunk, ...] = field(default=())
    old_size: int = 0
    new_size: int = 0
    missing_newline: bool = False
    """The new content doesn't end in a newline where the old one did."""


def file_diffs(repo: Repo, change: Change) -> list[FileDiff]:
    """Every file in which the two trees differ, in the order of their paths."""
    differences = repo.diff(change.base, change.result)
    gone = {path: old for path, old, new in differences if old is not None and new is None}
    return [_file(repo, path, old, new, gone) for path, old, new in differences]


def _file(repo: Repo, path: str, old: Entry | None, new: Entry | None, gone: dict[str, Entry]) -> FileDiff:
    before, after = _content(repo, old), _content(repo, new)
    status: Status = "added" if old is None else "deleted" if new is None else "mode" if before == after else "modified"
    binary = b"\0" in before[:8192] or b"\0" in after[:8192]
    origin = _origin(repo, new, after, gone) if old is None and new is not None and not binary else None
    hunks = () if binary else _hunks(_lines(before), _lines(after))
    missing = bool(after) and not after.endswith(b"\n") and (not before or before.endswith(b"\n"))
    modes = (old.mode if old else None, new.mode if new else None)
    return FileDiff(path, origin, status, *modes, binary, hunks, len(before), len(after), missing)


def _content(repo: Repo, entry: Entry | None) -> bytes:
    if entry is None:
        return b""
    return f"submodule at commit {entry.id}\n".encode() if entry.mode == SUBMODULE else repo.blob(entry.id)


def _lines(content: bytes) -> list[str]:
    lines = content.decode("utf-8", "backslashreplace").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _origin(repo: Repo, new: Entry, after: bytes, gone: dict[str, Entry]) -> str | None:
    """The deleted file that this added one was made from: the same bytes, or more than half of the same lines."""
    best, score = None, 0.5
    wanted = set(_lines(after))
    for path, entry in gone.items():
        if entry.id == new.id:
            return path
        lines = set(_lines(_content(repo, entry)))
        alike = len(lines & wanted) / max(len(lines), len(wanted), 1)
        if alike > score:
            best, score = path, alike
    return best


def _hunks(old: list[str], new: list[str]) -> tuple[Hunk, ...]:
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
    if len(middle_old) + len(middle_new) > _COMPARED:
        blocks = [(start, len(old) - end, start, len(new) - end)]
    else:
        codes = SequenceMatcher(None, middle_old, middle_new, autojunk=len(middle_old) > 2000).get_opcodes()
        blocks = [(a + start, b + start, c + start, d + start) for tag, a, b, c, d in codes if tag != "equal"]
    groups: list[list[tuple[int, int, int, int]]] = []
    for block in blocks:
        if block[0] == block[1] and block[2] == block[3]:
            continue
        if groups and block[0] - groups[-1][-1][1] <= 2 * CONTEXT:
            groups[-1].append(block)
        else:
            groups.append([block])
    return tuple(_hunk(old, new, group) for group in groups)


def _hunk(old: list[str], new: list[str], blocks: list[tuple[int, int, int, int]]) -> Hunk:
    first_old, first_new = max(0, blocks[0][0] - CONTEXT), max(0, blocks[0][2] - CONTEXT)
    lines: list[DiffLine] = []
    at_old, at_new = first_old, first_new

    def context(until: int) -> None:
        nonlocal at_old, at_new
        while at_old < until:
            lines.append(DiffLine(" ", old[at_old], at_old + 1, at_new + 1))
            at_old, at_new = at_old + 1, at_new + 1

    for a, b, c, d in blocks:
        context(a)
        lines += [DiffLine("-", old[i], i + 1, None) for i in range(a, b)]
        lines += [DiffLine("+", new[i], None, i + 1) for i in range(c, d)]
        at_old, at_new = b, d
    context(min(len(old), at_old + CONTEXT))
    old_lines, new_lines = at_old - first_old, at_new - first_new
    return Hunk(
        first_old + 1 if old_lines else first_old, old_lines, first_new + 1 if new_lines else first_new, new_lines, tuple(lines)
    )
