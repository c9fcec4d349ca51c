"""`workbench run USE_CASE`: the loop. It says what it does as it goes, and ends when released, refused or at a person."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.sessions.redact import secret_values
from workbench.settings import Settings, load_settings
from workbench.visible import visible

if TYPE_CHECKING:
    from workbench.loop.control import Instruction
    from workbench.loop.session import SessionResult


class RunReport(BaseModel):
    """Result of `workbench run --json`."""

    format: int = 1
    session: str
    directory: str
    outcome: str
    reason: str
    change: str | None
    version: str | None
    question: str | None = None
    """What the driver asks a person, where the session waits for that."""
    place: str | None = None
    """Where a person edits who has taken a step over."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("use_case", metavar="USE_CASE", nargs="?", help="a folder below pipelines/")
    parser.add_argument("--goal", default="", help="what the session is for, in words; recorded")
    parser.add_argument("--driver", help="who decides the next step: playbook (default), claude, or recorded:SESSION")
    parser.add_argument("--propose", metavar="REV", action="append", default=[], help="take in what REV changed since the branch")
    parser.add_argument("--resume", metavar="SESSION", help="go on with a session that waits for a person or was killed")
    for flags, text in (
        (("--direct", "--direction"), "with --resume: what you tell the driver, such as `try without weather`"),
        (("--answer",), "with --resume: your answer to the driver's question"),
    ):
        parser.add_argument(*flags, metavar="TEXT", action="append", default=[], help=text)
    parser.add_argument("--take-over", action="store_true", help="with --resume: edit the step in a directory of your own")
    parser.add_argument("--hand-back", action="store_true", help="with --resume: what you edited becomes a change by you")
    parser.add_argument("--plain", action="store_true", help="lines instead of the screen, also on a terminal")
    parser.add_argument("--headless", action="store_true", help="never ask: queue what needs a person and exit 3")
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run stage code unconfined; recorded in the session")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Runs or resumes a session; on a terminal that is watched, steered and signed on a screen."""
    from workbench.loop import session

    settings = load_settings(args.directory, unsafe_no_sandbox=args.unsafe_no_sandbox)
    if (args.use_case is None) == (args.resume is None):
        raise UsageError("Give either a use case or --resume SESSION.", "`workbench run departures`, for instance")
    if not args.resume and (args.direct or args.answer or args.take_over or args.hand_back):
        hint = "give it with --resume SESSION; a new one takes --goal TEXT"
        raise UsageError("That is for a session that is there already.", hint)
    wanted = _wanted(settings, args)
    if _on_screen(args, console):
        return _screen(settings, args, wanted, console)
    if args.resume:
        return told(resumed(settings, args.resume, wanted, console), console)
    with _interruptible(console):
        result = session.start(
            settings, args.use_case, goal=args.goal, driver=args.driver, proposals=args.propose,
            secrets=secrets_of(dict(os.environ)), say=_say(console),
        )  # fmt: skip
    return told(result, console)


def _on_screen(args: argparse.Namespace, console: Console) -> bool:
    """Whether somebody sits at a terminal that can draw, and wants to see it."""
    plain = args.headless or args.plain or console.json or console.quiet
    return console.interactive and not plain and console.out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _screen(settings: Settings, args: argparse.Namespace, wanted: Sequence[Instruction], console: Console) -> ExitCode:
    """The same on the run screen; what is printed is how it stands when the screen is left."""
    from workbench.cli.identity import person
    from workbench.cli.review import for_the_key
    from workbench.loop import session
    from workbench.tui.app import preferred, run_loop
    from workbench.tui.run import RunScreen

    environment = dict(os.environ)
    secrets = tuple(secrets_of(environment))
    if args.resume:
        first = partial(session.resume, settings, args.resume, instructions=wanted, secrets=secrets)
    else:
        first = partial(
            session.start, settings, args.use_case, goal=args.goal, driver=args.driver, proposals=args.propose, secrets=secrets
        )
    screen = RunScreen(
        settings, first, who=person(settings), key=Path(settings.review.key) if settings.review.key else None,
        environment=for_the_key(), person=preferred(settings, environment), secrets=secrets,
    )  # fmt: skip
    runner = run_loop(screen, color=console.color, report=console.warn)
    if runner.error is not None:
        raise runner.error
    if runner.result is not None:
        return told(runner.result, console)
    if runner.directory is not None:
        console.warn(f"  the session is kept; go on with: workbench run --resume {runner.directory.name}")
    if runner.alive:
        # Some step says nothing for a long time. Nothing that was acknowledged is lost by ending it, wherever it is.
        os._exit(ExitCode.INTERRUPTED)
    return ExitCode.INTERRUPTED


def _wanted(settings: Settings, args: argparse.Namespace) -> list[Instruction]:
    """What the flags ask of the session, in the order in which it makes sense."""
    from workbench.cli.identity import person
    from workbench.loop import handover
    from workbench.loop.control import instruction
    from workbench.sessions.reader import find_session, read_session

    if not (args.direct or args.answer or args.take_over or args.hand_back):
        return []
    who = person(settings)
    if args.hand_back:
        # On disk before anything else, as what is in the directory now.
        handover.hand_back(settings, read_session(find_session(settings.root, settings.state, args.resume)), who)
    given = [instruction("direct", text, person=who) for text in args.direct]
    given += [instruction("answer", text, person=who) for text in args.answer]
    return given + ([instruction("take-over", person=who)] if args.take_over else [])


def resumed(settings: Settings, wanted: str, instructions: Sequence[Instruction], console: Console) -> SessionResult:
    """Goes on with a session, saying what it does."""
    from workbench.loop import session

    secrets = secrets_of(dict(os.environ))
    with _interruptible(console):
        return session.resume(settings, wanted, instructions=instructions, secrets=secrets, say=_say(console))


def _say(console: Console) -> Callable[[str], None]:
    return lambda text: console.say(f"  {visible(text)}")


@contextmanager
def _interruptible(console: Console) -> Iterator[None]:
    from workbench.loop.session import Interrupted

    try:
        yield
    except Interrupted as stop:
        console.warn(f"  the session is kept; go on with: workbench run --resume {stop.session}")
        raise


def told(result: SessionResult, console: Console) -> ExitCode:
    """Says how the session stands and what is next."""
    if console.json:
        report = RunReport(
            session=result.session, directory=str(result.directory), outcome=result.outcome, reason=result.reason,
            change=result.change, version=result.version, question=result.question,
            place=str(result.place) if result.place else None,
        )  # fmt: skip
        console.model(report)
    else:
        console.data(visible(f"{result.session}: {result.words}" + (f": {result.reason}" if result.reason else "")))
    for line in next_steps(result):
        console.say(f"  {visible(line)}")
    return result.code


def next_steps(result: SessionResult) -> list[str]:
    """What a person can do about a session that doesn't go on by itself."""
    again = f"workbench run --resume {result.session}"
    if result.place is not None:
        return [f"edit in {result.place}", f"then: {again} --hand-back"]
    if result.outcome == "paused":
        return [f"next: {again}"]
    if result.question is not None:
        return [f"next: {again} --answer 'your answer'"]
    if result.outcome == "waiting":
        return [
            f"next: workbench review show {result.change}, then workbench review approve {result.change} --key KEY",
            f"then: {again}",
        ]
    if result.outcome in ("no-cure", "stuck"):
        return [f"next: {again} --direct 'what to try', or --take-over to repair it yourself"]
    return []


def secrets_of(environment: dict[str, str]) -> list[str]:
    """Values of variables whose names look like secrets: they are kept out of every recording."""
    return list(secret_values(environment))
