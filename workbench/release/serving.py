"""The prediction service: one ASGI application over the champion, and the server that runs it on one address.

`POST /predict`, `GET /healthz`, `/metrics` (Prometheus text), `/openapi.json`. Every prediction is logged before it is
answered. Not here: the row and the model (`online`), the switch to another version (`following`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from workbench.errors import PipelineError, UsageError
from workbench.release.following import Follower, Watch
from workbench.release.online import OnlineModel, UnknownKey
from workbench.release.prediction_request import MAX_BODY, InvalidRequest, openapi
from workbench.settings import Settings

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class PredictionLog:
    """One JSON line a prediction, appended whole, so that several servers can write the same file."""

    def __init__(self, settings: Settings, use_case: str) -> None:
        self.path: Path = settings.state / "predictions" / f"{use_case}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, entry: dict[str, Any]) -> None:
        """Appends `entry`; OSError where it can't be written whole."""
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"{self.path}: written in part")

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


class Figures:
    """Counters of one server, as Prometheus text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[int] = Counter()
        self._predictions: Counter[int] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._count = 0

    def answered(self, status: int, seconds: float, version: int | None) -> None:
        """Counts one answer of `/predict`; `version` where it was a prediction."""
        with self._lock:
            self._answers[status] += 1
            if version is None:
                return
            self._predictions[version] += 1
            self._count += 1
            self._seconds += seconds
            self._buckets.update(bound for bound in _BUCKETS if seconds <= bound)

    def text(self, follower: Follower) -> str:
        """The figures in Prometheus' text format 0.0.4."""
        case = f'use_case="{follower.use_case}"'
        version = follower.model.version
        with self._lock:
            lines = ["# TYPE workbench_requests_total counter"]
            lines += [f'workbench_requests_total{{{case},status="{s}"}} {n}' for s, n in sorted(self._answers.items())]
            lines.append("# TYPE workbench_predictions_total counter")
            lines += [f'workbench_predictions_total{{{case},version="{v}"}} {n}' for v, n in sorted(self._predictions.items())]
            lines.append("# TYPE workbench_prediction_seconds histogram")
            name = "workbench_prediction_seconds"
            lines += [f'{name}_bucket{{{case},le="{bound}"}} {self._buckets[bound]}' for bound in _BUCKETS]
            lines += [f'{name}_bucket{{{case},le="+Inf"}} {self._count}', f"{name}_sum{{{case}}} {self._seconds:.6f}"]
            lines.append(f"{name}_count{{{case}}} {self._count}")
        lines += [
            "# TYPE workbench_model_info gauge",
            f'workbench_model_info{{{case},alias="{follower.alias}",version="{version.version}",'
            f'sha256="{version.lineage.model_sha256}"}} 1',
            "# TYPE workbench_switches_total counter",
            f"workbench_switches_total{{{case}}} {follower.switches}",
            "# HELP workbench_trouble 1 where the version served isn't the one that the registry's alias names.",
            "# TYPE workbench_trouble gauge",
            f"workbench_trouble{{{case}}} {int(bool(follower.trouble))}",
        ]
        return "\n".join(lines) + "\n"


def application(follower: Follower, log: PredictionLog, say: Callable[[str], None]) -> Starlette:
    """The ASGI application; what it answers with is `follower.model` at the time of each request."""
    figures = Figures()

    async def predict(request: Request) -> Response:
        begin = time.perf_counter()
        model = follower.model  # the whole request stays with this version
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                figures.answered(413, 0.0, None)
                return _error(413, "too-large", f"The request is larger than {MAX_BODY} bytes.")
        response = await run_in_threadpool(_predicted, follower, model, body, log, begin, say)
        seconds = time.perf_counter() - begin
        figures.answered(response.status_code, seconds, model.version.version if response.status_code == 200 else None)
        return response

    def healthz(request: Request) -> Response:
        lineage = follower.model.version.lineage
        return JSONResponse(
            {
                "status": "degraded" if follower.trouble else "ok",
                "use_case": follower.use_case,
                "alias": follower.alias,
                "model_version": follower.model.version.version,
                "model_sha256": lineage.model_sha256,
                "code_tree": lineage.code_tree,
                **({"trouble": follower.trouble} if follower.trouble else {}),
            }
        )

    def metrics(request: Request) -> Response:
        return PlainTextResponse(figures.text(follower), media_type="text/plain; version=0.0.4")

    def document(request: Request) -> Response:
        return JSONResponse(openapi(follower.use_case, follower.model.world.form))

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _error(error.status_code, "http", str(error.detail))

    def fault(request: Request, error: Exception) -> Response:
        return _error(500, "fault", "A fault of the service itself; the server's log has it.")

    return Starlette(
        routes=[
            Route("/predict", predict, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/metrics", metrics),
            Route("/openapi.json", document),
        ],
        exception_handlers={HTTPException: refused, Exception: fault},
    )


def _predicted(
    follower: Follower, model: OnlineModel, body: bytes, log: PredictionLog, begin: float, say: Callable[[str], None]
) -> Response:
    try:
        key = model.world.form.parse(body)
        answer = model.answer(key)
    except InvalidRequest as error:
        fields = [{"field": e.field, "message": e.message} for e in error.errors]
        return _error(422, "invalid", "The request is not valid: " + str(error) + ".", fields=fields)
    except UnknownKey as unknown:
        return _error(404, "unknown", f"Nothing to predict: {unknown.message}.")
    except PipelineError as error:
        say(f"{error.message} {error.detail}")
        return _error(503, "pipeline", f"The prediction can't be made: the {error.stage or 'pipeline'} stage failed.")
    content = {
        "id": uuid.uuid4().hex,
        "prediction": answer.prediction,
        "model_version": model.version.version,
        "alias": follower.alias,
        "prediction_time": _iso(answer.prediction_time),
        "target_time": _iso(answer.target_time),
        "features": answer.features,
        "latency_ms": round((time.perf_counter() - begin) * 1000, 3),
    }
    entry = {
        **content,
        "at": datetime.now(UTC).isoformat(),
        "use_case": follower.use_case,
        "request": json.loads(body),
        "model_sha256": model.version.lineage.model_sha256,
    }
    try:
        log.write(entry)
    except OSError as error:
        say(f"the prediction can't be recorded: {error}")
        return _error(503, "unrecorded", "The prediction can't be recorded, so it isn't given.")
    return JSONResponse(content)


def _error(status: int, kind: str, message: str, **more: Any) -> Response:
    return JSONResponse({"error": {"kind": kind, "message": message, **more}}, status_code=status)


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def bound(host: str, port: int) -> socket.socket:
    """A listening socket's address is known before the server starts; UsageError where the address can't be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        hint = "choose another --host or --port (0: any free one)"
        raise UsageError(f"Can't listen on {host}, port {port}: {error}.", hint) from None
    return listener


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to `serve` below and a callback once it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()


def serve(
    app: Starlette,
    listener: socket.socket,
    watch: Watch,
    *,
    ready: Callable[[], None],
    stopped: threading.Event | None = None,
    signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM),
) -> signal.Signals | None:
    """Serves until a signal or until `stopped` is set, finishing requests in flight; the signal that ended it, or None.

    SIGHUP looks for a moved alias at once. Must be called in the main thread.
    """
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=10)
    server = _Server(config, ready)
    caught: list[signal.Signals] = []

    def stop(signum: signal.Signals) -> None:
        caught.append(signum)
        server.should_exit = True

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for signum in signals:
            loop.add_signal_handler(signum, stop, signum)
        loop.add_signal_handler(signal.SIGHUP, watch.nudge)
        waiting = loop.run_in_executor(None, _ended, stopped, server) if stopped is not None else None
        await server.serve(sockets=[listener])
        if waiting is not None and stopped is not None:
            stopped.set()
            await waiting

    watch.start()
    try:
        asyncio.run(main())
    finally:
        watch.end()
        listener.close()
    return caught[0] if caught else None


def _ended(stopped: threading.Event, server: uvicorn.Server) -> None:
    stopped.wait()
    server.should_exit = True
