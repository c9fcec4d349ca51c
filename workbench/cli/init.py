"""`workbench init [DIR]`: turns a directory into a workspace; keeps what is there."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode
from workbench.workspace import EXAMPLE, make_workspace


class InitReport(BaseModel):
    """Result of `workbench init --json`."""

    format: int = 1
    root: str
    created: list[str]
    kept: list[str]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("target", metavar="DIR", nargs="?", type=Path, help="the directory (default: here)")
    parser.add_argument("--example", action="store_true", help=f"add the example use case `{EXAMPLE}`")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Makes the workspace and its git repository."""
    from workbench.repo import Repo

    made = make_workspace(args.target or args.directory, example=args.example)
    created = list(made.created)
    if Repo.ensure(made.root):
        created.append(".git")
    if console.json:
        console.model(InitReport(root=str(made.root), created=created, kept=made.kept))
        return ExitCode.OK
    for name in created:
        console.data(f"  + {name}")
    for name in made.kept:
        console.data(f"  = {name} (was there; kept)")
    console.say(f"{made.root} is a workspace. Next: add yourself to review_policies/reviewers.toml, commit, `workbench doctor`.")
    return ExitCode.OK
