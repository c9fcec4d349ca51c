"""A loop that runs in a moment: graph, checkpoints, record, git and directories are real; what skills answer is scripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from workbench.loop import session
from workbench.loop.context import LoopContext
from workbench.loop.control import Person
from workbench.loop.drivers import Edited, NoCure
from workbench.loop.drivers.answers import Answer
from workbench.loop.turn import Turn
from workbench.skills.run import SkillRun

BEN = Person(name="Ben", email="ben@shop.example")
MODEL = "pipelines/visits/model.py"
ANSWERS = {
    "build": {"ok": False, "error": {"message": "it fails", "stage": "fit"}},
    "explain": {"diagnoses": [{"kind": "unknown", "message": "nobody knows"}]},
}


class Scripted(LoopContext):
    """Skills answer at once; after so many events on record the process is as good as killed."""

    left = 10**9
    holds: tuple[str, threading.Event] | None = None
    """A skill that answers only once the event is set."""

    def execute(self, name: str, tree: str, given: Mapping[str, Any]) -> SkillRun:
        self.say(f"{name} is at work")
        if self.holds is not None and name == self.holds[0]:
            assert self.holds[1].wait(30)
            self.say(f"{name} goes on")
        return SkillRun(name, "1.0.0", "a" * 40, dict(given), ANSWERS[name], 0.0)

    def record(self, kind: str, **fields: Any) -> None:
        super().record(kind, **fields)
        Scripted.left -= 1
        if Scripted.left == 0:
            raise KeyboardInterrupt


def edits_twice(turn: Turn) -> Answer:
    done = len(turn.tried)
    text = turn.place.read(MODEL)
    return Edited({MODEL: f"{text}# try {done}\n".encode()}, f"try {done}") if done < 2 else NoCure("nothing left to try")


@contextmanager
def scripted(
    driver: Callable[[Turn], Answer] = edits_twice, kill_after: int = 10**9, hold: tuple[str, threading.Event] | None = None
) -> Iterator[None]:
    """While it lasts, sessions run so. `hold` is a skill, and what lets it answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "LoopContext", Scripted)
        patch.setattr(session, "load_driver", lambda name, settings: driver)
        patch.setattr(Scripted, "left", kill_after)
        patch.setattr(Scripted, "holds", hold)
        yield
