"""`workbench session`: the sessions there are, and a person's word to one of them, from any terminal and from scripts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from workbench.cli.console import Console, shared_options
from workbench.errors import ExitCode, UsageError
from workbench.settings import Settings, load_settings
from workbench.visible import visible

_ACTS = {
    "direct": "tell the driver something: `try without weather`",
    "answer": "answer the question that the driver asked",
    "pause": "let a running loop stop before its next node",
    "resume": "go on with a session, as `workbench run --resume` does",
    "take-over": "take the step over: edit in a directory of your own",
    "hand-back": "hand back what you edited; it becomes a change by you",
    "stop": "end the session for good",
}
_NOW = frozenset({"take-over", "stop"})
"""What happens at once where no loop is running."""


class SessionRow(BaseModel):
    """One session: how it stands, which process runs it, and where a person edits who has taken it over."""

    session: str
    use_case: str
    outcome: str
    running: str = ""
    place: str | None = None


class SessionList(BaseModel):
    """Result of `workbench session list --json`."""

    format: Literal[1] = 1
    sessions: list[SessionRow]
    unreadable: list[str] = []


class ToldReport(BaseModel):
    """Result of telling a session something: what, and whether a loop is running that hears it before its next node."""

    format: Literal[1] = 1
    session: str
    act: str
    instruction: str
    running: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    shared = shared_options()
    actions.add_parser("list", parents=[shared], help="the sessions there are, the newest last")
    for name, text in _ACTS.items():
        one = actions.add_parser(name, parents=[shared], help=text)
        one.add_argument("session", metavar="SESSION", help="an id, a part of it, or a directory")
        if name in ("direct", "answer"):
            one.add_argument("text", metavar="TEXT", help="what you say; recorded")
        if name == "hand-back":
            one.add_argument("--message", default="", metavar="TEXT", help="what you changed, in a line")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Lists, or puts one instruction where the session hears it."""
    settings = load_settings(args.directory)
    if args.action == "list":
        return _list(settings, console)
    from workbench.cli.identity import person
    from workbench.loop import control, handover
    from workbench.sessions.reader import find_session, read_session
    from workbench.sessions.writer import written_by

    directory = find_session(settings.root, settings.state, args.session)
    if args.action == "resume":
        return _resumed(settings, directory, console)
    session = read_session(directory)
    control.refuse_over(session)
    running, who = written_by(directory), person(settings)
    if args.action == "pause" and not running:
        raise UsageError(f"No process runs the session {directory.name}, so there is nothing to pause.", "see `session list`")
    if args.action == "hand-back":
        given = handover.hand_back(settings, session, who, args.message)
    else:
        given = control.instruction(args.action, getattr(args, "text", ""), person=who)
        control.Inbox(settings.state, session.header.id).post(given)
    if args.action in _NOW and not running:
        return _resumed(settings, directory, console)
    if console.json:
        console.model(ToldReport(session=directory.name, act=args.action, instruction=given.id, running=running))
    else:
        console.data(f"{directory.name}: {args.action} is on disk")
    hears = f"the loop ({running}) hears it before its next node" if running else f"next: workbench run --resume {directory.name}"
    console.say(f"  {hears}")
    return ExitCode.OK


def _resumed(settings: Settings, directory: Path, console: Console) -> ExitCode:
    from workbench.cli import run as command

    return command.told(command.resumed(settings, str(directory), (), console), console)


def _list(settings: Settings, console: Console) -> ExitCode:
    from workbench.errors import WorkbenchError
    from workbench.loop.control import taken_in
    from workbench.sessions.reader import HEADER, read_session
    from workbench.sessions.writer import written_by

    rows, unreadable = [], []
    for header in sorted((settings.root / "sessions").glob(f"*/{HEADER}"), key=lambda path: path.stat().st_mtime):
        try:
            found = read_session(header.parent)
        except WorkbenchError as error:
            unreadable.append(error.message)
            continue
        running, taken = written_by(header.parent), taken_in(found)
        outcome = "running" if running else found.outcome or "killed"
        place = str(settings.state / taken.place) if taken else None
        rows.append(
            SessionRow(session=header.parent.name, use_case=found.header.use_case, outcome=outcome, running=running, place=place)
        )
    _show(SessionList(sessions=rows, unreadable=unreadable), console)
    return ExitCode.OK


def _show(found: SessionList, console: Console) -> None:
    if console.json:
        console.model(found)
        return
    for row in found.sessions:
        told: list[Any] = [row.session, row.outcome, row.running, f"edit in {row.place}" if row.place else ""]
        console.data(visible("  ".join(str(part) for part in told if part)))
    if not found.sessions:
        console.say("  there is no session yet: `workbench run USE_CASE` records one")
    for message in found.unreadable:
        console.warn(f"! {visible(message)}")
