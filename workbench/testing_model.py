"""For tests of what talks to a model: a server on loopback that speaks the Messages API as it streams, by a script.

It is no model: it answers what the script says, in order, refuses what the real API is documented to refuse, and has the faults
that a real endpoint has. `requests` are what it was asked. Nothing but tests imports this module.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "a-key-of-the-scripted-model-0001"

_KNOWN = frozenset({
    "model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "stop_sequences", "stream",
    "metadata", "cache_control", "context_management",
})  # fmt: skip
_NOT_STRICT = frozenset({"minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "pattern", "default", "minItems"})


@dataclass(frozen=True)
class Reply:
    """An answer: its content blocks, why it stops, and what it used. `raw` are events sent as they are, instead."""

    content: tuple[Mapping[str, Any], ...] = ()
    stop_reason: str | None = "end_turn"
    usage: Mapping[str, int] = field(default_factory=dict)
    stop_details: Mapping[str, Any] | None = None
    cut_after: int | None = None
    """Break off after so many events; negative: so many before the end."""
    reset: bool = False
    """Break off by resetting the connection, instead of closing it."""
    before: Callable[[], object] = field(default=lambda: None)
    """Called before the first byte: for a slow one, wait in it."""
    more_events: tuple[tuple[str, object], ...] = ()
    """Further events (name, JSON value) behind the first."""


@dataclass(frozen=True)
class Fault:
    """An error status with its headers and body; without a status the connection is reset before an answer."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


Script = Reply | Fault | Callable[[dict[str, Any]], "Reply | Fault"]


def says(text: str, stop_reason: str | None = "end_turn", **more: Any) -> Reply:
    """An answer of words alone."""
    return Reply(({"type": "text", "text": text},), stop_reason, **more)


def calls(*tools: tuple[str, Mapping[str, Any] | str], text: str = "", thinking: str = "", **more: Any) -> Reply:
    """An answer that calls tools: (name, input); an input that is a text is sent as it is, valid JSON or not."""
    blocks: list[Mapping[str, Any]] = []
    if thinking:
        blocks.append({"type": "thinking", "thinking": thinking, "signature": "c2lnbmF0dXJl"})
    if text:
        blocks.append({"type": "text", "text": text})
    blocks += [{"type": "tool_use", "name": name, "input": given} for name, given in tools]
    return Reply(tuple(blocks), more.pop("stop_reason", "tool_use"), **more)


def overloaded(status: int = 529, after: str | None = "0") -> Fault:
    """Busy, as the API says it; `after` is the value of `retry-after`."""
    kind = {429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
    body = json.dumps({"type": "error", "error": {"type": kind, "message": f"{kind}, come back"}})
    return Fault(status, {} if after is None else {"retry-after": after}, body)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or was sent away by the script, is no fault of the server."""


class ScriptedModel:
    """The server; use it in a `with` block. `url` is its address, `requests` and `headers` what it was sent."""

    def __init__(self, script: Iterable[Script]) -> None:
        self._script = list(script)
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                model._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Its address, for ANTHROPIC_BASE_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the `claude` driver here."""
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.url}

    @property
    def left(self) -> int:
        """How much of the script hasn't been asked for."""
        return len(self._script)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        request = json.loads(body)
        wrong = refused(handler.path, dict(handler.headers.items()), request)
        with self._lock:
            self.requests.append(request)
            self.headers.append({key.lower(): value for key, value in handler.headers.items()})
            number = len(self.requests)
            entry: Script = self._script.pop(0) if self._script and not wrong else _invalid(wrong or "the script is over")
        given = entry if isinstance(entry, Reply | Fault) else entry(request)
        if isinstance(given, Fault):
            _fail(handler, given)
        else:
            _stream(handler, given, str(request.get("model", "")), number)


def _invalid(message: str) -> Fault:
    return Fault(400, {}, json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}}))


def _fail(handler: BaseHTTPRequestHandler, fault: Fault) -> None:
    if fault.status is None:
        _reset(handler)
        return
    content = fault.body.encode()
    handler.send_response(fault.status)
    for name, value in {"content-type": "application/json", **fault.headers, "content-length": str(len(content))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def _stream(handler: BaseHTTPRequestHandler, reply: Reply, model: str, number: int) -> None:
    reply.before()
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    try:
        for name, value in list(_events(reply, model, number))[: reply.cut_after]:
            text = f"event: {name}\ndata: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()
            handler.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
            handler.wfile.flush()
        if reply.reset:
            _reset(handler)
        elif reply.cut_after is None:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True
    except OSError:
        handler.close_connection = True  # the client went away


def _events(reply: Reply, model: str, number: int) -> Iterable[tuple[str, object]]:
    usage = {"input_tokens": 100, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    usage |= reply.usage
    message: dict[str, object] = {
        "id": f"msg_{number:04}", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {**usage, "output_tokens": 1},
    }  # fmt: skip
    yield "message_start", {"type": "message_start", "message": message}
    yield "ping", {"type": "ping"}
    yield from reply.more_events
    for index, block in enumerate(reply.content):
        yield from _block_events(index, block, number)
    delta = {"stop_reason": reply.stop_reason, "stop_sequence": None, "stop_details": reply.stop_details}
    counted = {"output_tokens": usage["output_tokens"] if "output_tokens" in reply.usage else 20}
    yield "message_delta", {"type": "message_delta", "delta": delta, "usage": counted}
    yield "message_stop", {"type": "message_stop"}


def _block_events(index: int, block: Mapping[str, Any], number: int) -> Iterable[tuple[str, object]]:
    def delta(value: Mapping[str, Any]) -> tuple[str, object]:
        return "content_block_delta", {"type": "content_block_delta", "index": index, "delta": value}

    kind, begun, deltas = block["type"], dict(block), list[Mapping[str, Any]]()
    if kind == "text":
        begun["text"] = ""
        deltas = [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
    elif kind == "thinking":
        begun |= {"thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": part} for part in _parts(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind == "tool_use":
        given = block["input"]
        begun |= {"id": block.get("id", f"toolu_{number:04}_{index}"), "input": {}}
        text = given if isinstance(given, str) else json.dumps(given)
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in ["", *_parts(text)]]
    yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": begun}
    yield from map(delta, deltas)
    yield "content_block_stop", {"type": "content_block_stop", "index": index}


def _parts(text: str) -> list[str]:
    return [text[start : start + 40] for start in range(0, len(text), 40)]


def refused(path: str, headers: Mapping[str, str], request: Mapping[str, Any]) -> str:
    """Why the real API would refuse this request with 400, by its documentation; empty where it would not."""
    lower = {key.lower(): value for key, value in headers.items()}
    if path.partition("?")[0] != "/v1/messages":
        return f"there is nothing at {path}"
    if "anthropic-version" not in lower or not (lower.get("x-api-key") or lower.get("authorization")):
        return "a header is missing"
    unknown = sorted(set(request) - _KNOWN)
    if unknown or not {"model", "max_tokens", "messages"} <= set(request):
        return f"{unknown}: Extra inputs are not permitted" if unknown else "a field is missing"
    if "context_management" in request and "context-management" not in lower.get("anthropic-beta", ""):
        return "context_management: Extra inputs are not permitted"
    if json.dumps(request).count('"cache_control"') > 4:
        return "A maximum of 4 blocks with cache_control may be provided"
    return _wrong_tools(request.get("tools", [])) or _wrong_messages(request["messages"])


def _wrong_tools(tools: Iterable[Mapping[str, Any]]) -> str:
    names = [str(tool["name"]) for tool in tools]
    if len(set(names)) != len(names):
        return "tools: Tool names must be unique"
    for tool in tools:
        if tool.get("strict") and not _is_strict(tool["input_schema"]):
            return f"tools.{tool['name']}: the schema isn't one of a strict tool"
    return ""


def _is_strict(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    inner = [value for key, value in schema.items() if key != "properties"] + list(schema.get("properties", {}).values())
    return not (_NOT_STRICT & schema.keys()) and all(map(_is_strict, inner))


def _wrong_messages(messages: list[Mapping[str, Any]]) -> str:
    if not messages or messages[0]["role"] != "user":
        return "messages: first message must use the user role"
    asked: set[str] = set()
    for number, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else [{"type": "text", "text": message["content"]}]
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return f"messages.{number}: content must be non-empty"
        answered = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if message["role"] == "user" and answered != asked:
            return f"messages.{number}: `tool_use` ids without `tool_result` blocks, or the other way round"
        asked = {block["id"] for block in blocks if block["type"] == "tool_use"}
    return ""
