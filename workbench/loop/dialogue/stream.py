"""Events of a streamed answer → the answer, strictly: what arrived whole is taken, anything else says that it didn't.

An answer is the message as a JSON value. The input of a tool call is parsed once its block has ended; where it isn't a JSON
object the block holds `{INVALID: text}` and is never executed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

INVALID = "INVALID_JSON"
"""The one field of a tool's input that was no JSON object; its value is the text that arrived."""


class Cut(Exception):
    """The stream ended before the answer did; `partial` is what had arrived, for its usage alone."""

    def __init__(self, why: str, partial: dict[str, Any]) -> None:
        super().__init__(why)
        self.partial = partial


class Answering:
    """Takes the events of one answer in their order; unknown events and deltas are passed over, as the API asks."""

    def __init__(self, words: Callable[[str], None]) -> None:
        self._words = words
        self._inputs: dict[int, list[str]] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._open: set[int] = set()
        self.message: dict[str, Any] = {}
        self.whole = False

    def take(self, event: Mapping[str, Any]) -> None:
        """One event."""
        match event.get("type"):
            case "message_start":
                self.message = dict(event["message"])
            case "content_block_start":
                self._blocks[event["index"]] = dict(event["content_block"])
                self._open.add(event["index"])
            case "content_block_delta":
                self._delta(event["index"], event["delta"])
            case "content_block_stop":
                self._stop(event["index"])
            case "message_delta":
                self._end(event)
            case "message_stop":
                self.whole = bool(self.message) and not self._open
            case _:
                pass

    def answer(self) -> dict[str, Any]:
        """The whole answer. Raises Cut where it isn't."""
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        found = {**self.message, "content": [*self.message.get("content", []), *blocks]}
        if not self.whole:
            raise Cut("the answer broke off", found)
        return found

    def _delta(self, index: int, delta: Mapping[str, Any]) -> None:
        block = self._blocks.get(index)
        if block is None:
            return
        match delta.get("type"):
            case "text_delta":
                block["text"] = block.get("text", "") + delta["text"]
                self._words(delta["text"])
            case "thinking_delta":
                block["thinking"] = block.get("thinking", "") + delta["thinking"]
            case "signature_delta":
                block["signature"] = block.get("signature", "") + delta["signature"]
            case "input_json_delta":
                self._inputs.setdefault(index, []).append(delta["partial_json"])
            case _:
                pass

    def _stop(self, index: int) -> None:
        self._open.discard(index)
        block, text = self._blocks.get(index, {}), "".join(self._inputs.get(index, []))
        if block.get("type") != "tool_use" or not text:
            return
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        block["input"] = found if isinstance(found, dict) else {INVALID: text}

    def _end(self, event: Mapping[str, Any]) -> None:
        self.message.update({key: value for key, value in event.get("delta", {}).items() if value is not None})
        usage = {key: value for key, value in (event.get("usage") or {}).items() if value is not None}
        self.message["usage"] = {**(self.message.get("usage") or {}), **usage}
        for key in ("context_management",):
            if event.get(key):
                self.message[key] = event[key]


def read(events: Iterable[Mapping[str, Any]], words: Callable[[str], None]) -> dict[str, Any]:
    """The answer that these events are. Raises Cut, also where an event isn't of the form that the API documents."""
    answering = Answering(words)
    try:
        for event in events:
            answering.take(event)
            if answering.whole:
                break
    except (KeyError, TypeError, AttributeError) as error:
        raise Cut(f"the answer is malformed ({type(error).__name__})", answering.message) from None
    return answering.answer()
