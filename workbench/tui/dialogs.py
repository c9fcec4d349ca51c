"""The dialogs over the screen: questions answered in words, one confirmation with a key of its own, and the keys.

What was typed before a dialog opened reaches it; so for a while after it opened, nothing in it decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

from workbench.visible import visible

SETTLE_SECONDS = 0.4
"""For this long after something opened, or the last key typed while waiting, nothing decides."""
_LONGEST = 600
_SHOWABLE = r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*"
Clock = Callable[[], float]


class Ask(ModalScreen[list[str] | None]):
    """Asks questions one after the other and returns the answers; Esc gives up (None).

    `given` are earlier answers to begin with. An empty answer is asked again unless `optional`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "back", id="answer.back")]

    def __init__(
        self, questions: Sequence[str], given: Sequence[str] = (), *, optional: bool = False, clock: Clock = time.monotonic
    ) -> None:
        super().__init__()
        self._questions = list(questions)
        self._given = list(given) or [""] * len(self._questions)
        self._answers: list[str] = []
        self._optional = optional
        self._clock = clock
        self._ready = 0.0

    def compose(self) -> ComposeResult:
        """One question and a line to answer it."""
        with Vertical(id="dialog"):
            yield Static(id="question")
            yield Input(id="answer", placeholder="in your own words; Enter", restrict=_SHOWABLE)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Shows the first question."""
        self._next()

    def _next(self) -> None:
        number = len(self._answers)
        count = f"Question {number + 1} of {len(self._questions)}: " if len(self._questions) > 1 else ""
        shown = visible(self._questions[number], limit=_LONGEST)
        self.query_one("#question", Static).update(Content(f"{count}{shown}"))
        answer = self.query_one("#answer", Input)
        answer.value = self._given[number]
        answer.focus()
        self._ready = self._clock() + SETTLE_SECONDS

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes an answer; an Enter that comes too early to be meant for this question is dropped."""
        said = event.value.strip()
        if self._clock() < self._ready or not (said or self._optional):
            return
        self._answers.append(said)
        if len(self._answers) == len(self._questions):
            self.dismiss(self._answers)
        else:
            self._next()

    def action_give_up(self) -> None:
        """Back without answers."""
        self.dismiss(None)


class Confirm(ModalScreen[bool]):
    """What is about to be signed (or done), in full; `Y` does it, Esc doesn't, and nothing else does anything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("Y", "confirm", "sign", id="confirm.yes"),
        Binding("escape,n,q", "refuse", "back", id="confirm.no"),
    ]

    def __init__(self, summary: Sequence[str], clock: Clock = time.monotonic, *, does: str = "signs this") -> None:
        super().__init__()
        self._does = does
        self._summary = [visible(text, limit=_LONGEST) for text in summary]
        self._clock = clock
        self._ready = 0.0

    def compose(self) -> ComposeResult:
        """The summary and the two keys."""
        with Vertical(id="dialog"):
            with VerticalScroll(id="summary"):
                yield Static(Content("\n".join(self._summary)))
            yield Static(Content(f"Y {self._does} · Esc goes back"), id="keys")

    def on_mount(self) -> None:
        """Starts the time in which nothing confirms."""
        self._ready = self._clock() + SETTLE_SECONDS

    def on_key(self, event: Key) -> None:
        """Any key that comes too early starts that time again."""
        if self._clock() < self._ready:
            self._ready = self._clock() + SETTLE_SECONDS
            event.stop()
            event.prevent_default()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`Y` does nothing until the keys have settled."""
        return not (action == "confirm" and self._clock() < self._ready)

    def action_confirm(self) -> None:
        """Yes."""
        self.dismiss(True)

    def action_refuse(self) -> None:
        """No."""
        self.dismiss(False)


class Keys(ModalScreen[None]):
    """The keys; any of `?`, `q`, Esc and Enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "close", "back", id="keys.back"),
        Binding("j,down", "scroll(1)", "down", id="keys.down"),
        Binding("k,up", "scroll(-1)", "up", id="keys.up"),
    ]

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The lines."""
        with VerticalScroll(id="dialog"):
            yield Static(Content("\n".join(self._lines)))

    def action_scroll(self, by: int) -> None:
        """One line up or down, where they don't all fit."""
        self.query_one("#dialog").scroll_relative(y=by, animate=False)

    def action_close(self) -> None:
        """Back."""
        self.dismiss(None)


class Find(ModalScreen[str]):
    """Asks what to look for; Esc gives up (empty). Nothing is decided by it, so nothing rests."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "back", id="find.back")]

    def __init__(self, before: str) -> None:
        super().__init__()
        self._before = before

    def compose(self) -> ComposeResult:
        """One line to type in."""
        with Vertical(id="dialog"):
            yield Input(self._before, id="sought", placeholder="search; Enter", restrict=_SHOWABLE)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is what to look for."""
        self.dismiss(event.value)

    def action_give_up(self) -> None:
        """Back without searching."""
        self.dismiss("")
