"""The README: its map is up to date, and every command in it is one that the program has."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli import main as cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [line.split("#")[0].strip() for line in re.findall(r"^workbench .*$", README, re.MULTILINE)]


def test_the_map_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "map.py"), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_with_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    assert words[0] in cli.COMMANDS
    cli.main([words[0], "--help"])
    known = capsys.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert option in known, f"{command}: no {option}"


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
