"""The `workbench` command: finds the command's module, and owns exit codes and the one broad `except`.

Each command is a module in this package with `arguments(parser)` and `run(args, console) -> ExitCode`; it is imported
only when it is called, so `workbench --help` costs no more than argparse.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

from workbench import __version__
from workbench.cli.console import Console, console_from
from workbench.errors import ExitCode, WorkbenchError
from workbench.visible import visible

# Name → what `workbench --help` says. The module of the same name (with _ for -) in this package holds the command.
COMMANDS = {
    "init": "turn a directory into a workspace",
    "audit": "run every deterministic gate on a pipeline as it stands",
    "lint": "the static leakage rules on any Python file or notebook",
    "rules": "list the rules of the gates, or print a rule's page",
    "run": "the loop: build, deploy, diagnose, fix",
    "classify": "what kind of change this is, and what the policy asks for",
    "policy": "test the review policy, or explain what it asks of a change",
    "review": "the queue of risky changes: list, show, approve, reject",
    "verify": "every risky change between two revisions carries a valid sign-off, else exit 3",
    "drill": "plant known leaks and measure whether the reviewer catches them",
    "replay": "look at, or re-verify, a recorded session",
    "session": "the sessions there are; pause, direct, take over or hand back one",
    "skill": "list, run, test or validate the versioned skills",
    "serve": "answer prediction requests with the champion",
    "promote": "move a model version to an alias",
    "rollback": "move the champion back to the version before",
    "status": "what is in production, who moved it, on what evidence",
    "mcp": "the skills and gates as an MCP server on stdin and stdout",
    "demo": "the whole story on a copy of the workspace",
    "doctor": "what this machine and workspace have and lack",
    "completion": "completion for bash, zsh or fish",
}


def main(argv: Sequence[str]) -> ExitCode:
    """Runs one command line and returns its exit code; prints nothing but what the command and its errors say."""
    parser = _parser()
    name = next((word for word in argv if not word.startswith("-")), None)
    # -C takes a value: skip it when looking for the command's name.
    if "-C" in argv:
        rest = [word for i, word in enumerate(argv) if word != "-C" and (i == 0 or argv[i - 1] != "-C")]
        name = next((word for word in rest if not word.startswith("-")), None)
    try:
        if name in COMMANDS:
            module = importlib.import_module(f"workbench.cli.{name.replace('-', '_')}")
            module.arguments(_subparser(parser, name))
        args = parser.parse_args(argv)
        if args.command is None:
            parser.print_help(sys.stderr)
            return ExitCode.USAGE
    except SystemExit as stop:  # argparse has said what is wrong
        return ExitCode.OK if stop.code in (0, None) else ExitCode.USAGE
    console = console_from(json=args.json, quiet=args.quiet, no_color=args.no_color, no_input=args.no_input)
    return _guarded(module.run, args, console)


def entry() -> None:
    """The console script."""
    # What libraries have to say to their developers isn't for who runs the program; with -W it is shown as Python does.
    if not sys.warnoptions:
        warnings.showwarning = _unshown
    # Plugins of pydantic would be looked for among everything installed, and take part in what is read here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(int(code))


def _unshown(*_: object, **__: object) -> None:
    """In place of a line on standard error."""


def _guarded(run: object, args: argparse.Namespace, console: Console) -> ExitCode:
    try:
        return ExitCode(run(args, console))  # type: ignore[operator]
    except WorkbenchError as error:
        report_error(error, console)
        return error.code
    except KeyboardInterrupt:
        console.warn("interrupted; nothing that was acknowledged is lost")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone; that is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 the one place that owns exit codes
        console.warn(f"error: a fault of workbench itself: {visible(f'{type(error).__name__}: {error}', limit=500)}")
        console.warn("hint: please report it together with the lines below; nothing was approved or applied")
        console.warn(visible(traceback.format_exc(), newlines=True))
        return ExitCode.FAULT


def report_error(error: WorkbenchError, console: Console) -> None:
    """Says what is wrong and what to do; with `--json` the same as an object on stdout."""
    if console.json:
        import json

        body = {"format": 1, "error": {"kind": error.kind, "message": error.message, "hint": error.hint, "exit": int(error.code)}}
        console.data(json.dumps(body, indent=2))
    console.warn(f"{console.paint('error:', 'red')} {visible(error.message, newlines=True)}")
    if error.hint:
        console.warn(f"{console.paint('hint:', 'cyan')} {visible(error.hint, newlines=True)}")


def _common(parser: argparse.ArgumentParser, *, top: bool) -> None:
    # Both before and after the command's name; the second set must not overwrite the first with its defaults.
    default: object = False if top else argparse.SUPPRESS
    parser.add_argument(
        "-C",
        dest="directory",
        metavar="DIR",
        type=Path,
        default=Path() if top else argparse.SUPPRESS,
        help="the workspace, or a directory inside it (default: here)",
    )
    parser.add_argument("--json", action="store_true", default=default, help="print the result as JSON on stdout")
    parser.add_argument("--quiet", action="store_true", default=default, help="no talk on stderr")
    parser.add_argument("--no-color", action="store_true", default=default, help="no color (also: NO_COLOR, TERM=dumb)")
    parser.add_argument("--no-input", action="store_true", default=default, help="never ask; refuse instead")


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS)) + 2
    listing = "\n".join(f"  {name:<{width}}{text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="workbench",
        description="An agent moves fast on a real ML pipeline; people keep the decisions that need domain knowledge.",
        epilog=f"commands:\n{listing}\n\nexit codes: 0 done · 1 findings or a refusal · 2 usage or configuration · "
        "3 waiting for a sign-off · 4 a replay diverged · 70 our own fault · 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="workbench [-C DIR] [--json] [--quiet] COMMAND …",
    )
    _common(parser, top=True)
    parser.add_argument("--version", action="version", version=f"workbench {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS, prog="workbench")
    for name, text in COMMANDS.items():
        _common(commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + "."), top=False)
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """A command's parser with the options that every command has, for whoever wants to know its words."""
    return _subparser(_parser(), name)


def _subparser(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    action = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    chosen: argparse.ArgumentParser = action.choices[name]
    return chosen
