"""`workbench verify --base REV`: every risky change between two revisions carries a valid sign-off, else exit 3."""

from __future__ import annotations

import argparse

from workbench.changes.measured import UNMEASURED
from workbench.cli.classify import effect_arguments
from workbench.cli.console import Console
from workbench.errors import ExitCode
from workbench.repo import Repo
from workbench.review.verify import verify
from workbench.settings import load_settings
from workbench.visible import visible

NO_DATA = "base and result could not be run here, so nobody knows; where there is no data for them, use --static-only"
_MARKS = {"allowed": "·", "signed": "✓", "unsigned": "✗"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `verify`."""
    parser.add_argument("--base", required=True, metavar="REV", help="where to start: a commit id, branch or tag")
    parser.add_argument("--head", default="HEAD", metavar="REV", help="where to end (default: HEAD)")
    effect_arguments(parser)


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Exit 0 all allowed or signed, 3 a sign-off is missing, 1 the record is broken; takes public keys alone."""
    settings = load_settings(args.directory)
    with Repo.open(settings.root) as repo:
        report = verify(
            repo, args.base, args.head, settings=None if args.static_only else settings, timeout=args.effect_timeout,
            progress=lambda text: console.say(f"  … {text}"),
        )  # fmt: skip
    if console.json:
        console.model(report)
    else:
        for step in report.steps:
            kinds = ", ".join(step.kinds) or "no risk"
            span = "" if len(report.steps) == 1 else f" (since {step.since[:12]})"
            console.data(
                f"{_MARKS[step.status]} {step.status:<9}{step.commit[:12]}{span} {kinds}: {visible(step.why, limit=400)}"
            )
            if step.effect:
                console.say(f"  run: {visible(step.effect, limit=400)}")
        console.say(f"{len(report.steps)} change(s) from {report.base[:12]} to {report.head[:12]}")
    if not args.static_only and any(UNMEASURED in step.effect and step.status == "unsigned" for step in report.steps):
        console.say(f"hint: {NO_DATA}")
    return ExitCode.OK if report.ok else ExitCode.WAITING
