"""`workbench promote`: points an alias at a model version, if everything that this step demands holds on it."""

from __future__ import annotations

import argparse
import getpass
from typing import Literal

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode
from workbench.release.history import Flip
from workbench.settings import load_settings
from workbench.visible import visible


class FlipReport(BaseModel):
    """Result of `workbench promote --json` and `workbench rollback --json`."""

    format: Literal[1] = 1
    use_case: str
    flip: Flip


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("use_case", metavar="USE_CASE", help="a use case with registered versions")
    parser.add_argument("--version", dest="number", type=int, required=True, metavar="N", help="the model version")
    parser.add_argument("--to", required=True, metavar="ALIAS", help="staging or champion; staging comes first")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; goes into the release history")
    parser.add_argument("--actor", metavar="NAME", help="who moves it (default: the user of this machine)")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Promotes; exit 1 with every unmet demand where it doesn't."""
    from workbench.release.promotion import promote

    settings = load_settings(args.directory)
    actor = args.actor or getpass.getuser()
    flip = promote(settings, args.use_case, args.number, args.to, actor=actor, reason=args.reason, progress=console.say)
    show(args.use_case, flip, console)
    return ExitCode.OK


def show(use_case: str, flip: Flip, console: Console) -> None:
    """Prints one move of an alias."""
    if console.json:
        console.model(FlipReport(use_case=use_case, flip=flip))
        return
    before = f"version {flip.before}" if flip.before is not None else "none"
    console.data(f"{use_case}: {flip.alias} is version {flip.after} (was {before}), {flip.move} by {visible(flip.actor)}")
    for name, value in sorted(flip.evidence.items()):
        console.say(f"  {name}: {visible(value, limit=200)}")
