"""What a command says: data on stdout, talk on stderr. The one owner of both streams."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Console:
    """Output of one command.

    `interactive` is true only where a person can answer: stdin and stderr are terminals and `--no-input` wasn't given.
    """

    out: TextIO
    err: TextIO
    json: bool = False
    quiet: bool = False
    color: bool = False
    interactive: bool = False

    def data(self, text: str) -> None:
        """Prints the command's result on stdout."""
        self.out.write(text if text.endswith("\n") else text + "\n")
        self.out.flush()

    def model(self, model: BaseModel) -> None:
        """Prints a result as JSON on stdout; the model is the interface."""
        self.data(model.model_dump_json(indent=2))

    def say(self, text: str) -> None:
        """Talk: progress, explanations, next steps; on stderr, left out with `--quiet`."""
        if not self.quiet:
            self.err.write(text + "\n")
            self.err.flush()

    def warn(self, text: str) -> None:
        """A warning on stderr, also with `--quiet`."""
        self.err.write(text + "\n")
        self.err.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Says that something longer begins, and how long it took when it ends."""
        begin = time.perf_counter()
        terminal = self.err.isatty()
        if not self.quiet:
            self.err.write(f"  … {text}" if terminal else f"  … {text}\n")
            self.err.flush()
        done = "✗"
        try:
            yield
            done = "✓"
        finally:
            if not self.quiet:
                start = "\r" if terminal else ""
                self.err.write(f"{start}  {done} {text} ({time.perf_counter() - begin:.1f} s)\n")
                self.err.flush()

    def paint(self, text: str, style: str) -> str:
        """`text` in an ANSI style (`bold`, `red`, `green`, `yellow`, `dim`) where color is on; the words carry the meaning."""
        codes = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
        return f"\x1b[{codes[style]}m{text}\x1b[0m" if self.color else text


def console_from(
    *, json: bool, quiet: bool, no_color: bool, no_input: bool, environment: Mapping[str, str] = os.environ
) -> Console:
    """The console of this process: NO_COLOR (non-empty), TERM=dumb and `--no-color` turn color off."""
    color = sys.stderr.isatty() and not no_color and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    interactive = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty() and not no_input
    return Console(sys.stdout, sys.stderr, json=json, quiet=quiet, color=color, interactive=interactive)


def shared_options() -> argparse.ArgumentParser:
    """The options of every command, for the subcommands of one: a parent parser that doesn't overwrite what came before."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-C", dest="directory", metavar="DIR", type=Path, default=argparse.SUPPRESS, help="the workspace")
    for flag, text in (
        ("--json", "print the result as JSON on stdout"),
        ("--quiet", "no talk on stderr"),
        ("--no-color", "no color"),
        ("--no-input", "never ask; refuse instead"),
    ):
        shared.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)
    return shared
