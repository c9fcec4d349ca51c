"""Forks a session: a new one that is the recorded one up to a step, and goes its own way from there.

A fork lives in a workspace of its own below the state directory, with a repository, a ledger, a queue and a registry of its own,
made from the session's objects. So it can be tried without a thought: it reaches neither the branch that a person works on nor
what is released. Up to its step nothing is run; from there on everything is. The policy and the sign-offs that it asks for are
the real ones: what waits in a fork waits for a real signature.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from workbench import __version__
from workbench.errors import Diverged, UsageError
from workbench.loop.drivers import load_driver
from workbench.replay.retold import Differs
from workbench.replay.tell import TARGET, Teller
from workbench.replay.versions import Found, find_version, recorded_version
from workbench.replay.world import at_base, open_world
from workbench.repo import Entry, Repo
from workbench.sessions.header import Parent, SessionHeader, SkillVersion
from workbench.sessions.reader import Session, read_session
from workbench.settings import MARKER, STATE, Settings
from workbench.skills import lock
from workbench.skills.discover import FOLDER
from workbench.visible import visible

PLACE = "forks"
As = Literal["approve", "reject"]


@dataclass(frozen=True)
class Forked:
    """Where the fork lies (`workspace`, for `workbench -C`), its session, and how that stands."""

    workspace: Path
    session: str
    directory: Path
    outcome: str
    reason: str
    step: int


def fork(
    settings: Settings, session: Session, step: int, *, driver: str | None = None, skills: Sequence[str] = (),
    decision: As | None = None, say: Callable[[str], None] = lambda text: None,
) -> Forked:  # fmt: skip
    """A new session that goes its own way behind `step`: with another driver, other skill versions (`name=version`), or as if a
    person had decided otherwise on the change that waits there.

    Raises UsageError for a step or version that isn't there, Diverged where the loop doesn't come to that step any more.
    """
    last = max((event.step for event in session.events), default=0)
    if not 0 <= step <= last:
        raise UsageError(f"The session {session.header.id} has no step {step}.", f"its steps are 1 to {last}; 0 is its beginning")
    name = f"{session.header.id[:80]}-fork-{uuid.uuid4().hex[:4]}"
    place = settings.state / PLACE / name
    with open_world(settings, session) as world:
        others = [find_version(settings, world, session, wanted) for wanted in skills]
        chosen = {**session.header.skills, **{found.name: found.version for found in others}}
        try:
            with at_base(settings, world, place, branch=TARGET.removeprefix("refs/heads/")) as (moved, repo):
                header = _header(session, name, step, driver, chosen)
                _furnish(moved, repo, session, others)
                load = load_driver(header.driver, moved)
                teller = Teller(moved, session, world, repo, header, live_after=step, live=load, as_if=decision, say=say)
                teller.tell()
                made = read_session(teller.directory)
        except Differs as differs:
            shutil.rmtree(place, ignore_errors=True)
            where = f"event {differs.at} ({differs.kind}){differs.found.pointer}"
            raise Diverged(
                f"The session can't be told up to step {step}: {visible(differs.why)} at {where}.",
                "`workbench replay SESSION --check` says more; fork it with the version of workbench that wrote it",
            ) from None
    reason = getattr(made.events[-1], "reason", "") if made.events else ""
    return Forked(place, name, teller.directory, made.outcome or "no ending", reason, step)


def _header(session: Session, name: str, step: int, driver: str | None, skills: dict[str, SkillVersion]) -> SessionHeader:
    return session.header.model_copy(
        update={
            "id": name, "driver": driver or session.header.driver, "workbench": __version__, "skills": skills, "ending": None,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "parent": Parent(session=session.header.id, step=step, head=session.head),
        }
    )  # fmt: skip


def _furnish(moved: Settings, repo: Repo, session: Session, others: Sequence[Found]) -> None:
    """The files of the base commit, its skills as the session had them or in the versions asked for, and locked so."""
    root = moved.root
    tree = repo.tree_of(session.header.base)
    repo.update_ref(TARGET, session.header.base, None)
    repo.checkout(tree, root)
    recorded = [recorded_version(repo, name, version) for name, version in session.header.skills.items()]
    for found in [*(one for one in recorded if one is not None), *others]:
        shutil.rmtree(root / FOLDER / found.name, ignore_errors=True)
        for path, file in found.files.items():
            entry = Entry(file.mode, repo.store("blob", file.content))
            repo.write_file(root, f"{FOLDER}/{found.name}/{path}", entry)
    if others:
        lock.write(root)
    if not (root / MARKER).exists():
        (root / MARKER).touch()
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "exclude").write_text(f"{STATE}/\n", "utf-8")
