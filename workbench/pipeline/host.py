"""The confined process that holds a use case's imported stages, seen from outside: start it, ask it, end it.

One `Host` is one sandboxed process (`zygote.py`), which forks for each request. Nothing it says is trusted: answers are
JSON, results are files read without following links, output is bounded, every wait has an end. What is asked and what the
answers mean is in `runner.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import PipelineError, WorkbenchError
from workbench.pipeline.contract import Contract
from workbench.pipeline.frames import read_regular
from workbench.sandbox import Confinement, confined_command, hidden_in
from workbench.settings import Settings

_PROGRAM = Path(__file__).with_name("zygote.py")
_ANSWER = "answer.json"
_ANSWER_LIMIT = 64_000_000
_OUTPUT_LIMIT = 64_000
# Beyond a request's own deadline, which the process inside keeps: then the whole of it is ended.
_GRACE_SECONDS = 15.0


class Host:
    """A running, confined process for one use case.

    `inputs` is a directory that it can read, `outputs` one that it can write; both have to be there. `import_seconds` is how
    long importing the stages took, by the process's own word.
    """

    import_seconds = 0.0

    def __init__(
        self, settings: Settings, contract: Contract, root: Path, inputs: Path, outputs: Path, cover: Sequence[str] = ()
    ) -> None:
        self._settings, self._contract, self._root = settings, contract, root.resolve()
        self._cover = list(cover)
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = -1
        self._buffer = b""
        self._output = bytearray()
        self._drain: threading.Thread | None = None
        self._number = 0
        self._asking = self._closed = False
        self._one_at_a_time = threading.RLock()
        self.inputs, self.outputs = inputs, outputs

    def ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
        """Sends one request and waits for its end.

        Returns the answer and the directory with its files, which is gone after the next request. Raises PipelineError
        when a stage fails, dies or takes too long, SandboxError where no sandbox works.
        """
        with self._one_at_a_time:
            return self._asked(request)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process if it isn't running; what goes wrong is told to who asks next."""
        with self._one_at_a_time, contextlib.suppress(WorkbenchError):
            self._started()

    def _asked(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
        if self._asking:  # an interrupted request: its answer must not be taken for the next one's
            self._stop()
        self._started()
        self._clear()
        self._number += 1
        out = self.outputs / f"run-{self._number}"
        out.mkdir()
        self._output.clear()
        seconds = self._settings.sandbox.wall_seconds
        self._asking = True
        self._send({**request, "out": str(out), "seconds": seconds})
        status = self._received(seconds + _GRACE_SECONDS)
        self._asking = False
        if "done" not in status:
            raise self._ended(status)
        try:
            answer = json.loads(read_regular(out / _ANSWER, _ANSWER_LIMIT))
        except (ValueError, RecursionError) as error:
            raise self._nonsense(str(error)) from None
        if not isinstance(answer, dict):
            raise self._nonsense("not an object")
        if "error" in answer:
            raise _stage_error(answer["error"])
        return answer, out

    def output(self) -> str:
        """The end of what the stages have printed during the last request: untrusted text."""
        return bytes(self._output).decode("utf-8", "replace")

    def close(self) -> None:
        """Ends the process; safe to call twice. A request that another thread waits for fails."""
        self._closed = True
        if (process := self._process) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with self._one_at_a_time:
            self._stop()

    def _started(self) -> None:
        if self._closed:
            raise PipelineError(f"The stages of `{self._contract.name}` were ended.", "run it again")
        if self.is_running:
            return
        self._stop()
        answers, told = os.pipe()
        prediction = self._contract.prediction
        keys = [*prediction.entity, *(name for name in (prediction.target_time, prediction.prediction_time) if name)]
        slices = self._contract.slices.by if self._contract.slices else []
        program = {
            "answers": told,
            "root": str(self._root),
            "stages": self._contract.stages.entries(),
            "target": prediction.target,
            "keys": list(dict.fromkeys(keys)),
            "cover": self._cover,
            "columns": list(dict.fromkeys([*(prediction.features or []), *prediction.groups, *slices])),
        }
        # -P: the program's own directory isn't on the import path; the workspace is, through PYTHONPATH.
        argv = [sys.executable, "-P", str(_PROGRAM), json.dumps(program)]
        command = confined_command(argv, self._confinement(), unsafe=self._settings.unsafe_no_sandbox)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(told,),
            cwd=self._root,
            start_new_session=True,
        )
        os.close(told)
        self._answers, self._buffer = answers, b""
        self._output.clear()
        self._drain = threading.Thread(target=self._draining, args=(self._process,), daemon=True)
        self._drain.start()
        hello = self._received(self._settings.sandbox.wall_seconds)
        if "error" in hello:
            self._stop()
            raise _stage_error(hello["error"])
        if "ready" not in hello:
            raise self._ended({"gone": True, "died": "importing the stages", **hello})
        taken = hello.get("seconds")
        self.import_seconds = float(taken) if isinstance(taken, (int, float)) else 0.0

    def _confinement(self) -> Confinement:
        sandbox = self._settings.sandbox
        further = [self._settings.root / path for path in sandbox.read]
        # A checkout of a tree links to the workspace's data.
        further += [place for name in self._settings.data if (place := self._settings.root / name).is_dir()]
        return Confinement(
            read=(self._root, self.inputs, *further),
            write=(self.outputs,),
            hidden=hidden_in(self._settings.root.resolve(), self._root),
            memory_bytes=sandbox.memory_bytes,
            cpu_seconds=sandbox.cpu_seconds,
            python_path=(self._root,),
        )

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended({"gone": True, "died": "before it was asked"}) from None

    def _received(self, seconds: float) -> dict[str, Any]:
        """One line from inside; a lasting silence is an answer, too."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._answers], [], [], left)[0]:
                return {"silent": True}
            piece = os.read(self._answers, 65536)
            if not piece or len(self._buffer) > _ANSWER_LIMIT:
                return {"gone": True, "died": "without an answer"}
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            status = json.loads(line)
        except (ValueError, RecursionError):
            status = None
        return status if isinstance(status, dict) else {"gone": True, "died": "with an answer that can't be read"}

    def _ended(self, status: Mapping[str, Any]) -> PipelineError:
        """The error for a request that has no answer; a run that was ended inside leaves the process usable."""
        if "timeout" in status or "silent" in status:
            if "silent" in status:
                self._stop()
            return PipelineError(
                f"The stages of `{self._contract.name}` took longer than {self._settings.sandbox.wall_seconds} s and were ended.",
                "make them faster, or raise [sandbox] wall_seconds in workbench.toml",
                detail=self.output(),
            )
        self._settle()
        if "gone" in status:
            self._stop()
        why = str(status.get("died", ""))[:200]
        hints = {
            "SIGXCPU": "raise [sandbox] cpu_seconds in workbench.toml, or use less",
            "SIGKILL": "the machine or [sandbox] cpu_seconds ended it: use less memory or time",
            "SIGXFSZ": "a stage wrote too large a file",
        }
        detail = self.output()
        last = detail.strip().splitlines()[-1][:300] if detail.strip() else ""
        if last.startswith("sandbox: "):
            return PipelineError(f"The sandbox could not be set up: {last.removeprefix('sandbox: ')}.", "run `workbench doctor`")
        return PipelineError(
            f"The process of `{self._contract.name}`'s stages died ({why}).",
            hints.get(why, "a library crashed, or the code ended the process; its last output is in the detail"),
            detail=detail,
        )

    def _nonsense(self, why: str) -> PipelineError:
        return PipelineError(
            f"The stages of `{self._contract.name}` left an answer that can't be used: {why[:200]}.",
            "stage code must leave the files of its scratch directory's parent alone",
            detail=self.output(),
        )

    def _settle(self) -> None:
        """Lets the last output of what has died arrive; it comes by another pipe than the news."""
        if self._process is not None and self._drain is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.2)
                self._drain.join(1)

    def _draining(self, process: subprocess.Popen[bytes]) -> None:
        """Keeps the end of the output and lets the rest go, so that nobody's disk or memory fills."""
        assert process.stdout is not None
        while piece := os.read(process.stdout.fileno(), 65536):
            self._output += piece
            if len(self._output) > 2 * _OUTPUT_LIMIT:
                del self._output[:-_OUTPUT_LIMIT]

    def _clear(self) -> None:
        """What a run left in the writable directory must not reach the next."""
        for path in self.outputs.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _stop(self) -> None:
        process, self._process = self._process, None
        self._asking = False
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._drain is not None:
            self._drain.join(1)
            if not self._drain.is_alive():
                process.stdout.close()
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1


def _stage_error(words: Any) -> PipelineError:
    if not isinstance(words, dict):
        return PipelineError("A stage failed without saying how.", "run it by hand")
    text = {key: str(words.get(key, ""))[:20_000] for key in ("stage", "message", "hint", "detail")}
    return PipelineError(text["message"], text["hint"], stage=text["stage"], detail=text["detail"])
