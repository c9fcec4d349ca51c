"""What the story comes to: a summary for the terminal and an HTML page, both read from the session's record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from workbench.demo.story import Told
from workbench.gates.registry import documents
from workbench.report.html import html
from workbench.report.model import AuditReport
from workbench.sessions.events import Applied, Build, ChangeMade, Decided, Event, Gate, Promoted, Queued, Registered, SkillRan
from workbench.sessions.reader import read_session
from workbench.visible import visible


@dataclass
class Summary:
    """Three lists a person reads first, and every step for who wants to know more."""

    alone: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    reports: list[tuple[str, AuditReport]] = field(default_factory=list)
    """File name and gate report of each audit of the session's tree, in order."""


def summary(told: Told) -> str:
    """The summary as text."""
    found = _summary(told)
    parts = [("The agent did alone", found.alone), ("It was stopped at", found.stopped), ("A person decided", found.decided)]
    lines = [f"{title}\n" + "\n".join(f"  • {text}" for text in texts or ["nothing"]) for title, texts in parts]
    served = f"In production: version {told.version}; it answered {told.prediction:.1f} minutes of delay for the question asked."
    return "\n\n" + "\n\n".join([*lines, served, f"Took {sum(told.seconds.values()):.0f} s."])


def write(told: Told) -> Path:
    """Writes the page beside the demo's workspace and returns its path."""
    found = _summary(told)
    environment = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(Path(__file__).parent))
    environment.filters["shown"] = lambda value: visible(str(value))
    place = told.place.parent
    for name, report in found.reports:
        (place / name).write_text(html([report], documents()), "utf-8")
    path = place / "report.html"
    path.write_text(environment.get_template("page.html").render(told=told, found=found), "utf-8")
    return path


def _summary(told: Told) -> Summary:
    session = read_session(told.place / "sessions" / told.session)
    found = Summary()
    made: list[str] = []
    for event in session.events:
        found.steps += _step(event)
        match event:
            case ChangeMade(node="fix" | "propose"):
                made.append(event.title)
            case Applied(by="policy"):
                found.alone += [f"repaired and applied: {title}" for title in made]
                made = []
            case Build(ok=False):
                found.stopped.append(f"build: {event.error}")
            case Gate(node="gate"):
                report = AuditReport.model_validate_json(session.blob(event.report))
                found.reports.append((f"gates-{len(found.reports) + 1}.html", report))
                failed = [finding for finding in report.findings if finding.severity == "error"]
                found.stopped += [f"gate {finding.rule}: {finding.message}{_rows(finding.rows)}" for finding in failed]
            case Queued():
                found.stopped.append(f"policy: change {event.change} needs a person's signed yes")
                found.alone += [f"worked out and proposed: {title}" for title in made]
            case Decided():
                found.decided.append(f"{', '.join(event.reviewers)}: {event.verdict} change {event.change}: {'; '.join(made)}")
            case Promoted(alias="champion"):
                found.alone.append(f"promoted version {event.version} to champion, all gates green")
    return found


def _rows(count: int | None) -> str:
    return f" ({count:,} rows)" if count else ""


def _step(event: Event) -> list[tuple[str, str, str]]:
    match event:
        case Build():
            text = "built" if event.ok else f"failed: {event.error}"
        case Gate():
            text = f"{event.verdict}{' (' + ', '.join(event.gates) + ')' if event.gates else ''}"
        case SkillRan():
            text = f"{event.name} {event.version}, {event.seconds:.1f} s"
        case ChangeMade():
            text = f"{event.title} ({', '.join(event.files)})"
        case Registered():
            text = f"version {event.version}"
        case Promoted():
            text = f"version {event.version} → {event.alias}"
        case _:
            return []
    return [(event.at[11:19], event.kind, text)]
