"""The line of keys at the foot of a screen: one widget that draws itself, since a key that greys must cost next to nothing."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.widgets import Static

from workbench.tui.keys import shown_key


class KeyBar(Static):
    """The screen's shown bindings in the order of their ids, as they are mapped; what rests is dim. A click is the key."""

    def __init__(self, order: Sequence[str | None]) -> None:
        super().__init__(id="keybar", markup=False)
        self._order = order
        self.shown: list[tuple[str, str, str, bool]] = []
        """(key, word, action, whether it is lit), as they stand from the left."""
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Draws itself."""
        self.show_keys()

    def on_resize(self) -> None:
        """Draws itself anew."""
        self.shown = []
        self.show_keys()

    def show_keys(self) -> None:
        """Lights and greys."""
        found: dict[str, tuple[str, str, str, bool]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.id and binding.id not in found:
                found[binding.id] = (shown_key(binding.key), binding.description, binding.action, active.enabled)
        shown = [found[name] for name in self._order if name in found]
        if shown != self.shown:
            self.shown = shown
            self._draw()

    def _draw(self) -> None:
        width = self.size.width or 80
        words = [f"{key} {word}" for key, word, _, _ in self.shown]
        gap = 2 if sum(map(cell_len, words)) + 2 * len(words) <= width else 1
        content, at, self._places = Content(""), 0, []
        for (key, word, action, lit), text in zip(self.shown, words, strict=True):
            if at + cell_len(text) > width:
                break
            content += Content.styled(key, "bold" if lit else "dim") + Content.styled(f" {word}", "" if lit else "dim")
            content += Content(" " * gap)
            self._places.append((at, at + cell_len(text), action))
            at += cell_len(text) + gap
        self.update(content, layout=False)

    async def on_click(self, event: Click) -> None:
        """What is under the mouse."""
        action = next((action for start, end, action in self._places if start <= event.x < end), None)
        if action is not None:
            await self.app.run_action(action)
