"""What the effect key keeps in the workspace: what it measured, by content, and the tables of each use case's last good run.

Both lie in the state directory, which confined code can't reach. What can't be read is not there; a full disk keeps nothing and
harms nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from workbench.changes.frozen import Verdict
from workbench.changes.measured import Measured
from workbench.changes.model import Change
from workbench.pipeline import frames
from workbench.pipeline.cache import surroundings
from workbench.pipeline.runner import Known
from workbench.settings import Settings

_FORMAT = "1"
_MOST_BYTES = 8_000_000_000


def found(settings: Settings, change: Change, tables: str) -> Measured | None:
    """What was measured on this change, where neither the code, the tables (`tables` names them) nor what runs it has changed."""
    with contextlib.suppress(OSError):
        measured = Measured.read(_place(settings, change, tables).read_bytes())
        if measured is not None and measured.is_about(change):
            return measured
    return None


def keep(settings: Settings, change: Change, tables: str, measured: Measured) -> None:
    """Keeps what was measured, for the next who asks the same."""
    place = _place(settings, change, tables)
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(measured.content)
        fresh.replace(place)


def _place(settings: Settings, change: Change, tables: str) -> Path:
    key = [_FORMAT, change.base, change.result, tables, surroundings(settings), _own()]
    return settings.state / "cache" / "effect" / hashlib.sha256(json.dumps(key).encode()).hexdigest()


def tables_digest(tables: Mapping[str, pd.DataFrame], known: Known) -> str:
    """SHA-256 over names and contents of tables, whose ids are in `known`; empty where one of them can't be written."""
    if set(known) != set(tables):
        return ""
    return hashlib.sha256(json.dumps(sorted((name, content) for name, (content, _) in known.items())).encode()).hexdigest()


def last_tables(settings: Settings, use_case: str) -> dict[str, pd.DataFrame] | None:
    """The tables of the last run of the use case that came to its end in this workspace; None where none are kept."""
    folder = _last(settings, use_case)
    try:
        names = json.loads((folder / "names.json").read_text("utf-8"))
        return {str(name): frames.read_untrusted(folder / f"table-{i}", _MOST_BYTES) for i, name in enumerate(names)}
    except (OSError, ValueError, TypeError):
        return None


def keep_last_tables(settings: Settings, use_case: str, tables: Mapping[str, pd.DataFrame], known: Known) -> None:
    """Keeps the tables of a run that came to its end, in place of those before; `known` has their ids."""
    digest = tables_digest(tables, known)
    folder = _last(settings, use_case)
    with contextlib.suppress(OSError):
        if not digest or ((folder / "digest").is_file() and (folder / "digest").read_text("utf-8") == digest):
            return
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=_parent(folder), prefix=".new-") as place:
        fresh = Path(place) / "tables"
        fresh.mkdir()
        for i, table in enumerate(tables.values()):
            frames.write(frames.encode(table), fresh / f"table-{i}")
        (fresh / "names.json").write_text(json.dumps(list(tables)), "utf-8")
        (fresh / "digest").write_text(digest, "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def _parent(folder: Path) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder.parent


def verdicts(settings: Settings, key: Sequence[str]) -> dict[str, Verdict] | None:
    """What checks made of the frozen rows; `key` is what it depends on. None where nothing is kept."""
    try:
        found = json.loads(_verdicts(settings, key).read_text("utf-8"))
        return {str(words): verdict for words, verdict in found.items() if verdict in ("refused", "dropped", "taken")}
    except (OSError, ValueError, AttributeError):
        return None


def keep_verdicts(settings: Settings, key: Sequence[str], made: Mapping[str, Verdict]) -> None:
    """Keeps what checks made of the frozen rows."""
    place = _verdicts(settings, key)
    with contextlib.suppress(OSError):
        _parent(place)
        fresh = place.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(made), "utf-8")
        fresh.replace(place)


def _verdicts(settings: Settings, key: Sequence[str]) -> Path:
    whole = [_FORMAT, *key, surroundings(settings), _own()]
    return settings.state / "cache" / "effect" / hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _own() -> list[str]:
    """What the effect key itself is, by content."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(Path(__file__).parent.glob("*.py"))]


def _last(settings: Settings, use_case: str) -> Path:
    return settings.state / "cache" / "last" / hashlib.sha256(use_case.encode()).hexdigest()[:32]
