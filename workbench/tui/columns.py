"""A diff in two columns: before on the left, after on the right, each with its mark, so that nothing hangs on colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len

from workbench.changes import FileDiff
from workbench.changes.diff import DiffLine, Hunk
from workbench.tui.lines import Line, broken, line
from workbench.tui.views import file_head
from workbench.visible import Visible, visible

_BETWEEN = " │ "
_NARROWEST = 10


def column_lines(diffs: Sequence[FileDiff], width: int) -> list[Line]:
    """The diff in lines of at most `width` columns; keys as in `diff_lines`."""
    half = max(_NARROWEST, (width - len(_BETWEEN)) // 2)
    lines: list[Line] = []
    for i, diff in enumerate(diffs):
        lines += file_head(diff, i)
        for j, hunk in enumerate(diff.hunks):
            lines.append(line(hunk.header, "dim", f"h{i}.{j}"))
            lines += [row for pair in _pairs(hunk) for row in _rows(*pair, half, f"h{i}.{j}")]
        if diff.missing_newline:
            lines.append(line("\\ no newline at the end any more", "dim", f"f{i}"))
        lines.append(line(""))
    return lines or [line("no difference", "dim")]


def _pairs(hunk: Hunk) -> Iterator[tuple[DiffLine | None, DiffLine | None]]:
    """What stands beside what: removed lines beside the added ones that follow them."""
    gone: list[DiffLine] = []
    come: list[DiffLine] = []
    for found in hunk.lines:
        if found.mark == " ":
            yield from zip_longest(gone, come)
            gone, come = [], []
            yield found, found
        elif found.mark == "-":
            if come:
                yield from zip_longest(gone, come)
                gone, come = [], []
            gone.append(found)
        else:
            come.append(found)
    yield from zip_longest(gone, come)


def _rows(old: DiffLine | None, new: DiffLine | None, half: int, key: str) -> Iterator[Line]:
    left, right = (_column(found, half) for found in (old, new))
    at = (new.new or 0) if new else -(old.old or 0) if old else 0
    for one, other in zip_longest(left, right, fillvalue=""):
        text = one + " " * (half - cell_len(one)) + _BETWEEN
        yield Line(Visible(text), _style(old), key, at, Visible(other), _style(new))


def _column(found: DiffLine | None, half: int) -> list[str]:
    return [part for _, part in broken(visible(f"{found.mark} {found.text}"), half, "↳ ")] if found else []


def _style(found: DiffLine | None) -> str:
    return {"+": "added", "-": "removed"}.get(found.mark, "plain") if found else "plain"
