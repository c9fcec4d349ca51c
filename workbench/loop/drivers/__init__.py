"""Drivers decide the loop's next step; one file each. What they answer with is defined here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module

from workbench.errors import UsageError
from workbench.loop.state import Fix


@dataclass(frozen=True)
class Repair:
    """Run this skill with this input."""

    skill: str
    input: Mapping[str, object] = field(default_factory=dict)
    diagnosis: Mapping[str, object] = field(default_factory=dict)
    """The diagnosis that it is for."""

    @property
    def key(self) -> str:
        """The same skill with the same input has the same key."""
        said = json.dumps([self.skill, dict(self.input)], sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class NoCure:
    """The driver knows no repair; the session ends and says so."""

    reason: str


@dataclass(frozen=True)
class Stuck:
    """The same failure twice with the same fix: a person has to look."""

    reason: str


Driver = Callable[[str, Sequence[dict[str, object]], Sequence[Fix]], Repair | NoCure | Stuck]
"""(fingerprint of the failure, diagnoses best first, repairs tried so far) → what to do next."""

DRIVERS = ("playbook",)


def load_driver(name: str) -> Driver:
    """The driver of that name; UsageError where there is none."""
    if name not in DRIVERS:
        raise UsageError(f"There is no driver called {name!r}.", f"use one of: {', '.join(DRIVERS)}")
    driver: Driver = import_module(f"workbench.loop.drivers.{name}").next_repair
    return driver
