"""What a driver can answer on its turn: a closed set. The loop does what an answer says and decides nothing itself.

None of these applies anything: a repair and an edit lead to a change of the session's own tree, which is built, gated,
classified and queued like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Repair:
    """Run this skill with this input, and take the edits that it proposes."""

    skill: str
    input: Mapping[str, object] = field(default_factory=dict)
    diagnosis: Mapping[str, object] = field(default_factory=dict)
    """The diagnosis that it is for."""
    why: str = ""
    """The driver's own words."""

    @property
    def key(self) -> str:
        """The same skill with the same input has the same key."""
        return _key([self.skill, dict(self.input)])


@dataclass(frozen=True)
class Edited:
    """The driver edited files of the session's tree itself: path → new bytes, None removes.

    The loop hashes them into a tree; what may be edited at all is asked again there (`loop.workplace`).
    """

    edits: Mapping[str, bytes | None]
    summary: str
    """One line: what the edit does. The driver's words, never believed."""
    words: str = ""

    @property
    def key(self) -> str:
        """The same edits have the same key."""
        shas = {path: None if new is None else hashlib.sha256(new).hexdigest() for path, new in self.edits.items()}
        return _key(["edited", shas])


@dataclass(frozen=True)
class Question:
    """Something only a person can say; the session waits until they have."""

    text: str


@dataclass(frozen=True)
class Done:
    """Nothing fails and there is nothing (more) to propose: the loop goes on."""

    reason: str = ""


@dataclass(frozen=True)
class NoCure:
    """The driver knows no repair; the session ends and says so."""

    reason: str


@dataclass(frozen=True)
class Stuck:
    """The same failure twice with the same fix: a person has to look."""

    reason: str


@dataclass(frozen=True)
class Spent:
    """A budget of the session is spent (tokens, money, time); `reason` says which, in words."""

    reason: str


class GivesWay(Exception):
    """A person's instruction waits in the middle of a long turn: the driver stops, and is asked again afterwards."""


Answer = Repair | Edited | Question | Done | NoCure | Stuck | Spent


def _key(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
