"""`workbench mcp`: the skills and gates as an MCP server on standard input and output."""

from __future__ import annotations

import argparse
import os

from workbench.cli.console import Console
from workbench.errors import ExitCode
from workbench.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """It has none: the workspace is the one here, or `-C DIR`."""


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Serves until standard input ends."""
    settings = load_settings(args.directory)
    from workbench.mcp import serve

    serve(settings, os.environ)
    return ExitCode.OK
