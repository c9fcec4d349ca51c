"""`workbench replay SESSION`: look at a recorded session, or re-verify it."""

from __future__ import annotations

import argparse
import json
import os
import sys

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.sessions.listing import listing, until
from workbench.sessions.reader import Session, find_session, read_session
from workbench.settings import Settings, load_settings
from workbench.visible import visible


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("session", metavar="SESSION", help="a session's directory, its id, or an unambiguous part of the id")
    parser.add_argument("--event", type=int, metavar="N", help="what the event of that number holds, in full")
    parser.add_argument("--list", action="store_true", help="print it, on a terminal too")
    parser.add_argument("--check", action="store_true", help="re-execute every deterministic step; exit 4 where one diverges")
    parser.add_argument("--no-cache", action="store_true", help="with --check: run again what an earlier check here has run")
    parser.add_argument("--pack", action="store_true", help="put what it refers to in git beside it, so that it replays anywhere")
    parser.add_argument("--whole", action="store_true", help="with --pack: the commit that it began from, too")
    parser.add_argument("--to", type=int, metavar="STEP", help="only up to and with this step")
    parser.add_argument("--fork", type=int, metavar="STEP", help="a new session that goes its own way behind this step")
    parser.add_argument("--driver", help="with --fork: who decides from there on")
    parser.add_argument(
        "--skill", action="append", default=[], metavar="NAME=VERSION", help="with --fork: a skill's other version"
    )
    parser.add_argument(
        "--decision", choices=("approve", "reject"), help="with --fork: as if a person had said so; applies nothing"
    )
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="re-execute unconfined; for code you trust alone")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Prints or checks one session."""
    settings = load_settings(args.directory, unsafe_no_sandbox=args.unsafe_no_sandbox)
    if args.fork is None and (args.driver or args.skill or args.decision):
        raise UsageError("--driver, --skill and --decision are for --fork STEP.", "say from which step")
    if args.to is not None and args.to < 0:
        raise UsageError(f"{args.to} is not a step.", "steps are counted from 1")
    session = read_session(find_session(settings.root, settings.state, args.session))
    if args.fork is not None:
        return _fork(settings, session, args, console)
    if args.pack:
        return _pack(settings, session, args, console)
    return _check(settings, session, args, console) if args.check else _look(session, args, console)


def _look(session: Session, args: argparse.Namespace, console: Console) -> ExitCode:
    if console.json:
        found = [event.model_dump(mode="json") for event in until(session.events, args.to)]
        head = session.header.model_dump(mode="json")
        console.data(json.dumps({"format": 1, "session": head, "outcome": session.outcome, "events": found}, indent=2))
        return ExitCode.OK
    if args.event is not None:
        return _event(session, args.event, console)
    terminal = console.interactive and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if terminal and not args.list:
        from workbench.tui.replay import run_replay

        run_replay(session, to=args.to, color=console.color)
        return ExitCode.OK
    for line in listing(session, to=args.to):
        console.data(line)
    return ExitCode.OK


def _event(session: Session, number: int, console: Console) -> ExitCode:
    from workbench.sessions.detail import detail

    if not 1 <= number <= len(session.events):
        raise UsageError(f"The session has no event {number}.", f"its events are 1 to {len(session.events)}")
    for line in detail(session, session.events[number - 1]):
        console.data(visible(line))
    return ExitCode.OK


def _fork(settings: Settings, session: Session, args: argparse.Namespace, console: Console) -> ExitCode:
    from workbench.replay.fork import fork

    made = fork(
        settings, session, args.fork, driver=args.driver, skills=args.skill, decision=args.decision,
        say=lambda text: console.say(f"  {visible(text)}"),
    )  # fmt: skip
    if console.json:
        fields = {"session": made.session, "workspace": str(made.workspace), "directory": str(made.directory)}
        fields |= {"outcome": made.outcome, "reason": made.reason}
        console.data(json.dumps({"format": 1, "parent": session.header.id, "step": made.step, **fields}))
    else:
        console.data(visible(f"{made.session}: {made.outcome}" + (f": {made.reason}" if made.reason else "")))
        console.say(f"  it lies in a workspace of its own: workbench -C {visible(str(made.workspace))} replay {made.session}")
    return {"released": ExitCode.OK, "waiting": ExitCode.WAITING}.get(made.outcome, ExitCode.FINDINGS)


def _pack(settings: Settings, session: Session, args: argparse.Namespace, console: Console) -> ExitCode:
    from workbench.replay import pack

    path = pack(settings, session, whole=args.whole)
    if console.json:
        console.data(json.dumps({"format": 1, "session": session.header.id, "path": str(path), "bytes": path.stat().st_size}))
    else:
        console.data(visible(f"{path} ({path.stat().st_size:,} bytes)"))
    return ExitCode.OK


def _check(settings: Settings, session: Session, args: argparse.Namespace, console: Console) -> ExitCode:
    from workbench.replay import check

    report = check(
        settings, session, to=args.to, cache=not args.no_cache,
        progress=lambda text: console.say(f"  {visible(text, limit=76)}"),
    )  # fmt: skip
    if console.json:
        console.model(report)
    else:
        glyphs = {"same": "✓", "diverged": "✗", "not re-executed": "·"}
        for one in report.checked:
            why = f": {visible(one.why, limit=120)}" if one.why else ""
            kept = " (kept from an earlier check)" if one.cached else ""
            console.data(f"{one.seq:>5} {glyphs[one.status]} {one.kind:<11} {one.status}{kept}{why}")
    if report.carried and not report.base_known:
        console.say("  its objects came with it, and its base commit isn't in this repository: it is held against itself")
    again = sum(one.status == "same" for one in report.checked)
    found = report.divergence
    if found is None:
        told = ", and the loop comes to the same events" if report.told else ""
        console.say(f"✓ same: {report.events} events, {report.blobs} blobs, {again} steps re-verified{told}")
        if report.cached:
            console.say(f"  {report.cached} of them against what an earlier check here ran; --no-cache runs them again")
        return ExitCode.OK
    where = f"event {found.seq} ({found.kind}), {visible(found.pointer or '/', limit=200)}"
    console.say(f"✗ diverged at {where}: {visible(found.why, limit=200)}")
    for side, value in (("recorded", found.recorded), ("replayed", found.replayed)):
        console.say(f"  {side}: {visible(json.dumps(value, ensure_ascii=False, default=str), limit=300)}")
    return ExitCode.DIVERGED
