"""Out of the screen: text to the clipboard, and files into the reviewer's own editor."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench.errors import UsageError
from workbench.tui.person import Person

_SECONDS = 5
_VIM = frozenset({"vim", "nvim", "gvim", "mvim", "view"})
_LINE = frozenset({*_VIM, "vi", "nano", "pico", "emacs", "emacsclient", "less", "micro", "kak", "joe", "mg", "ne"})
"""Editors that take `+12` for a line."""


def copied(text: str, person: Person, through_terminal: Callable[[str], None]) -> str:
    """Copies a text and says in a sentence how, or where it lies instead. The text has been made visible before."""
    lines = text.count("\n") + 1
    what = f"{lines} line{'s' if lines > 1 else ''}"
    for command in () if person.remote else person.commands:
        program = shutil.which(command[0])
        if program is None:
            continue
        try:
            subprocess.run(
                [program, *command[1:]], input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=_SECONDS, check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            continue
        return f"✓ copied {what} with {command[0]}"
    if person.remote:
        through_terminal(text)
        return f"✓ copied {what} through the terminal (OSC 52)"
    if person.written is None:
        return "✗ not copied: there is no clipboard here"
    try:
        person.written.parent.mkdir(parents=True, exist_ok=True)
        person.written.write_text(text + "\n", "utf-8")
    except OSError as error:
        return f"✗ not copied: {person.written} can't be written: {error.strerror}"
    return f"✓ no clipboard here; {what} written to {person.written}"


def looking(person: Person, place: Path, name: str, content: bytes, number: int) -> list[str]:
    """Writes a copy of a file that can only be read and returns the command that shows it, at a line.

    The name is the change's, so only plain letters of it are kept; and what a file says to an editor (modelines) is switched
    off where we know how. Raises UsageError where there is no editor.
    """
    program, words = _editor(person)
    place.mkdir(parents=True, exist_ok=True)
    copy = place / (re.sub(r"[^A-Za-z0-9._-]", "_", name.rpartition("/")[2])[-80:].lstrip(".-") or "file")
    copy.write_bytes(content)
    copy.chmod(0o400)
    known = Path(words[0]).name
    options = ["-R", "-n", "--cmd", "set nomodeline"] if known in _VIM else ["-R"] if known == "vi" else []
    if known in ("code", "codium"):
        return [program, *words[1:], "--wait", "--goto", f"{copy}:{number}"]
    return [program, *words[1:], *options, *([f"+{number}"] if known in _LINE and number > 0 else []), str(copy)]


def editing(person: Person, place: Path, files: Sequence[str]) -> list[str]:
    """The command that opens files of a directory for a person to edit; what a file says to an editor is switched off here, too.

    Raises UsageError where there is no editor.
    """
    program, words = _editor(person)
    known = Path(words[0]).name
    options = ["--wait"] if known in ("code", "codium") else ["--cmd", "set nomodeline"] if known in _VIM else []
    return [program, *words[1:], *options, *(str(place / name) for name in files)]


def _editor(person: Person) -> tuple[str, list[str]]:
    if not person.editor:
        raise UsageError("No editor is set.", "set VISUAL or EDITOR, as in `export EDITOR=vim`")
    try:
        words = shlex.split(person.editor)
    except ValueError:
        words = []
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise UsageError(f"The editor `{person.editor}` is not there.", "set VISUAL or EDITOR to one that is")
    return program, words
