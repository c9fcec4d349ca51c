"""The header of a session, `session.json`, and the values that it and events are made of."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

FORMAT = 1
"""Of `session.json` and of the events: a reader refuses any other by its number."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hex; also the name of a blob."""
GitId = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
"""Id of a git object in the workspace's object database."""
ChangeId = Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")]
ChangeDigest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@/+-]{0,127}$")]
"""A name of ours (use case, skill, driver, node): no spaces, nothing that could hide text."""


def _finite(value: float) -> float | str:
    # JSON has no NaN; as a word it survives, and pydantic reads it back.
    return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")


Number = Annotated[float, PlainSerializer(_finite, when_used="json")]


class Model(BaseModel):
    """What can't be changed once made, and holds no field that isn't known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SkillVersion(Model):
    """Exactly which skill: `tree` is the git tree id of its folder."""

    version: str
    tree: GitId


class Ending(Model):
    """How the session stood when it was last closed: after `events` lines, the last of which has the digest `head`."""

    outcome: str
    at: str
    events: int
    head: Digest


class Parent(Model):
    """What a fork was made from: the session, the step behind which it goes its own way, and the digest of its last line then."""

    session: Name
    step: int
    head: Digest


class SessionHeader(Model):
    """`session.json`: what was there before the first event, and how the session ended so far.

    `base` is the commit it started from, `created` an ISO 8601 time in UTC, `skills` every locked skill by name.
    """

    format: Literal[1] = 1
    id: Name
    use_case: Name
    base: GitId
    driver: Name
    goal: str = ""
    workbench: str = ""
    created: str
    skills: dict[str, SkillVersion] = Field(default_factory=dict)
    sandbox: str = ""
    """What confined the code; `off (--unsafe-no-sandbox)` where a person said so."""
    parent: Parent | None = None
    """Of a fork."""
    ending: Ending | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of everything that is fixed when the session begins; the first event is chained to it."""
        # What came to the format later counts only where it is there: the digests of older sessions stay what they are.
        left_out = {"ending"} | ({"parent"} if self.parent is None else set())
        return sha256(canonical(self.model_dump(mode="json", exclude=left_out)).encode())


def canonical(value: object) -> str:
    """The one way a JSON value is written: sorted keys, no spaces, ASCII only. Raises ValueError for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sha256(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()
