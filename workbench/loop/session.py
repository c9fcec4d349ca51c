"""Starts and resumes sessions: the loop's front door, used by the command line and the demo."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from workbench import __version__
from workbench.errors import ExitCode, Refusal, UsageError
from workbench.loop import control, steering
from workbench.loop.checkpoints import held
from workbench.loop.context import LoopContext
from workbench.loop.control import Instruction, instruction
from workbench.loop.drivers import load_driver
from workbench.loop.state import LoopState, Proposal
from workbench.repo import Repo
from workbench.sessions.header import SessionHeader, SkillVersion
from workbench.sessions.reader import find_session, read_session
from workbench.sessions.writer import SessionWriter
from workbench.settings import STATE, Settings
from workbench.skills import lock

PLACE = "sessions"
CHECKPOINTS = "checkpoints.db"
_WORDS = {
    "released": "released",
    "waiting": "waits for a person",
    "refused": "refused",
    "no-cure": "no cure known",
    "stuck": "stuck: a person has to look",
    "budget": "budget spent",
    "failed": "failed",
    "blocked": "blocked by policy",
    "paused": "paused",
    "taken-over": "taken over by a person",
    "abandoned": "ended by a person",
}


class Interrupted(KeyboardInterrupt):
    """Somebody pressed ^C; the session can be resumed."""

    def __init__(self, session: str) -> None:
        super().__init__(session)
        self.session = session


Entered = Callable[[Path, str, int], None]
"""Gets the session's directory, the node that begins, and which step it is; "start" and 0 as the session begins or goes on."""


@dataclass(frozen=True)
class SessionResult:
    """How a session stands: `outcome` is one of the loop's outcomes, `change` the id that waits for a person."""

    session: str
    directory: Path
    outcome: str
    reason: str
    change: str | None
    version: str | None
    question: str | None = None
    """What the driver asks a person, where the session waits for that."""
    place: Path | None = None
    """Where a person edits who has taken a step over."""

    @property
    def code(self) -> ExitCode:
        """0 released, 3 waiting for a person, 1 for everything that is a no."""
        if self.outcome in control.WAITS:
            return ExitCode.WAITING
        return ExitCode.OK if self.outcome == "released" else ExitCode.FINDINGS

    @property
    def words(self) -> str:
        """The outcome for people."""
        return _WORDS.get(self.outcome, self.outcome)


def start(
    settings: Settings,
    use_case: str,
    *,
    goal: str = "",
    driver: str | None = None,
    proposals: Sequence[str] = (),
    secrets: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
    words: Callable[[str], None] = lambda text: None,
    entered: Entered = lambda directory, node, step: None,
) -> SessionResult:
    """Runs a new session until it ends or waits for a person.

    `proposals` are revisions whose change since the branch is to be taken in. Raises UsageError for a dirty work tree, a
    detached HEAD or an unknown driver, ConfigError for a contract or skills that can't be used.
    """
    from workbench.pipeline.contract import load_contract

    load_contract(settings.root, use_case)
    chosen = driver or settings.loop.driver
    decide = load_driver(chosen, settings)
    lock.check(settings.root)
    repo = Repo.open(settings.root)
    target = _target(settings, repo)
    _refuse_dirty(repo)
    base = repo.resolve(target)
    tree = repo.tree_of(base)
    header = _header(settings, use_case, base=base, driver=chosen, goal=goal)
    taken = [_proposal(repo, base, revision) for revision in proposals]
    if len({proposal["email"] for proposal in taken}) > 1:
        # A change has one author, who can't sign it: with several, all but one could.
        raise UsageError("The proposals are by different authors.", "take them in one after the other, each in its own session")
    with (
        _named(header.id),
        held(settings, header.id) as place,
        SessionWriter.create(settings.root / PLACE / header.id, header, secrets=(*secrets, *settings.secrets)) as writer,
    ):
        ctx = LoopContext(
            settings, repo, writer, decide, use_case, target, say, words, entered=partial(entered, writer.directory), held=place
        )
        limits = settings.loop.model_dump(include={"max_steps", "wall_seconds", "max_tokens", "max_cost"})
        ctx.record(
            "started",
            goal=goal,
            driver=chosen,
            base=base,
            tree=tree,
            use_case=use_case,
            budgets=limits,
            unsafe_no_sandbox=settings.unsafe_no_sandbox,
        )
        ctx.entered("start", 0)
        say(f"session {header.id} on {target.removeprefix('refs/heads/')} at {base[:12]}")
        if settings.unsafe_no_sandbox:
            say("WARNING: stage code runs without a sandbox, as you asked; the session records it")
        return drive(ctx, {"step": 0, "seconds": 0.0, "tree": tree, "landed": tree, "proposals": taken})


def _header(settings: Settings, use_case: str, *, base: str, driver: str, goal: str) -> SessionHeader:
    """What is fixed when a session begins."""
    locked = lock.read(settings.root)
    return SessionHeader(
        id=f"{datetime.now(UTC):%Y-%m-%d}-{use_case}-{uuid.uuid4().hex[:4]}",
        use_case=use_case,
        base=base,
        driver=driver,
        goal=goal,
        workbench=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        skills={name: SkillVersion(version=entry.version, tree=entry.tree) for name, entry in locked.items()},
        sandbox="off (--unsafe-no-sandbox)" if settings.unsafe_no_sandbox else "on",
    )


def resume(
    settings: Settings,
    wanted: str,
    *,
    directions: Sequence[str] = (),
    instructions: Sequence[Instruction] = (),
    secrets: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
    words: Callable[[str], None] = lambda text: None,
    entered: Entered = lambda directory, node, step: None,
) -> SessionResult:
    """Goes on with a session that waits for a person, was paused or was killed.

    `directions` are what the person tells the driver, also the answer to its question; `instructions` are whatever else they
    want of the loop. Raises UsageError where there is no such session or it has ended, Refusal while another process runs it.
    """
    directory = find_session(settings.root, settings.state, wanted)
    given = [*(instruction("answer", text) for text in directions), *instructions]
    # First the lock: what the session is like is only known for certain under it.
    with (
        _named(directory.name),
        held(settings, read_session(directory).header.id) as place,
        SessionWriter.resume(directory, secrets=(*secrets, *settings.secrets)) as writer,
    ):
        ending = read_session(directory).outcome
        decide = load_driver(writer.header.driver, settings)
        repo = Repo.open(settings.root)
        ctx = LoopContext(
            settings, repo, writer, decide, writer.header.use_case, _target(settings, repo), say, words,
            entered=partial(entered, directory), held=place,
        )  # fmt: skip
        _refuse_over(ctx, ending, given)
        for each in given:
            ctx.inbox.post(each)
        if ending == control.PAUSED and not any(each.act == "pause" for each in given):
            ctx.inbox.post(instruction("go-on"))
        ctx.record("resumed", reason="looking for a decision" if ending == "waiting" else "after a stop")
        ctx.entered("start", 0)
        say(f"session {ctx.session_id} goes on")
        tree = repo.tree_of(writer.header.base)
        return drive(ctx, {"step": 0, "seconds": 0.0, "tree": tree, "landed": tree, "proposals": []}, again=True)


@contextmanager
def _named(session: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(session) from None


def _refuse_over(ctx: LoopContext, ending: str | None, given: Sequence[Instruction]) -> None:
    if ending is None or ending in control.WAITS:
        return
    message = f"The session {ctx.session_id} has ended: {_WORDS.get(ending, ending)}."
    if ending not in control.HELPLESS:
        raise UsageError(message, "start a new one with `workbench run`")
    if not given and not ctx.inbox:
        raise UsageError(message, "give it a direction (--direct TEXT) or take it over (--take-over), or start a new one")


def drive(ctx: LoopContext, state: LoopState, *, again: bool = False) -> SessionResult:
    """Lets a session that is on record run (or, with `again`, go on) until it ends or waits, and writes how it stands.

    Whatever stops it in between is raised; the session's lock is given up then, and it can be resumed.
    """
    from workbench.loop.graph import Loop

    place = ctx.settings.state / "sessions" / ctx.session_id
    place.mkdir(parents=True, exist_ok=True)
    with ctx.writer:
        loop = Loop(ctx, place / CHECKPOINTS)
        try:
            # A session killed before its first checkpoint has nothing to resume: it begins again.
            end = loop.resume() if again and loop.state() else loop.start(state)
            outcome, reason = _standing(ctx, end, loop.waiting)
        except Refusal as refusal:
            end, outcome, reason = loop.state(), "refused", str(refusal)
        finally:
            loop.close()
        if outcome not in control.WAITS | control.HELPLESS:
            steering.record_waiting(ctx, steering.next_step(end))  # it came too late to take effect, and is not lost
        ctx.end(outcome, reason)
    _trace(ctx)
    taken = control.Taken.of(end.get("taken")) if outcome == control.TAKEN else None
    question = end.get("question") if outcome == "waiting" else None
    return SessionResult(
        ctx.session_id, ctx.writer.directory, outcome, reason or question or "", end.get("queued"), end.get("version"), question,
        ctx.settings.state / taken.place if taken else None,
    )  # fmt: skip


def _trace(ctx: LoopContext) -> None:
    """Puts the model calls that were recorded into MLflow's traces, where there were any."""
    recorded = read_session(ctx.writer.directory)
    if any(event.kind == "model" for event in recorded.events):
        from workbench.release import tracing

        tracing.export(ctx.settings, recorded, ctx.say)


def _standing(ctx: LoopContext, end: LoopState, waiting: bool) -> tuple[str, str]:
    """How the session stands, and why."""
    if end.get("outcome"):
        return str(end["outcome"]), str(end.get("reason") or "")
    if not waiting:
        return "failed", str(end.get("reason") or "")
    now = control.held(end)
    if now.taken is not None:
        return control.TAKEN, f"{now.taken.person.name} edits {STATE}/{now.taken.place}"
    return (control.PAUSED if now.paused else "waiting"), ""


def _target(settings: Settings, repo: Repo) -> str:
    if settings.loop.branch:
        name = settings.loop.branch
        return name if name.startswith("refs/heads/") else f"refs/heads/{name}"
    branch = repo.branch()
    if branch is None:
        raise UsageError("HEAD is not on a branch.", "check out the branch that accepted changes should go to")
    return branch


def _refuse_dirty(repo: Repo) -> None:
    dirty = [path for path in repo.is_dirty() if not path.startswith(f"{PLACE}/")]
    if dirty:
        shown = ", ".join(dirty[:3]) + (f" and {len(dirty) - 3} more" if len(dirty) > 3 else "")
        raise UsageError(
            f"The work tree has changes that aren't committed: {shown}.", "commit them, or put them aside with git stash -u"
        )


def _proposal(repo: Repo, base: str, revision: str) -> Proposal:
    commit = repo.commit_of(repo.resolve(revision))
    fork = next((ancestor for ancestor in reversed(repo.chain(commit.id)) if repo.is_ancestor(ancestor, base)), None)
    if fork is None:
        raise UsageError(f"{revision} has no history in common with the branch.", "propose a branch that was made from it")
    title = re.sub(r"\s+", " ", commit.message.strip().splitlines()[0] if commit.message.strip() else revision)[:100]
    return Proposal(base=repo.tree_of(fork), result=commit.tree, name=commit.author.name, email=commit.author.email, title=title)
