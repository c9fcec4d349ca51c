"""A traceback → the exception and the places in the workspace that it went through. Nothing is judged or repaired here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_FRAME = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+)', re.MULTILINE)
_EXCEPTION = re.compile(
    r"^(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit))(?::[ \t]?(?P<message>[\s\S]*))?$", re.MULTILINE
)


@dataclass(frozen=True)
class Frame:
    """A place in a workspace file: `path` relative to the root with `/`, `line` from 1."""

    path: str
    line: int


@dataclass(frozen=True)
class Failure:
    """`text` is `Type: message`, `frames` are those in the workspace, innermost first, `files` all files it went through."""

    text: str
    frames: tuple[Frame, ...]
    files: tuple[str, ...]


def read_failure(root: Path, message: str, detail: str) -> Failure:
    """Reads a traceback (`detail`, untrusted text) or, where there is none, the sentence that reports it."""
    source = detail if _FRAME.search(detail) else f"{message}\n{detail}"
    # The last of several tracebacks ("During handling of …") is the one that ended the run.
    last = source.rfind("Traceback (most recent call last)")
    block = source[last:] if last >= 0 else source
    files = [(match["file"], int(match["line"])) for match in _FRAME.finditer(block)]
    frames = [Frame(path, line) for file, line in files if (path := workspace_path(root, file)) is not None]
    if not frames:
        named = re.findall(r"([\w./-]+\.py):(\d+)", message)
        frames = [Frame(path, int(line)) for file, line in named if (path := workspace_path(root, file)) is not None]
    behind = block[[*_FRAME.finditer(block)][-1].end() :] if files else block
    exception = _EXCEPTION.search(behind)
    text = exception[0].strip() if exception else _in_sentence(message)
    return Failure(text, tuple(reversed(frames)), tuple(file for file, _ in files))


def _in_sentence(message: str) -> str:
    found = re.search(r"[A-Za-z_][\w.]*(?:Error|Exception): [\s\S]*", message)
    return found[0].strip() if found else message


def workspace_path(root: Path, file: str) -> str | None:
    """The file of the tree at `root` that a traceback's path means, or None for a library's file.

    The run may have been in another checkout of the same tree, so what counts is the end of the path.
    """
    parts = PurePosixPath(file.replace("\\", "/")).parts
    if any(part in ("site-packages", "dist-packages", ".venv") for part in parts) or file.startswith("<"):
        return None
    for begin in range(len(parts)):
        tail = PurePosixPath(*parts[begin:])
        if not tail.is_absolute() and ".." not in tail.parts and (root / tail).is_file():
            return str(tail)
    return None
