"""The real program in a real pseudo-terminal: what arrives there of text that came from outside, and of colors."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.changesets import edited
from tests.report.examples import HOSTILE, embargo, hostile, report
from tests.reviews import SPLIT_EDIT, Desk, desk
from tests.tui.test_showing import propose

ROOT = Path(__file__).parents[2]
EVIL = "\x1b]0;OWNED\x07\x1b[31mZQZ\u202e\u200b"
COLOR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


class Terminal:
    """A program on a pseudo-terminal of 80 × 24, and everything it wrote there."""

    command = "review"

    def __init__(self, root: Path, *words: str, **environment: str) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        plain = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        plain |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "HOME": str(root)}
        self._fd = ours
        self.written = b""
        self.program = subprocess.Popen(
            [sys.executable, "-m", "workbench", "-C", str(root), self.command, *words],
            stdin=theirs, stdout=theirs, stderr=theirs, env={**plain, **environment}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def until(self, text: bytes) -> None:
        """Reads until `text` was written; thirty seconds without it fail."""
        end = time.monotonic() + 30
        while text not in self.written:
            assert time.monotonic() < end and self._read(1.0), f"{text!r} never came: {self.written[-2000:]!r}"

    def _read(self, seconds: float) -> bool:
        if select.select([self._fd], [], [], seconds)[0]:
            try:
                found = os.read(self._fd, 65536)
            except OSError:  # the other end is closed
                return False
            self.written += found
            return bool(found)
        return self.program.poll() is None

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self._fd, keys.encode())

    def end(self) -> int:
        """Reads the rest and returns the exit code."""
        end = time.monotonic() + 30
        while self.program.poll() is None and time.monotonic() < end:
            self._read(0.2)
        if self.program.poll() is None:
            os.kill(self.program.pid, signal.SIGKILL)
        code = self.program.wait()
        while self._read(0):
            pass
        os.close(self._fd)
        return code


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    found = desk(tmp_path)
    edits = {**SPLIT_EDIT, "pipelines/sales/evil.py": f"A = 1  # {EVIL} DIFFTEXT\n"}
    change = edited(found.repo, edits, title=f"title {EVIL}").model_copy(update={"words": f"{EVIL}\n{HOSTILE}"})
    told = report(embargo(), hostile()).model_copy(update={"tree": change.result})
    propose(found, change, told.model_dump_json().encode())
    return found


def test_nothing_from_outside_reaches_the_terminal_as_it_is(here: Desk) -> None:
    terminal = Terminal(here.repo.root, "--key", str(here.ana))
    terminal.until(b"ZQZ")
    terminal.press("\r")
    terminal.until(b"DIFFTEXT")
    terminal.press("\t")
    terminal.until(b"MEASURED BY WORKBENCH")
    terminal.press("q")
    assert terminal.end() == 0
    assert b"\\x1b]0;OWNED\\x07\\x1b[31mZQZ" in terminal.written.replace(b"\r\n", b"")
    # The shape of the mouse pointer is the one thing that the program itself says with a BEL.
    said = re.sub(rb"\x1b\]22;[a-z-]+\x07", b"", terminal.written)
    for raw in (b"\x1b]0;OWNED", b"\x07", b"\x1b[31mZQZ", "\u202e".encode(), "\u200b".encode()):
        assert raw not in said
    assert COLOR.search(terminal.written)


@pytest.mark.parametrize(("words", "environment"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"})])
def test_no_color_means_none(here: Desk, words: list[str], environment: dict[str, str]) -> None:
    terminal = Terminal(here.repo.root, *words, **environment)
    terminal.until(b"ZQZ")
    terminal.press("\r")
    terminal.until(b"DIFFTEXT")
    terminal.press("q")
    assert terminal.end() == 0
    assert COLOR.search(terminal.written) is None


def test_it_opens_on_the_change_that_is_named(here: Desk) -> None:
    second = propose(here, edited(here.repo, {**SPLIT_EDIT, "README.md": "# SECONDONE\n"}, title="second"), None)
    terminal = Terminal(here.repo.root, second.id, "--key", str(here.ana))
    terminal.until(f"2/2 · {second.id}".encode())
    terminal.press("q")
    assert terminal.end() == 0


def test_the_editor_gets_the_terminal_and_a_copy_to_read_at_the_line(here: Desk, tmp_path: Path) -> None:
    editor = tmp_path / "vim"
    editor.write_text('#!/bin/sh\necho "TOLD:$@"\nfor last; do :; done\ncat "$last" | tr A-Z a-z\nls -l "$last"\necho EDITED\n')
    editor.chmod(0o755)
    terminal = Terminal(here.repo.root, VISUAL=str(editor), EDITOR="none")
    terminal.until(b"ZQZ")
    terminal.press("\r")
    terminal.until(b"DIFFTEXT")
    terminal.press("}e")
    terminal.until(b"EDITED")
    terminal.until(b"as it is after the change")
    terminal.press("q")
    assert terminal.end() == 0
    told = terminal.written
    assert b"TOLD:-R -n --cmd set nomodeline" in told and b"-r--------" in told and b"difftext" in told


def test_a_file_of_keys_that_cannot_be_used_is_refused_before_the_screen_opens(here: Desk) -> None:
    place = here.repo.root / ".config" / "workbench"
    place.mkdir(parents=True)
    (place / "keys.toml").write_text('[keys]\nno-such = "w"\n')
    terminal = Terminal(here.repo.root)
    assert terminal.end() == 2 and b"there is no key called `no-such`" in terminal.written


def test_a_terminal_that_cannot_draw_is_refused_with_what_to_do(here: Desk) -> None:
    terminal = Terminal(here.repo.root, TERM="dumb")
    assert terminal.end() == 2 and b"workbench review list" in terminal.written
    unknown = Terminal(here.repo.root, "ffffffffffff")
    assert unknown.end() == 2 and b"no queued change" in unknown.written
