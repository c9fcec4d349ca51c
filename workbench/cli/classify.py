"""`workbench classify --base REV --head REV`: what kind of change this is, and what the policy asks for."""

from __future__ import annotations

import argparse
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workbench.changes import Author, Change, Risk, RiskKind, classify, judge
from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.policy import Decision, Requirement, load_policy
from workbench.repo import Repo
from workbench.settings import load_settings
from workbench.visible import visible

WORKTREE = "WORKTREE"
_EXIT = {"allow": ExitCode.OK, "review": ExitCode.WAITING, "block": ExitCode.FINDINGS}


class _Shown(BaseModel):
    model_config = ConfigDict(defer_build=True)


class ShownRisk(_Shown):
    """One risk in the JSON of `classify`."""

    kind: RiskKind
    path: str
    symbol: str | None
    line: int | None
    by: Literal["static", "effect"]
    reason: str
    stage: str | None
    use_case: str | None
    cleared: bool


class ShownRule(_Shown):
    """One rule of the policy and what came of it."""

    name: str
    status: str
    why: str


class ClassifyReport(_Shown):
    """The JSON of `workbench classify`."""

    format: Literal[1] = 1
    digest: str
    decision: Literal["allow", "review", "block"]
    risks: list[ShownRisk]
    rules: list[ShownRule]
    requires: Requirement


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `classify`."""
    parser.add_argument(
        "--base", required=True, metavar="REV", help="commit id, branch or tag to compare with; its policy counts"
    )
    parser.add_argument(
        "--head", required=True, metavar="REV", help="commit id, branch or tag; WORKTREE: the files as they lie here"
    )
    parser.add_argument("--agent", action="store_true", help="the change was made by an agent (policies may ask)")
    effect_arguments(parser)


def effect_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say whether, and for how long, a change is run."""
    parser.add_argument("--static-only", action="store_true", help="only read the code, don't run it")
    parser.add_argument(
        "--effect-timeout",
        type=_seconds,
        default=120,
        metavar="SECONDS",
        help="how long running a change may take in all; past it the change is `unknown` (default: 120)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError(text)
    return seconds


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Classifies and says what the policy asks for: exit 0 allow, 3 review, 1 block."""
    settings = load_settings(args.directory)
    with Repo.open(settings.root) as repo:
        base = repo.commit_of(repo.resolve(args.base)).tree
        author = Author(name="", agent=args.agent)
        if args.head == WORKTREE:
            if f"refs/heads/{WORKTREE}" in repo.refs("refs/heads/"):
                raise UsageError(f"`{WORKTREE}` is also a branch here.", f"say refs/heads/{WORKTREE}, or rename the branch")
            result = repo.snapshot(include_ignored=True)
        else:
            head = repo.commit_of(repo.resolve(args.head))
            result = head.tree
            author = Author(name=head.author.name, email=head.author.email, agent=args.agent)
        policy = load_policy(repo, base)
        change = Change(base=base, result=result, author=author, title="")
        if args.static_only:
            found = classify(repo, change)
        else:
            found = judge(settings, repo, change, timeout=args.effect_timeout, progress=lambda text: console.say(f"  … {text}"))
        decision = policy.decide(
            found.risks, author=author, use_cases=found.use_cases, size=found.size, undeliverable=found.undeliverable
        )  # fmt: skip
    if console.json:
        console.model(_report(change.digest, found.risks, decision))
    else:
        _tell(console, found.risks, decision)
    if args.static_only:
        console.say("note: judged by reading the code alone; without --static-only base and result are run side by side, too")
    return _EXIT[decision.decision]


def _report(digest: str, risks: list[Risk], decision: Decision) -> ClassifyReport:
    return ClassifyReport(
        digest=digest,
        decision=decision.decision,
        risks=[ShownRisk(**risk.model_dump()) for risk in risks],
        rules=[ShownRule(name=rule.name, status=rule.status, why=rule.why) for rule in decision.rules],
        requires=decision.requires,
    )


def _tell(console: Console, risks: list[Risk], decision: Decision) -> None:
    color = {"allow": "green", "review": "yellow", "block": "red"}[decision.decision]
    console.data(f"decision: {console.paint(decision.decision, color)}")
    tell_risks(console, risks)
    for rule in decision.rules:
        if rule.status != "skipped":
            console.data(f"  rule  {rule.status:<8}{visible(rule.name)}: {visible(rule.why)}")
    tell_requirement(console, decision.requires)


def tell_risks(console: Console, risks: list[Risk]) -> None:
    """One line a risk: kind, place, reason."""
    for risk in risks:
        place = visible(risk.path) + (f":{risk.line}" if risk.line else "")
        symbol = f" `{visible(risk.symbol)}`" if risk.symbol else ""
        cleared = " (cleared)" if risk.cleared else ""
        console.data(f"  risk  {risk.kind.value:<15}{place}{symbol}: {visible(risk.reason, limit=300)}{cleared}")


def tell_requirement(console: Console, requires: Requirement) -> None:
    """What has to happen before the change may be applied."""
    if requires.approvals:
        roles = f" by {' or '.join(map(visible, requires.roles))}" if requires.roles else ""
        console.data(f"  needs {requires.approvals} approval(s){roles}")
    if requires.gates:
        console.data(f"  needs gates passed on exactly this result: {', '.join(map(visible, requires.gates))}")
    for number, question in enumerate(requires.questions, 1):
        console.data(f"  asks  {number}. {visible(question)}")
