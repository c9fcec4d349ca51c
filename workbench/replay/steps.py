"""Recorded steps of skills, with everything needed to run them again: for asking what another version would have said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.loop import trees
from workbench.replay.world import World, open_world
from workbench.sessions.events import SkillRan
from workbench.sessions.reader import HEADER, read_session
from workbench.settings import Settings
from workbench.skills.run import SkillContext


@dataclass(frozen=True)
class RecordedStep:
    """One run of a skill as a session has it on record.

    `skill_tree` is the git tree id of the version that ran, `code` that of the code it worked on (None: on no recorded code);
    `input` and `output` are JSON values. Usable while the iteration stands at this step: then the objects are there.
    """

    session: str
    seq: int
    step: int
    use_case: str
    skill: str
    version: str
    skill_tree: str
    code: str | None
    ok: bool
    input: dict[str, Any]
    output: dict[str, Any]
    world: World

    def context(self) -> SkillContext:
        """Where any version of the skill can be run again: on a checkout of the recorded code. Raises UsageError."""
        root = trees.checkout(self.world.settings, self.code) if self.code else self.world.settings.root
        return SkillContext(self.world.settings, root, self.use_case, tree=self.code or "")


def recorded_steps(settings: Settings, sessions: Path | Iterable[Path]) -> Iterator[RecordedStep]:
    """Every recorded run of a skill in these sessions (a folder of sessions, or their directories), in order.

    Raises what reading a session and opening its world raise, for the session it is at.
    """
    if isinstance(sessions, Path):
        found = sorted(sessions.iterdir()) if not (sessions / HEADER).is_file() else [sessions]
        sessions = [directory for directory in found if (directory / HEADER).is_file()]
    for directory in sessions:
        session = read_session(directory)
        ran = [event for event in session.events if isinstance(event, SkillRan)]
        if not ran:
            continue
        with open_world(settings, session) as world:
            for event in ran:
                given, answer = (json.loads(session.blob(blob)) for blob in (event.input, event.output))
                yield RecordedStep(
                    session=session.header.id, seq=event.seq, step=event.step, use_case=session.header.use_case, skill=event.name,
                    version=event.version, skill_tree=event.tree, code=event.code, ok=event.ok, input=given, output=answer,
                    world=world,
                )  # fmt: skip
