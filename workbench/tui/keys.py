"""The keys of the screens, what `?` says about them, and the layout; what they do is in `panes.py` and `review.py`.

A key means the same on every screen. `tooltip` is what is said of it in the list of keys and in the palette.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.binding import Binding

WIDE = 100
"""Columns from which the panes stand side by side."""
PANES = ("queue", "diff", "evidence", "policy", "session")
WRAP = {"diff": "↳ ", "evidence": "  ", "policy": "  ", "session": "  "}
"""What the rest of a line that is broken at the edge begins with; the queue doesn't break lines."""


def _key(keys: str, action: str, word: str, about: str, id: str, *, show: bool = False, priority: bool = False) -> Binding:
    return Binding(keys, action, word, show=show, priority=priority, tooltip=about, id=id)


MOVING = [
    _key("enter", "enter", "open", "open what is under the cursor", "open", show=True),
    _key("tab", "pane('next')", "pane", "the next pane", "next-pane", show=True, priority=True),
    _key("shift+tab", "pane('previous')", "previous pane", "the previous pane", "previous-pane", priority=True),
    _key("escape", "out", "back", "back to the list", "back"),
    _key("j,down", "move(1)", "down", "one line down", "down"),
    _key("k,up", "move(-1)", "up", "one line up", "up"),
    _key("g,home", "end(-1)", "first", "the first line", "first"),
    _key("G,end", "end(1)", "last", "the last line", "last"),
    _key("ctrl+d,pagedown", "page(1)", "page down", "half a page down", "page-down"),
    _key("ctrl+u,pageup", "page(-1)", "page up", "half a page up", "page-up"),
    _key("slash", "search", "search", "search in this pane", "search"),
    _key("n", "match(1)", "next match", "the next line that matches", "next-match"),
    _key("N", "match(-1)", "previous match", "the line before that matches", "previous-match"),
    _key("y", "copy", "copy", "copy: a change's id, a hunk, or a line", "copy"),
    _key("z", "zoom", "zoom", "one pane, or all of them", "zoom"),
]
"""What every screen with panes understands."""
LAST = [
    _key("question_mark", "keys", "keys", "these keys", "keys", show=True),
    _key("q", "leave", "quit", "quit; drafts are kept", "quit", show=True),
]
CHANGE = [
    _key("right_square_bracket", "part(1, 'h')", "next hunk", "the next hunk of the diff", "next-hunk"),
    _key("left_square_bracket", "part(-1, 'h')", "previous hunk", "the hunk before", "previous-hunk"),
    _key("right_curly_bracket", "part(1, 'f')", "next file", "the next file of the diff", "next-file"),
    _key("left_curly_bracket", "part(-1, 'f')", "previous file", "the file before", "previous-file"),
    _key("s", "split", "split", "the diff in two columns, or in one", "split"),
    _key("e", "edit", "editor", "look at the file in $VISUAL or $EDITOR (a copy, to read)", "editor"),
    _key("b", "behind", "step", "the step of the session that made this", "behind"),
]
"""What is understood where a change is looked at."""
DECIDING = [
    _key("a", "draft('approve')", "approve", "draft: approve (asks what the policy asks)", "approve", show=True),
    _key("r", "draft('request-changes')", "changes", "draft: request changes", "request-changes", show=True),
    _key("x", "draft('reject')", "reject", "draft: reject", "reject", show=True),
    _key("c", "comment", "comment", "a comment to the draft; it is signed with it", "comment"),
    _key("u", "undo", "undo", "take the draft back", "undo", show=True),
    _key("S", "sign", "Sign", "sign the draft; another key confirms", "sign", show=True),
    _key("f5", "refresh", "refresh", "read the queue again", "refresh"),
]
REVIEW = [*MOVING[:2], *DECIDING, *LAST, *CHANGE, *MOVING[2:]]
STEERING = [
    _key("space", "pause", "pause", "pause before the next node, or go on", "play", show=True),
    _key("d", "direct", "direct", "tell the driver something, or answer its question", "direct", show=True),
    _key("t", "take_over", "take over", "take the step over: edit it yourself", "take-over", show=True),
    _key("T", "hand_back", "hand back", "hand back what you edited; it becomes a change by you", "hand-back", show=True),
    _key("e", "edit", "editor", "what you have taken over, in $VISUAL or $EDITOR", "editor"),
    _key("X", "stop", "end", "end the session for good; another key confirms", "stop"),
    _key("f", "follow", "follow", "follow the newest step", "follow"),
    _key("f5", "refresh", "refresh", "look again whether somebody has signed", "refresh"),
    _key("ctrl+c", "interrupt", "interrupt", "leave at once; the session can be resumed", "interrupt", priority=True),
]
"""What a running loop understands."""
RUN = [*MOVING[:1], *STEERING[:4], MOVING[1], *LAST, *STEERING[4:], *MOVING[2:]]

SCREENS: dict[str, Sequence[Binding]] = {"review": REVIEW, "run": RUN}
"""The bindings of each screen: what a person may remap, and what must not clash."""

NOTES = [
    "^P       all commands, by name",
    "",
    "Sign rests until all of the diff was on screen and the policy's",
    "questions are answered. Verdict keys rest for 0.4 s after the",
    "pane or the change changed, and as long as keys keep coming.",
    "Keys of your own: keys.toml, see docs/review.md.",
]


def key_lines(bindings: Sequence[Binding], keymap: Mapping[str, str]) -> list[str]:
    """What `?` says: each binding's keys, as they are mapped, and what it does."""
    lines = []
    for found in bindings:
        keys = keymap.get(found.id or "", found.key).split(",")
        lines.append(f"{' '.join(shown_key(key) for key in keys):<9}{found.tooltip}")
    return lines


def shown_key(key: str) -> str:
    """A key as people write it: `question_mark` → `?`, `ctrl+d` → `^d`."""
    names = {
        "question_mark": "?", "slash": "/", "right_square_bracket": "]", "left_square_bracket": "[", "right_curly_bracket": "}",
        "left_curly_bracket": "{", "pagedown": "PgDn", "pageup": "PgUp", "up": "↑", "down": "↓", "enter": "⏎", "tab": "⇥",
        "shift+tab": "⇧⇥", "escape": "Esc", "home": "Home", "end": "End", "f5": "F5", "full_stop": ".", "comma": ",",
        "less_than_sign": "<", "greater_than_sign": ">", "left": "←", "right": "→", "space": "Space",
    }  # fmt: skip
    key = key.strip()
    return names.get(key, f"^{names.get(key[5:], key[5:])}" if key.startswith("ctrl+") else key)


CSS = """
#panes { height: 1fr; }
LineList { border: round $foreground 40%; overflow-x: hidden; scrollbar-gutter: stable; scrollbar-size-vertical: 1; }
LineList { scrollbar-color: $foreground 40%; scrollbar-background: $background; }
LineList:focus { border: heavy $accent; }
#queue { width: 30; }
#diff { width: 6fr; }
#evidence, #policy, #session { width: 5fr; }
.narrow #panes LineList { width: 1fr; }
#course { height: 4; }
#steps { width: 6fr; }
#gates, #talk { width: 5fr; }
#status { height: 2; padding: 0 1; }
#keybar { height: 1; background: $panel; }
Ask, Confirm, Keys { align: center middle; }
Find { align: center bottom; }
#dialog { width: 90%; max-width: 100; height: auto; max-height: 90%; border: heavy $accent; padding: 1 2; background: $surface; }
Find #dialog { width: 100%; max-width: 100%; padding: 0 1; }
#summary { height: auto; max-height: 100%; }
#keys, #answer { margin-top: 1; }
"""
