"""Recorded sessions, taken up again: re-verified, told anew, forked; each in a world that has what the session refers to.

Looking at a session is `sessions.listing` and `tui.replay`. Nothing in here writes to the repository that a person works in.
"""

from workbench.replay.reexecute import CheckedEvent, Divergence, ReplayReport, check
from workbench.replay.steps import RecordedStep, recorded_steps
from workbench.replay.world import PACK, World, open_world, pack

__all__ = [
    "PACK",
    "CheckedEvent",
    "Divergence",
    "RecordedStep",
    "ReplayReport",
    "World",
    "check",
    "open_world",
    "pack",
    "recorded_steps",
]
