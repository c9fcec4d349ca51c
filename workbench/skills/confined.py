"""Skills run in processes of their own, each confined to what its skill declares: seen from outside.

One zygote (`zygote.py`) a process of ours is started when the first skill is asked, and ends with us. Nothing that a run
says is trusted: answers are JSON, every wait has an end, and an end leaves no process behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench import sandbox
from workbench.errors import Refusal, SandboxError, SkillFault
from workbench.skills.context import SkillContext
from workbench.skills.discover import Skill
from workbench.skills.inside import as_error
from workbench.skills.needs import confinement

_ANSWER_LIMIT = 256_000_000
_WORDS_LIMIT = 64_000
_LOOK_SECONDS = 0.2
_NOT_PRELOADED = ("workbench.cli", "workbench.__main__", "workbench.testing")


class Stopped(Refusal):
    """Whoever waited for a skill has ended it."""

    kind = "stopped"


def ask(skill: Skill, context: SkillContext, what: str, input: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Asks the skill's code for its answer (`run`) or for its `schemas`; the JSON value it gave.

    Raises what the skill raises, Refusal where it tries or takes more than it declares, SandboxError where it can't be
    confined, Stopped where `context.stopped` says so, SkillFault where it dies or answers nonsense.
    """
    settings = context.settings
    scratch = _scratch(settings.state)
    try:
        allowed = confinement(skill.needs, settings, context.root, skill.path, scratch)
        unsafe = settings.unsafe_no_sandbox
        request = {
            "ask": what,
            "name": skill.name,
            "folder": str(skill.path),
            "tree_id": skill.tree_id,
            "settings": settings.model_dump(mode="json"),
            "root": str(context.root),
            "use_case": context.use_case,
            "tree": context.tree,
            "input": dict(input or {}),
            "policy": sandbox.policy_for(allowed, unsafe=unsafe),
            "status": sandbox.probe().model_dump(mode="json"),
        }
        run = _Run(skill, context)
        return run.result(json.dumps(request).encode() + b"\n")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _scratch(state: Path) -> Path:
    place = state / "skills"
    place.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=place)).resolve()


class _Run:
    """One run: sends the request, relays what is said, keeps the deadline."""

    def __init__(self, skill: Skill, context: SkillContext) -> None:
        self._skill, self._context = skill, context
        self._buffer = bytearray()
        self._words = bytearray()
        self._answer: dict[str, Any] = {}
        self._status: int | None = None

    def result(self, request: bytes) -> dict[str, Any]:
        ours, theirs = socket.socketpair()
        heard, words = os.pipe()
        waiting, alive = os.pipe()
        try:
            _ZYGOTE.fork((theirs.fileno(), words, waiting))
        finally:
            theirs.close()
            os.close(words)
            os.close(waiting)
        with ours, os.fdopen(heard, "rb", buffering=0) as output, os.fdopen(alive, "wb"):
            sender = threading.Thread(target=_send, args=(ours, request), daemon=True)
            sender.start()
            self._listen(ours, output.fileno())
        return self._told()

    def _listen(self, channel: socket.socket, output: int) -> None:
        deadline = time.monotonic() + self._skill.needs.seconds
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._too_long()
                if self._context.stopped is not None and self._context.stopped():
                    raise Stopped(f"The skill `{self._skill.name}` was ended before it answered.", "run it again")
                for key, _ in selector.select(min(left, _LOOK_SECONDS if self._context.stopped else left)):
                    if key.fileobj is channel:
                        piece = _received(channel)
                        if not piece:
                            return
                        self._take(piece)
                    elif not (piece := os.read(output, 65536)):
                        selector.unregister(output)
                    else:
                        self._words += piece
                        del self._words[:-_WORDS_LIMIT]

    def _take(self, piece: bytes) -> None:
        self._buffer += piece
        if len(self._buffer) > _ANSWER_LIMIT:
            raise self._nonsense("an answer without an end")
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            try:
                told = json.loads(line)
            except (ValueError, RecursionError):
                raise self._nonsense("an answer that isn't JSON") from None
            if not isinstance(told, dict):
                raise self._nonsense("an answer that isn't an object")
            if isinstance(told.get("say"), str):
                self._context.say(told["say"])
            elif isinstance(told.get("ended"), int):
                self._status = told["ended"]
            else:
                self._answer = told

    def _told(self) -> dict[str, Any]:
        answer, name = self._answer, self._skill.name
        if isinstance(answer.get("error"), dict):
            error = as_error(answer["error"])
            if isinstance(error, SkillFault) and self.words:
                self._context.say(self.words[-4000:])
            raise error
        if not answer:
            why = signal.Signals(-self._status).name if self._status is not None and self._status < 0 else "without an answer"
            if why == "SIGXCPU":
                raise Refusal(f"The skill `{name}` used more processor time than it may.", "raise [sandbox] cpu_seconds")
            raise SkillFault(f"The process of the skill `{name}` died ({why}).", f"its last words: {self.words[-300:] or 'none'}")
        modules = answer.pop("modules", [])
        _ZYGOTE.learn([name for name in modules if isinstance(name, str)] if isinstance(modules, list) else [])
        return answer

    @property
    def words(self) -> str:
        """The end of what the skill has printed: untrusted text."""
        return bytes(self._words).decode("utf-8", "replace").strip()

    def _too_long(self) -> Refusal:
        seconds = self._skill.needs.seconds
        return Refusal(
            f"The skill `{self._skill.name}` took longer than the {seconds:g} s that it declares, and was ended.",
            f"give it less to do, or raise `metadata.seconds` in skills/{self._skill.name}/SKILL.md, a reviewed change",
        )

    def _nonsense(self, why: str) -> SkillFault:
        return SkillFault(f"The skill `{self._skill.name}` gave {why}.", f"look into skills/{self._skill.name}")


def _send(channel: socket.socket, request: bytes) -> None:
    with contextlib.suppress(OSError):
        channel.sendall(request)


def _received(channel: socket.socket) -> bytes:
    try:
        return channel.recv(1 << 20)
    except ConnectionResetError:
        return b""


class _Zygote:
    """The one process that runs are forked from; started when needed, and again after a fork of ours or its death."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._modules: set[str] = set()
        self._preloaded: set[str] = set()

    def fork(self, given: tuple[int, int, int]) -> None:
        """Starts one run with its channel, its standard output and the pipe that says that somebody waits."""
        with self._lock:
            for attempt in (1, 2):
                control = self._started()
                new = sorted(self._modules - self._preloaded)
                self._preloaded |= self._modules
                try:
                    socket.send_fds(control, [json.dumps({"preload": new}).encode()], given)
                    return
                except OSError as error:
                    self._process = None
                    if attempt == 2:
                        raise SandboxError(f"The process for skills doesn't run: {error}.", "run `workbench doctor`") from None

    def learn(self, modules: list[str]) -> None:
        """What a run had to import of ours: the next fork has it already."""
        self._modules |= {name for name in modules if name.startswith("workbench.") and not name.startswith(_NOT_PRELOADED)}

    def _started(self) -> socket.socket:
        if (
            self._control is not None
            and self._process is not None
            and self._owner == os.getpid()
            and self._process.poll() is None
        ):
            return self._control
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = sandbox.bare_environment()
        command = [sys.executable, "-P", "-s", "-m", "workbench.skills.zygote", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
            )
        self._owner, self._control, self._preloaded = os.getpid(), ours, set()
        return ours


_ZYGOTE = _Zygote()
