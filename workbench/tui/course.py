"""Where a session stands, drawn: the graph with the node that is live, budgets, steps, gates, and what was said.

Made from the session's record and from what the running node has said so far. All of it is untrusted and goes through `line()`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.errors import Corrupt
from workbench.sessions import events
from workbench.sessions.events import Event
from workbench.sessions.listing import said
from workbench.sessions.reader import Session
from workbench.tui.lines import Line, line
from workbench.visible import Visible, visible

BOXES = {
    "build": "build", "settle": "build", "propose": "build", "gate": "gates", "ask": "you", "hear": "you", "land": "you",
    "deploy": "deploy", "diagnose": "diagnose", "fix": "fix", "improve": "fix",
}  # fmt: skip
"""Node of the loop → the box it is drawn in; `you` is where the loop waits for a person."""
LIVE, GOOD, BAD, STOP, NOT_YET = "▶", "✓", "✗", "‖", "·"
_STYLES = {GOOD: "plain", BAD: "bad", STOP: "warning", NOT_YET: "dim"}
_STATUS = {"pass": GOOD, "fail": BAD, "error": BAD, "not exercised": BAD, "not applicable": NOT_YET}
_BAR = 12
_SHOWN = 5
"""Lines of the running node's own words below the steps."""


@dataclass(frozen=True)
class Now:
    """The loop at this moment: `node` is empty where it doesn't run; `waits` says what a person is waited for, if so."""

    node: str = ""
    step: int = 0
    said: Sequence[str] = ()
    words: str = ""
    waits: str = ""


def graph_lines(session: Session | None, now: Now) -> list[Visible]:
    """Two rows: the way to production, and the way back."""
    marks = _marks(session.events if session else [])
    if now.waits:
        marks["you"] = STOP
    live = BOXES.get(now.node, "")

    def box(name: str) -> str:
        return f"[{LIVE} {name.upper()}]" if name == live else f" {marks.get(name, NOT_YET)} {name} "

    first = " ─▶ ".join(box(name) for name in ("build", "gates", "you", "deploy"))
    second = f"   ╰─ failed ─▶ {box('diagnose')} ─▶ {box('fix')} ─▶ build again"
    return [visible(f" {first}"), visible(second)]


def _marks(recorded: Sequence[Event]) -> dict[str, str]:
    marks: dict[str, str] = {}
    tree = ""
    for event in recorded:
        match event:
            case events.Build():
                # Another tree: what was said of the one before doesn't hold for it.
                marks = {**(marks if event.tree == tree else {}), "build": GOOD if event.ok else BAD}
                tree = event.tree
            case events.Gate():
                marks["gates"] = GOOD if event.verdict == "pass" else BAD
            case events.Diagnosis():
                marks["diagnose"] = GOOD
            case events.Chosen():
                marks["fix"] = BAD if event.choice in ("no-cure", "stuck", "spent") else GOOD
            case events.Queued():
                marks["you"] = STOP
            case events.Decided():
                marks["you"] = GOOD if event.verdict == "approve" else BAD
            case events.Promoted():
                marks["deploy"] = GOOD
            case _:
                pass
    return marks


def budget_lines(session: Session | None, now: Now, at: datetime) -> list[Visible]:
    """Two rows of bars in characters: steps and time, tokens and money."""
    if session is None or not session.events or not isinstance(session.events[0], events.Started):
        return [visible(" budgets: not known yet"), visible("")]
    limits = session.events[0].budgets
    calls = [event for event in session.events if isinstance(event, events.ModelCall)]
    steps = max([now.step, *(event.step for event in session.events)])
    seconds = active_seconds(session.events, at if now.node else None)
    tokens, cost = sum(sum(call.tokens.values()) for call in calls), sum(call.cost for call in calls)
    bars = [
        _bar("steps", steps, limits.get("max_steps"), "{:,.0f}"), _bar("time", seconds, limits.get("wall_seconds"), "{:,.0f} s"),
        _bar("tokens", tokens, limits.get("max_tokens"), "{:,.0f}"), _bar("money", cost, limits.get("max_cost"), "${:,.2f}"),
    ]  # fmt: skip
    rows = [f" {bars[0]:<39}{bars[1]}", f" {bars[2]:<39}{bars[3]}"]
    return [visible(row) for row in rows]


def _bar(name: str, spent: float, limit: object, form: str) -> str:
    if not isinstance(limit, int | float) or limit <= 0:
        return f"{name:<6} {'no limit':<{_BAR}} {form.format(spent)}"
    full = min(_BAR, round(_BAR * spent / limit))
    return f"{name:<6} {'█' * full}{'░' * (_BAR - full)} {form.format(spent)} of {form.format(limit)}"


def active_seconds(recorded: Sequence[Event], now: datetime | None) -> float:
    """How long the loop has run so far, without the time between an end and the next resumption; up to `now` if it runs."""
    total, begin, last = 0.0, None, None
    for event in recorded:
        at = datetime.fromisoformat(event.at).astimezone(UTC)
        if isinstance(event, events.Started | events.Resumed):
            if begin is not None and last is not None:
                total += (last - begin).total_seconds()
            begin = at
        last = at
        if isinstance(event, events.Ended):
            if begin is not None:
                total += (at - begin).total_seconds()
            begin = None
    if begin is not None:
        total += ((now or last or begin) - begin).total_seconds()
    return max(0.0, total)


def step_lines(session: Session | None, now: Now) -> list[Line]:
    """One line an event, and below them what the running node says; keys `e<seq>` and `now`."""
    lines = []
    for event in session.events if session else []:
        glyph, text = said(event)
        head = f"{event.step or '':>3} {event.at[11:19]} {glyph} {event.kind} "
        lines.append(line(head + text, _STYLES.get(glyph, "plain"), f"e{event.seq}"))
    if now.node:
        lines.append(line(f"{now.step or '':>3} {LIVE} {now.node} runs now", "strong", "now"))
        lines += [line(f"      {text}", "dim", "now") for text in list(now.said)[-_SHOWN:]]
    return lines or [line("the session begins …", "dim")]


def gate_lines(session: Session | None, now: Now) -> list[Line]:
    """What the latest gates said, gate by gate; while they run, which of them have begun."""
    if now.node == "gate":
        return _running(now)
    last = next((event for event in reversed(session.events if session else []) if isinstance(event, events.Gate)), None)
    if session is None or last is None:
        return [line("no gate has run yet", "dim")]
    try:
        report = json.loads(session.blob(last.report))
    except (Corrupt, ValueError):
        return [line("✗ the gate report can't be read", "bad")]
    passed = last.verdict == "pass"
    lines = [line(f"{GOOD if passed else BAD} {last.verdict} on {last.tree[:12]}", "good" if passed else "bad")]
    for gate in report.get("gates", []):
        mark = _STATUS.get(str(gate.get("status")), BAD)
        reason = f": {gate['reason']}" if gate.get("reason") else ""
        lines.append(line(f"{mark} {gate.get('name')} {gate.get('status')}{reason}", _STYLES[mark]))
    findings = [found for found in report.get("findings", []) if found.get("severity") != "note"]
    return lines + [row for found in findings for row in (line(""), *_finding(found))]


def _running(now: Now) -> list[Line]:
    begun = [found.group(1) for text in now.said if (found := re.fullmatch(r"gate (\w+)", text))]
    lines = [line(f"{LIVE} the gates run now", "strong"), *(line(f"… {name} has begun") for name in begun)]
    return lines + [line(f"  {text}", "dim") for text in list(now.said)[-1:]]


def _finding(found: Mapping[str, object]) -> list[Line]:
    waived = " (waived)" if found.get("waived") else ""
    return [
        line(f"{BAD if found.get('severity') == 'error' else '!'} {found.get('rule')}{waived}", "warning"),
        line(f"  {found.get('message')}"),
    ]


def talk_lines(session: Session | None, now: Now) -> list[Line]:
    """What the driver and people said and chose, and the model's words as they come."""
    lines = []
    for event in session.events if session else []:
        if isinstance(event, events.Message):
            who = event.person.get("name") or ("you" if event.by == "person" else event.by)
            act = f" ({event.act})" if event.act else ""
            lines.append(line(f"{who}{act}:", "strong", f"e{event.seq}"))
            lines += [line(f"  {text}", "plain", f"e{event.seq}") for text in event.text.split("\n") if text]
        elif isinstance(event, events.Chosen):
            mark = {"question": "?", "no-cure": BAD, "stuck": BAD, "spent": STOP}.get(event.choice, "→")
            lines.append(line(f"{mark} {event.skill or event.choice}", "strong", f"e{event.seq}"))
            lines += [line(f"  {text}", "plain", f"e{event.seq}") for text in event.why.split("\n") if text]
    if now.words:
        lines.append(line(f"{LIVE} it is saying", "strong", "now"))
        lines += [line(f"  {text}", "plain", "now") for text in now.words.split("\n")]
    return lines or [line("nobody has said anything yet; d tells the driver something", "dim")]
