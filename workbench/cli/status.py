"""`workbench status`: versions, aliases, and what was in production at T, moved by whom, on what evidence."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.release.history import Flip
from workbench.release.lineage import Scores
from workbench.settings import Settings, load_settings
from workbench.visible import visible


class AliasStatus(BaseModel):
    """Where an alias stands by the record and in the registry, and whether the record explains it."""

    alias: str
    recorded: int | None
    actual: int | None
    moved_outside: bool
    pending: bool
    """A move was begun and not ended; the next promotion or rollback ends it."""


class VersionStatus(BaseModel):
    """A registered version and what it is answerable with."""

    version: int
    created: datetime
    session: str
    code_tree: str
    contract_digest: str
    model_sha256: str
    gate_report_sha256: str
    gates: dict[str, str]
    decision: str
    signoffs: list[str]
    skills: dict[str, str]
    scores: Scores | None


class TouchStatus(BaseModel):
    """Looks at the test rows that were looked at last: how many over their life, in how many sessions, against which budget."""

    looks: int
    sessions: int
    rows: int
    budget: int | None
    """The contract's `budgets.test_touches`; None where it declares none."""
    last: str
    """When the last new look was, ISO 8601 in UTC."""
    problem: str = ""
    """Why the looks can't be counted, where they can't."""


class StatusReport(BaseModel):
    """Result of `workbench status --json`; `at` only with `--at`."""

    format: Literal[1] = 1
    use_case: str
    versions: list[VersionStatus]
    aliases: list[AliasStatus]
    history: list[Flip]
    corrupt: list[str] = Field(default_factory=list)
    """Versions that aren't what was registered, in words."""
    touches: TouchStatus | None = None
    """Looks at the test; None where there is no record of any."""
    at: dict[str, Flip | None] | None = None
    """Alias → the move that had put it where it stood at the time asked for."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("use_case", metavar="USE_CASE", help="the use case to look at")
    parser.add_argument("--at", metavar="TIME", help="what was in production then (ISO 8601; UTC without an offset)")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Looks, and changes nothing; exit 1 where an alias was moved past the workbench or a version isn't what it was."""
    settings = load_settings(args.directory)
    when = _time(args.at) if args.at else None
    report = status(settings, args.use_case, when, console)
    if console.json:
        console.model(report)
    else:
        console.data(_text(report, console))
    wrong = report.corrupt or (report.touches and report.touches.problem) or any(alias.moved_outside for alias in report.aliases)
    return ExitCode.FINDINGS if wrong else ExitCode.OK


def status(settings: Settings, use_case: str, when: datetime | None, console: Console) -> StatusReport:
    """Everything on record about the releases of a use case."""
    from workbench.errors import Corrupt
    from workbench.pipeline.contract import use_cases
    from workbench.release import history, promotion
    from workbench.release.registry import Registry

    lines = history.read(settings, use_case)
    if not lines and use_case not in use_cases(settings.root):
        known = ", ".join(use_cases(settings.root)) or "none"
        raise UsageError(f"There is no use case `{use_case}` here.", f"there is: {known}")
    registry = Registry(settings, progress=console.say)
    flips = history.flips(lines)
    corrupt: list[str] = []
    versions: list[VersionStatus] = []
    for number in registry.numbers(use_case):
        try:
            found = registry.version(use_case, number)
            registry.read_model(found)
        except Corrupt as error:
            corrupt.append(error.message)
            continue
        shared = found.lineage.model_dump(include=set(VersionStatus.model_fields))
        versions.append(VersionStatus(version=number, created=found.created, **shared))
    aliases = [
        AliasStatus(
            alias=one.alias,
            recorded=one.recorded,
            actual=one.actual,
            moved_outside=one.moved_outside,
            pending=one.pending is not None,
        )
        for one in promotion.standings(settings, registry, use_case)
    ]
    at = {alias.alias: flips.at(alias.alias, when) for alias in aliases} if when is not None else None
    return StatusReport(
        use_case=use_case, versions=versions, aliases=aliases, history=flips.flips, corrupt=corrupt, at=at,
        touches=_touches(settings, use_case),
    )  # fmt: skip


def _touches(settings: Settings, use_case: str) -> TouchStatus | None:
    from workbench.errors import ConfigError, Corrupt
    from workbench.pipeline.contract import load_contract
    from workbench.sessions.touches import counted, known_looks

    try:
        budgets = load_contract(settings.root, use_case).budgets
    except (ConfigError, UsageError):
        budgets = None
    budget = budgets.test_touches if budgets else None
    try:
        looks = known_looks(settings.root, settings.state, use_case)
    except Corrupt as error:
        return TouchStatus(looks=0, sessions=0, rows=0, budget=budget, last="", problem=error.message)
    if not looks:
        return None
    latest = looks[-1]
    same = [look for look in looks if look.held_out.same_as(latest.held_out)]
    return TouchStatus(
        looks=counted(looks, latest.held_out), sessions=len({look.session for look in same if look.session}),
        rows=latest.held_out.rows, budget=budget, last=latest.at,
    )  # fmt: skip


def _time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"`{text}` is not a time.", "write it as 2026-11-20T12:00:00Z") from None


def _text(report: StatusReport, console: Console) -> str:
    out = [console.paint(report.use_case, "bold")]
    out.append("aliases" if report.aliases else "aliases: none")
    for alias in report.aliases:
        note = ""
        if alias.moved_outside:
            note = console.paint(f"  ! moved past the workbench; on record is {_version(alias.recorded)}", "red")
        elif alias.pending:
            note = "  (a move was begun; the next promotion or rollback ends it)"
        out.append(f"  {alias.alias:<10}{_version(alias.actual)}{note}")
    out.append("versions" if report.versions else "versions: none")
    for version in report.versions:
        score = f"{version.scores.primary} {version.scores.value:.4g}" if version.scores else "no metric"
        sign = f"signed {', '.join(version.signoffs)}" if version.signoffs else version.decision
        out.append(
            f"  {version.version:<4}{version.created:%Y-%m-%d %H:%M}  {score:<16}{visible(version.session)}  "
            f"tree {version.code_tree[:12]}  model {version.model_sha256[:12]}  {visible(sign)}"
        )
    out += [console.paint(f"  ! {visible(words)}", "red") for words in report.corrupt]
    out += _looked(report.touches, console)
    out.append("history" if report.history else "history: no moves yet")
    out += [_flip(flip) for flip in report.history]
    for name, flip in (report.at or {}).items():
        out.append(f"then, {name} was: {_version(flip.after) if flip else 'none'}")
        if flip:
            out.append(_flip(flip))
    return "\n".join(out)


def _looked(touches: TouchStatus | None, console: Console) -> list[str]:
    if touches is None:
        return ["looks at the test: none on record"]
    if touches.problem:
        return [console.paint(f"  ! {visible(touches.problem)}", "red")]
    of = f" of {touches.budget}" if touches.budget is not None else ", no budget declared"
    sessions = f", {touches.sessions} session{'s' if touches.sessions != 1 else ''}" if touches.sessions else ""
    words = f"looks at the test: {touches.looks}{of} at {touches.rows:,} rows{sessions}, last {visible(touches.last[:16])}"
    return [console.paint(words, "red") if touches.budget is not None and touches.looks > touches.budget else words]


def _flip(flip: Flip) -> str:
    end = f"{flip.done:%Y-%m-%d %H:%M:%S}" if flip.done else "not ended yet      "
    proof = flip.evidence.get("metric", "")
    words = f"  {end}  {flip.alias:<10}{_version(flip.before)} → {_version(flip.after)}  {flip.move} by {visible(flip.actor)}"
    return f"{words}: {visible(flip.reason, limit=200)}" + (f" [{visible(proof)}]" if proof else "")


def _version(number: int | None) -> str:
    return "none" if number is None else f"version {number}"
