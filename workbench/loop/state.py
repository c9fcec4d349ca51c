"""What the graph carries from node to node: plain JSON values, small, and nothing that isn't also in the session's events."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Proposal(TypedDict):
    """A change somebody else made that this session is asked to take in: two tree ids and who wrote it."""

    base: str
    result: str
    name: str
    email: str
    title: str
    key: NotRequired[str]
    """The author's public SSH key, where it is known."""
    agent: NotRequired[bool]
    """False where a person is known to have made it by hand."""


class Fix(TypedDict):
    """A repair that was tried: which failure it was for, by which skill, and the tree it led to."""

    failure: str
    skill: str
    """The skill, or `edit` where the driver edited files itself."""
    cure: str
    """The repair's key: skill and input, or the edits."""
    tree: str
    changed: bool
    """False where the skill had no cure after all."""


Outcome = Literal["released", "green", "waiting", "refused", "no-cure", "stuck", "budget", "failed", "blocked", "abandoned"]


class LoopState(TypedDict, total=False):
    """State of one session; the checkpointer keeps it, so a killed session resumes at the node it was in."""

    step: int
    seconds: float
    """Active time so far, without the time spent waiting for a person."""
    tree: str
    """The session's own tree: what is built, audited and repaired."""
    landed: str
    """The tree of the target branch as this session knows it; the net change is `landed` → `tree`."""
    proposals: list[Proposal]
    authors: list[Proposal]
    """Proposals already taken in: their authors may not sign the result."""
    summaries: list[str]
    """What the repairs since the last landing did, in words."""
    failure: dict[str, object] | None
    """What has to be diagnosed: {"kind": "build" | "gate", "blob": sha256 of the full text, "fingerprint": str}."""
    diagnoses: list[dict[str, object]]
    fixes: list[Fix]
    tables: str
    """Digest of the source tables as the latest build read them."""
    report: dict[str, str] | None
    """The latest passed full gate report: {"tree": id, "tables": digest, "blob": sha256}."""
    directions: list[str]
    """What the person told the driver, the oldest first."""
    question: str | None
    """What the driver asked a person and hasn't been told yet."""
    improved: bool
    """The driver had its turn to propose something for the goal."""
    paused: bool
    taken: dict[str, Any] | None
    """A step that a person has taken over: {"person", "tree", "place"} (`control.Taken`)."""
    heard: int
    """Number of the last instruction that took effect, as an event of the session."""
    turn: str | None
    """The node that gave way to a person's instructions and is next."""
    queued: str | None
    """Id of the change that waits for a person."""
    effect: str | None
    """What running that change showed: the SHA-256 of the blob."""
    came_from: list[dict[str, str]] | None
    """The queued changes that the net change is the rebase of, oldest first: {"change": id, "queued": commit in the queue}."""
    signed: list[str]
    """Ids of the sign-offs under which the landed tree was applied; empty where the policy allowed it by itself."""
    version: str | None
    outcome: Outcome | None
    reason: str
