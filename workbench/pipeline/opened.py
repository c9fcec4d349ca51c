"""What stage code opens while it runs, seen by the interpreter's audit hook: files, sockets, programs.

Runs inside the confined process, loaded by its path. Libraries that read files in native code aren't seen here.
"""

from __future__ import annotations

import linecache
import os
import sys
import tokenize
from types import FrameType
from typing import Any, Protocol

LIMIT = 2000

_CODE = (".py", ".pyc", ".pyi", ".so", ".pth", ".egg-link")
_MACHINE = ("/proc/", "/sys/", "/dev/", "/usr/share/zoneinfo/", "/etc/ld.so")
# What libraries read of their own while they are imported. Tables aren't among it: a package can carry data.
_RESOURCES = (".css", ".html", ".js", ".json", ".txt", ".toml", ".cfg", ".ini", ".yml", ".yaml", ".svg", ".mplstyle", ".typed")
_INSTALLED = tuple(f"{prefix}/" for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix})
_LIBRARY_FACTS = (".dist-info/", ".egg-info/", "/zoneinfo/", "/tzdata/")
# What is read to be imported, or to show a line of a warning or traceback, isn't the stage's doing.
_IMPORTING = ("<frozen importlib", "<frozen zipimport")
_SHOWING = (linecache.__file__, tokenize.__file__)


class _Running(Protocol):
    now: str


class Record:
    """`lines`: `stage: kind: what`, each once; `files`: the same files as absolute paths, per stage."""

    def __init__(self, running: _Running, root: str, scratch: str) -> None:
        self._running, self._root, self._scratch = running, root + "/", scratch + "/"
        self.lines: list[str] = []
        self.files: dict[str, list[str]] = {}
        self._seen: set[tuple[str, str, str]] = set()

    def start(self) -> None:
        """From here on, for the rest of this process: an audit hook can't be taken out again."""
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        stage = self._running.now
        if not stage:
            return
        if event == "open":
            self._file(stage, arguments)
        elif event in ("socket.connect", "socket.sendto"):
            self._note(stage, "connect", repr(arguments[1]))
        elif event == "socket.getaddrinfo":
            self._note(stage, "resolve", f"{arguments[0]}:{arguments[1]}")
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            self._note(
                stage, "start", os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else repr(arguments[0])
            )
        elif event == "os.system":
            self._note(stage, "start", os.fsdecode(arguments[0]))
        elif event == "sqlite3.connect":
            self._note(stage, "read", os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else repr(arguments[0]))

    def _file(self, stage: str, arguments: tuple[Any, ...]) -> None:
        name, mode, flags = arguments
        if not isinstance(name, (str, bytes)):
            return
        path = os.path.abspath(os.fsdecode(name))  # noqa: PTH100 (a Path here would cost more than what it watches)
        if path.startswith(_MACHINE) or path.startswith(self._scratch) or any(part in path for part in _LIBRARY_FACTS):
            return
        if path.endswith(_CODE) or path in sys.path or _on_behalf(sys._getframe(2), self._root):
            return
        if path.endswith(_RESOURCES) and path.startswith(_INSTALLED) and _during_import(sys._getframe(2)):
            return
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR))
        self._note(stage, "write" if writes else "read", path)

    def _note(self, stage: str, kind: str, what: str) -> None:
        if (stage, kind, what) in self._seen or len(self._seen) >= LIMIT:
            return
        self._seen.add((stage, kind, what))
        self.lines.append(f"{stage}: {kind}: {what.removeprefix(self._root)}")
        if kind in ("read", "write"):
            self.files.setdefault(stage, []).append(what)


class Importing:
    """What is opened while stage modules are imported, before there is a run: the workspace's own files alone."""

    def __init__(self, root: str) -> None:
        self.now = ""
        self._record = Record(self, root, "\0")
        self._record.start()

    def lines(self) -> list[str]:
        """As `Record.lines`, the stage being the first one whose module wanted the file."""
        return [line for line in self._record.lines if _is_workspace_file(line.split(": ", 2)[2])]

    def files(self, stage: str) -> list[str]:
        """Absolute paths of what a stage's module read."""
        return list(self._record.files.get(stage, []))


def _is_workspace_file(what: str) -> bool:
    return not what.startswith("/") and "site-packages/" not in what


def _on_behalf(frame: FrameType | None, root: str) -> bool:
    for _ in range(3):
        if frame is None or _is_own(frame.f_code.co_filename, root):
            return False  # a module's own line, though the module is being imported
        if frame.f_code.co_filename.startswith(_IMPORTING) or frame.f_code.co_filename in _SHOWING:
            return True
        frame = frame.f_back
    return False


def _is_own(file: str, root: str) -> bool:
    return file.startswith(root) and "/site-packages/" not in file


def _during_import(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORTING):
            return True
        frame = frame.f_back
    return False
