"""One turn of a model driver: ask, do what the answer calls for, tell it what came out, until it says done.

Every way in which an answer can stop has a next step or an honest end here. An answer that was cut off or that isn't understood
executes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.loop.dialogue.asking import Ask, BudgetSpent
from workbench.loop.dialogue.prompt import SYSTEM, first_message
from workbench.loop.dialogue.tools import Result, Tools
from workbench.loop.drivers.answers import Answer, Done, GivesWay, NoCure, Spent
from workbench.loop.turn import Turn
from workbench.sessions.events import Chosen
from workbench.sessions.reader import read_session

MOST_NUDGES = 3
"""How often in one turn a model is told that its answer can't be used, before the turn ends."""
KEPT_RESULTS = 3
"""The latest results of tools that are kept where the conversation outgrows what the model can hold."""

_THINKING = frozenset({"thinking", "redacted_thinking"})
_CLEARED = "(left out to make room; call the tool again if you need it)"
_CALL_ONE = "End your turn with exactly one call of `done`, `ask` or `give_up`."


def converse(turn: Turn, ask: Ask, tools: list[dict[str, Any]] | None = None) -> Answer:
    """The model's answer to the turn. `tools` are those of a recorded request; else the workspace's skills are offered."""
    try:
        return _Conversation(turn, ask, tools).answer()
    except BudgetSpent as spent:
        return Spent(str(spent))


@dataclass
class _Conversation:
    turn: Turn
    ask: Ask
    given: list[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        self._settings = self.turn.ctx.settings.claude
        self._tools = Tools(self.turn)
        self._specs = self._tools.specs() if self.given is None else self._tools.as_recorded(self.given)
        self._messages: list[dict[str, Any]] = []
        self._nudges = 0
        self._heard = ""
        self._tell({"type": "text", "text": first_message(self.turn, _history(self.turn))})

    def answer(self) -> Answer:
        """Asks until an answer ends the turn."""
        for _ in range(self._settings.calls):
            if self.turn.ctx.inbox:
                raise GivesWay
            ended = self._next(self.ask(self._request()))
            if ended is not None:
                return ended
        return self._over(f"the model didn't come to an end in {self._settings.calls} calls")

    def _request(self) -> dict[str, Any]:
        settings = self._settings
        mark = {"type": "ephemeral", "ttl": settings.cache_ttl}
        request: dict[str, Any] = {
            "model": settings.model,
            "max_tokens": settings.max_output,
            "system": [{"type": "text", "text": SYSTEM, "cache_control": mark}],
            "tools": [*self._specs[:-1], {**self._specs[-1], "cache_control": mark}],
            "messages": _marked(self._messages, mark),
        }
        if settings.thinking:
            request["thinking"] = {"type": "adaptive"}
        if settings.effort:
            request["output_config"] = {"effort": settings.effort}
        if settings.clear_above:
            trigger = {"type": "input_tokens", "value": settings.clear_above}
            request["context_management"] = {"edits": [{"type": "clear_tool_uses_20250919", "trigger": trigger}]}
        return request

    def _next(self, answer: Mapping[str, Any]) -> Answer | None:
        """What follows from an answer: None where the model is asked again."""
        content = [block for block in answer.get("content") or [] if isinstance(block, dict)]
        said = " ".join(str(block.get("text", "")) for block in content if block.get("type") == "text").strip()
        self._heard = said or self._heard
        reason = answer.get("stop_reason")
        calls = [block for block in content if block.get("type") == "tool_use"]
        match reason:
            case "tool_use" | "end_turn" | "stop_sequence" | "pause_turn" if calls:
                return self._act(content, calls)
            case "pause_turn" if _sendable(content):
                self._keep(content)
                return None
            case "max_tokens":
                # Nothing of it is kept: a call in it may be half a call.
                return self._nudge(
                    [], "Your last answer was too long and was cut off; nothing of it was done. Take smaller steps."
                )
            case "refusal":
                details = answer.get("stop_details") or {}
                why = details.get("explanation") or details.get("category") or "it gave no reason"
                return self._over(f"the model refused to go on: {why}")
            case "model_context_window_exceeded":
                return self._make_room()
            case "end_turn" | "stop_sequence" | "tool_use" | "pause_turn":
                return self._nudge(content, _CALL_ONE)
            case _:
                return self._nudge([], f"Your last answer stopped for a reason that isn't known here. {_CALL_ONE}")

    def _act(self, content: list[dict[str, Any]], calls: list[dict[str, Any]]) -> Answer | None:
        results: list[dict[str, Any]] = []
        failed = False
        for call in calls:
            name, given = str(call.get("name", "")), call.get("input")
            self.turn.ctx.say(f"the model calls {name}")
            result = self._tools.call(name, given if isinstance(given, dict) else {})
            if result.ends is not None and failed:
                result = Result("Not taken: a call before it failed. Look at that first.", error=True)
            if result.ends is not None:
                return result.ends
            failed = failed or result.error
            results.append(
                {"type": "tool_result", "tool_use_id": call.get("id", ""), "content": result.text, "is_error": result.error}
            )
        self._keep(content)
        self._messages.append({"role": "user", "content": results})
        return None

    def _keep(self, content: list[dict[str, Any]]) -> None:
        """Puts what the model said into the conversation; what it says after a pause goes on where it was."""
        kept = _sendable(content)
        if kept and self._messages[-1]["role"] == "assistant":
            self._messages[-1]["content"] += kept
        elif kept:
            self._messages.append({"role": "assistant", "content": kept})

    def _nudge(self, content: list[dict[str, Any]], text: str) -> Answer | None:
        self._nudges += 1
        if self._nudges > MOST_NUDGES:
            return self._over("the model stopped without saying what to do")
        self._keep(content)
        self._tell({"type": "text", "text": text})
        return None

    def _make_room(self) -> Answer | None:
        """Leaves out what the oldest tools answered; where nothing is left to leave out, the turn is over."""
        results = [
            block
            for message in self._messages
            for block in (message["content"] if message["role"] == "user" else [])
            if block.get("type") == "tool_result" and block["content"] != _CLEARED
        ]
        if len(results) <= KEPT_RESULTS:
            return self._over("the conversation outgrew what the model can hold")
        for block in results[:-KEPT_RESULTS]:
            block["content"] = _CLEARED
        return None

    def _tell(self, block: dict[str, Any]) -> None:
        """Adds to what the model is told next; two messages of one side don't follow each other."""
        if self._messages and self._messages[-1]["role"] == "user":
            self._messages[-1]["content"].append(block)
        else:
            self._messages.append({"role": "user", "content": [block]})

    def _over(self, why: str) -> Answer:
        reason = f"{why}; it said: {self._heard[:500]}" if self._heard else why
        return NoCure(reason) if self.turn.failure is not None else Done(reason)


def _marked(messages: list[dict[str, Any]], mark: Mapping[str, str]) -> list[dict[str, Any]]:
    """The messages, the end of the latest two of the user marked: up to there a prompt cache may keep them."""
    ours = [index for index, message in enumerate(messages) if message["role"] == "user"][-2:]
    return [
        {**message, "content": [*message["content"][:-1], {**message["content"][-1], "cache_control": mark}]}
        if index in ours
        else message
        for index, message in enumerate(messages)
    ]


def _sendable(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks as they can be sent back: no empty text, and no thinking that the record had to change."""
    return [
        block
        for block in content
        if not (block.get("type") == "text" and not str(block.get("text", "")).strip())
        and not (block.get("type") in _THINKING and "[redacted:" in str(block))
    ]


def _history(turn: Turn) -> list[str]:
    """What was decided earlier in this session, the oldest first."""
    events = read_session(turn.ctx.writer.directory).events
    before = [event for event in events if isinstance(event, Chosen) and event.step < turn.step]
    return [f"{event.skill or event.choice}: {event.why or 'as diagnosed'}" for event in before][-20:]
