"""Runs this skill from any shell: JSON in (`--input` or standard input), JSON out; the same as `workbench skill run`."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.cli.skill import script

if __name__ == "__main__":
    sys.exit(script(Path(__file__)))
