"""`workbench skill test NAME --against sessions/`: a skill's present version on every step that sessions have recorded of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError, WorkbenchError
from workbench.settings import Settings
from workbench.visible import visible


class ComparedStep(BaseModel):
    """One recorded step with the present version: where its answer differs first (a JSON pointer), and both values."""

    session: str
    seq: int
    skill: str
    recorded_version: str
    version: str
    status: Literal["same", "different", "not run"]
    pointer: str = ""
    recorded: Any = None
    now: Any = None
    why: str = ""


class ComparedSteps(BaseModel):
    """`skill test --against --json`."""

    format: int = 1
    same: int
    different: int
    not_run: int
    steps: list[ComparedStep]


def compare(settings: Settings, name: str | None, sessions: Path, console: Console) -> ExitCode:
    """Runs and reports: exit 1 where an answer differs. Raises UsageError where no session has a step of the skill."""
    steps = []
    for step in _compared(settings, name, sessions, console):
        steps.append(step)
        if not console.json:
            _tell(step, console)
    if not steps:
        of = f"of the skill `{name}` " if name else ""
        raise UsageError(f"No session in {sessions} has a step {of}on record.", "give a directory that holds recorded sessions")
    count = {status: sum(step.status == status for step in steps) for status in ("same", "different", "not run")}
    if console.json:
        console.model(ComparedSteps(same=count["same"], different=count["different"], not_run=count["not run"], steps=steps))
    console.say(f"{len(steps)} recorded steps: {count['same']} same, {count['different']} different, {count['not run']} not run")
    return ExitCode.FINDINGS if count["different"] else ExitCode.OK


def _tell(step: ComparedStep, console: Console) -> None:
    mark = {"same": "✓ same     ", "different": "✗ different", "not run": "- not run  "}[step.status]
    console.data(f"{mark} {visible(step.session)} {step.seq} {step.skill} {step.recorded_version} → {step.version}")
    if step.status == "different":
        console.data(f"    {visible(step.pointer, limit=200)}")
        console.data(f"      recorded {visible(repr(step.recorded), limit=200)}")
        console.data(f"      now      {visible(repr(step.now), limit=200)}")
    if step.why:
        console.data(f"    {visible(step.why, limit=300)}")


def _compared(settings: Settings, name: str | None, sessions: Path, console: Console) -> Iterator[ComparedStep]:
    from workbench.replay import recorded_steps
    from workbench.sessions.compare import first_difference
    from workbench.skills.run import execute, locked

    loaded: dict[str, Any] = {}
    for step in recorded_steps(settings, sessions):
        if name is not None and step.skill != name:
            continue
        if step.skill not in loaded:
            loaded[step.skill] = locked(settings, step.skill)
        present = loaded[step.skill].skill
        facts: dict[str, Any] = {"session": step.session, "seq": step.seq, "skill": step.skill}
        facts |= {"recorded_version": step.version, "version": present.version}
        if present.needs.effects:
            yield ComparedStep(**facts, status="not run", why=f"it writes {', '.join(present.needs.effects)}")
            continue
        console.say(f"  {step.session} {step.seq}: {step.skill} …")
        try:
            output = execute(loaded[step.skill], step.context(), step.input).output
        except WorkbenchError as error:
            yield ComparedStep(
                **facts, status="different", pointer="/output", recorded="an answer", now=f"{error.kind}: {error.message}",
                why="it ends in an error now",
            )  # fmt: skip
            continue
        found = first_difference(step.output, output, "/output")
        if found is None:
            yield ComparedStep(**facts, status="same")
        else:
            yield ComparedStep(**facts, status="different", pointer=found.pointer, recorded=found.recorded, now=found.replayed)
