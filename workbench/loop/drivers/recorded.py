"""The `recorded` driver: feeds the answers of a recorded session back, turn by turn. `recorded:SESSION` names it.

Where a model answered, the conversation is held again: what it is told now has to be byte for byte what it was told then, and the
recorded answer is what follows; so what its calls do is verified with it. Settings, and the tools as the skills offered them, are
those on record. Where a rule answered, the choice itself is taken, if it was for the same failure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.errors import Diverged, UsageError
from workbench.loop.dialogue.asking import calls_at, conversations, said_difference
from workbench.loop.dialogue.conversation import converse
from workbench.loop.drivers.answers import Answer, Done, Edited, NoCure, Question, Repair, Spent, Stuck
from workbench.sessions.events import Chosen, Message, ModelCall
from workbench.sessions.reader import Session, find_session, read_session

if TYPE_CHECKING:
    from workbench.loop.drivers import Driver
    from workbench.loop.turn import Turn
    from workbench.settings import Settings


def make(settings: Settings, argument: str = "") -> Driver:
    """The driver for the session that `argument` names. Raises UsageError where there is none."""
    if not argument:
        raise UsageError("The driver `recorded` needs a session.", "use --driver recorded:SESSION; see sessions/")
    return Recorded(read_session(find_session(settings.root, settings.state, argument)))


@dataclass
class Recorded:
    """Answers with what `session` holds, from its turn number `first` on (0 is its first).

    Which turn it is at is counted from the new session's own record, so a session that is resumed goes on where it was.
    """

    session: Session
    first: int = 0

    def __call__(self, turn: Turn) -> Answer:
        """The recorded answer. Raises Diverged where this turn isn't the one on record."""
        recorded = recorded_turns(self.session)
        now = read_session(turn.ctx.writer.directory)
        number = self.first + len([event for event in now.events if isinstance(event, Chosen)])
        if number >= len(recorded):
            return Stuck(f"the recorded session {self.session.header.id} has no more answers")
        told = recorded[number]
        if not told.calls:
            return _same_choice(self.session, told, turn)
        tools = _json(self.session, told.calls[-1].request)["tools"]
        answer = converse(turn, Feeding(self.session, turn, told.calls), tools)
        made = _kind(answer)
        if made != told.chosen.choice:
            raise _diverged(told.chosen.seq, "/choice", told.chosen.choice, made)
        return answer


@dataclass(frozen=True)
class RecordedTurn:
    """One turn on record: the model's answers, and what the driver chose."""

    calls: Sequence[ModelCall]
    chosen: Chosen
    words: str = ""


def recorded_turns(session: Session) -> list[RecordedTurn]:
    """The driver's turns in their order."""
    turns: list[RecordedTurn] = []
    calls: list[ModelCall] = []
    for place, event in enumerate(session.events):
        if isinstance(event, ModelCall):
            calls.append(event)
        elif isinstance(event, Chosen):
            after = session.events[place + 1 : place + 2]
            words = [found.text for found in after if isinstance(found, Message) and found.node == event.node]
            held = [call for call in calls if (call.step, call.node) == (event.step, event.node)]
            turns.append(RecordedTurn(held, event, words[0] if words else ""))
            calls = []
    return turns


@dataclass
class Feeding:
    """Answers each request with the recorded one's answer, and puts both on the new session's record, at no cost.

    A turn can hold several conversations, where a person said something in between: the first request says which one it is.
    """

    session: Session
    turn: Turn
    calls: Sequence[ModelCall]

    def __post_init__(self) -> None:
        self._asked = self._there = 0
        self._held: list[ModelCall] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """The next recorded answer. Raises Diverged, naming the first difference between the two requests."""
        ctx, turn = self.turn.ctx, self.turn
        made = ctx.read_blob(ctx.blob(request))
        if not self._held:
            self._begin(made)
        if self._asked >= len(self._held):
            raise _diverged(self._held[-1].seq, "", "(the turn's last call)", "(a further call)")
        call = self._held[self._asked]
        told = _json(self.session, call.request)
        found = said_difference(told, made)
        if found is not None:
            raise _diverged(call.seq, f"/request{found.pointer}", found.recorded, found.replayed)
        self._asked += 1
        answer = ctx.blob(_json(self.session, call.answer))
        if self._asked > self._there:
            ctx.record(
                "model", step=turn.step, node=turn.node, model=call.model, request=ctx.blob(told), answer=answer,
                stop_reason=call.stop_reason, tokens={}, cost=0.0, seconds=0.0,
            )  # fmt: skip
        return dict(ctx.read_blob(answer))

    def _begin(self, made: dict[str, Any]) -> None:
        """Finds the recorded conversation that begins like this one, and how much of it the new record has already."""
        held = conversations(self.calls, partial(_json, self.session))
        same = [told for told in held if said_difference(_json(self.session, told[0].request), made) is None]
        self._held = (same or held)[-1]
        here = calls_at(self.turn)
        if here and said_difference(self.turn.ctx.read_blob(here[0].request), made) is None:
            self._there = len(here)


def _same_choice(session: Session, told: RecordedTurn, turn: Turn) -> Answer:
    """A choice that no model made, for the failure that it was made for."""
    chosen = told.chosen
    failure = turn.failure.fingerprint if turn.failure else ""
    if failure != chosen.failure:
        raise _diverged(chosen.seq, "/failure", chosen.failure, failure)
    match chosen.choice:
        case "repair":
            given = _json(session, chosen.input) if chosen.input else {}
            cure = {"skill": chosen.skill, "input": given}
            about = [found for found in turn.diagnoses if _plain(found.get("cure")) == _plain(cure)]
            return Repair(skill=str(chosen.skill), input=given, diagnosis=about[0] if about else {}, why=chosen.why)
        case "edited":
            repo = turn.ctx.repo
            changed = repo.diff(str(chosen.base), str(chosen.tree))
            edits = {path: repo.blob(new.id) if new is not None else None for path, _, new in changed}
            return Edited(edits, chosen.why, told.words)
        case "question":
            return Question(chosen.why)
        case "done":
            return Done(chosen.why)
        case "stuck":
            return Stuck(chosen.why)
        case "spent":
            return Spent(chosen.why)
        case _:
            return NoCure(chosen.why)


def _kind(answer: Answer) -> str:
    words = {Repair: "repair", Edited: "edited", Question: "question", Done: "done", NoCure: "no-cure", Stuck: "stuck"}
    return words.get(type(answer), "spent")


def _plain(cure: object) -> object:
    given = {"input": {}, **cure} if isinstance(cure, dict) else cure
    return json.dumps(given, sort_keys=True, default=str)


def _json(session: Session, blob: str) -> Any:
    return json.loads(session.blob(blob))


def _diverged(seq: int, pointer: str, recorded: object, made: object) -> Diverged:
    def short(value: object) -> str:
        text = json.dumps(value, default=str)
        return text if len(text) <= 300 else f"{text[:300]}…"

    message = f"Event {seq} comes out differently at {pointer or '/'}: recorded {short(recorded)}, now {short(made)}."
    return Diverged(message, "the code, the data, the skills or workbench itself are others than when it was recorded")
