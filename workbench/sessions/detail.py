"""What one event holds, in full, as lines of text: its fields and what it refers to. Untrusted text: show it with `visible()`."""

from __future__ import annotations

import json
from typing import Any

from workbench.sessions.events import Event, blobs_of
from workbench.sessions.listing import said
from workbench.sessions.reader import Session

MOST = 4000
"""Lines of one blob; what is left out is said."""
_HEAD = frozenset({"kind", "seq", "at", "prev", "step", "node"})


def detail(session: Session, event: Event) -> list[str]:
    """The event's sentence, its fields, then each blob. Raises Corrupt for a blob that isn't what its name says."""
    _, sentence = said(event)
    lines = [
        f"event {event.seq} · step {event.step or '-'} · {event.node or event.kind} · {event.at}",
        f"{event.kind}: {sentence}",
        "",
    ]
    blobs = blobs_of(event)
    for name, value in event.model_dump(mode="json").items():
        if name not in _HEAD and name not in blobs and value not in (None, "", [], {}):
            lines += _field(name, value)
    for name, blob in blobs.items():
        lines += ["", f"{name} ({blob[:12]})", *_shown(name, session.blob(blob))]
    return lines


def _field(name: str, value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [f"{name}:", *(f"  {row}" for row in json.dumps(value, indent=1, ensure_ascii=False).splitlines())]
    first, *rest = str(value).splitlines() or [""]
    return [f"{name}: {first}", *(f"  {row}" for row in rest)]


def _shown(name: str, content: bytes) -> list[str]:
    try:
        value = json.loads(content)
    except ValueError:
        rows = content.decode("utf-8", "replace").splitlines()
    else:
        rows = diff_text(value) if name == "diff" else json.dumps(value, indent=1, ensure_ascii=False).splitlines()
    left = len(rows) - MOST
    return [f"  {row}" for row in rows[:MOST]] + ([f"  … and {left:,} lines more"] if left > 0 else [])


def diff_text(files: Any) -> list[str]:
    """A recorded diff as a unified one; what isn't of that form as JSON."""
    try:
        rows = []
        for file in files:
            rows.append(f"{file['status']} {file['path']}" + (" (binary)" if file["binary"] else ""))
            for hunk in file["hunks"]:
                rows += [hunk["header"], *(f"{row['mark']} {row['text']}" for row in hunk["lines"])]
        return rows
    except (KeyError, TypeError):
        return json.dumps(files, indent=1, ensure_ascii=False).splitlines()
