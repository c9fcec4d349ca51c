"""The program inside the sandbox: imports a use case's stages once, then forks for each request so that runs share nothing.

Started by `host.py`, by its path, with one JSON argument. Requests come as JSON lines on standard input, one line answers
each on the descriptor it was given. What can be asked is in `asks.py`, what the stages have to give back in `stages.py`.
Everything that is said from here is untrusted outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import random
import select
import shutil
import signal
import site
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.pipeline import asks, coverage, opened, preloading, recalled, stages
else:
    # By path and under names of their own: the workspace may have a package `workbench`, or a module `frames`.
    def _sibling(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"_pipeline_host_{name}", Path(__file__).with_name(f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    # What others of them import comes first.
    _frames, recalled, stages = _sibling("frames"), _sibling("recalled"), _sibling("stages")
    asks, opened, preloading = _sibling("asks"), _sibling("opened"), _sibling("preloading")
    coverage = _sibling("coverage")

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_SHARED_MEMORY = Path("/dev/shm")
ANSWER = "answer.json"


def main(settings: dict[str, Any]) -> None:
    """Imports the stages, says whether that worked, and serves requests until the other side is gone."""
    requests = os.dup(0)
    os.set_inheritable(requests, False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    answers: int = settings["answers"]
    os.set_inheritable(answers, False)
    faulthandler.enable()
    drawn = _Randomness()
    begin = time.perf_counter()
    covering = coverage.Record(f"{settings['root']}/{path}" for path in settings["cover"])
    _read_sources_only(settings["root"], covering)
    importing = opened.Importing(settings["root"])
    try:
        calls = _imported(settings["stages"], settings["root"], importing)
    except stages.StageFault as fault:
        _say(answers, {"error": asks.words(fault)})
        return
    settings = {**settings, "lines": importing.lines(), "files": importing.files("load"), "covering": covering}
    drawn.note_seeds()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        # From here the closed request pipe ends this process; the signal is tied to the thread that started it.
        libc.prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # A fork must not open this process's pipes by /proc: it could answer for another request, or read it.
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _say(answers, {"ready": True, "pandas": pd.__version__, "seconds": time.perf_counter() - begin})
    buffer = b""
    while True:
        while b"\n" not in buffer:
            piece = os.read(requests, 65536)
            if not piece:
                return
            buffer += piece
        line, _, buffer = buffer.partition(b"\n")
        request = json.loads(line)
        answer = _supervised(request, calls, settings, requests, answers, drawn)
        libraries = preloading.noted(Path(request["out"]))
        _say(answers, answer)
        preloading.preload(libraries)


def _imported(entries: dict[str, str], root: str, importing: Any) -> Any:
    """Stage → callable. What comes with `load` is imported first; what the others' modules do meanwhile is noted."""
    importing.now = "load"
    with recalled.watching(entries["load"]):
        calls = stages.resolved({"load": entries["load"]}, root)
    for stage in stages.ORDER:
        if stage in entries:
            importing.now = stage
            calls |= stages.resolved({stage: entries[stage]}, root)
    importing.now = ""
    recalled.note_globals()
    return calls


def _supervised(
    request: dict[str, Any], calls: Any, settings: dict[str, Any], requests: int, answers: int, drawn: _Randomness
) -> dict[str, Any]:
    """Forks, waits for the end, the deadline or the death of the other side, and leaves no process behind."""
    wake, woken = os.pipe()
    for descriptor in (wake, woken):
        os.set_blocking(descriptor, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    deadline = time.monotonic() + request["seconds"]
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for descriptor in (wake, woken, requests, answers):
            os.close(descriptor)
        _answer(request, calls, settings, drawn)
    watch = select.poll()
    watch.register(wake, select.POLLIN)
    watch.register(requests, select.POLLHUP)
    outcome: dict[str, Any] = {}
    try:
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return _outcome(status)
            left = deadline - time.monotonic()
            if left <= 0:
                outcome = {"timeout": request["seconds"]}
                return outcome
            events = dict(watch.poll(min(left, 60) * 1000 + 1))
            if events.get(requests, 0) & (select.POLLHUP | select.POLLERR):
                sys.exit(0)
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
    finally:
        signal.set_wakeup_fd(-1)
        os.close(wake)
        os.close(woken)
        _end(child)
        _clear_shared_memory()


def _outcome(status: int) -> dict[str, Any]:
    if os.WIFSIGNALED(status):
        return {"died": signal.Signals(os.WTERMSIG(status)).name}
    return {"done": True} if os.WEXITSTATUS(status) == 0 else {"died": f"exit code {os.WEXITSTATUS(status)}"}


def _end(child: int) -> None:
    """Kills the fork, its session, and whatever has been left to us by being orphaned."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with contextlib.suppress(ChildProcessError, OSError):  # none left, or a kernel that doesn't list them
        while True:
            for orphan in map(int, children.read_text().split()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            os.waitpid(-1, 0)


def _clear_shared_memory() -> None:
    """What a run left there must not reach the next; where it is everybody's on this machine, it isn't ours to clear."""
    if "private-shm" not in os.environ.get("WORKBENCH_CONFINED_BY", "").split(","):
        return
    for path in _SHARED_MEMORY.iterdir():
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _answer(request: dict[str, Any], calls: Any, settings: dict[str, Any], drawn: _Randomness) -> None:
    """In the fork: does what is asked, writes the answer, and ends without the interpreter's own clean-up."""
    out = Path(request["out"])
    code = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        drawn.renew()
        scratch = out / "tmp"
        scratch.mkdir()
        os.environ.update(HOME=str(scratch), TMPDIR=str(scratch))
        tempfile.tempdir = None
        runner = stages.Stages(calls, settings["root"], settings["target"], settings["keys"], settings["columns"])
        record = opened.Record(runner, settings["root"], str(scratch))
        record.start()
        recalled.begin(runner)
        before = preloading.loaded()
        try:
            answer = asks.ASKED[request["ask"]](request, runner, out)
        except stages.StageFault as fault:
            answer = {"error": asks.words(fault)}
        lines = [*settings["lines"], *record.lines, *recalled.lines(settings["root"])]
        files = {**record.files, "load": [*settings["files"], *record.files.get("load", [])]}
        covered = {path.removeprefix(settings["root"] + "/"): arms for path, arms in settings["covering"].ran().items()}
        answer |= {"opened": lines, "files": files, "seconds": runner.seconds, "ran": dict(runner.ran), "covered": covered}
        preloading.note(before, out)
        (out / ANSWER).write_text(json.dumps(answer))
        code = 0
    finally:
        with contextlib.suppress(OSError, ValueError):
            if code:
                sys.excepthook(*sys.exc_info())
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _say(answers: int, answer: dict[str, Any]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[os.write(answers, line) :]


class _SourceOnly(importlib.machinery.SourceFileLoader):
    """Compiles a module from its source each time: a compiled file beside it could hold other code than was reviewed."""

    covering: Any = None

    def path_stats(self, path: Any) -> Any:
        """Without times the import system neither reads nor writes a compiled file."""
        raise OSError(path)

    def get_code(self, fullname: str) -> Any:
        """The functions that `load` is made of are watched for being called by another stage."""
        path = self.get_filename(fullname)
        made = recalled.instrumented(self.get_data(path), path)
        return self.source_to_code(self.covering.marked(made, path), path)


def _read_sources_only(root: str, covering: coverage.Record) -> None:
    """For modules below `root`, installed packages apart: sources and extension modules, no compiled Python."""
    _SourceOnly.covering = covering
    kinds = [(importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES), (_SourceOnly, [".py"])]
    finder = importlib.machinery.FileFinder.path_hook(*kinds)
    installed = tuple(f"{place}/" for place in site.getsitepackages())

    def hook(path: str) -> Any:
        if not f"{path}/".startswith(f"{root}/") or f"{path}/".startswith(installed):
            raise ImportError(path)
        return finder(path)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()


class _Randomness:
    """Every run draws anew, as in a process of its own, unless the stages' modules set a seed when imported."""

    def __init__(self) -> None:
        self._numpy = _key_of_numpy()
        self._python = random.getstate()
        self._seeded_numpy = self._seeded_python = False

    def note_seeds(self) -> None:
        """After the imports: what has changed was seeded."""
        self._seeded_numpy = _key_of_numpy() != self._numpy
        self._seeded_python = random.getstate() != self._python
        self._python = random.getstate()

    def renew(self) -> None:
        """In a fork, where numpy's generator would repeat the zygote's and Python's has been seeded anew."""
        if not self._seeded_numpy:
            np.random.seed(None)
        if self._seeded_python:
            random.setstate(self._python)


def _key_of_numpy() -> str:
    state: Any = np.random.get_state(legacy=False)
    return hashlib.sha256(np.asarray(state["state"]["key"]).tobytes()).hexdigest()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
