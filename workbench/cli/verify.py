"""`workbench verify --base REV`: every risky change between two revisions carries a valid sign-off, else exit 3."""

from __future__ import annotations

import argparse

from workbench.cli.console import Console
from workbench.errors import ExitCode
from workbench.repo import Repo
from workbench.review.verify import verify
from workbench.settings import load_settings
from workbench.visible import visible

_MARKS = {"allowed": "·", "signed": "✓", "unsigned": "✗"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `verify`."""
    parser.add_argument("--base", required=True, metavar="REV", help="where to start: a commit id, branch or tag")
    parser.add_argument("--head", default="HEAD", metavar="REV", help="where to end (default: HEAD)")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Checks with public keys alone: exit 0 all allowed or signed, 3 a sign-off is missing, 1 the record is broken."""
    settings = load_settings(args.directory)
    with Repo.open(settings.root) as repo:
        report = verify(repo, args.base, args.head)
    if console.json:
        console.model(report)
    else:
        for step in report.steps:
            kinds = ", ".join(step.kinds) or "no risk"
            span = "" if len(report.steps) == 1 else f" (since {step.since[:12]})"
            console.data(
                f"{_MARKS[step.status]} {step.status:<9}{step.commit[:12]}{span} {kinds}: {visible(step.why, limit=400)}"
            )
        console.say(f"{len(report.steps)} change(s) from {report.base[:12]} to {report.head[:12]}")
    return ExitCode.OK if report.ok else ExitCode.WAITING
