"""`PanesScreen`: what the screens have in common: panes of lines, side by side or one at a time, and the keys to move in them.

A screen says which panes there are and fills them. Keys that decide rest until the screen has stood still for a while, so that
what was typed ahead decides nothing; that is kept here, too, since every move restarts it.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import DescendantFocus, Key, Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from workbench.tui.dialogs import SETTLE_SECONDS, Clock, Find, Keys
from workbench.tui.keybar import KeyBar
from workbench.tui.keys import LAST, MOVING, NOTES, WIDE, key_lines
from workbench.tui.lines import LineList
from workbench.tui.outside import copied
from workbench.tui.person import Person
from workbench.visible import visible


class PanesScreen(Screen[None]):
    """A screen of panes. `panes` are their names from the left, `wraps` what a broken line goes on with, by pane.

    `screen_keys` are all its bindings, `deciding` the actions that rest; `clock` is in seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*MOVING, *LAST]
    panes: ClassVar[tuple[str, ...]] = ()
    wraps: ClassVar[Mapping[str, str]] = {}
    screen_keys: ClassVar[Sequence[Binding]] = (*MOVING, *LAST)
    deciding: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, clock: Clock = time.monotonic, person: Person | None = None) -> None:
        super().__init__()
        self._person = person or Person()
        self._clock = clock
        self._rest: Timer | None = None
        self._pane = self.panes[0]
        self._zoomed = False
        self._settles = 0.0
        self._sought = ""
        self._lists = {name: LineList(id=name, wrap=self.wraps.get(name, "")) for name in self.panes}
        self._line = Static(id="status", markup=False)
        self._status = ""
        self._bar = KeyBar([found.id for found in self.screen_keys])
        self._ours = frozenset(found.action.partition("(")[0] for found in self.screen_keys)

    # What is on screen -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Panes, two lines of status, and the keys."""
        with Horizontal(id="panes"):
            yield from self._lists.values()
        yield self._line
        yield self._bar

    def on_mount(self) -> None:
        """Names the panes, maps the keys, and lets the screen fill itself."""
        self.app.set_keymap({**self.app._keymap, **self._person.keymap})
        for name in self.panes:
            self._lists[name].border_title = name
        self.begin()
        self._arrange()
        self._lists[self._pane].focus()

    def begin(self) -> None:
        """Fills the panes for the first time."""

    def on_resize(self, event: Resize) -> None:
        """Panes side by side, or one."""
        self._arrange()

    @property
    def said(self) -> str:
        """The lines of status, as they are on screen."""
        return self._status

    def say(self, first: str, second: str) -> None:
        """The two lines of status: where we are, and what there is to say."""
        self._status = f"{first}\n{visible(second)}"
        width = max(1, self.size.width - 2)
        rows = min(4, max(2, sum(max(1, -(-cell_len(row) // width)) for row in self._status.split("\n"))))
        self._line.update(Content(self._status), layout=False)
        if self._line.styles.height is None or self._line.styles.height.value != rows:
            self._line.styles.height = rows
        self._show_keys()

    @abstractmethod
    def tell(self, said: str | None = None) -> None:
        """Says something, or (None) again what was said last."""

    def beside(self) -> Sequence[str]:
        """The panes that stand side by side where there is room."""
        return self.panes

    def _arrange(self) -> None:
        wide = self.size.width >= WIDE and not self._zoomed
        self.set_class(not wide, "narrow")
        shown = self.beside() if wide else (self._pane,)
        for name in self.panes:
            if self._lists[name].display is not (name in shown):
                self._lists[name].display = name in shown

    # Keys that rest --------------------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The pane that has the focus, by key or by mouse."""
        if isinstance(event.widget, LineList) and event.widget.id:
            self._pane = event.widget.id
            self._settle()

    def _settle(self) -> None:
        self._settles = self._clock() + SETTLE_SECONDS
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(SETTLE_SECONDS + 0.02, self._show_keys)
        self._show_keys()

    @property
    def settling(self) -> bool:
        """Whether keys that decide rest, because something has only just moved."""
        return self._clock() < self._settles

    def _show_keys(self) -> None:
        """Greys keys at the foot, or lights them."""
        if (
            self.is_attached and self.app.screen_stack and self.app.screen is self and self._bar.is_attached
        ):  # a timer may still fire while the screen goes away
            self._bar.show_keys()

    def on_key(self, event: Key) -> None:
        """A key that comes while things settle starts that time again, so that type-ahead never decides."""
        if self.settling:
            self._settle()

    def rests(self, action: str) -> bool:
        """Whether an action of `deciding` can't be done just now."""
        return False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Below a dialog nothing does anything; keys that decide rest until the screen has stood still."""
        if action in self._ours and self.app.screen is not self:
            return False
        if action in self.deciding and (self.settling or self.rests(action)):
            return None
        return True

    # Moving about ----------------------------------------------------------------------------------------------------

    def _focus_pane(self, name: str) -> None:
        self._pane = name
        self._arrange()
        self._lists[name].focus()
        self._settle()
        self.tell("")

    def action_enter(self) -> None:
        """Into what the list is about."""
        self._focus_pane(self.panes[1])

    def action_out(self) -> None:
        """Back to the list."""
        self._focus_pane(self.panes[0])

    def action_move(self, by: int) -> None:
        """One line."""
        self._lists[self._pane].move(by)

    def action_end(self, which: int) -> None:
        """First or last line."""
        here = self._lists[self._pane]
        here.go(len(here.lines) - 1 if which > 0 else 0)

    def action_page(self, by: int) -> None:
        """Half a page."""
        here = self._lists[self._pane]
        here.move(by * max(1, here.size.height // 2))

    def action_pane(self, name: str) -> None:
        """Into a pane; `next` and `previous` go around."""
        around = {"next": 1, "previous": -1}.get(name)
        self._focus_pane(self.panes[(self.panes.index(self._pane) + around) % len(self.panes)] if around else name)

    def action_zoom(self) -> None:
        """The focused pane alone, or all again."""
        self._zoomed = not self._zoomed
        self._arrange()

    @work(exit_on_error=False)
    async def action_search(self) -> None:
        """Asks what to look for in this pane, and goes to the first line that has it, from the cursor on."""
        said = await self.app.push_screen_wait(Find(self._sought))
        self._settle()
        if said:
            self._sought = said
            self._seek(1, here=True)

    def action_match(self, by: int) -> None:
        """The next or previous line that matches."""
        if self._sought:
            self._seek(by)
        else:
            self.tell("nothing is searched for yet: / asks")

    def _seek(self, by: int, *, here: bool = False) -> None:
        which, count = self._lists[self._pane].seek(self._sought, by, here=here)
        self.tell(f"/{self._sought}: {which} of {count}" if count else f"/{self._sought}: not in this pane")

    def passage(self) -> str:
        """What `y` copies: what the cursor is on."""
        return "\n".join(self._lists[self._pane].passage[0])

    def action_copy(self) -> None:
        """Copies what the cursor is on, or says where it was written to."""
        text = self.passage()
        if text:
            self.tell(copied(text, self._person, self.app.copy_to_clipboard))

    def action_keys(self) -> None:
        """The keys."""
        self.app.push_screen(Keys([*key_lines(self.screen_keys, self._person.keymap), *NOTES]))

    def commands(self) -> Iterable[SystemCommand]:
        """Every key of ours, for the palette."""
        for found in self.screen_keys:
            yield SystemCommand(found.description.capitalize(), found.tooltip, partial(self._run, found.action))

    def _run(self, action: str) -> None:
        self.run_worker(self.run_action(action), exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What goes wrong beside the screen is said on it."""
        if event.state is WorkerState.ERROR:
            self.tell(f"✗ a fault of workbench itself, nothing was signed: {event.worker.error}")

    def action_leave(self) -> None:
        """Quits, or goes back to the screen below."""
        self.leave()

    def leave(self) -> None:
        """Ends the program where this is its first screen, else goes back to the one below."""
        if self._rest:
            self._rest.stop()
        if self.app.screen_stack[0] is self:
            self.app.exit()
        else:
            self.dismiss(None)
