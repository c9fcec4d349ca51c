"""Untrusted text → text that is safe to show: nothing in it can move the cursor, hide, reorder or impersonate.

Everything that reaches a terminal, a report or a reviewer and that a data file, a log, a diff or an agent wrote goes
through `visible()`. What can't be shown is written out as an escape, so that it is seen rather than obeyed.
"""

from __future__ import annotations

import unicodedata
from typing import NewType

Visible = NewType("Visible", str)
"""Text in which every character is printable, or a newline where newlines were asked for."""

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters that render as nothing: fillers, and variation selectors that smuggle bytes along with a visible character.
_HIDDEN_CHARACTERS = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5") | {
    chr(c) for c in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}


def visible(text: str, *, newlines: bool = False, limit: int | None = None) -> Visible:
    """Returns `text` with every character that isn't plainly visible written as an escape such as `\\x1b` or `\\u202e`.

    Tabs become four spaces. `newlines=True` keeps `\\n` (and turns `\\r\\n` into a visible `\\r` plus the newline).
    `limit` cuts after that many characters of the result and says how many of the input were left out.
    """
    if text.isascii() and text.isprintable() and (limit is None or len(text) <= limit):
        return Visible(text)
    shown: list[str] = []
    length = 0
    for index, character in enumerate(text):
        piece = _shown(character, newlines)
        length += len(piece)
        if limit is not None and length > limit:
            shown.append(f"… (+{len(text) - index} characters)")
            break
        shown.append(piece)
    return Visible("".join(shown))


def _shown(character: str, newlines: bool) -> str:
    if character == "\n" and newlines:
        return character
    if character == "\t":
        return "    "
    if " " <= character <= "~":
        return character
    code = ord(character)
    category = unicodedata.category(character)
    hidden = category in _HIDDEN_CATEGORIES or character in _HIDDEN_CHARACTERS
    # Spaces other than U+0020 look like it or like nothing.
    if not (hidden or category == "Zs" or character.isspace()):
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
