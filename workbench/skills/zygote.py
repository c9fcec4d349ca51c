"""The program that skills are forked from: it has imported what they share, and each fork is confined before it runs one.

Started by `confined.py` with an empty environment and the descriptor of a socket. A message there names modules to import
and carries three descriptors: the channel of one run, where its words are to go, and a pipe whose other end closes when
nobody waits for the run any more. Nothing of a skill ever runs in this process itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from workbench import sandbox, sandbox_entry
from workbench.settings import Settings
from workbench.skills import inside
from workbench.skills.context import SkillContext

_PR_SET_CHILD_SUBREAPER, _PR_SET_DUMPABLE = 36, 4


def main(descriptor: int) -> None:
    """Serves until the other side has closed the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the one who started it, who hears of it as well
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    while True:
        message, given, _, _ = socket.recv_fds(control, 60_000, 3)
        if not message:
            return
        for name in json.loads(message)["preload"]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        sys.stdout.flush()
        if os.fork() == 0:
            control.close()
            _supervise(*given)
        for one in given:
            os.close(one)


def _supervise(channel: int, words: int, waiting: int) -> NoReturn:
    """Forks the run, ends it when nobody waits any more, and leaves no process of it behind."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(waiting)
        _run(channel, words)
    os.close(words)
    ended = os.pidfd_open(child)
    watch = select.poll()
    watch.register(ended, select.POLLIN)
    watch.register(waiting, 0)
    watch.poll()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    _end_orphans()
    with contextlib.suppress(OSError), os.fdopen(channel, "wb") as answers:
        answers.write(json.dumps({"ended": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
    os._exit(0)


def _end_orphans() -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with contextlib.suppress(ChildProcessError, OSError):
        while True:
            for orphan in map(int, children.read_text().split()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            os.waitpid(-1, 0)


def _run(channel: int, words: int) -> NoReturn:
    """In the fork: reads the request, confines itself, runs the skill, answers, and ends without any clean-up."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(words, 1)
    os.dup2(words, 2)
    os.close(words)
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    with os.fdopen(channel, "r+b", buffering=0) as stream:
        request: dict[str, Any] = json.loads(_line(stream.fileno()))
        name = request["name"]
        try:
            answer = _answer(request, stream)
        except sandbox_entry.Refused as failure:
            answer = {
                "error": {
                    "class": "SandboxError",
                    "message": f"The sandbox could not be set up: {failure}.",
                    "hint": "run `workbench doctor`",
                }
            }
        except BaseException as error:  # noqa: BLE001 whatever it is, it is the end of this process, and is told outside
            answer = {"error": inside.in_words(name, error)}
        answer["modules"] = sorted(module for module in sys.modules if module.startswith("workbench."))
        _say(stream, answer)
    for standard in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            standard.flush()
    os._exit(0)


def _answer(request: dict[str, Any], stream: Any) -> dict[str, Any]:
    skill, files = inside.checked(Path(request["folder"]), request["tree_id"])
    settings = Settings.model_validate(request["settings"])
    sandbox.told(sandbox.SandboxStatus.model_validate(request["status"]))
    os.chdir(request["root"])
    os.environ.clear()
    os.environ.update(sandbox_entry.confine(request["policy"]))
    tempfile.tempdir = None
    # Modes and times of files are closed to it, which what copies files needn't fail for.
    shutil.copystat = shutil.copymode = lambda *_, **__: None
    if request["ask"] == "schemas":
        return inside.schemas(skill, files)
    context = SkillContext(
        settings=settings, root=Path(request["root"]), use_case=request["use_case"], tree=request["tree"],
        progress=lambda text: _say(stream, {"say": str(text)}),
    )  # fmt: skip
    return inside.answered(skill, files, context, request["input"])


def _line(descriptor: int) -> bytes:
    whole = bytearray()
    while not whole.endswith(b"\n"):
        piece = os.read(descriptor, 1 << 20)
        if not piece:
            os._exit(1)
        whole += piece
    return bytes(whole)


def _say(stream: Any, value: dict[str, Any]) -> None:
    left = memoryview(json.dumps(value).encode() + b"\n")
    while left:
        left = left[stream.write(left) :]


if __name__ == "__main__":
    main(int(sys.argv[1]))
