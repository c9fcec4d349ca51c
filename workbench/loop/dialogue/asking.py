"""One question to the model and its answer: sent as it is recorded, recorded before anything follows, never asked twice.

A request is kept first, without secrets, and what was kept is what is sent. An answer is kept first, and what was kept is what is
acted on. So a session that was killed takes up what was answered already from its own record, and a recording holds exactly what
was said. What is asked again after a fault has executed nothing yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workbench.errors import ExitCode, WorkbenchError
from workbench.loop.dialogue.prices import affordable, cost_of, tokens_of
from workbench.loop.dialogue.stream import Cut
from workbench.loop.turn import Turn, left_of
from workbench.sessions.compare import Difference, first_difference
from workbench.sessions.events import ModelCall
from workbench.sessions.header import canonical
from workbench.sessions.reader import read_session

pause = time.sleep
BROKEN_OFF = "(broken off)"
"""The stop reason on record of an answer that didn't arrive whole: it counts, and is never acted on."""
LEAST_OUTPUT = 1024
"""Fewer output tokens than this aren't worth a call."""


class ModelUnavailable(WorkbenchError):
    """The model can't be asked now; the session stays as it is and can be resumed."""

    code = ExitCode.USAGE
    kind = "model-unavailable"


class BudgetSpent(Exception):
    """A budget of the session is used up; the message says which."""


class Busy(Exception):
    """The endpoint didn't answer this time; `after` are the seconds it asks to wait, None where it doesn't say."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.why, self.after = why, after


class Endpoint(Protocol):
    """Answers a request once. Raises Busy or Cut where asking again may help, WorkbenchError where it won't."""

    def __call__(self, request: Mapping[str, Any], *, words: Callable[[str], None], seconds: float) -> dict[str, Any]:
        """The whole answer to `request`, which has to be there within so many seconds."""
        ...


class Ask(Protocol):
    """Answers a request for good."""

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer, as it is on record. Raises BudgetSpent, ModelUnavailable, or what a recording finds different."""
        ...


@dataclass
class Asking:
    """Asks an endpoint, within the budgets, and keeps everything on the session's record."""

    turn: Turn
    endpoint: Endpoint

    def __post_init__(self) -> None:
        self._begin = time.monotonic()
        self._known = calls_at(self.turn)

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer from the record of this very turn, else from the endpoint."""
        ctx = self.turn.ctx
        if self._known:
            call, *rest = self._known
            kept = ctx.read_blob(ctx.blob(request))
            if difference(ctx.read_blob(call.request), kept) is None:
                self._known = rest
                return dict(ctx.read_blob(call.answer))
            self._known = []  # the person said something meanwhile: from here on it is another conversation
        return self._ask(request)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        ctx, settings = self.turn.ctx, self.turn.ctx.settings.claude
        tried = 0
        while True:
            sha = ctx.blob(self._within_budget(request))
            sent = ctx.read_blob(sha)
            begin = time.monotonic()
            try:
                answer = self.endpoint(sent, words=ctx.words, seconds=min(self._seconds(), settings.timeout_seconds))
                return self._record(sha, sent, answer, time.monotonic() - begin)
            except Cut as cut:
                if cut.partial.get("usage"):
                    self._record(sha, sent, {**cut.partial, "stop_reason": BROKEN_OFF}, time.monotonic() - begin)
                why, after = str(cut), None
            except Busy as busy:
                why, after = busy.why, busy.after
            tried += 1
            if tried >= settings.attempts:
                hint = f"try again later: workbench run --resume {ctx.session_id}"
                raise ModelUnavailable(f"The model didn't answer in {tried} attempts: {why}.", hint)
            self._wait(why, after if after is not None else min(2.0**tried / 2, 30.0))

    def _wait(self, why: str, seconds: float) -> None:
        if seconds >= self._seconds():
            raise BudgetSpent(f"the endpoint asks to wait longer than the session's time ({why})")
        self.turn.ctx.say(f"the model: {why}; asked again in {seconds:.0f} s")
        pause(seconds)

    def _seconds(self) -> float:
        return self.turn.left.seconds - (time.monotonic() - self._begin)

    def _within_budget(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request with as many output tokens as can still be paid for. Raises BudgetSpent."""
        ctx = self.turn.ctx
        if self._seconds() <= 0:
            raise BudgetSpent(f"the session's {ctx.settings.loop.wall_seconds} s of active time are used up")
        left = left_of(ctx, self.turn.step, 0.0)
        wanted = int(request["max_tokens"])
        most = affordable(len(canonical(request)), wanted, left.tokens, left.cost, ctx.settings.claude.prices)
        if most < min(LEAST_OUTPUT, wanted):
            limits = ctx.settings.loop
            raise BudgetSpent(
                f"{limits.max_tokens - left.tokens:,} of {limits.max_tokens:,} tokens and ${limits.max_cost - left.cost:.2f} of "
                f"${limits.max_cost:.2f} are used, and the next call would go beyond"
            )
        return {**request, "max_tokens": most}

    def _record(self, request: str, sent: Mapping[str, Any], answer: dict[str, Any], seconds: float) -> dict[str, Any]:
        ctx, turn = self.turn.ctx, self.turn
        sha = ctx.blob(answer)
        tokens = tokens_of(answer.get("usage"))
        ctx.record(
            "model", step=turn.step, node=turn.node, model=str(sent["model"]), request=request, answer=sha,
            stop_reason=str(answer.get("stop_reason") or ""), tokens=tokens, cost=cost_of(tokens, ctx.settings.claude.prices),
            seconds=round(seconds, 3),
        )  # fmt: skip
        return dict(ctx.read_blob(sha))


def calls_at(turn: Turn) -> list[ModelCall]:
    """The whole answers on record for exactly this turn, in their order: some, where the session was killed in it."""
    events = read_session(turn.ctx.writer.directory).events
    calls = [event for event in events if isinstance(event, ModelCall) and (event.step, event.node) == (turn.step, turn.node)]
    return conversations(calls, turn.ctx.read_blob)[-1]


def conversations(calls: Sequence[ModelCall], read: Callable[[str], Any]) -> list[list[ModelCall]]:
    """The whole answers of one turn, conversation by conversation: where a person said something meanwhile, another begins.

    Never empty; the last is the one that counts.
    """
    found: list[list[ModelCall]] = []
    for call in calls:
        if call.stop_reason == BROKEN_OFF:
            continue
        if not found or _is_first(read(call.request)):
            found.append([])
        found[-1].append(call)
    return found or [[]]


def _is_first(request: Mapping[str, Any]) -> bool:
    return len(request["messages"]) == 1 and len(request["messages"][0]["content"]) == 1


def difference(recorded: Mapping[str, Any], made: Mapping[str, Any]) -> Difference | None:
    """The first difference between two requests, byte by byte. How much output could be paid for isn't one."""
    return _difference(_comparable(recorded), _comparable(made))


def said_difference(recorded: Mapping[str, Any], made: Mapping[str, Any]) -> Difference | None:
    """The first difference in what the model was told, byte by byte. Settings (model, effort, tools, caching) aren't told."""
    one, other = ({key: _unmarked(request[key]) for key in ("system", "messages")} for request in (recorded, made))
    return _difference(one, other)


def _difference(one: dict[str, Any], other: dict[str, Any]) -> Difference | None:
    if canonical(one) == canonical(other):
        return None
    return first_difference(one, other) or Difference("", one, other)


def _unmarked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


def _comparable(request: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != "max_tokens"}
