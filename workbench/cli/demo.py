"""`workbench demo` (and `make run`): the whole story on a copy of the workspace, with a summary and an HTML report."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import BaseModel

from workbench.cli.console import Console
from workbench.errors import ExitCode, UsageError
from workbench.settings import Settings, load_settings
from workbench.visible import visible


class DemoReport(BaseModel):
    """Result of `workbench demo --json`."""

    format: int = 1
    workspace: str
    session: str
    change: str
    model_version: str
    prediction: float
    report: str
    seconds: dict[str, float]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("--sign", action="store_true", help="sign in the review screen yourself (needs a terminal)")
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run stage code unconfined; recorded in the session")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Tells the story; outside a workspace it is told below the present directory."""
    from workbench.demo import page, story

    if args.sign and not console.interactive:
        raise UsageError("--sign needs a terminal to sign in.", "leave it out: a throw-away key, made for the demo, signs then")
    settings = _settings(args)

    def say(text: str) -> None:
        console.say(f"    {visible(text)}")

    def chapter(text: str) -> None:
        console.say(console.paint(f"\n■ {visible(text)}", "bold"))

    told = story.Story(settings, say, chapter).run(_sign_on_screen if args.sign else None)
    report = page.write(told)
    if console.json:
        console.model(
            DemoReport(
                workspace=str(told.place),
                session=told.session,
                change=told.change,
                model_version=told.version,
                prediction=told.prediction,
                report=str(report),
                seconds=told.seconds,
            )
        )
        return ExitCode.OK
    console.data(visible(page.summary(told), newlines=True))
    console.say(f"\n  report: {report}")
    console.say(f"  look again: workbench -C {told.place} replay {told.session}")
    return ExitCode.OK


def _settings(args: argparse.Namespace) -> Settings:
    try:
        return load_settings(args.directory, unsafe_no_sandbox=args.unsafe_no_sandbox)
    except UsageError:
        return Settings(root=Path(args.directory).resolve(), unsafe_no_sandbox=args.unsafe_no_sandbox)


def _sign_on_screen(settings: Settings, change: str, key: Path) -> None:
    from workbench.settings import ReviewSettings
    from workbench.tui.app import run_review

    with_key = settings.model_copy(update={"review": ReviewSettings(key=str(key))})
    run_review(with_key, select=change)
