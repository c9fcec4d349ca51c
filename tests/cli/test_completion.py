"""Completion: what the shells are given knows every command, and bash really completes with it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from workbench.cli.main import COMMANDS, main


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_known_and_the_shell_takes_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    assert all(name in text for name in COMMANDS) and "request-changes" in text and "browser" in text
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=text, text=True, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("typed", "some"),
    [
        ("workbench re", "review"),
        ("workbench review app", "apply"),
        ("workbench -C x review --br", "--browser"),
        ("workbench --ver", "--version"),
    ],
)
def test_bash_completes(typed: str, some: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = typed.split()
    given = " ".join(f"'{word}'" for word in words)
    ask = f"\nCOMP_WORDS=({given}); COMP_CWORD={len(words) - 1}; _workbench; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash"], input=script("bash", capsys) + ask, text=True, capture_output=True, check=True)
    assert some in done.stdout.split()
