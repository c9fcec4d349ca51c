"""The loop beside the screen: a thread that runs it, and what it has said so far. Knows nothing of the screen.

The thread is left alone by the program's end, so that a long node never keeps a screen from closing. It stops at the next word
that the loop says, as if ^C had been pressed there: whatever it was doing is undone or can be resumed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from workbench.loop.session import Interrupted, SessionResult

_KEPT = 200
_WORDS = 40_000


class Begin(Protocol):
    """Starts or resumes a session, and says what it does."""

    def __call__(
        self, *, say: Callable[[str], None], words: Callable[[str], None], entered: Callable[[Path, str, int], None]
    ) -> SessionResult:
        """Runs until it ends or waits for a person."""


@dataclass
class Runner:
    """One loop at a time. `count` grows whenever there is something new; the rest is as of now."""

    said: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """What the node that runs has said."""
    words: str = ""
    """What the model has said on this turn."""
    node: str = ""
    step: int = 0
    directory: Path | None = None
    result: SessionResult | None = None
    error: BaseException | None = None
    interrupted: bool = False
    count: int = 0
    _leave: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread is not None and self._thread.is_alive()

    def go(self, begin: Begin) -> None:
        """Runs it in a thread of its own, unless one is running."""
        if self.alive:
            return
        self.result = self.error = None
        self.interrupted = False
        self._leave.clear()
        self._thread = threading.Thread(target=self._run, args=(begin,), name="loop", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Lets it stop at its next word."""
        self._leave.set()

    def join(self, seconds: float) -> bool:
        """Waits for it; whether it has stopped."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.alive

    def _run(self, begin: Begin) -> None:
        try:
            self.result = begin(say=self._say, words=self._hear, entered=self._enter)
        except Interrupted:
            self.interrupted = True
        except BaseException as error:  # noqa: BLE001 (kept for the one place that owns exit codes, which raises it again)
            self.error = error
        finally:
            self.count += 1

    def _say(self, text: str) -> None:
        self._here()
        self.said.append(text)

    def _hear(self, text: str) -> None:
        self._here()
        self.words = (self.words + text)[-_WORDS:]

    def _enter(self, directory: Path, node: str, step: int) -> None:
        self._here()
        self.directory, self.node, self.step = directory, node, step
        self.said.clear()
        self.words = ""

    def _here(self) -> None:
        self.count += 1
        if self._leave.is_set():
            raise KeyboardInterrupt
