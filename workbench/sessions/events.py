"""What a session can record: one model per kind of event, in one closed union. The session's header is in `header.py`.

A kind is a model here and a line in `Event`; nothing else is written to `events.jsonl`, and a reader refuses what it
doesn't know. The models hold plain JSON values, because sessions lie below everything that they record: a risk, a
decision or a gate report is kept as it was said, and `replay` compares it with what is said today.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter

from workbench.sessions.header import ChangeDigest, ChangeId, Digest, GitId, Model, Name, canonical
from workbench.sessions.header import Number as Number  # here, too: skills that are locked or on record ask for it
from workbench.sessions.heldout import HeldOut


class _Event(Model):
    """What every event has. The writer fills `seq` (from 1), `at` (ISO 8601, UTC) and `prev` (the line before)."""

    seq: int = 0
    at: str = ""
    prev: str = ""
    step: int = 0
    node: str = ""


class Started(_Event):
    """A session begins: on which commit and tree, for what, with which budgets."""

    kind: Literal["started"] = "started"
    goal: str = ""
    driver: Name
    base: GitId
    tree: GitId | None = None
    use_case: Name
    budgets: dict[str, JsonValue] = Field(default_factory=dict)
    unsafe_no_sandbox: bool = False


class Resumed(_Event):
    """The session goes on after a stop or a kill."""

    kind: Literal["resumed"] = "resumed"
    reason: str = ""


class Build(_Event):
    """The pipeline was run on `tree`; `output` is the build skill's whole answer."""

    kind: Literal["build"] = "build"
    ok: bool
    tree: GitId
    output: Digest
    scores: dict[str, Number] = Field(default_factory=dict)
    digests: dict[str, JsonValue] = Field(default_factory=dict)
    error: str = ""


class Gate(_Event):
    """The gates judged `tree`; `report` is the whole audit report. Empty `gates` means every gate there is."""

    kind: Literal["gate"] = "gate"
    tree: GitId
    verdict: Literal["pass", "fail", "error"]
    report: Digest
    gates: list[str] = Field(default_factory=list)


class Diagnosis(_Event):
    """Causes of a failure with their evidence, the one that blocks first at the front."""

    kind: Literal["diagnosis"] = "diagnosis"
    diagnoses: list[dict[str, JsonValue]]


class Chosen(_Event):
    """What the driver decided to do next, and why: everything that a recorded driver needs to decide the same again."""

    kind: Literal["chosen"] = "chosen"
    choice: Literal["repair", "edited", "question", "done", "no-cure", "stuck", "spent"] = "repair"
    skill: Name | None = None
    """Of a repair."""
    input: Digest | None = None
    failure: str = ""
    """Fingerprint of the failure it was about; empty where nothing failed."""
    base: GitId | None = None
    """The session's tree when it was decided, and `tree` the one an edit led to."""
    tree: GitId | None = None
    why: str = ""


class SkillRan(_Event):
    """One run of a skill: its exact version, the code tree it worked on, what went in and what came out."""

    kind: Literal["skill"] = "skill"
    name: Name
    version: str
    tree: GitId
    """Of the skill's own folder."""
    code: GitId | None = None
    """Of the code it worked on."""
    ok: bool = True
    input: Digest
    output: Digest
    seconds: Number = 0.0


class ChangeMade(_Event):
    """A change: two trees and an author. `diff` is for people; the trees are the change.

    `rebased` is the id of the queued change that this is, made again on top of a branch that had moved to `base`.
    """

    kind: Literal["change"] = "change"
    base: GitId
    result: GitId
    digest: ChangeDigest
    title: str = ""
    words: str = ""
    author: dict[str, JsonValue] = Field(default_factory=dict)
    files: list[str] = Field(default_factory=list)
    diff: Digest | None = None
    rebased: ChangeId | None = None


class Classified(_Event):
    """What kind of change it is and what the policy asks for. `base` and `result` are the two trees."""

    kind: Literal["classified"] = "classified"
    digest: ChangeDigest
    base: GitId | None = None
    result: GitId | None = None
    author: dict[str, JsonValue] = Field(default_factory=dict)
    decision: Literal["allow", "review", "block"]
    risks: list[dict[str, JsonValue]] = Field(default_factory=list)
    rules: list[JsonValue] = Field(default_factory=list)
    requires: dict[str, JsonValue] = Field(default_factory=dict)
    findings: list[str] = Field(default_factory=list)
    policy: str = ""
    effect: Digest | None = None
    """What running the change showed; null where it was not run."""
    cleared: bool = True
    """Whether risks that running it clears are marked so; before a person is asked nothing is."""


class Queued(_Event):
    """The change waits for a person, or for nobody where the sign-offs on an earlier form of it carry over.

    `commit` is where it lies in the queue; `differs` says in words what keeps sign-offs on an earlier form from carrying over.
    """

    kind: Literal["queued"] = "queued"
    change: ChangeId
    digest: ChangeDigest
    requires: dict[str, JsonValue] = Field(default_factory=dict)
    commit: GitId | None = None
    differs: list[str] = Field(default_factory=list)


class Decided(_Event):
    """What people said; `signoffs` are the ids under refs/workbench/signoffs/<change>/.

    `carried` has those of them that were made on an earlier form of the change → the digest of that form.
    """

    kind: Literal["decided"] = "decided"
    change: ChangeId
    digest: ChangeDigest | None = None
    verdict: Literal["approve", "request-changes", "reject"]
    reviewers: list[str] = Field(default_factory=list)
    signoffs: list[str] = Field(default_factory=list)
    carried: dict[str, ChangeDigest] = Field(default_factory=dict)
    comment: str = ""


class Applied(_Event):
    """The change was applied as `commit`: by the policy alone, or under these sign-offs."""

    kind: Literal["applied"] = "applied"
    change: ChangeId
    commit: GitId
    by: str = ""
    signoffs: list[str] = Field(default_factory=list)


class Registered(_Event):
    """A model version entered the registry."""

    kind: Literal["registered"] = "registered"
    version: str
    model: str = ""
    sha256: str = ""
    tree: GitId | None = None


class Promoted(_Event):
    """An alias moved to a model version."""

    kind: Literal["promoted"] = "promoted"
    version: str
    alias: Name
    previous: str | None = None


class RolledBack(_Event):
    """An alias went back to an earlier version."""

    kind: Literal["rolled-back"] = "rolled-back"
    version: str
    alias: Name
    previous: str | None = None
    reason: str = ""


class Served(_Event):
    """One request was answered by the version that an alias stood for."""

    kind: Literal["served"] = "served"
    version: str
    alias: str = ""
    request: Digest | None = None
    response: Digest | None = None
    status: int = 200
    seconds: Number = 0.0


class ModelCall(_Event):
    """One call of a language model: whole request and answer, tokens, cost, latency, why it stopped."""

    kind: Literal["model"] = "model"
    model: str
    request: Digest
    answer: Digest
    stop_reason: str = ""
    tokens: dict[str, int] = Field(default_factory=dict)
    cost: Number = 0.0
    seconds: Number = 0.0


class Message(_Event):
    """Something was said, by whom; `text` is untrusted unless we wrote it.

    A person's instruction to the loop has its own id in `instruction`, what is wanted in `act`, who wants it in `person`, and
    in `tree` what they hand back.
    """

    kind: Literal["message"] = "message"
    by: str
    text: str
    act: str = ""
    instruction: str = ""
    person: dict[str, str] = Field(default_factory=dict)
    tree: GitId | None = None


class Budget(_Event):
    """A budget is spent; `spent` says which, in words."""

    kind: Literal["budget"] = "budget"
    spent: str
    limits: dict[str, JsonValue] = Field(default_factory=dict)


class Touch(_Event):
    """A score on the test was looked at: which code, on which test rows, and how often these rows have been looked at by now.

    `looks` counts over the life of the test rows in this workspace, `in_session` in this session alone; `budget` is the one
    that is in force, and `over` what it is counted over.
    """

    kind: Literal["touch"] = "touch"
    held_out: HeldOut
    code: Digest
    tree: GitId
    change: str = ""
    scores: dict[str, Number] = Field(default_factory=dict)
    looks: int
    in_session: int
    budget: int | None = None
    over: Literal["test rows", "session"] = "test rows"


class Ended(_Event):
    """The session stops here, for good or until somebody resumes it."""

    kind: Literal["ended"] = "ended"
    outcome: str
    reason: str = ""


Event = Annotated[
    Started | Resumed | Build | Gate | Diagnosis | Chosen | SkillRan | ChangeMade | Classified | Queued | Decided | Applied
    | Registered | Promoted | RolledBack | Served | ModelCall | Message | Budget | Touch | Ended,
    Field(discriminator="kind"),
]  # fmt: skip

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
KINDS: frozenset[str] = frozenset(EVENT.json_schema()["discriminator"]["mapping"])


_BLOB_FIELDS = ("output", "report", "input", "diff", "request", "response", "answer", "effect")


def event(kind: str, **fields: Any) -> Event:
    """An event of that kind, not yet written. Raises pydantic's ValidationError for an unknown kind or a wrong field."""
    return EVENT.validate_python({"kind": kind, **fields})


def blobs_of(recorded: Event) -> dict[str, str]:
    """Field → SHA-256 of every blob that this event names."""
    named = {field: getattr(recorded, field, None) for field in _BLOB_FIELDS}
    return {field: sha for field, sha in named.items() if isinstance(sha, str)}


def line_of(recorded: Event) -> bytes:
    """The event as its line in `events.jsonl`, without the newline."""
    return canonical(recorded.model_dump(mode="json")).encode()
