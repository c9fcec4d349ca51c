"""What people said to a recorded session, as an inbox: each instruction waits where it is the next thing on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.loop.control import PERSON, Inbox, Instruction, Person
from workbench.sessions import events

if TYPE_CHECKING:
    from workbench.replay.retold import Script


class RecordedInbox(Inbox):
    """The instructions that come next on record; nothing is put in or taken out."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def __bool__(self) -> bool:
        return _instruction(self._script.next) is not None

    def pending(self) -> list[Instruction]:
        """The instructions up to the first event that is none."""
        found: list[Instruction] = []
        for event in self._script.recorded[self._script.position :]:
            given = _instruction(event)
            if given is None:
                break
            found.append(given)
        return found

    def forget(self, given: Instruction) -> None:
        """It is told; the record goes on behind it."""


def _instruction(event: events.Event | None) -> Instruction | None:
    if not isinstance(event, events.Message) or event.by != PERSON or not event.instruction:
        return None
    return Instruction.model_validate(
        {
            "id": event.instruction, "act": event.act, "text": event.text, "person": Person.model_validate(event.person),
            "tree": event.tree or "",
        }
    )  # fmt: skip
