"""`workbench drill USE_CASE` and `workbench drill report`: known leaks before a reviewer, and how many of them were noticed.

Parses, makes the changes of the catalogue, calls `workbench.review.drills`, prints. Never says which changes are drills.
"""

from __future__ import annotations

import argparse
import secrets
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from workbench.cli.classify import effect_arguments
from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.repo import Repo
from workbench.settings import Settings, load_settings
from workbench.visible import visible

if TYPE_CHECKING:
    from workbench.review.drills import DrillReport, Tally

REPORT = "report"


class PlantedReport(BaseModel):
    """The JSON of `drill USE_CASE`: how many changes wait as drills, and with which seed they were chosen."""

    format: Literal[1] = 1
    use_case: str
    leaks: int
    harmless: int
    seed: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("use_case", metavar="USE_CASE|report", help="where to plant; `report`: what came of the drills so far")
    parser.add_argument("--count", type=int, metavar="N", help="how many leaks, and as many harmless changes (default: 3)")
    parser.add_argument("--seed", type=int, metavar="S", help="chooses them; the same again completes what was interrupted")
    effect_arguments(parser)


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Exit 0; 2 where nothing can be planted."""
    settings = load_settings(args.directory)
    with Repo.open(settings.root) as repo:
        if args.use_case == REPORT:
            if args.count is not None or args.seed is not None:
                raise UsageError("`drill report` plants nothing.", "leave out --count and --seed")
            return _report(repo, console)
        return _plant(repo, settings, args, console)


def _plant(repo: Repo, settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    from workbench.changes import Change, Classification, Measured, measure
    from workbench.loop.context import AGENT
    from workbench.mutants.drills import harmless, leaky
    from workbench.pipeline.contract import load_contract
    from workbench.review.drills import plant

    count = 3 if args.count is None else args.count
    if not 1 <= count <= 100:
        raise UsageError(f"{count} is no number of drills.", "give --count 1 to 100")
    contract = load_contract(settings.root, args.use_case)
    base = repo.commit_of(repo.head()).tree
    committed = repo.read_blob(base, contract.path)
    if committed != (settings.root / contract.path).read_bytes():
        raise UsageError(
            f"{contract.path} is not as it was committed.", "commit it first: drills are made on top of the last commit"
        )
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed

    def runs(change: Change, found: Classification) -> Measured | None:
        if args.static_only:
            return None
        console.say("  … runs a change beside what it was made from")
        return measure(settings, repo, change, found, timeout=args.effect_timeout)

    text = committed.decode("utf-8")
    groups = [leaky(contract, text, seed=seed), harmless(contract, text, seed=seed)]
    leaks, plain = plant(repo, groups, count, seed=seed, base=base, use_case=args.use_case, author=AGENT, runs=runs)
    if not leaks or not plain:
        raise UsageError(
            f"Nothing could be planted into {args.use_case} that the policy shows to a person.",
            "`workbench audit USE_CASE --prove` says which leaks have a place in it",
        )
    if console.json:
        console.model(PlantedReport(use_case=args.use_case, leaks=leaks, harmless=plain, seed=seed))
    else:
        console.data(f"{leaks + plain} changes wait among the others, {leaks} of them with a leak (--seed {seed})")
        console.say("decide as always: `workbench review`; then `workbench drill report`. None of them can be applied.")
    return ExitCode.OK


def _report(repo: Repo, console: Console) -> ExitCode:
    from workbench.review.drills import report

    found = report(repo)
    if console.json:
        console.model(found)
        return ExitCode.OK
    for line in _lines(found):
        console.data(line)
    return ExitCode.OK


def _lines(found: DrillReport) -> list[str]:
    lines = [f"{'':<44}leaks caught   false alarms   median time"]
    lines.append(_line("everybody", found.overall))
    lines += [_line(f"  {visible(name, limit=40)}", tally) for name, tally in found.by_reviewer.items()]
    lines += [_line(f"  {kind}", tally) for kind, tally in found.by_kind.items()]
    if len({row.month for row in found.over_time}) > 1:
        lines.append("over time")
        lines += [_line(f"  {row.month} {visible(row.reviewer, limit=24)} {row.kind}", row.tally) for row in found.over_time]
    return [*lines, f"{len(found.decisions)} verdicts; {found.waiting} drills wait"]


def _line(name: str, tally: Tally) -> str:
    caught, alarms = f"{tally.caught} of {tally.leaks}", f"{tally.false_alarms} of {tally.harmless}"
    return f"{name:<44}{caught:>12}{alarms:>15}{_time(tally.median_seconds):>14}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
