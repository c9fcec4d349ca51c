"""`LineList`: one scrolling list of lines for queue, diff and evidence. It draws what is on screen and nothing else, so
ten thousand entries cost what twenty do. Lines are plain text that went through `visible()`; no markup is ever parsed.
Where a list wraps, no part of a line is ever beyond the edge; where it doesn't, `…` says that there is more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.visible import Visible, visible

MIN_WRAP = 10
"""Narrower than this, lines are left as they are."""
WIDTH = 76
"""For what is drawn to fit a list that isn't on screen yet, and so has no width."""
STYLES = {
    "plain": Style(),
    "dim": Style(dim=True),
    "strong": Style(bold=True),
    "good": Style(color="green"),
    "added": Style(color="green"),
    "removed": Style(color="red"),
    "bad": Style(color="red", bold=True),
    "warning": Style(color="yellow"),
    "heading": Style(bold=True, underline=True),
}
_MARK = Style(bold=True)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `key` names what it belongs to (a change, a hunk), so that a refresh keeps the cursor on it."""

    text: Visible
    style: str = "plain"
    key: str = ""


Lines = Sequence[Line] | Callable[[int], Sequence[Line]]
"""Lines, or what makes them for a width in columns."""


def line(text: str, style: str = "plain", key: str = "") -> Line:
    """A line from untrusted text."""
    return Line(visible(text), style, key)


class LineList(ScrollView, can_focus=True):
    """Lines with a cursor; `wrap` breaks lines at the edge and begins the rest of each with these characters."""

    class Moved(Message):
        """The cursor is on another line."""

        def __init__(self, lines: LineList) -> None:
            super().__init__()
            self.lines = lines

        @property
        def control(self) -> LineList:
            """The list whose cursor moved."""
            return self.lines

    class Seen(Moved):
        """Lines that had not been on screen yet now are."""

    def __init__(self, *, id: str, wrap: str = "") -> None:
        super().__init__(id=id)
        self._source: Lines = ()
        self._lines: list[Line] = []
        self._rows: list[tuple[int, int]] = []
        self._unseen: Counter[str] = Counter()
        self._wrap = wrap
        self._laid = -1
        self.cursor = 0
        self.seen: set[tuple[int, int]] = set()
        """(line, part) of everything that has been on screen; parts are counted in characters, not in rows."""

    @property
    def lines(self) -> Sequence[Line]:
        """All lines as they stand on screen, wrapped where this list wraps."""
        return self._lines

    @property
    def key(self) -> str:
        """The key of the line under the cursor; empty where there is none."""
        return self._lines[self.cursor].key if self._lines else ""

    def unseen(self) -> set[str]:
        """Keys of which some part has not been on screen yet."""
        return {key for key, rows in self._unseen.items() if rows}

    def show(self, lines: Lines, *, keep: bool = False, seen: set[tuple[int, int]] | None = None) -> None:
        """Replaces the lines. `keep=True` leaves the cursor on the line with the same key, or where it was if that is gone.

        `seen` are the lines of these that had been on screen before; it is added to.
        """
        before, row = (self.key, self.cursor) if keep else ("", 0)
        self._source = lines
        self.seen = set() if seen is None else seen
        self._lay()
        gone = min(row, max(0, len(self._lines) - 1))
        self.cursor = next((i for i, found in enumerate(self._lines) if before and found.key == before), gone)
        self.scroll_to(y=max(0, self.cursor - 2), x=0, animate=False)
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        """Wraps anew; the cursor stays on the line it was on."""
        if self._width() == self._laid or not (self._wrap or callable(self._source)):
            return
        here = self._rows[self.cursor][0] if self._rows else 0
        self._lay()
        last = max(0, len(self._lines) - 1)
        self.cursor = next((i for i, row in enumerate(self._rows) if row[0] == here), last)
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Puts the cursor where the mouse is."""
        offset = event.get_content_offset(self)
        if offset is not None:
            self.go(int(self.scroll_offset.y) + offset.y)

    def _width(self) -> int:
        return max(0, self.scrollable_content_region.width - 1)

    def _lay(self) -> None:
        self._laid = self._width()
        given = self._source(self._laid or WIDTH) if callable(self._source) else self._source
        self._lines, self._rows = [], []
        for number, found in enumerate(given):
            for begin, part in _parts(found.text, self._laid, self._wrap) if self._wrap else [(0, found.text)]:
                self._lines.append(Line(Visible(part), found.style, found.key))
                self._rows.append((number, begin))
        self._unseen = Counter(found.key for found, row in zip(self._lines, self._rows, strict=True) if row not in self.seen)
        self.virtual_size = Size(self._laid, len(self._lines))

    def move(self, by: int) -> None:
        """Moves the cursor by that many lines, not beyond either end."""
        self.go(self.cursor + by)

    def go(self, to: int, *, top: bool = False) -> None:
        """Puts the cursor on line `to` and scrolls it into view, with `top=True` to where all that follows it is in view."""
        if not self._lines:
            return
        self.cursor = min(max(to, 0), len(self._lines) - 1)
        if top:
            self.scroll_to(y=self.cursor, animate=False)
        else:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False)
        self.refresh()
        self.post_message(self.Moved(self))

    def next_key(self, by: int, prefix: str) -> None:
        """Puts the cursor on the next (or, with by=-1, previous) line whose key begins with `prefix` and differs."""
        here = self.key
        index = self.cursor + by
        while 0 <= index < len(self._lines):
            found = self._lines[index].key
            if found.startswith(prefix) and found != here and (index == 0 or self._lines[index - 1].key != found):
                self.go(index, top=True)
                return
            index += by

    def render_line(self, y: int) -> Strip:
        """Draws one line of the screen (Textual's hook)."""
        index = y + int(self.scroll_offset.y)
        width = self.scrollable_content_region.width
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        found = self._lines[index]
        self._mark_seen(index)
        mark = "▌" if index == self.cursor and self.has_focus else "│" if index == self.cursor else " "
        text = str(found.text)
        if cell_len(text) > width - 1:
            text = set_cell_size(text, max(0, width - 2)) + "…"
        ground = self.rich_style
        strip = Strip([Segment(mark, ground + _MARK), Segment(text, ground + STYLES[found.style])])
        return strip.adjust_cell_length(width, ground)

    def _mark_seen(self, index: int) -> None:
        row = self._rows[index]
        if row not in self.seen:
            self.seen.add(row)
            key = self._lines[index].key
            self._unseen[key] -= 1
            if not self._unseen[key]:
                # Not from here: a message made while the screen draws counts as the screen's and bubbles no further.
                self.call_later(self._tell_seen)

    def _tell_seen(self) -> None:
        self.post_message(self.Seen(self))


def _parts(text: str, width: int, again: str) -> list[tuple[int, str]]:
    """The text in pieces of at most `width` cells, each with the index of its first character; 0 doesn't wrap.

    Later pieces begin with `again`; where that is blank, they line up with the text (and behind its bullet).
    """
    if width < MIN_WRAP or cell_len(text) <= width:
        return [(0, text)]
    if not again.strip():
        indent = len(text) - len(text.lstrip(" "))
        bullet = len(again) if text[indent + 1 : indent + 2] == " " else 0
        again = " " * min(indent + bullet, width // 3)
    narrow = text.isascii()
    parts: list[tuple[int, str]] = []
    begin = 0
    while begin < len(text):
        lead = again if parts else ""
        end = begin + width - len(lead) if narrow else _fitting(text, begin, width - len(lead))
        blank = text.rfind(" ", begin, end)
        if end < len(text) and blank > begin + width // 2:
            end = blank + 1
        parts.append((begin, lead + text[begin:end]))
        begin = end
    return parts


def _fitting(text: str, begin: int, width: int) -> int:
    """The end of the longest piece from `begin` that is at most `width` cells wide."""
    end, cells = begin, 0
    while end < len(text) and cells + cell_len(text[end]) <= width:
        cells += cell_len(text[end])
        end += 1
    return end
