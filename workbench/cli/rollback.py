"""`workbench rollback`: the champion back to the version before it, recorded with who and why."""

from __future__ import annotations

import argparse
import getpass

from workbench.cli.console import Console
from workbench.cli.promote import show
from workbench.errors import ExitCode
from workbench.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("use_case", metavar="USE_CASE", help="a use case with a champion")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; goes into the release history")
    parser.add_argument("--alias", default="champion", metavar="ALIAS", help="the alias to move back (default: champion)")
    parser.add_argument("--actor", metavar="NAME", help="who moves it (default: the user of this machine)")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Rolls back; exit 1 where there is no version before the present one."""
    from workbench.release.rollback import rollback

    settings = load_settings(args.directory)
    actor = args.actor or getpass.getuser()
    flip = rollback(settings, args.use_case, actor=actor, reason=args.reason, alias=args.alias, progress=console.say)
    show(args.use_case, flip, console)
    return ExitCode.OK
