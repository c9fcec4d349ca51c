"""What a session's model calls were, as traces in MLflow: so "why did it do that" is a query.

One trace for each of the driver's turns, made from the recorded events once the session stands still: what failed, every call of
the model and of a skill with what went in and came out, tokens, cost, and the choice. Next to `registry` the only importer of
MLflow; a session without model calls imports nothing here. What is on record is complete without it, so a store that can't be
reached costs the traces and nothing else.

    mlflow.search_traces(filter_string="tag.`workbench.session` = '2026-11-20-sales-7f3a' AND tag.`workbench.choice` = 'edited'")
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workbench.errors import WorkbenchError
from workbench.release.registry import Registry
from workbench.sessions.events import Chosen, Event, ModelCall, SkillRan
from workbench.sessions.reader import Session
from workbench.settings import Settings

KEY = "workbench.turn"
"""The tag that names a turn: one that has it is not written again."""


@dataclass(frozen=True)
class Told:
    """One of the driver's turns on record: the calls and skills of its step, and what it chose."""

    chosen: Chosen
    calls: Sequence[ModelCall]
    skills: Sequence[SkillRan]


def turns(session: Session) -> list[Told]:
    """The turns in which a model was asked, in their order."""
    found = []
    for chosen in (event for event in session.events if isinstance(event, Chosen)):
        here = [event for event in session.events if event.seq < chosen.seq and event.step == chosen.step]
        calls = [event for event in here if isinstance(event, ModelCall) and event.node == chosen.node]
        if calls:
            found.append(Told(chosen, calls, [event for event in here if isinstance(event, SkillRan)]))
    return found


def export(settings: Settings, session: Session, say: Callable[[str], None] = lambda text: None) -> int:
    """Writes a trace for each turn that has none yet; returns how many. Never raises for what MLflow can't do."""
    told = turns(session)
    if not told or not settings.mlflow.traces:
        return 0
    try:
        registry = Registry(settings)
        return registry.traced(session.header.use_case, lambda client, experiment: _write(client, experiment, session, told))
    except (WorkbenchError, OSError) as error:
        say(f"no traces in MLflow: {error}")
        return 0


def _write(client: Any, experiment: str, session: Session, told: Sequence[Told]) -> int:
    name = session.header.id
    known = client.search_traces([experiment], f"tag.`workbench.session` = '{name}'", max_results=500, include_spans=False)
    there = {trace.info.tags.get(KEY) for trace in known}
    new = [turn for turn in told if _key(session, turn) not in there]
    for turn in new:
        _trace(client, experiment, session, turn)
    return len(new)


def _key(session: Session, turn: Told) -> str:
    return f"{session.header.id}/{turn.chosen.step}/{turn.chosen.node}"


def _trace(client: Any, experiment: str, session: Session, turn: Told) -> None:
    chosen, header = turn.chosen, session.header
    tokens = sum(sum(call.tokens.values()) for call in turn.calls)
    tags = {
        KEY: _key(session, turn), "workbench.session": header.id, "workbench.use_case": header.use_case,
        "workbench.driver": header.driver, "workbench.step": str(chosen.step), "workbench.node": chosen.node,
        "workbench.choice": chosen.choice, "workbench.failure": chosen.failure, "workbench.tree": chosen.tree or "",
        "workbench.tokens": str(tokens), "workbench.cost": f"{sum(call.cost for call in turn.calls):.6f}",
    }  # fmt: skip
    events: list[ModelCall | SkillRan] = [*turn.calls, *turn.skills]
    begin = min(map(_begin, events))
    asked = {"goal": header.goal, "failure": chosen.failure, "base": chosen.base, "diagnoses": _diagnoses(session, chosen)}
    root = client.start_trace(
        f"{header.use_case}: {chosen.node}", span_type="AGENT", inputs=asked, tags=tags, experiment_id=experiment,
        start_time_ns=begin,
    )  # fmt: skip
    for event in sorted(events, key=lambda event: event.seq):
        _span(client, session, root, event)
    outputs = {"choice": chosen.choice, "why": chosen.why, "tree": chosen.tree}
    client.end_trace(root.trace_id, outputs=outputs, end_time_ns=_nanoseconds(chosen.at))


def _span(client: Any, session: Session, root: Any, event: ModelCall | SkillRan) -> None:
    if isinstance(event, ModelCall):
        name, kind, given, answer = event.model, "CHAT_MODEL", event.request, event.answer
        usage = {f"{side}_tokens": event.tokens.get(side, 0) for side in ("input", "output")}
        attributes: dict[str, Any] = {
            "stop_reason": event.stop_reason, "cost": event.cost, "tokens": dict(event.tokens), "event": event.seq,
            "mlflow.chat.tokenUsage": {**usage, "total_tokens": sum(event.tokens.values())},
        }  # fmt: skip
    else:
        name, kind, given, answer = event.name, "TOOL", event.input, event.output
        attributes = {"version": event.version, "skill_tree": event.tree, "code": event.code, "ok": event.ok, "event": event.seq}
    span = client.start_span(
        name, root.trace_id, root.span_id, span_type=kind, inputs=json.loads(session.blob(given)), attributes=attributes,
        start_time_ns=_begin(event),
    )  # fmt: skip
    client.end_span(root.trace_id, span.span_id, outputs=json.loads(session.blob(answer)), end_time_ns=_nanoseconds(event.at))


def _diagnoses(session: Session, chosen: Chosen) -> list[Any]:
    before: list[Event] = [event for event in session.events if event.kind == "diagnosis" and event.seq < chosen.seq]
    return list(getattr(before[-1], "diagnoses", [])) if before and chosen.failure else []


def _begin(event: ModelCall | SkillRan) -> int:
    return _nanoseconds(event.at, event.seconds)


def _nanoseconds(at: str, back: float = 0.0) -> int:
    moment = datetime.fromisoformat(at) - timedelta(seconds=back)
    return int(moment.timestamp() * 1_000_000) * 1_000
