"""A session as lines of text, 80 columns wide: one line an event, with a glyph and a word for how it went.

Everything that events carry is untrusted here and goes through `visible()`. Colors and streams are the caller's.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from functools import singledispatch

from workbench.sessions import events
from workbench.sessions.events import Event
from workbench.sessions.reader import Session
from workbench.visible import visible

WIDTH = 80
_INDENT = 34
GOOD, BAD, STOP, PLAIN = "✓", "✗", "‖", "·"


def listing(session: Session, *, to: int | None = None) -> list[str]:
    """The session's head and its events up to step `to`; no line is wider than 80 characters."""
    header = session.header
    state = session.outcome or ("running, or killed" if session.events else "empty")
    lines = [
        *_wrapped(f"session {header.id}: {state}", 0),
        *_wrapped(f"{header.use_case} · driver {header.driver} · base {header.base[:12]} · {header.created}", 0),
    ]
    if header.goal:
        lines += _wrapped(f"goal: {header.goal}", 0)
    if header.sandbox.startswith("off"):
        lines += _wrapped(f"WARNING: the sandbox was {header.sandbox}", 0)
    lines.append(f"{'event':>5} {'step':>4}  time      what")
    for event in until(session.events, to):
        lines += _lines(event)
    if session.torn:
        lines.append(f"      {STOP} an unfinished last line of {len(session.torn)} bytes was never acknowledged")
    return lines


def until(recorded: Iterable[Event], step: int | None) -> list[Event]:
    """The events up to and with that step; all where it is None."""
    found = []
    for event in recorded:
        if step is not None and event.step > step:
            break
        found.append(event)
    return found


def _lines(event: Event) -> list[str]:
    glyph, text = said(event)
    clock = event.at[11:19] if len(event.at) >= 19 else ""
    head = f"{event.seq:>5} {event.step or '':>4}  {clock:<8}  {glyph} {event.kind:<11} "
    body = _wrapped(text, _INDENT) or [""]
    return [(head + body[0].strip()).rstrip(), *body[1:]]


def _wrapped(text: str, indent: int) -> list[str]:
    shown = visible(text, limit=600)
    space = " " * indent
    return textwrap.wrap(shown, WIDTH, initial_indent=space, subsequent_indent=space, break_on_hyphens=False)


@singledispatch
def said(event: object) -> tuple[str, str]:
    """A glyph for how it went, and one sentence; the sentence is still untrusted."""
    return PLAIN, ""


@said.register
def _(event: events.Started) -> tuple[str, str]:
    return PLAIN, f"{event.use_case} with {event.driver} on {event.base[:12]}{f': {event.goal}' if event.goal else ''}"


@said.register
def _(event: events.Resumed) -> tuple[str, str]:
    return PLAIN, event.reason or "goes on"


@said.register
def _(event: events.Build) -> tuple[str, str]:
    scores = ", ".join(f"{name} {value:.4g}" for name, value in event.scores.items())
    return (GOOD, f"ok on {event.tree[:12]} {scores}") if event.ok else (BAD, f"failed on {event.tree[:12]} {event.error}")


@said.register
def _(event: events.Gate) -> tuple[str, str]:
    which = f" ({', '.join(event.gates)})" if event.gates else ""
    return (GOOD if event.verdict == "pass" else BAD), f"{event.verdict} on {event.tree[:12]}{which}"


@said.register
def _(event: events.Diagnosis) -> tuple[str, str]:
    first = event.diagnoses[0] if event.diagnoses else {}
    more = f" (and {len(event.diagnoses) - 1} more)" if len(event.diagnoses) > 1 else ""
    return PLAIN, f"{first.get('message') or first.get('cause') or 'no cause found'}{more}"


@said.register
def _(event: events.Chosen) -> tuple[str, str]:
    what = event.skill or event.choice
    return PLAIN, f"{what}: {event.why}" if event.why else what


@said.register
def _(event: events.SkillRan) -> tuple[str, str]:
    where = f" on {event.code[:12]}" if event.code else ""
    answer = "yes" if event.ok else "no"
    return (GOOD if event.ok else BAD), f"{event.name} {event.version}{where}: {answer}, {event.seconds:.1f} s"


@said.register
def _(event: events.ChangeMade) -> tuple[str, str]:
    files = f" ({len(event.files)} files)" if len(event.files) > 1 else f" ({event.files[0]})" if event.files else ""
    return PLAIN, f"{event.title or event.digest[:19]}{files}"


@said.register
def _(event: events.Classified) -> tuple[str, str]:
    kinds = ", ".join(sorted({str(risk.get("kind")) for risk in event.risks if not risk.get("cleared")})) or "no risk"
    glyph = {"allow": GOOD, "review": STOP, "block": BAD}[event.decision]
    return glyph, f"{event.decision}: {kinds}"


@said.register
def _(event: events.Queued) -> tuple[str, str]:
    return STOP, f"change {event.change} waits for a person"


@said.register
def _(event: events.Decided) -> tuple[str, str]:
    who = ", ".join(event.reviewers) or "nobody named"
    comment = f": {event.comment}" if event.comment else ""
    return (GOOD if event.verdict == "approve" else BAD), f"{who} said {event.verdict} to {event.change}{comment}"


@said.register
def _(event: events.Applied) -> tuple[str, str]:
    return GOOD, f"change {event.change} as {event.commit[:12]} (by {event.by or 'policy'})"


@said.register
def _(event: events.Registered) -> tuple[str, str]:
    return GOOD, f"version {event.version}"


@said.register
def _(event: events.Promoted) -> tuple[str, str]:
    before = f" (before: {event.previous})" if event.previous else ""
    return GOOD, f"version {event.version} is {event.alias}{before}"


@said.register
def _(event: events.RolledBack) -> tuple[str, str]:
    return BAD, f"{event.alias} back to version {event.version} {event.reason}"


@said.register
def _(event: events.Served) -> tuple[str, str]:
    return (GOOD if event.status < 400 else BAD), f"answered {event.status} by version {event.version}"


@said.register
def _(event: events.ModelCall) -> tuple[str, str]:
    tokens = ", ".join(f"{count} {name}" for name, count in event.tokens.items())
    return PLAIN, f"{event.model}: {event.stop_reason} {tokens}"


@said.register
def _(event: events.Message) -> tuple[str, str]:
    who = event.person.get("name", event.by) if event.by == "person" else event.by
    act = f" ({event.act})" if event.act else ""
    return PLAIN, f"{who}{act}{f': {event.text}' if event.text else ''}"


@said.register
def _(event: events.Budget) -> tuple[str, str]:
    return STOP, event.spent


@said.register
def _(event: events.Touch) -> tuple[str, str]:
    scores = ", ".join(f"{name} {value:.4g}" for name, value in event.scores.items())
    of = f" of {event.budget}" if event.budget is not None else ""
    count = event.looks if event.over == "test rows" else event.in_session
    return PLAIN, f"look {count}{of} at {event.held_out.rows:,} test rows: {scores}"


@said.register
def _(event: events.Ended) -> tuple[str, str]:
    glyph = {"released": GOOD, "green": GOOD, "waiting": STOP, "paused": STOP, "taken-over": STOP}.get(event.outcome, BAD)
    return glyph, f"{event.outcome}{f': {event.reason}' if event.reason else ''}"
