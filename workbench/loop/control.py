"""A person's control over a running loop: instructions, the inbox they wait in, and where they leave the session.

An instruction is on disk when `post` returns, whoever runs the loop and wherever it is. Between two nodes the loop takes what
is there, records each as a `message` event by a person, and only then lets it take effect (`steering.py`). An instruction
steers; it approves nothing, and what a person hands back is judged like any other change.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import UsageError
from workbench.sessions.events import Message
from workbench.sessions.reader import Session

Act = Literal["direct", "answer", "pause", "go-on", "take-over", "hand-back", "stop"]
ACTS: tuple[str, ...] = get_args(Act)
PERSON, OURS = "person", "workbench"
LONGEST = 4000
"""Characters of the longest direction or answer."""
PAUSED, TAKEN = "paused", "taken-over"
WAITS = frozenset({"waiting", PAUSED, TAKEN})
"""Outcomes of a session that goes on when it is resumed."""
HELPLESS = frozenset({"no-cure", "stuck", "refused", "blocked"})
"""Outcomes of a session that goes on when somebody gives it a direction or takes it over."""


class Person(BaseModel):
    """Who gives an instruction, as git knows them; `key` is their public SSH key where it is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    email: str = ""
    key: str = ""


class Instruction(BaseModel):
    """One thing a person wants. `id` sorts by time; `tree` is what is handed back; empty: nothing was changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    id: str = Field(pattern=r"^[0-9]{20}-[0-9a-f]{8}$")
    act: Act
    text: str = Field(default="", max_length=LONGEST)
    person: Person = Person()
    tree: str = Field(default="", pattern=r"^([0-9a-f]{40})?$")


def instruction(act: Act, text: str = "", *, person: Person | None = None, tree: str = "") -> Instruction:
    """A new instruction. Raises UsageError for words that are empty where words are needed, or too long."""
    text = text.strip()
    if act in ("direct", "answer") and not text:
        raise UsageError("There are no words in it.", 'say what you want, for instance --direct "try without weather"')
    if len(text) > LONGEST:
        raise UsageError(f"That is {len(text):,} characters; at most {LONGEST:,} are taken.", "say it shorter")
    who = person or Person()
    if act in ("take-over", "hand-back") and not (who.name and who.email):
        raise UsageError("git doesn't know who you are, and what you hand back has an author.", "git config user.email YOU@…")
    return Instruction(id=f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}", act=act, text=text, person=who, tree=tree)


class Inbox:
    """The instructions that a session hasn't heard yet: one file each in the session's own state directory."""

    def __init__(self, state: Path, session: str) -> None:
        self._place = state / "sessions" / session / "inbox"

    def post(self, given: Instruction) -> Instruction:
        """Puts an instruction in; it is on disk when this returns."""
        self._place.mkdir(parents=True, exist_ok=True)
        fresh = self._place / f".{given.id}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(given.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._place / f"{given.id}.json")
        directory = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return given

    def __bool__(self) -> bool:
        return any(self._files())

    def pending(self) -> list[Instruction]:
        """What waits, oldest first. A file that isn't an instruction is set aside as `….unreadable` and not obeyed."""
        found = []
        for path in sorted(self._files()):
            try:
                found.append(Instruction.model_validate_json(path.read_bytes()))
            except FileNotFoundError:
                continue
            except ValidationError:
                path.replace(path.with_suffix(".unreadable"))
        return found

    def forget(self, given: Instruction) -> None:
        """Takes one out, once it is on record."""
        (self._place / f"{given.id}.json").unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        return self._place.glob("*.json")


@dataclass(frozen=True)
class Taken:
    """A step in a person's hands: who has it, the tree they started from, and the directory they edit, below the state's."""

    person: Person
    tree: str
    place: str

    def plain(self) -> dict[str, Any]:
        """As the loop's state holds it."""
        return {"person": self.person.model_dump(), "tree": self.tree, "place": self.place}

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None) -> Taken | None:
        """From the loop's state."""
        return cls(Person.model_validate(plain["person"]), str(plain["tree"]), str(plain["place"])) if plain else None


@dataclass(frozen=True)
class Control:
    """Where people's instructions have left a session. Each heard instruction makes the next one; none is ever lost."""

    paused: bool = False
    taken: Taken | None = None
    question: str | None = None
    directions: tuple[str, ...] = ()
    stopped: bool = False
    handed: str | None = None
    """The tree that was just handed back; "" is the same as it was taken."""

    def heard(self, said: Message, *, tree: str, place: str, others: frozenset[str] = frozenset()) -> tuple[Control, str]:
        """After one instruction, and why it was declined ("" where it wasn't).

        `tree` and `place` are what a take-over would start from; `others` are e-mails of people whose work is in the session.
        """
        if self.stopped:
            return self, "the session has been ended"
        match said.act:
            case "pause" | "go-on":
                return replace(self, paused=said.act == "pause"), ""
            case "direct" | "answer":
                # Words that come without a question are a direction, and a direction answers the question there is.
                return replace(self, question=None, directions=(*self.directions, said.text)), ""
            case "take-over":
                return self._taken_over(Person.model_validate(said.person), tree, place, others)
            case "hand-back":
                return self._handed_back(Person.model_validate(said.person), str(said.tree or ""))
            case "stop":
                return replace(self, stopped=True), ""
        return self, f"nobody knows what {said.act!r} means"

    def _taken_over(self, who: Person, tree: str, place: str, others: frozenset[str]) -> tuple[Control, str]:
        if self.taken is not None:
            return self, f"{self.taken.person.name} has taken over already"
        strangers = sorted(others - {who.email})
        if strangers:
            return self, f"work by {', '.join(strangers)} is in this session, and a change has one author, who can't sign it"
        return replace(self, taken=Taken(who, tree, place)), ""

    def _handed_back(self, who: Person, tree: str) -> tuple[Control, str]:
        if self.taken is None:
            return self, "nothing is taken over"
        if who.email != self.taken.person.email:
            return self, f"{self.taken.person.name} has taken over, and hands it back"
        return replace(self, taken=None, handed="" if tree == self.taken.tree else tree), ""


def held(state: Mapping[str, Any]) -> Control:
    """Where the loop's state says that control stands."""
    return Control(
        paused=bool(state.get("paused")),
        taken=Taken.of(state.get("taken")),
        question=state.get("question"),
        directions=tuple(state.get("directions", [])),
        stopped=state.get("outcome") == "abandoned",
    )


def taken_in(session: Session) -> Taken | None:
    """The step that a person has in hand by the session's record."""
    said = [event for event in session.events if isinstance(event, Message) and event.instruction]
    # A reply may come after later instructions: several are put on record before the first takes effect.
    replies = {event.instruction: event for event in said if event.by == OURS}
    taken = None
    for event in said:
        reply = replies.get(event.instruction)
        if event.by == PERSON and event.act == "take-over" and reply is not None and reply.act == "take-over":
            taken = Taken(Person.model_validate(reply.person), str(reply.tree), reply.text)
        elif event.by == PERSON and event.act == "hand-back" and reply is None:
            taken = None
    return taken


def refuse_over(session: Session) -> None:
    """Raises UsageError where the session hears no instructions any more."""
    outcome = session.outcome
    if outcome is not None and outcome not in WAITS | HELPLESS:
        raise UsageError(f"The session {session.header.id} has ended: {outcome}.", "start a new one with `workbench run`")
