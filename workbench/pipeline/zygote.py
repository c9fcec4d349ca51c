"""The program inside the sandbox: imports a use case's stages once, then forks for each request so that runs share nothing.

Started by `host.py`, by its path, with one JSON argument. Requests come as JSON lines on standard input, one line answers
each on the descriptor it was given; tables and results are files (`frames.py`). What the stages have to give back is in
`stages.py`. Everything that is said from here is untrusted outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import hashlib
import importlib.machinery
import importlib.util
import itertools
import json
import os
import random
import select
import signal
import site
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.pipeline import frames, opened, recalled, stages
else:
    # By path and under names of their own: the workspace may have a package `workbench`, or a module `frames`.
    def _sibling(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"_pipeline_host_{name}", Path(__file__).with_name(f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    frames, opened, recalled, stages = _sibling("frames"), _sibling("opened"), _sibling("recalled"), _sibling("stages")

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
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
    _read_sources_only(settings["root"])
    importing = opened.Importing(settings["root"])
    try:
        calls = _imported(settings["stages"], settings["root"], importing)
    except stages.StageFault as fault:
        _say(answers, {"error": _words(fault)})
        return
    settings = {**settings, "lines": importing.lines(), "files": importing.files("load")}
    drawn.note_seeds()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        # From here the closed request pipe ends this process; the signal is tied to the thread that started it.
        libc.prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
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
        _say(answers, _supervised(request, calls, settings, requests, answers, drawn))


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


def _answer(request: dict[str, Any], calls: Any, settings: dict[str, Any], drawn: _Randomness) -> None:
    """In the fork: does what is asked, writes the answer, and ends without the interpreter's own clean-up."""
    out = Path(request["out"])
    code = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        drawn.renew()
        scratch = out / "tmp"
        scratch.mkdir()
        os.environ.update(HOME=str(scratch), TMPDIR=str(scratch))
        tempfile.tempdir = None
        runner = stages.Stages(calls, settings["root"], settings["target"], settings["keys"], settings["columns"])
        record = opened.Record(runner, settings["root"], str(scratch))
        record.start()
        recalled.begin(runner)
        try:
            answer = _ASKED[request["ask"]](request, runner, out)
        except stages.StageFault as fault:
            answer = {"error": _words(fault)}
        lines = [*settings["lines"], *record.lines, *recalled.lines(settings["root"])]
        files = {**record.files, "load": [*settings["files"], *record.files.get("load", [])]}
        answer |= {"opened": lines, "files": files, "seconds": runner.seconds, "ran": dict(runner.ran)}
        (out / ANSWER).write_text(json.dumps(answer))
        code = 0
    finally:
        with contextlib.suppress(OSError, ValueError):
            if code:
                sys.excepthook(*sys.exc_info())
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _load(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    tables = runner.tables("load")
    for number, (name, table) in enumerate(tables.items()):
        _write("load", table, out / f"table-{number}", f"table `{name}`")
    return {"tables": list(tables)}


def _run(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    given = request.get("folds")
    result = stages.run(
        runner,
        _tables(request),
        until=request["until"],
        frame=_frame(request, "frame"),
        folds=_folds(given) if given else None,
        probe=_frame(request, "probe"),
    )
    if result.frame is not None and not request.get("frame"):
        _write("features", result.frame, out / "frame", "the feature frame")
    answer: dict[str, Any] = {"folds": [[len(train), len(test)] for train, test in result.folds], "scores": result.scores}
    positions = [side for fold in result.folds for side in fold]
    _write("split", pd.DataFrame({"position": np.concatenate(positions or [np.empty(0, "int64")])}), out / "folds", "the folds")
    for number, fold in enumerate(result.fold_results):
        columns = pd.DataFrame({"predictions": fold.predictions, "raw": fold.raw})
        _write("predict", columns, out / f"fold-{number}", "the predictions")
        if fold.probe is not None:
            _write("predict", pd.DataFrame({"probe": fold.probe}), out / f"probe-{number}", "the predictions")
    answer["digests"] = [fold.digest for fold in result.fold_results]
    return answer


def _fit_final(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    frame = _frame(request, "frame")
    assert frame is not None
    runner.check_columns("features", frame)
    runner.check_trainable(frame)
    model = runner.call("fit", frame)
    booster = getattr(model, "booster_", model) if hasattr(type(model), "booster_") else model
    if not (type(booster).__module__.startswith("lightgbm") and hasattr(booster, "save_model")):
        raise stages.StageFault(
            "fit",
            f"Stage `fit` returned a {type(model).__module__}.{type(model).__qualname__}, which has no safe file format here.",
            "return a lightgbm Booster (or an LGBMRegressor or LGBMClassifier); others aren't supported yet",
        )
    with stages.reported("fit", runner.root):
        # Without a best iteration all trees are kept; with one, those that `predict` would use.
        text = booster.model_to_string()
    (out / "model").write_text(text, encoding="utf-8")
    return {"flavor": "lightgbm", "features": list(map(str, booster.feature_name()))}


def _backtest(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    result = runner.call("backtest", _tables(request))
    if not isinstance(result, pd.DataFrame):
        raise stages.StageFault("backtest", f"Stage `backtest` returned a {type(result).__name__}.", "return a DataFrame")
    runner.check_columns("backtest", result)
    for column in ("prediction", "fold"):
        if column not in result.columns:
            raise stages.StageFault(
                "backtest", f"Stage `backtest` returned a frame without the column `{column}`.", "add it, one value per row"
            )
    _write("backtest", result, out / "frame", "the back-test")
    return {}


def _measure(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """A metric of the use case's own: (outcomes, predictions, frame) -> number."""
    frame, made = _frame(request, "frame"), _frame(request, "predictions")
    assert frame is not None and made is not None
    _take(runner, "metrics", request["entry"])
    value = runner.call("metrics", frame[runner.target].copy(), made["predictions"].to_numpy(copy=True), frame)
    if not isinstance(value, (int, float, np.integer, np.floating)):
        raise stages.StageFault("metrics", f"`{request['entry']}` returned a {type(value).__name__}.", "return one number")
    return {"value": float(value)}


def _baseline(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """A baseline of the use case's own: (training rows, rows without their outcome) -> 1-d array."""
    train, rows = _frame(request, "frame"), _frame(request, "rows")
    assert train is not None and rows is not None
    _take(runner, "metrics", request["entry"])
    made = runner.predicted("metrics", rows, train, rows)
    _write("metrics", pd.DataFrame({"predictions": made}), out / "frame", "the baseline's predictions")
    return {}


def _serve(request: dict[str, Any], runner: stages.Stages, out: Path) -> dict[str, Any]:
    """The `serve` stage on some requests, each with tables of its own to change; one that fails doesn't stop the others."""
    tables, answers = _tables(request), []
    times = request.get("times", [])
    for asked in request["requests"]:
        asked = {name: pd.Timestamp(value) if name in times else value for name, value in asked.items()}
        try:
            made = runner.call("serve", dict(asked), {name: table.copy() for name, table in tables.items()})
            if not isinstance(made, Mapping):
                raise stages.StageFault(
                    "serve", f"Stage `serve` returned a {type(made).__name__}.", "return a mapping of feature → value"
                )
            answers.append({"made": {str(name): _cell(value) for name, value in made.items()}})
        except stages.StageFault as fault:
            answers.append({"error": _words(fault)})
    return {"answers": answers}


def _cell(value: Any) -> Any:
    """A served value as JSON: missing is None, times are ISO 8601, what is no plain value its text."""
    if isinstance(value, (pd.Series, pd.Index, np.ndarray)) and np.size(value) == 1:
        value = np.asarray(value).ravel()[0] if not isinstance(value, pd.Series) else value.iloc[0]
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, (str, bool, int, float)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _take(runner: stages.Stages, stage: str, entry: str) -> None:
    with stages.reported(stage, runner.root, importing=entry):
        runner.calls = {**runner.calls, stage: stages.found(stage, entry)}


_ASKED = {
    "measure": _measure, "baseline": _baseline, "load": _load, "run": _run, "fit_final": _fit_final, "backtest": _backtest,
    "serve": _serve,
}  # fmt: skip


def _tables(request: dict[str, Any]) -> dict[str, pd.DataFrame]:
    return {name: frames.read(Path(path)) for name, path in request.get("tables", {}).items()}


def _frame(request: dict[str, Any], key: str) -> pd.DataFrame | None:
    return frames.read(Path(request[key])) if request.get(key) else None


def _folds(given: dict[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    positions = frames.read(Path(given["path"]))["position"].to_numpy()
    cuts = np.cumsum([0, *(length for fold in given["lengths"] for length in fold)])
    sides = [positions[a:b] for a, b in itertools.pairwise(cuts)]
    return list(zip(sides[::2], sides[1::2]))


def _write(stage: str, frame: pd.DataFrame, path: Path, what: str) -> None:
    try:
        frames.write(frames.encode(frame), path)
    except frames.Unwritable as reason:
        hint = "use columns of numbers, text, booleans, times or categories"
        raise stages.StageFault(stage, f"Stage `{stage}`: {what}: {reason}.", hint) from None


def _words(fault: stages.StageFault) -> dict[str, str]:
    return {"stage": fault.stage, "message": fault.message, "hint": fault.hint, "detail": fault.detail}


def _say(answers: int, answer: dict[str, Any]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[os.write(answers, line) :]


class _SourceOnly(importlib.machinery.SourceFileLoader):
    """Compiles a module from its source each time: a compiled file beside it could hold other code than was reviewed."""

    def path_stats(self, path: Any) -> Any:
        """Without times the import system neither reads nor writes a compiled file."""
        raise OSError(path)

    def get_code(self, fullname: str) -> Any:
        """The functions that `load` is made of are watched for being called by another stage."""
        path = self.get_filename(fullname)
        return self.source_to_code(recalled.instrumented(self.get_data(path), path), path)


def _read_sources_only(root: str) -> None:
    """For modules below `root`, installed packages apart: sources and extension modules, no compiled Python."""
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
