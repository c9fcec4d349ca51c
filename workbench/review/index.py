"""What a list of the queue shows of each change, kept in the working copy so that a long queue need not be read for every list.

The index is filled from the refs and can be deleted at any time. A line is found by the queue's own commit, behind which nothing
can change; which lines there are, the refs say each time. Nothing decides by it: whoever opens, signs or applies a change reads
the change.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import Corrupt
from workbench.repo import Repo
from workbench.review import ledger, queue
from workbench.review.queue import QueuedChange
from workbench.settings import Settings

_FORMAT = 1
_TABLES = {
    "line": (
        "commit_id TEXT PRIMARY KEY, id TEXT, digest TEXT, title TEXT, author TEXT, agent INT, use_case TEXT, session TEXT,"
        " kinds TEXT, decision TEXT, approvals INT, at TEXT"
    ),
    "ledger": "head TEXT",
    "applied": "commit_id TEXT",
}


class Waiting(NamedTuple):
    """One line of the queue. Everything in it was said when the change was proposed; `commit` is where it lies in the queue."""

    commit: str
    id: str
    digest: str
    title: str
    author: str
    agent: bool
    use_case: str
    session: str
    kinds: tuple[str, ...]
    decision: str
    approvals: int
    proposed_at: datetime


def place(settings: Settings) -> Path:
    """Where the index lies."""
    return settings.state / "cache" / "queue.sqlite"


def waiting(repo: Repo, kept: Path, *, unreadable: list[Corrupt] | None = None) -> list[Waiting]:
    """A line for every change that was not applied, oldest first, as `queue.pending` has them; `kept` is the index's file.

    Raises Corrupt for an entry that can't be read; with `unreadable`, it is put there instead.
    """
    refs = queue.standing(repo, _applied(repo, kept))
    known = _read(kept, refs.values())
    missing = {name: commit for name, commit in refs.items() if commit not in known or known[commit].id != name}
    fresh: dict[str, Waiting] = {}
    for one in queue.read(repo, missing):
        if isinstance(one, QueuedChange):
            fresh[one.commit] = _line(one)
        elif unreadable is None:
            raise one
        else:
            unreadable.append(one)
    if fresh:
        _change(kept, lambda database: _keep(database, fresh.values(), set(refs.values())))
    lines = [fresh.get(commit) or known[commit] for name, commit in refs.items() if commit in fresh or name not in missing]
    return sorted(lines, key=lambda line: (line.proposed_at, line.id))


def _applied(repo: Repo, kept: Path) -> set[str]:
    """The queue commits that were applied: as kept, where the ledger ends as it did then, else read from it."""
    newest = ledger.head(repo)
    if newest is None:
        return set()
    if kept.is_file():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(_opened(kept)) as database:
            if database.execute("SELECT 1 FROM ledger WHERE head = ?", (newest,)).fetchone():
                return {commit for (commit,) in database.execute("SELECT commit_id FROM applied")}
    found = ledger.applied_queue_commits(ledger.entries(repo, newest))
    _change(kept, lambda database: _keep_applied(database, newest, found))
    return found


def _keep_applied(database: sqlite3.Connection, newest: str, found: set[str]) -> None:
    database.execute("DELETE FROM ledger")
    database.execute("DELETE FROM applied")
    database.execute("INSERT INTO ledger VALUES (?)", (newest,))
    database.executemany("INSERT INTO applied VALUES (?)", [(commit,) for commit in found])


def _line(queued: QueuedChange) -> Waiting:
    return Waiting(
        commit=queued.commit, id=queued.id, digest=queued.digest, title=queued.change.title, author=queued.change.author.name,
        agent=queued.change.author.agent, use_case=queued.use_case, session=queued.session,
        kinds=tuple(kind.value for kind in queued.classification.kinds), decision=queued.decision.decision,
        approvals=queued.decision.requires.approvals, proposed_at=queued.proposed_at,
    )  # fmt: skip


def _read(kept: Path, commits: Iterable[str]) -> Mapping[str, Waiting]:
    """The lines that are kept, by commit; none where the file can't be read."""
    wanted = set(commits)
    if not wanted or not kept.is_file():
        return {}
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError, AttributeError), contextlib.closing(_opened(kept)) as database:
        if database.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
            return {}
        rows = database.execute("SELECT * FROM line")
        return {row[0]: _from(row) for row in rows if row[0] in wanted}
    return {}


def _from(row: tuple[Any, ...]) -> Waiting:
    commit, name, digest, title, author, agent, use_case, session, kinds, decision, approvals, at = row
    return Waiting(
        commit, name, digest, title, author, bool(agent), use_case, session, tuple(kinds.split()), decision, approvals,
        datetime.fromisoformat(at),
    )  # fmt: skip


def _keep(database: sqlite3.Connection, lines: Iterable[Waiting], standing: set[str]) -> None:
    """Adds lines and takes out those of changes that left the queue."""
    rows = [
        (*line[:5], int(line.agent), *line[6:8], " ".join(line.kinds), *line[9:11], line.proposed_at.isoformat())
        for line in lines
    ]  # fmt: skip
    gone = [(commit,) for (commit,) in database.execute("SELECT commit_id FROM line") if commit not in standing]
    database.executemany("DELETE FROM line WHERE commit_id = ?", gone)
    database.executemany(f"INSERT OR REPLACE INTO line VALUES ({','.join('?' * 12)})", rows)


def _change(kept: Path, write: Callable[[sqlite3.Connection], None]) -> None:
    """Writes to the index; where that can't be done, nothing is kept, and a file that is no index is made anew next time."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            with contextlib.closing(_opened(kept)) as database, database:
                database.execute("BEGIN IMMEDIATE")
                if database.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
                    for name, columns in _TABLES.items():
                        database.execute(f"DROP TABLE IF EXISTS {name}")
                        database.execute(f"CREATE TABLE {name} ({columns})")
                    database.execute(f"PRAGMA user_version = {_FORMAT}")
                write(database)
        except sqlite3.OperationalError:
            return  # busy, or it can't be written to
        except sqlite3.DatabaseError:
            kept.unlink(missing_ok=True)


def _opened(kept: Path) -> sqlite3.Connection:
    return sqlite3.connect(kept, timeout=0.2)
