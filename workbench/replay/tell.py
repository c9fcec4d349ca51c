"""Tells a recorded session anew: the loop itself runs again on a scratch repository, with what came from outside taken from the
record (`retold`), and comes to the same events, byte for byte in their normal form, or says at which it doesn't.

No pipeline and no skill is run for it; whether their recorded answers still come out is what `reexecute` asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from workbench.errors import Corrupt
from workbench.loop import session as loop_session
from workbench.loop.drivers import Driver, load_driver
from workbench.loop.drivers.recorded import Recorded
from workbench.loop.state import LoopState, Proposal
from workbench.replay.retold import AtEnd, Cut, Differs, Retold, Script, clock_of, driver_of
from workbench.replay.stream import Normal
from workbench.replay.world import World, at_base
from workbench.repo import Repo
from workbench.review import signoff
from workbench.sessions import events
from workbench.sessions.compare import Difference
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import Session, blob_path, read_session
from workbench.sessions.writer import SessionWriter
from workbench.settings import Settings

ANEW = frozenset({"playbook"})
"""Drivers that decide the same again, so they are asked again; of the others the recorded answers are taken."""
TARGET = "refs/heads/main"


@dataclass
class Teller:
    """Tells `session` into the workspace of `settings`, whose repository `repo` has what the session refers to.

    `header` is the new session's; `live_after` the step after which `live` decides and everything is run in earnest.
    """

    settings: Settings
    session: Session
    world: World
    repo: Repo
    header: SessionHeader
    live_after: int | None = None
    live: Driver | None = None
    as_if: Literal["approve", "reject"] | None = None
    """What a person is taken to have said of the change that waits behind that step; nothing is applied by it."""
    say: Callable[[str], None] = field(default=lambda text: None)

    def __post_init__(self) -> None:
        normal = Normal(self.session.blob, self._tree_of(self.world.repo))
        self.directory = self.settings.root / loop_session.PLACE / self.header.id
        self.script = Script(self.session, self.session.events, normal, live_after=self.live_after)
        self._mine = Normal(lambda name: blob_path(self.directory, name).read_bytes(), self._tree_of(self.repo))
        self._exact = self.live_after is None

    def tell(self) -> list[bytes]:
        """The stream as told. Raises Differs at the first event that is another, Corrupt where there is no start."""
        first = self.script.next
        if not isinstance(first, events.Started):
            raise Corrupt(f"The session {self.session.header.id} has no beginning.", "look into its events.jsonl")
        writer = SessionWriter.create(self.directory, self.header)
        ctx = self._context(writer)
        tree = self.repo.tree_of(self.header.base)
        said = first.model_dump(exclude={"kind", "seq", "at", "prev"})
        given = {"base": self.header.base, "tree": tree, "use_case": self.header.use_case, "driver": self.header.driver}
        ctx.record("started", **{**said, **given, "goal": self.header.goal})
        state: LoopState = {"step": 0, "seconds": 0.0, "tree": tree, "landed": tree, "proposals": self._proposals()}
        again = False
        while True:
            try:
                loop_session.drive(ctx, state, again=again)
                if self.script.live:
                    self._decide()
                    return self.script.told
                self.script.took(read_session(self.directory).events[-1], self._mine, compare=self._exact)
            except Cut:
                writer.abandon()
            except AtEnd:
                writer.abandon()
                return self.script.told
            upcoming = self.script.next
            if upcoming is None or self._behind():
                self._decide()
                return self.script.told
            if not isinstance(upcoming, events.Resumed):
                raise Differs(upcoming.seq, upcoming.kind, Difference("", upcoming.kind, "ended"), "the loop ends here")
            self._sign()
            writer = SessionWriter.resume(self.directory)
            ctx = self._context(writer)
            ctx.record("resumed", **upcoming.model_dump(exclude={"kind", "seq", "at", "prev"}))
            again = True

    def _behind(self) -> bool:
        """Whether what follows on record lies behind the step of the fork."""
        step = next((event.step for event in self.script.recorded[self.script.position :] if event.step), None)
        return self.live_after is not None and step is not None and step > self.live_after

    def _decide(self) -> None:
        """Puts on record what a person is taken to have said. It is no decision: nobody signed it, so nothing is applied."""
        made = read_session(self.directory)
        waits = next((event for event in reversed(made.events) if isinstance(event, events.Queued)), None)
        if self.as_if is None or waits is None or made.outcome != "waiting":
            return
        said = f"as if a person had said {self.as_if} to {waits.change}"
        with SessionWriter.resume(self.directory) as writer:
            writer.append(events.Message(by="fork", text=said, step=waits.step, node="hear"))
            if self.as_if == "reject":
                writer.close("refused", f"{said}; nobody did")
            else:
                writer.close("waiting", f"{said}; it is applied once somebody signs it, and not before")

    def _context(self, writer: SessionWriter) -> Retold:
        kind = self.session.header.driver.partition(":")[0]
        again = load_driver(self.session.header.driver, self.settings) if kind in ANEW else Recorded(self.session)
        return Retold(
            self.settings, self.repo, writer, driver_of(self.script, again, self.live), self.header.use_case, TARGET, self.say,
            clock=clock_of(self.script), script=self.script, mine=self._mine, first_driver=self.session.header.driver,
            exact=self._exact,
        )  # fmt: skip

    def _proposals(self) -> list[Proposal]:
        """What the session was asked to take in and did: as changes of the trees that it took them into."""
        taken = [event for event in self.session.events if isinstance(event, events.ChangeMade) and event.node == "propose"]
        return [
            Proposal(
                base=event.base, result=event.result, title=event.title, name=str(event.author.get("name", "")),
                email=str(event.author.get("email", "")),
            )
            for event in {(event.step, event.digest): event for event in taken}.values()
        ]  # fmt: skip

    def _sign(self) -> None:
        """Puts the sign-offs in place that were there when the session, as it goes on now, came to a decision."""
        for event in self.script.recorded[self.script.position + 1 :]:
            if isinstance(event, events.Ended | events.Resumed):
                return
            if isinstance(event, events.Decided):
                for change in {event.change: None, **dict.fromkeys(self._rebased())}:
                    self._place(change, datetime.fromisoformat(event.at))

    def _rebased(self) -> list[str]:
        """Changes that were made again on top of a branch that had moved; their sign-offs may have carried over."""
        return [one.rebased for one in self.session.events if isinstance(one, events.ChangeMade) and one.rebased]

    def _place(self, change: str, until: datetime) -> None:
        known = self.repo.refs(f"{signoff.PREFIX}{change}/")
        for one in signoff.signoffs(self.world.repo, change)[0]:
            name = f"{signoff.PREFIX}{change}/{one.id}"
            if one.payload.at <= until and name not in known:
                self.repo.update_ref(name, one.commit, None)

    @staticmethod
    def _tree_of(repo: Repo) -> Callable[[str], str]:
        return lambda commit: repo.commit_of(commit).tree


def tell(settings: Settings, session: Session, world: World, place: Path) -> list[bytes]:
    """Tells `session` anew in a workspace made at `place`; returns the stream. Raises Differs."""
    with at_base(settings, world, place) as (moved, repo):
        repo.update_ref(TARGET, session.header.base, None)
        limits = session.events[0].budgets if session.events and isinstance(session.events[0], events.Started) else {}
        loop = moved.loop.model_copy(update={key: limits[key] for key in limits if key in type(moved.loop).model_fields})
        header = session.header.model_copy(update={"ending": None})
        return Teller(moved.model_copy(update={"loop": loop}), session, world, repo, header).tell()
