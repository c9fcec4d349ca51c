"""`workbench run USE_CASE`: the loop. It says what it does as it goes, and ends when released, refused or at a person."""

from __future__ import annotations

import argparse
import os
import re

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.settings import load_settings
from workbench.visible import visible

_SECRET_NAME = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|CREDENTIAL|PRIVATE)", re.IGNORECASE)


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


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("use_case", metavar="USE_CASE", nargs="?", help="a folder below pipelines/")
    parser.add_argument("--goal", default="", help="what the session is for, in words; recorded")
    parser.add_argument("--driver", help="who decides the next step: playbook (default)")
    parser.add_argument("--propose", metavar="REV", action="append", default=[], help="take in what REV changed since the branch")
    parser.add_argument("--resume", metavar="SESSION", help="go on with a session that waits for a person or was killed")
    parser.add_argument(
        "--direction", metavar="TEXT", action="append", default=[],
        help="with --resume: what you tell the driver, or your answer to its question",
    )  # fmt: skip
    parser.add_argument("--headless", action="store_true", help="never ask: queue what needs a person and exit 3")
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run stage code unconfined; recorded in the session")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Runs or resumes a session; on a terminal a waiting change can be reviewed at once."""
    from workbench.loop import session

    settings = load_settings(args.directory, unsafe_no_sandbox=args.unsafe_no_sandbox)
    if (args.use_case is None) == (args.resume is None):
        raise UsageError("Give either a use case or --resume SESSION.", "`workbench run departures`, for instance")
    if args.direction and not args.resume:
        raise UsageError("--direction is for a session that waits.", "give it with --resume SESSION; a new one takes --goal TEXT")
    secrets = secrets_of(dict(os.environ))

    def say(text: str) -> None:
        console.say(f"  {visible(text)}")

    if args.resume:
        result = session.resume(settings, args.resume, directions=args.direction, secrets=secrets, say=say)
    else:
        result = session.start(
            settings, args.use_case, goal=args.goal, driver=args.driver, proposals=args.propose, secrets=secrets, say=say
        )
    while result.change is not None and result.outcome == "waiting" and console.interactive and not args.headless:
        from workbench.tui.app import run_review

        run_review(settings, select=result.change, color=console.color)
        answered = session.resume(settings, result.session, secrets=secrets, say=say)
        if answered.outcome == "waiting":
            break
        result = answered
    if console.json:
        report = RunReport(
            session=result.session, directory=str(result.directory), outcome=result.outcome, reason=result.reason,
            change=result.change, version=result.version, question=result.question,
        )  # fmt: skip
        console.model(report)
    else:
        console.data(visible(f"{result.session}: {result.words}" + (f": {result.reason}" if result.reason else "")))
    if result.question is not None:
        console.say(f"  next: workbench run --resume {result.session} --direction 'your answer'")
    elif result.outcome == "waiting":
        console.say(f"  next: workbench review show {result.change}, then workbench review approve {result.change} --key KEY")
        console.say(f"  then: workbench run --resume {result.session}")
    return result.code


def secrets_of(environment: dict[str, str]) -> list[str]:
    """Values of variables whose names look like secrets: they are kept out of every recording."""
    return [value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= 8]
