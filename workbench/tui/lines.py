"""`LineList`: one scrolling list of lines for queue, diff and evidence. It draws what is on screen and nothing else, so
ten thousand entries cost what twenty do. Lines are plain text that went through `visible()`; no markup is ever parsed.
Where a list wraps, no part of a line is ever beyond the edge; where it doesn't, `…` says that there is more.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
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
_FOUND = Style(reverse=True)


_NOTHING = Visible("")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `key` names what it belongs to (a change, a hunk, an event), so that a refresh keeps the cursor on it."""

    text: Visible
    style: str = "plain"
    key: str = ""
    at: int = 0
    """For a line of a file: its number after the change, or before it (as a negative number) where it is gone."""
    beside: Visible = _NOTHING
    """What stands to the right of it in a style of its own: the other column of a diff in two."""
    beside_style: str = "plain"


Lines = Sequence[Line] | Callable[[int], Sequence[Line]]
"""Lines, or what makes them for a width in columns."""


def line(text: str, style: str = "plain", key: str = "", at: int = 0) -> Line:
    """A line from untrusted text."""
    return Line(visible(text), style, key, at)


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
        self._given: Sequence[Line] = ()
        self._rows: list[tuple[int, int]] = []
        self._firsts: list[int] = []
        self._unseen: Counter[str] = Counter()
        self._wrap = wrap
        self._laid = -1
        self.cursor = 0
        self.sought = ""
        """What is searched for; marked where it is on screen."""
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

    @property
    def at(self) -> int:
        """The number of the line of a file under the cursor, as in `Line.at`."""
        return self._lines[self.cursor].at if self._lines else 0

    def unseen(self) -> Iterable[str]:
        """Keys of which some part has not been on screen yet."""
        return self._unseen.keys()

    @property
    def passage(self) -> tuple[list[str], Line | None]:
        """What the cursor is on, unbroken: all lines of its key, or the one line; and that line itself."""
        if not self._rows:
            return [], None
        here = self._rows[self.cursor][0]
        first = last = here
        key = self._given[here].key
        while key and first > 0 and self._given[first - 1].key == key:
            first -= 1
        while key and last + 1 < len(self._given) and self._given[last + 1].key == key:
            last += 1
        return [f"{found.text}{found.beside}".rstrip() for found in self._given[first : last + 1]], self._given[here]

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
        width = self._width()
        if callable(self._source):
            if width != self._laid:  # other lines than were seen
                self.seen.clear()
            self._given = self._source(width or WIDTH)
        else:
            self._given = self._source
        self._laid = width
        self._lines, self._rows, self._firsts = [], [], []
        for number, found in enumerate(self._given):
            self._firsts.append(len(self._lines))
            text = found.text
            if not self._wrap or (len(text) <= width and text.isascii()):
                self._lines.append(found)
                self._rows.append((number, 0))
                continue
            for begin, part in broken(text, width, self._wrap):
                self._lines.append(replace(found, text=Visible(part)))
                self._rows.append((number, begin))
        seen = self.seen
        self._unseen = Counter(found.key for found, row in zip(self._lines, self._rows, strict=True) if row not in seen)
        self.virtual_size = Size(width, len(self._lines))

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

    def seek(self, text: str, by: int, *, here: bool = False) -> tuple[int, int]:
        """Puts the cursor on the next (by=-1: previous) line with `text` in it, around the end; (which, of how many), or (0, 0).

        Letters match either case unless one of them is a capital. `here`: the line under the cursor may be it.
        """
        self.sought = text
        self.refresh()
        plain = text == text.lower()
        found = [
            number
            for number, one in enumerate(self._given)
            if text and text in (f"{one.text}{one.beside}".lower() if plain else f"{one.text}{one.beside}")
        ]
        if not found:
            return 0, 0
        now = self._rows[self.cursor][0]
        if by > 0:
            which = (bisect_left if here else bisect_right)(found, now) % len(found)
        else:
            which = (bisect_left(found, now) - 1) % len(found)
        self.go(self._firsts[found[which]])
        return which + 1, len(found)

    def go_to_key(self, key: str) -> bool:
        """Puts the cursor on the first line of that key; whether there is one."""
        place = next((number for number, found in enumerate(self._lines) if found.key == key), None)
        if place is not None:
            self.go(place)
        return place is not None

    def render_line(self, y: int) -> Strip:
        """Draws one line of the screen (Textual's hook)."""
        index = y + int(self.scroll_offset.y)
        width = self.scrollable_content_region.width
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        found = self._lines[index]
        self._mark_seen(index)
        mark = "▌" if index == self.cursor and self.has_focus else "│" if index == self.cursor else " "
        ground = self.rich_style
        parts = [Segment(mark, ground + _MARK), *self._marked(str(found.text), ground + STYLES[found.style])]
        if found.beside:
            parts += self._marked(str(found.beside), ground + STYLES[found.beside_style])
        strip = Strip(parts)
        if strip.cell_length > width:
            strip = Strip([*strip.crop(0, width - 1), Segment("…", ground)])
        return strip.adjust_cell_length(width, ground)

    def _marked(self, text: str, style: Style) -> list[Segment]:
        """The text, with what is searched for standing out."""
        if not self.sought:
            return [Segment(text, style)]
        parts = re.split(f"({re.escape(self.sought)})", text, flags=0 if self.sought != self.sought.lower() else re.IGNORECASE)
        return [Segment(part, style + _FOUND if odd % 2 else style) for odd, part in enumerate(parts) if part]

    def _mark_seen(self, index: int) -> None:
        row = self._rows[index]
        if row not in self.seen:
            self.seen.add(row)
            key = self._lines[index].key
            self._unseen[key] -= 1
            if not self._unseen[key]:
                del self._unseen[key]
                # Not from here: a message made while the screen draws counts as the screen's and bubbles no further.
                self.call_later(self._tell_seen)

    def _tell_seen(self) -> None:
        self.post_message(self.Seen(self))


def broken(text: str, width: int, again: str) -> list[tuple[int, str]]:
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
