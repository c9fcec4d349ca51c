"""The review screen's keys, what `?` says about them, and its layout; what they do is in `review.py`."""

from __future__ import annotations

from textual.binding import Binding

WIDE = 100
"""Columns from which the panes stand side by side."""
PANES = ("queue", "diff", "evidence", "policy")
WRAP = {"diff": "↳ ", "evidence": "  ", "policy": "  "}
"""What the rest of a line that is broken at the edge begins with; the queue doesn't break lines."""
BINDINGS = [
    Binding("j,down", "move(1)", "down", show=False, id="down"),
    Binding("k,up", "move(-1)", "up", show=False, id="up"),
    Binding("g,home", "end(-1)", "first", show=False, id="first"),
    Binding("G,end", "end(1)", "last", show=False, id="last"),
    Binding("ctrl+d,pagedown", "page(1)", "page down", show=False, id="page-down"),
    Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, id="page-up"),
    Binding("right_square_bracket", "part(1, 'h')", "next hunk", show=False, id="next-hunk"),
    Binding("left_square_bracket", "part(-1, 'h')", "previous hunk", show=False, id="previous-hunk"),
    Binding("right_curly_bracket", "part(1, 'f')", "next file", show=False, id="next-file"),
    Binding("left_curly_bracket", "part(-1, 'f')", "previous file", show=False, id="previous-file"),
    Binding("enter", "pane('diff')", "open", id="open"),
    Binding("escape", "pane('queue')", "back", show=False, id="back"),
    Binding("tab", "pane('next')", "pane", id="next-pane", priority=True),
    Binding("shift+tab", "pane('previous')", "previous pane", show=False, id="previous-pane", priority=True),
    Binding("a", "draft('approve')", "approve", id="approve"),
    Binding("r", "draft('request-changes')", "changes", id="request-changes"),
    Binding("x", "draft('reject')", "reject", id="reject"),
    Binding("c", "comment", "comment", show=False, id="comment"),
    Binding("u", "undo", "undo", id="undo"),
    Binding("S", "sign", "Sign", id="sign"),
    Binding("z", "zoom", "one pane or all", show=False, id="zoom"),
    Binding("f5", "refresh", "read the queue again", show=False, id="refresh"),
    Binding("question_mark", "keys", "keys", id="keys"),
    Binding("q", "leave", "quit", id="quit"),
]

HELP = [
    "j k ↑ ↓    move one line          g G     first, last",
    "^d ^u      half a page            Enter   open a change, Esc back",
    "Tab        diff, evidence, policy z       one pane, or all",
    "[ ]        hunk                   { }     file",
    "",
    "a          draft: approve (asks what the policy asks)",
    "r  x       draft: request changes, reject",
    "c          a comment to the draft; it is signed with it",
    "u          take the draft back",
    "S          sign the draft; Y confirms",
    "F5         read the queue again",
    "^P         all commands           q       quit; drafts are kept",
    "",
    "S rests until all of the diff was on screen and the policy's",
    "questions are answered. Verdict keys rest for 0.4 s after the",
    "pane or the change changed, and as long as keys keep coming.",
]

CSS = """
#panes { height: 1fr; }
LineList { border: round $foreground 40%; overflow-x: hidden; scrollbar-gutter: stable; scrollbar-size-vertical: 1; }
LineList { scrollbar-color: $foreground 40%; scrollbar-background: $background; }
LineList:focus { border: heavy $accent; }
#queue { width: 30; }
#diff { width: 6fr; }
#evidence, #policy { width: 5fr; }
.narrow #queue, .narrow #diff, .narrow #evidence, .narrow #policy { width: 1fr; }
#status { height: auto; min-height: 2; max-height: 4; padding: 0 1; }
Ask, Confirm, Keys { align: center middle; }
#dialog { width: 90%; max-width: 100; height: auto; max-height: 90%; border: heavy $accent; padding: 1 2; background: $surface; }
#summary { height: auto; max-height: 100%; }
#keys, #answer { margin-top: 1; }
"""
