"""What every node works with: the workspace, its repository, the session's writer, the driver. Made once per command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from workbench.changes import Author, Change, Classification, Measured, file_diffs, measure
from workbench.errors import WorkbenchError
from workbench.loop import looks, trees
from workbench.loop.checkpoints import Held
from workbench.loop.control import Inbox
from workbench.loop.drivers import Driver
from workbench.policy import Decision
from workbench.repo import Identity, Repo
from workbench.review import queue, rebase
from workbench.review.apply import Application, apply
from workbench.review.gates import CARRIED, GateEvidence
from workbench.review.queue import QueuedChange
from workbench.sessions.events import ModelCall, event
from workbench.sessions.reader import blob_path, read_session
from workbench.sessions.writer import SessionWriter, utc_now
from workbench.settings import Settings
from workbench.skills.run import SkillContext, SkillRun, run_skill


@dataclass
class LoopContext:
    """`say` gets one line at a time for the person who watches; everything it says is also on record or derived from it."""

    settings: Settings
    repo: Repo
    writer: SessionWriter
    driver: Driver
    use_case: str
    target: str
    """The branch (full ref) that accepted changes are applied to."""
    say: Callable[[str], None] = field(default=lambda text: None)
    words: Callable[[str], None] = field(default=lambda text: None)
    """Gets a model's words piece by piece as they arrive; untrusted, and recorded whole once they are there."""
    held: Held | None = None
    """The session's place on a server, where its checkpoints are kept there."""
    clock: Callable[[], datetime] = utc_now
    """What time it is for whoever judges sign-offs: a replay judges them as of when they were given."""

    entered: Callable[[str, int], None] = field(default=lambda node, step: None)
    """Gets each node as it begins, and the step it is."""

    @property
    def inbox(self) -> Inbox:
        """Where people's instructions to this session wait."""
        return Inbox(self.settings.state, self.session_id)

    @property
    def session_id(self) -> str:
        """The session's name, which is also LangGraph's thread id."""
        return self.writer.header.id

    @property
    def agent(self) -> Author:
        """Who writes what the driver proposes."""
        return agent_of(self.writer.header.driver)

    def spent(self) -> Spending:
        """What the session's model calls have cost so far, as recorded."""
        calls = [found for found in read_session(self.writer.directory).events if isinstance(found, ModelCall)]
        return Spending(sum(sum(call.tokens.values()) for call in calls), sum(call.cost for call in calls))

    def record(self, kind: str, **fields: Any) -> None:
        """Appends one event; it is on disk when this returns."""
        self.writer.append(event(kind, **fields))

    def end(self, outcome: str, reason: str) -> None:
        """Writes how the session stands, and gives up its lock."""
        self.writer.close(outcome, reason)

    def blob(self, value: object) -> str:
        """Keeps a JSON value; returns the SHA-256 it is kept under."""
        return self.writer.blob(json.dumps(value, sort_keys=True, indent=1, default=str))

    def read_blob(self, sha: str) -> Any:
        """The JSON value kept under that SHA-256."""
        return json.loads(self.blob_bytes(sha))

    def blob_bytes(self, sha: str) -> bytes:
        """What is kept under that SHA-256."""
        return blob_path(self.writer.directory, sha).read_bytes()

    def skill(self, name: str, tree: str, given: Mapping[str, Any], *, step: int) -> SkillRun:
        """Runs a skill on a checkout of `tree` and records exactly what ran, on what, with which answer.

        Raises LooksSpent where the answer would be a test score that nobody may look at any more; then it isn't recorded.
        """
        self.say(f"{name} …")
        if name == looks.EVALUATES:
            looks.before(self, tree)
        run = self.execute(name, tree, given)
        if name == looks.EVALUATES:
            looks.after(self, tree, run.output, step)
        self.record(
            "skill",
            step=step,
            node=name,
            name=name,
            version=run.version,
            tree=run.tree_id,
            code=tree,
            ok=run.ok,
            input=self.blob(run.input),
            output=self.blob(run.output),
            seconds=round(run.seconds, 3),
        )
        return run

    def execute(self, name: str, tree: str, given: Mapping[str, Any]) -> SkillRun:
        """The skill's answer on a checkout of `tree`; nothing is recorded. Use `skill`."""
        root = trees.checkout(self.settings, tree)
        return run_skill(SkillContext(self.settings, root, self.use_case, tree=tree, progress=self.say), name, given)

    def moved_to(self, queued: QueuedChange) -> str | None:
        """The tree that the branch moved to while the change waited; None where it stands, and where the change is in."""
        return rebase.moved_to(self.repo, queued, self.target)

    def propose(self, change: Change, found: Classification, decision: Decision, evidence: Mapping[str, bytes]) -> QueuedChange:
        """Puts a change with its evidence into the queue; the same change twice is one entry.

        So it is where somebody made the same rebase by hand, and signed that.
        """
        there = rebase.waiting(self.repo, change, evidence) if CARRIED in evidence else None
        return there or queue.propose(
            self.repo, change, found, decision, evidence, use_case=self.use_case, session=self.session_id, now=self.clock()
        )

    def apply(self, queued: QueuedChange, gates: GateEvidence | None, measured: Measured | None) -> Application:
        """Onto the branch through the one trusted function, which verifies everything again; raises what it raises."""
        return apply(self.repo, queued.id, target_ref=self.target, gates=gates, measured=measured, now=self.clock())

    def measure(self, change: Change, found: Classification, tables: str) -> Measured:
        """What running base and result of a change shows."""
        self.say("running base and result side by side …")
        return measure(self.settings, self.repo, change, found, tables=tables)

    def keep_tables(self, tree: str) -> None:
        """Keeps the tables of a build that came to its end: should the next ones not fit, changes are compared on these."""
        from workbench.changes.kept import keep_last_tables
        from workbench.pipeline.contract import load_contract
        from workbench.pipeline.runner import Pipeline, known_tables

        root = trees.checkout(self.settings, tree)
        with suppress(WorkbenchError), Pipeline(self.settings, load_contract(root, self.use_case), root=root) as pipeline:
            tables = pipeline.load()
            keep_last_tables(self.settings, self.use_case, tables, known_tables(tables))

    def record_change(self, step: int, node: str, change: Change, **more: Any) -> None:
        """Records a change with its diff for people, and keeps its trees from git's garbage collection."""
        self.keep(change.result, change.title, change.author)
        diffs = file_diffs(self.repo, change)
        self.record(
            "change",
            step=step,
            node=node,
            base=change.base,
            result=change.result,
            digest=change.digest,
            title=change.title,
            words=change.words,
            author=change.author.model_dump(mode="json"),
            files=[diff.path for diff in diffs],
            diff=self.blob([asdict(diff) for diff in diffs]),
            **more,
        )

    def keep(self, tree: str, title: str, author: Author | None = None) -> None:
        """Keeps a tree from git's garbage collection: a replay needs every tree of the session a month later."""
        ref = f"refs/workbench/sessions/{self.session_id}"
        before = self.repo.refs(ref).get(ref)
        parents = [before] if before else [self.writer.header.base]
        who = author or self.agent
        self.repo.commit(tree, parents, title, author=Identity(who.name, who.email), ref=ref, expect=before)

    def budget_spent(self, step: int, seconds: float) -> str:
        """Which budget is spent, in words; empty while none is."""
        limits = self.settings.loop
        if step > limits.max_steps:
            return f"the session's {limits.max_steps} steps are used up"
        if seconds > limits.wall_seconds:
            return f"the session's {limits.wall_seconds} s of active time are used up"
        return ""


@dataclass(frozen=True)
class Spending:
    """Tokens of every kind, and US dollars."""

    tokens: int
    cost: float


def agent_of(driver: str) -> Author:
    """The author of what a driver writes; an agent, so it can't sign anything."""
    kind = driver.partition(":")[0]
    return Author(name=f"workbench {kind}", email=f"{kind}@agent.invalid", agent=True)


AGENT = agent_of("playbook")


def fingerprint(*parts: object) -> str:
    """The same failure has the same fingerprint, whenever it comes back."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]
