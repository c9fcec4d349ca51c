"""A driver's recorded answers: what it said up to its choice, word for word, and the choice as the loop takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.loop.drivers import Answer, Done, Edited, NoCure, Question, Repair, Spent, Stuck
from workbench.loop.turn import Turn
from workbench.sessions import events
from workbench.sessions.compare import Difference

if TYPE_CHECKING:
    from workbench.replay.retold import Retold, Script


def recorded_answer(script: Script, turn: Turn) -> Answer:
    """Tells what the driver did on its turn (model calls, messages, skills it ran to look at something), and its choice.

    Raises Differs where the record holds no choice for this turn.
    """
    from workbench.replay.retold import Differs

    ctx: Retold = turn.ctx  # type: ignore[assignment]
    while (upcoming := script.next) is not None and not isinstance(upcoming, events.Chosen):
        if upcoming.step != turn.step or isinstance(upcoming, events.Ended):
            found = Difference("", upcoming.kind, "chosen")
            raise Differs(upcoming.seq, upcoming.kind, found, "the loop asks the driver here, and on record it didn't")
        ctx.copy(upcoming)
    if upcoming is None:
        from workbench.replay.retold import AtEnd

        raise AtEnd
    return _answer(script, turn, upcoming)


def _answer(script: Script, turn: Turn, chosen: events.Chosen) -> Answer:
    match chosen.choice:
        case "repair":
            given = script.json(chosen.input) if chosen.input else {}
            cures = [(found, found.get("cure")) for found in turn.diagnoses]
            asked = {"skill": chosen.skill, "input": given}
            about = next((found for found, cure in cures if isinstance(cure, dict) and {"input": {}, **cure} == asked), {})
            return Repair(skill=str(chosen.skill), input=given, diagnosis=about, why=chosen.why)
        case "edited":
            return _edited(script, turn, chosen)
        case "question":
            return Question(chosen.why)
        case "done":
            return Done(chosen.why)
        case "no-cure":
            return NoCure(chosen.why)
        case "stuck":
            return Stuck(chosen.why)
        case _:
            return Spent(chosen.why)


def _edited(script: Script, turn: Turn, chosen: events.Chosen) -> Edited:
    """The edit as what it did: the files in which the two recorded trees differ."""
    repo = turn.ctx.repo
    changed = repo.diff(str(chosen.base), str(chosen.tree))
    edits = {path: repo.blob(new.id) if new is not None else None for path, _, new in changed}
    after = script.recorded[script.position + 1] if script.position + 1 < len(script.recorded) else None
    said = isinstance(after, events.Message) and after.step == chosen.step and after.by == script.session.header.driver
    return Edited(edits=edits, summary=chosen.why, words=after.text if said and isinstance(after, events.Message) else "")
