"""The loop's context while a recorded session is told anew: what came from outside the loop comes from the record.

From the record come the answers of skills and of a model, what running a change showed, what people signed and said, the time,
and where the session was killed. Everything else is done again by the loop's own code: which node follows which, what a
change is, what the policy asks, whether the sign-offs hold, what is applied. Each event is held against the recorded one as it
is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from workbench.changes import Author, Change, Classification, Measured
from workbench.errors import Diverged, Refusal
from workbench.loop.context import LoopContext, agent_of
from workbench.loop.control import OURS, Inbox
from workbench.loop.dialogue.asking import BROKEN_OFF
from workbench.loop.drivers import Answer, Driver
from workbench.loop.looks import LooksSpent
from workbench.loop.net import MOVED
from workbench.loop.turn import Turn
from workbench.policy import Decision
from workbench.replay.said import RecordedInbox
from workbench.replay.stream import Normal, difference
from workbench.repo import Identity
from workbench.review import queue
from workbench.review.apply import Application
from workbench.review.gates import GateEvidence
from workbench.review.queue import QueuedChange
from workbench.review.rebase import says_the_same
from workbench.sessions import events
from workbench.sessions.compare import Difference, first_difference
from workbench.sessions.events import Event, event
from workbench.sessions.header import canonical
from workbench.sessions.reader import Session
from workbench.skills.run import SkillRun

_ACTING = frozenset({"register", "promote", "shadow", "rollback"})
"""Skills that act on the world, which may refuse."""
_VERDICT = re.compile(r" said (?:approve|request-changes|reject)\b")


class Differs(Exception):
    """The loop decides otherwise today: the number and kind of the recorded event, and where it differs."""

    def __init__(self, at: int, kind: str, found: Difference, why: str) -> None:
        super().__init__(why)
        self.at, self.kind, self.found, self.why = at, kind, found, why


class Cut(BaseException):
    """The session was killed here. Not an Exception: nothing in the loop may take it for a failure and go on."""


class AtEnd(BaseException):
    """There is nothing more on record (or nothing more is asked for)."""


@dataclass
class Script:
    """The recorded events and how far they have been told. `position` is the index of the next one."""

    session: Session
    recorded: Sequence[Event]
    normal: Normal
    position: int = 0
    cut: bool = False
    live_after: int | None = None
    """The step after which the loop goes on by itself; None where the record is told to its end."""
    live: bool = False
    told: list[bytes] = field(default_factory=list)

    @property
    def next(self) -> Event | None:
        """The next recorded event."""
        return self.recorded[self.position] if self.position < len(self.recorded) else None

    def ahead(self, kind: type[Any]) -> Any:
        """The next recorded event if it is of that kind; looks at the test and a stop inside the same node don't count."""
        for one in self.recorded[self.position :]:
            if isinstance(one, kind):
                return one
            if not (isinstance(one, events.Touch) or (isinstance(one, events.Resumed) and self._again(one))):
                return None
        return None

    def _again(self, resumed: events.Resumed) -> bool:
        """Whether what comes after this stop repeats the node that was cut."""
        index = self.recorded.index(resumed)
        after = next((one for one in self.recorded[index + 1 :] if not isinstance(one, events.Resumed)), None)
        before = self.recorded[index - 1] if index else None
        return after is not None and before is not None and bool(before.step) and after.step == before.step

    def json(self, blob: str) -> Any:
        """A recorded blob's JSON value."""
        return json.loads(self.session.blob(blob))

    def took(self, written: Event, normal: Normal, *, compare: bool) -> None:
        """Holds an event that was written against the next recorded one. Raises Differs."""
        expected = self.next
        told = normal.value(written)
        if expected is not None and expected.kind == written.kind:
            told = {key: value for key, value in told.items() if key in expected.model_fields_set}
        if compare:
            found = difference(self.normal.value(expected) if expected else None, told)
            if found is not None:
                at = expected.seq if expected else written.seq
                kind = expected.kind if expected else written.kind
                raise Differs(at, kind, found, "the loop comes to something else here")
        self.told.append(canonical(told).encode())
        self.position += 1

    def stopping(self) -> bool:
        """Whether the session was killed after the event that was told last; says so at the right moment."""
        upcoming = self.next
        if self.position == 0 or isinstance(self.recorded[self.position - 1], events.Ended):
            return False
        if upcoming is None:
            self.cut = True
            return False
        if not isinstance(upcoming, events.Resumed):
            return False
        if self._again(upcoming):
            return True  # inside a node, which was then run again
        self.cut = True  # behind it: at whatever the next node does first
        return False


@dataclass
class Retold(LoopContext):
    """A context that answers from a script, and from itself once the script lets it go on alone."""

    script: Script = field(kw_only=True)
    mine: Normal = field(kw_only=True)
    first_driver: str = field(kw_only=True, default="")
    exact: bool = field(kw_only=True, default=True)
    """False for a fork, in which names and what follows from them differ."""

    @property
    def agent(self) -> Author:
        """As recorded while that is told."""
        return super().agent if self.script.live or not self.first_driver else agent_of(self.first_driver)

    @property
    def inbox(self) -> Inbox:
        """What people said then; once it goes its own way, what they say now."""
        return super().inbox if self.script.live else RecordedInbox(self.script)

    def record(self, kind: str, **fields: Any) -> None:
        """Writes the event, and holds it against the recorded one."""
        if self.script.live:
            super().record(kind, **fields)
            return
        self._here()
        while isinstance(broken := self.script.next, events.ModelCall) and broken.stop_reason == BROKEN_OFF:
            self.copy(broken)
        written = self.writer.append(event(kind, **{**fields, **self._from_outside(kind)}))
        self.script.took(written, self.mine, compare=self.exact or kind not in ("started", "skill", "touch"))
        if self.script.stopping():
            raise Cut

    def _from_outside(self, kind: str) -> dict[str, Any]:
        """What no telling can find out: what a model's answer cost, as its endpoint said."""
        said = self.script.next
        if kind != "model" or not isinstance(said, events.ModelCall):
            return {}
        return {"tokens": said.tokens, "cost": said.cost, "seconds": said.seconds}

    def end(self, outcome: str, reason: str) -> None:
        """Not where the session was killed before it could say how it stands."""
        if not self.script.live:
            self._here()
        super().end(outcome, reason)

    def copy(self, recorded: Event) -> None:
        """Writes a recorded event as it is: what a model said, which no code of ours can say again."""
        for name in events.blobs_of(recorded).values():
            self.writer.blob(self.script.session.blob(name))
        self.script.took(self.writer.append(recorded), self.mine, compare=self.exact)
        if self.script.stopping():
            raise Cut

    def _here(self) -> None:
        if self.script.cut:
            self.script.cut = False
            raise Cut if self.script.next is not None else AtEnd

    def budget_spent(self, step: int, seconds: float) -> str:
        """Steps are counted; that the time was over is taken from the record, because none passes here."""
        script = self.script
        if script.live_after is not None and step > script.live_after and not script.live:
            script.live = True
            self.say(f"from step {step} on it goes its own way")
        if script.live:
            return super().budget_spent(step, seconds)
        self._here()
        upcoming = script.next
        if isinstance(upcoming, events.Budget) and upcoming.step == step and "active time" in upcoming.spent:
            return upcoming.spent
        return super().budget_spent(step, 0.0)

    def execute(self, name: str, tree: str, given: Mapping[str, Any]) -> SkillRun:
        """The recorded answer, if this is what was asked then."""
        if self.script.live:
            return super().execute(name, tree, given)
        self._here()
        ran = self.script.ahead(events.SkillRan)
        if ran is None:
            self._instead(name)
        asked = {"name": name, "code": tree}
        found = first_difference({"name": ran.name, "code": ran.code}, asked)
        if found is None and self.exact:
            recorded = self.script.json(ran.input)
            # The recorded input is the validated one: every default filled in, and a number where a text of one was given.
            found = first_difference(_asked(recorded, dict(given)), _plain(dict(given)), "/input")
        if found is not None:
            raise Differs(ran.seq, ran.kind, found, "the loop asks for something else here")
        for blob in (ran.input, ran.output):
            self.writer.blob(self.script.session.blob(blob))
        output = self.script.json(ran.output)
        return SkillRun(ran.name, ran.version, ran.tree, self.script.json(ran.input), output, float(ran.seconds))

    def _instead(self, name: str) -> NoReturn:
        """What happened when a skill was to run and gave no answer on record: a refusal, a spent budget, or a kill."""
        upcoming, last = self.script.next, self.script.ahead(events.Ended)
        if isinstance(upcoming, events.Budget):
            after = self.script.recorded[self.script.position + 1 :][:1]
            reason = after[0].reason if after and isinstance(after[0], events.Ended) else ""
            raise LooksSpent(upcoming.spent, reason.removeprefix(upcoming.spent).strip())
        if upcoming is None:
            raise AtEnd
        if isinstance(upcoming, events.Resumed):
            raise Cut
        if name in _ACTING and _refused_by_the_world(last):
            raise Refusal(last.reason)
        found = Difference("", upcoming.kind, f"{name} is run")
        raise Differs(upcoming.seq, upcoming.kind, found, "the loop runs a skill here, and on record it didn't")

    def measure(self, change: Change, found: Classification, tables: str) -> Measured:
        """What running it showed then."""
        if self.script.live:
            return super().measure(change, found, tables)
        self._here()
        said = self.script.ahead(events.Classified)
        if said is None:
            self._instead("the comparison of base and result")
        measured = Measured.read(self.script.session.blob(said.effect)) if said.effect else None
        if measured is None or not measured.is_about(change):
            why = "the loop runs base and result here, and on record it was not run"
            raise Differs(said.seq, said.kind, Difference("/effect", said.effect, change.digest), why)
        return measured

    def keep_tables(self, tree: str) -> None:
        """Nothing is run, so nothing is kept, until it goes its own way."""
        if self.script.live:
            super().keep_tables(tree)

    def moved_to(self, queued: QueuedChange) -> str | None:
        """What others did to the branch by then is done to it here; the merge is the loop's own again."""
        if not self.script.live:
            self._others_go_on(queued)
        return super().moved_to(queued)

    def _others_go_on(self, queued: QueuedChange) -> None:
        """Moves the branch to the tree that it had moved to then, where that is what comes next on record."""
        made, said = self.script.ahead(events.ChangeMade), self.script.ahead(events.Message)
        tree = made.base if made is not None and made.rebased == queued.id else None
        if said is not None and (said.by, said.act) == (OURS, MOVED):
            tree = said.tree
        tip = self.repo.resolve(self.target)
        if tree is not None and tree != self.repo.tree_of(tip):
            who = Identity("others", "others@work.invalid")
            self.repo.commit(tree, [tip], "others went on", author=who, ref=self.target, expect=tip)

    def propose(self, change: Change, found: Classification, decision: Decision, evidence: Mapping[str, bytes]) -> QueuedChange:
        """As recorded where it says the same: sign-offs and rebases name the very commit in the queue."""
        mine = super().propose(change, found, decision, evidence)
        asked = None if self.script.live else self.script.ahead(events.Queued)
        if asked is None or asked.commit is None or asked.commit == mine.commit:
            return mine
        ref = queue.PREFIX + mine.id
        self.repo.update_ref(ref, asked.commit, mine.commit)
        recorded = queue.get(self.repo, mine.id)
        if says_the_same(self.repo, recorded, change, evidence):
            return recorded
        self.repo.update_ref(ref, mine.commit, asked.commit)
        return mine

    def apply(self, queued: QueuedChange, gates: GateEvidence | None, measured: Measured | None) -> Application:
        """Through the same function as ever, onto the branch of the scratch repository; refused where it was refused then."""
        if self.script.live:
            return super().apply(queued, gates, measured)
        self._here()
        if self.script.ahead(events.Applied) is None:
            self._others_go_on(queued)  # in the moment before it was applied: refused by that
            last = self.script.ahead(events.Ended)
            if _refused_by_the_world(last):
                raise Refusal(last.reason)
        return super().apply(queued, gates, measured)


def _refused_by_the_world(last: events.Ended | None) -> bool:
    """Whether the session ended in a refusal from outside, not in one that a person signed: that has to be found anew."""
    return last is not None and last.outcome == "refused" and _VERDICT.search(last.reason) is None


def _asked(recorded: Any, given: Any) -> Any:
    """Of a recorded value what was given for it: without the defaults that were filled in."""
    if isinstance(recorded, Mapping) and isinstance(given, Mapping):
        return {key: _asked(recorded[key], inner) for key, inner in given.items() if key in recorded}
    if isinstance(recorded, list) and isinstance(given, list) and len(recorded) == len(given):
        return [_asked(one, inner) for one, inner in zip(recorded, given, strict=True)]
    return _plain(recorded)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def clock_of(script: Script) -> Callable[[], datetime]:
    """The time of the next recorded event, and the real one once there is none or it goes its own way."""

    def now() -> datetime:
        upcoming = script.next
        return datetime.fromisoformat(upcoming.at) if upcoming is not None and not script.live else datetime.now(UTC)

    return now


def driver_of(script: Script, again: Driver, live: Driver | None) -> Driver:
    """`again` decides while the record is told (anew, or by the recorded answers), `live` once it goes its own way."""

    def decide(turn: Turn) -> Answer:
        if script.live and live is not None:
            return live(turn)
        upcoming = script.next
        try:
            return again(turn)
        except Diverged as error:
            at, kind = (upcoming.seq, upcoming.kind) if upcoming is not None else (0, "")
            raise Differs(
                at, kind, Difference("", "the recorded conversation", error.message), "the driver is asked another way"
            ) from None

    return decide
