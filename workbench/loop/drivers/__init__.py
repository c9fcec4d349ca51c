"""Drivers decide the loop's next step; one file each. A driver is a callable on a `Turn` that returns one of the `Answer`s."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.loop.drivers.answers import Answer, Done, Edited, NoCure, Question, Repair, Spent, Stuck

if TYPE_CHECKING:
    from workbench.loop.turn import Turn
    from workbench.settings import Settings

Driver = Callable[["Turn"], Answer]
"""What is there to decide on → what to do next."""

DRIVERS = ("playbook", "claude", "recorded")


def load_driver(name: str, settings: Settings) -> Driver:
    """The driver of that name; `name:argument` gives it an argument. UsageError where there is none.

    Each driver's module has `make(settings, argument) -> Driver`, which refuses what it can't work with.
    """
    kind, _, argument = name.partition(":")
    if kind not in DRIVERS:
        raise UsageError(f"There is no driver called {name!r}.", f"use one of: {', '.join(DRIVERS)}")
    driver: Driver = import_module(f"workbench.loop.drivers.{kind}").make(settings, argument)
    return driver


__all__ = [
    "DRIVERS",
    "Answer",
    "Done",
    "Driver",
    "Edited",
    "NoCure",
    "Question",
    "Repair",
    "Spent",
    "Stuck",
    "load_driver",
]
