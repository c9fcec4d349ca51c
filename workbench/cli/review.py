"""`workbench review` and its headless commands `list`, `show`, `approve`, `request-changes`, `reject`.

`apply` and `rebase` are in `applying.py`. Parses, calls `workbench.review`, prints. Signing needs a key file that the
person names; nothing here finds one by itself.
"""

from __future__ import annotations

import argparse
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from workbench.changes import Measured, Risk, file_diffs
from workbench.cli import applying
from workbench.cli import propose as proposing
from workbench.cli.classify import tell_requirement, tell_risks
from workbench.cli.console import Console, shared_options
from workbench.errors import ExitCode, UsageError
from workbench.policy import Decision, Requirement
from workbench.repo import Repo
from workbench.review import carry, index, queue, seals, signoff
from workbench.review.signoff import MEASURED_AGAIN, SignOff, Standing, Verdict
from workbench.settings import Settings, load_settings
from workbench.visible import visible

_VERDICTS: dict[str, Verdict] = {"approve": "approve", "request-changes": "request-changes", "reject": "reject"}
_FOR_THE_KEY = ("SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "WAYLAND_DISPLAY", "SSH_SK_PROVIDER", "TERM")


class QueueRow(BaseModel):
    """One queued change, as `review list` has it."""

    id: str
    digest: str
    title: str
    author: str
    agent: bool
    use_case: str
    session: str
    kinds: list[str]
    approvals_needed: int
    proposed_at: datetime


class QueueReport(BaseModel):
    """The JSON of `review list`."""

    format: Literal[1] = 1
    changes: list[QueueRow]


class ShownSignOff(BaseModel):
    """One valid sign-off on a change."""

    id: str
    verdict: Verdict
    reviewer: str
    role: str
    at: datetime
    expires: datetime
    comment: str
    answers: list[dict[str, str]]


class ShowReport(BaseModel):
    """The JSON of `review show`."""

    format: Literal[1] = 1
    id: str
    digest: str
    title: str
    author: str
    words: str
    """What the author says about the change; not checked by anyone."""
    decision: str
    risks: list[Risk]
    rules: list[str]
    requires: Requirement
    missing: list[str]
    signoffs: list[ShownSignOff]
    invalid: list[dict[str, str]]
    evidence: dict[str, str]
    effect: Measured | None
    """What running it showed whoever proposed it, where that is about exactly these trees. What it cleared is for looking at."""
    diff: list[str]
    drill: str = ""
    """That this was a drill, and what was planted; said only once somebody has decided."""
    carried: dict[str, str] = {}
    """Ids of sign-offs that were made on an earlier form of the change → the digest of that form."""
    since: list[str] = []
    """What differs since somebody signed an earlier form, in words."""


class SignedReport(BaseModel):
    """The JSON of `approve`, `request-changes` and `reject`."""

    format: Literal[1] = 1
    change: str
    signoff: ShownSignOff
    missing: list[str]
    """What is still missing before the change may be applied."""
    drill: str = ""
    """That this was a drill, and what was planted."""


class _ActionOrId(argparse._SubParsersAction):  # type: ignore[type-arg]
    """Takes the id of a change where an action stands otherwise, as `open ID`."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:  # fmt: skip
        if re.fullmatch(r"(sha256:)?[0-9a-f]{4,64}", values[0]):
            values = ["open", *values]
        super().__call__(parser, namespace, values, option_string)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands of `review`."""
    parser.set_defaults(action=None)
    parser.add_argument("--key", type=Path, metavar="FILE", help="your SSH private key (default: WORKBENCH_KEY)")
    parser.add_argument("--browser", action="store_true", help="the review screen in a browser on this machine")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="for --browser: the port (default: a free one)")
    actions = parser.add_subparsers(
        action=_ActionOrId, dest="action", metavar="ID|list|show|propose|approve|request-changes|reject|apply|rebase",
        help="nothing, or the ID of a change: the review screen",
    )  # fmt: skip
    shared = shared_options()
    actions.add_parser("list", parents=[shared], help="the changes that wait")
    actions.add_parser("show", parents=[shared], help="one change: risks, what is asked, diff").add_argument("id", metavar="ID")
    for name in _VERDICTS:
        one = actions.add_parser(name, parents=[shared], help=f"sign the verdict “{name}” on exactly this change")
        one.add_argument("id", metavar="ID")
        one.add_argument(
            "--key", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="your SSH private key (default: WORKBENCH_KEY)"
        )
        one.add_argument("--role", metavar="NAME", help="the role you decide in (default: one that is asked for)")
        one.add_argument("--comment", default="", metavar="TEXT", help="anything you want to say")
        one.add_argument("--answer", action="append", default=[], metavar="TEXT", help="in the order of the questions, or N=TEXT")
    proposing.arguments(
        actions.add_parser("propose", parents=[shared], help="put the change between two revisions into the queue")
    )
    one = actions.add_parser("open", help="the review screen, with this change under the cursor")
    one.add_argument("id", metavar="ID")
    one.add_argument("--key", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="your SSH private key")
    for name, words, branch in (
        ("apply", "apply a change that the policy and people allow", "the branch to move"),
        ("rebase", "make a change again on top of a branch that moved", "the branch that moved"),
    ):
        one = actions.add_parser(name, parents=[shared], help=words)
        one.add_argument("id", metavar="ID")
        one.add_argument("--branch", metavar="NAME", help=f"{branch} (default: the settings', else the one checked out)")
    actions.choices = None  # type: ignore[assignment]  # the action itself checks its first word, which may be an id


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """The terminal screen without a subcommand, else one headless step."""
    settings = load_settings(args.directory)
    if args.action in (None, "open"):
        return _open(settings, args, console)
    with Repo.open(settings.root) as repo:
        if args.action == "list":
            return _list(repo, settings, console)
        if args.action == "show":
            return _show(repo, args.id, console)
        if args.action == "propose":
            return proposing.propose(repo, settings, args, console)
        if args.action == "apply":
            return applying.apply_change(repo, settings, args, console)
        if args.action == "rebase":
            return applying.rebase_change(repo, settings, args, console)
        return _sign(repo, settings, args, console)


def _open(settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    if args.browser and not console.json:
        return _browse(settings, args, console)
    if console.json or not (_in_browser() or (console.interactive and os.environ.get("TERM", "dumb") != "dumb")):
        raise UsageError("The review screen needs a terminal.", "without one: `workbench review list`, `show`, `approve`, …")
    from workbench.tui.app import run_review

    select = _selected(settings, args)
    run_review(
        settings,
        select=select,
        key=args.key,
        color=console.color or (_in_browser() and not _plain(args)),
        environment=for_the_key(),
        preferences=dict(os.environ),
    )
    return ExitCode.OK


def _selected(settings: Settings, args: argparse.Namespace) -> str | None:
    """The id of the change that is named; the queue is read for it before there is a screen."""
    if args.action != "open":
        return None
    with Repo.open(settings.root) as repo:
        return queue.get(repo, args.id).id


def _in_browser() -> bool:
    """Whether this process is the one behind a page of `--browser`, which has pipes where a terminal would be."""
    return os.environ.get("TEXTUAL_DRIVER", "") == "textual.drivers.web_driver:WebDriver"


def _plain(args: argparse.Namespace) -> bool:
    return args.no_color or bool(os.environ.get("NO_COLOR"))


def _browse(settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    from workbench.tui.browser import browse

    key = args.key or (Path(settings.review.key) if settings.review.key else None)
    browse(settings.root, select=_selected(settings, args), key=key, color=not _plain(args), port=args.port, say=console.warn)
    return ExitCode.OK


def for_the_key() -> dict[str, str]:
    """What ssh-keygen may see of the environment."""
    return {name: os.environ[name] for name in _FOR_THE_KEY if name in os.environ}


def _list(repo: Repo, settings: Settings, console: Console) -> ExitCode:
    rows = [
        QueueRow(
            id=line.id, digest=line.digest, title=line.title, author=line.author, agent=line.agent, use_case=line.use_case,
            session=line.session, kinds=list(line.kinds), approvals_needed=line.approvals, proposed_at=line.proposed_at,
        )
        for line in index.waiting(repo, index.place(settings))
    ]  # fmt: skip
    if console.json:
        console.model(QueueReport(changes=rows))
        return ExitCode.OK
    for row in rows:
        who = visible(row.author) + (" (agent)" if row.agent else "")
        console.data(f"{row.id}  {', '.join(row.kinds) or 'no risk'}  {visible(row.title, limit=100)}  by {who}")
    console.say(f"{len(rows)} change(s) wait" + ("; `workbench review show ID` shows one" if rows else ""))
    return ExitCode.OK


def _show(repo: Repo, name: str, console: Console) -> ExitCode:
    queued = queue.get(repo, name)
    assessment = queue.assess(repo, queued)
    standing = signoff.valid(repo, queued, datetime.now(UTC), assessment=assessment, rerun=carry.recorded(assessment))
    missing = signoff.unmet(assessment.decision, standing)
    diff = _diff(repo, queued)
    drill = _drill(repo, queued)
    if console.json:
        console.model(
            ShowReport(
                id=queued.id, digest=queued.digest, title=queued.change.title, author=queued.change.author.name,
                words=queued.change.words, decision=assessment.decision.decision, risks=assessment.classification.risks,
                rules=assessment.decision.reasons, requires=assessment.decision.requires, missing=missing,
                signoffs=[_shown(given) for given in (*standing.approvals, *standing.objections)],
                invalid=[{"id": each, "why": why} for each, why in standing.invalid], evidence=queued.evidence,
                effect=assessment.measured, diff=diff, drill=drill, carried=standing.carried, since=standing.since,
            )
        )  # fmt: skip
        return ExitCode.OK
    _tell(console, queued, assessment.decision, assessment.classification.risks, standing, missing)
    if drill:
        console.data(f"  drill {visible(drill)}")
    _tell_effect(console, assessment.measured)
    for line in diff:
        console.data(visible(line))
    if queued.change.words:
        console.data("\nthe author's own words (nobody checked them):")
        console.data(visible(queued.change.words, newlines=True, limit=4000))
    return ExitCode.OK


def _tell(
    console: Console, queued: queue.QueuedChange, decision: Decision, risks: list[Risk], standing: Standing, missing: list[str]
) -> None:  # fmt: skip
    who = visible(queued.change.author.name) + (" (agent)" if queued.change.author.agent else "")
    console.data(f"change {queued.id} by {who}: {decision.decision}\n  digest {queued.digest}")
    tell_risks(console, risks)
    tell_requirement(console, decision.requires)
    for given in (*standing.approvals, *standing.objections):
        said = given.payload
        console.data(
            f"  said  {said.verdict} by {visible(said.reviewer)} as {visible(said.role or 'reviewer')} {said.at:%Y-%m-%d %H:%M}"
        )
        if given.id in standing.carried:
            console.data(f"        carried over from change {standing.carried[given.id][7:19]}; {MEASURED_AGAIN}")
        for answer in said.answers:
            console.data(f"        {visible(answer.question)} — {visible(answer.answer)}")
    for text in standing.since:
        console.data(f"  since {visible(text, limit=600)}")
    for name, why in standing.invalid:
        console.data(f"  void  sign-off {name}: {visible(why)}")
    for text in missing:
        console.data(f"  lacks {visible(text)}")


def _tell_effect(console: Console, measured: Measured | None) -> None:
    for text in measured.words if measured else ["nobody ran it on these two trees; the risks are those read from the code"]:
        console.data(f"  run   {visible(text, limit=400)}")
    for one in measured.cleared if measured else []:
        console.data(f"  run   {one.kind.value} in {visible(one.path)}: {visible(one.reason, limit=300)}")


def _diff(repo: Repo, queued: queue.QueuedChange) -> list[str]:
    lines: list[str] = []
    for file in file_diffs(repo, queued.change):
        origin = f" (from {file.old_path})" if file.old_path else ""
        modes = f" mode {file.old_mode} → {file.new_mode}" if file.old_mode != file.new_mode else ""
        lines.append(f"{file.status} {file.path}{origin}{modes}" + (" (binary)" if file.binary else ""))
        for hunk in file.hunks:
            lines.append(hunk.header)
            lines += [f"{line.mark}{line.text}" for line in hunk.lines]
    return lines


def _sign(repo: Repo, settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    key = args.key or (Path(settings.review.key) if settings.review.key else None)
    if key is None:
        raise UsageError("No key to sign with.", "give your SSH private key with --key FILE, or set WORKBENCH_KEY")
    queued = queue.get(repo, args.id)
    questions = queue.assess(repo, queued).decision.requires.questions
    signed = signoff.sign(
        repo, queued.id, verdict=_VERDICTS[args.action], key=key, role=args.role, answers=_answers(args.answer, len(questions)),
        comment=args.comment, environment=for_the_key(),
        interactive=console.interactive,
    )  # fmt: skip
    assessment = queue.assess(repo, queued)
    standing = signoff.valid(repo, queued, datetime.now(UTC), assessment=assessment, rerun=carry.recorded(assessment))
    missing = signoff.unmet(assessment.decision, standing)
    drill = _drill(repo, queued)
    if console.json:
        console.model(SignedReport(change=queued.id, signoff=_shown(signed), missing=missing, drill=drill))
        return ExitCode.OK
    console.data(f"{signed.payload.verdict}: change {queued.id}, signed by {visible(signed.payload.reviewer)} ({signed.id})")
    if drill:
        console.data(visible(drill))
        return ExitCode.OK
    for text in missing:
        console.say(f"still missing: {visible(text)}")
    if not missing:
        console.say(f"nothing is missing from people; the session goes on, or apply it with `workbench review apply {queued.id}`")
    return ExitCode.OK


def _drill(repo: Repo, queued: queue.QueuedChange) -> str:
    """What the drill was, where the change is one that somebody decided on; else nothing."""
    drill = seals.decided(repo, [queued.id]).get(queued.id)
    return drill.words if drill else ""


def _answers(given: list[str], questions: int) -> list[str]:
    """Answers in the order of the questions; `2=TEXT` is the answer to the second."""
    placed: dict[int, str] = {}
    for position, text in enumerate(given, 1):
        match = re.fullmatch(r"(\d{1,2})=(.*)", text, re.DOTALL)
        number, answer = (int(match[1]), match[2]) if match else (position, text)
        if number in placed:
            raise UsageError(f"Question {number} is answered twice.", "give one --answer for each question")
        placed[number] = answer
    return [placed.get(number, "") for number in range(1, max([questions, *placed], default=0) + 1)] if placed else []


def _shown(given: SignOff) -> ShownSignOff:
    said = given.payload
    return ShownSignOff(
        id=given.id, verdict=said.verdict, reviewer=said.reviewer, role=said.role, at=said.at, expires=said.expires,
        comment=said.comment, answers=[answer.model_dump() for answer in said.answers],
    )  # fmt: skip
