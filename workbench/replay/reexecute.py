"""Re-verifies a recorded session: chain, blobs, and every deterministic step re-executed from the recorded trees.

What is re-executed: builds, gate reports and skills that write nothing outside their answer, each on a fresh checkout of
the recorded code tree with the recorded bytes of the skill; kinds and decisions of changes, with what running them showed
taken from the record; sign-offs, on exactly the trees that were signed. What had effects (registry, serving) is not done
again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from workbench import __version__
from workbench.replay.kept import Kept
from workbench.replay.retold import Differs
from workbench.replay.tell import tell
from workbench.replay.verifiers import EXECUTED, VERIFIERS, Again, Diverging, Skipped
from workbench.replay.world import World, open_world
from workbench.sessions.events import Event
from workbench.sessions.listing import until
from workbench.sessions.reader import Session
from workbench.settings import Settings


class CheckedEvent(BaseModel):
    """One event that was checked; `not re-executed` says why in `why`."""

    seq: int
    kind: str
    status: Literal["same", "diverged", "not re-executed"]
    why: str = ""
    cached: bool = False
    """What it was compared with was run by an earlier check here, on the same code, skill, input and packages."""
    seconds: float = 0.0


class Divergence(BaseModel):
    """The first event that comes out differently today: where in what it recorded, and both values."""

    seq: int
    kind: str
    pointer: str
    recorded: Any
    replayed: Any
    why: str = ""


class ReplayReport(BaseModel):
    """What a check found. `same` is true where nothing diverged; `events` and `blobs` count what was verified.

    `told` says whether the loop itself came to the same stream of events; `carried` that the session's objects came with it, and
    `base_known` that this repository has the commit it began from, without which it is only held against itself.
    """

    format: int = 1
    session: str
    same: bool
    events: int
    blobs: int
    carried: bool = False
    base_known: bool = True
    told: bool = False
    cached: int = 0
    checked: list[CheckedEvent] = Field(default_factory=list)
    divergence: Divergence | None = None


def check(
    settings: Settings, session: Session, *, to: int | None = None, cache: bool = True, steps: bool = True, loop: bool = True,
    progress: Callable[[str], None] | None = None,
) -> ReplayReport:  # fmt: skip
    """Re-executes the session's deterministic steps up to step `to` and compares, and tells the whole session anew; stops at
    the first divergence.

    Without `cache` everything is run again, in a workspace made for it. Without `steps` no skill is run: chain, blobs, changes,
    decisions and sign-offs are verified, and, unless `loop` is false, the loop's own way. Raises Corrupt for a broken session,
    UsageError where this clone lacks what the session refers to.
    """
    say = progress or (lambda _: None)
    blobs = session.check_blobs()
    chosen = until(session.events, to)
    report = ReplayReport(session=session.header.id, same=True, events=len(chosen), blobs=blobs)
    with (
        open_world(settings, session, fresh=not cache) as world,
        tempfile.TemporaryDirectory(prefix="workbench-replay-") as scratch,
    ):
        report.carried, report.base_known = world.carried, world.known
        again = Again(world.settings, session, world.repo, Path(scratch), chosen, Kept(world.settings) if cache else None)
        for event in chosen:
            verify = VERIFIERS.get(event.kind)
            if verify is None or (not steps and event.kind in EXECUTED):
                continue
            say(f"event {event.seq}: {event.kind}")
            report.checked.append(_checked(again, event, verify, report))
            if not report.same:
                return report
        if to is None and loop:
            say("telling the session anew")
            _tell(world, session, Path(scratch), report)
    report.cached = sum(one.cached for one in report.checked)
    return report


def _checked(again: Again, event: Event, verify: Callable[[Again, Any], None], report: ReplayReport) -> CheckedEvent:
    begin = time.perf_counter()
    checked = CheckedEvent(seq=event.seq, kind=event.kind, status="same")
    again.cached = False
    try:
        verify(again, event)
    except Skipped as skipped:
        checked.status, checked.why = "not re-executed", str(skipped)
    except Diverging as diverged:
        checked.status, checked.why = "diverged", diverged.why
        report.same, report.divergence = False, _divergence(event, diverged)
    checked.cached = again.cached
    checked.seconds = round(time.perf_counter() - begin, 3)
    return checked


def _tell(world: World, session: Session, scratch: Path, report: ReplayReport) -> None:
    try:
        tell(world.settings, session, world, scratch / "told")
        report.told = True
    except Differs as differs:
        report.same = False
        recorded_by, now = session.header.workbench or "an unknown version", __version__
        why = differs.why + (f" (recorded by workbench {recorded_by}, this is {now})" if recorded_by != now else "")
        found = differs.found
        report.divergence = Divergence(
            seq=differs.at, kind=differs.kind, pointer=found.pointer, recorded=found.recorded, replayed=found.replayed, why=why
        )


def _divergence(event: Event, diverged: Diverging) -> Divergence:
    found = diverged.difference
    return Divergence(
        seq=event.seq,
        kind=event.kind,
        pointer=found.pointer,
        recorded=found.recorded,
        replayed=found.replayed,
        why=diverged.why,
    )
