"""Where the loop's state is kept: an SQLite file of the session's own, or PostgreSQL where several people or machines share it.

Sessions on PostgreSQL have one writer over all machines: an advisory lock of the server, held by the very connection that
writes the checkpoints, so whoever loses the one loses the other. Imported by the loop alone; LangGraph's saver for PostgreSQL
and its driver are the extra `postgres`.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import ConfigError, Refusal, UsageError
from workbench.sessions.writer import this_process
from workbench.settings import Settings
from workbench.visible import visible

# Loading a checkpoint would otherwise be allowed to construct arbitrary objects (CVE-2026-28277); LangGraph reads this
# when it is first imported, and has no other switch for it.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

_SETTING = "loop.checkpoints"
_TABLES = "workbench checkpoint tables"


@dataclass(frozen=True)
class Held:
    """A session's place on a server, and the right to write it, for as long as its connection lives."""

    connection: Any


@contextmanager
def held(settings: Settings, session: str) -> Iterator[Held | None]:
    """The session's place on PostgreSQL while it runs here; None where its state is in a file.

    Raises ConfigError for an address that can't be used or without the extra, UsageError where the server doesn't answer,
    Refusal while another process, on whichever machine, runs the session.
    """
    address = settings.loop.checkpoints
    if not address:
        yield None
        return
    connection = _connected(address)
    try:
        # In any other, text comes back as bytes, and LangGraph would silently go on from an old checkpoint.
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise ConfigError(
                f"The database of `{_SETTING}` isn't in UTF-8.", "make one with: createdb --encoding UTF8 -T template0"
            )
        if not connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_number(session),)).fetchone()["got"]:
            who = _holder(connection, _number(session))
            message = f"The session {session} is being run by another process: {who}."
            raise Refusal(message, f"wait for it, or `workbench session pause {session}` there, and try again")
        yield Held(connection)
    finally:
        connection.close()


def saver(place: Held | None, path: Path) -> Any:
    """The checkpointer of one session: on the server where it is held there, else in the file at `path`."""
    if place is None:
        from langgraph.checkpoint.sqlite import SqliteSaver

        return SqliteSaver(sqlite3.connect(path, check_same_thread=False))
    from langgraph.checkpoint.postgres import PostgresSaver

    made = PostgresSaver(place.connection)
    # Two that make the tables at once would trip over each other.
    place.connection.execute("SELECT pg_advisory_lock(%s)", (_number(_TABLES),))
    try:
        made.setup()
    finally:
        place.connection.execute("SELECT pg_advisory_unlock(%s)", (_number(_TABLES),))
    return made


def close(made: Any) -> None:
    """Closes the file of a checkpointer; a server's connection is closed by whoever holds the session."""
    if isinstance(made.conn, sqlite3.Connection):
        made.conn.close()


def _connected(address: str) -> Any:
    if not address.startswith(("postgresql://", "postgres://")):
        raise ConfigError(f"`{_SETTING}` is not the address of a PostgreSQL server.", 'write "postgresql://USER@HOST/DATABASE"')
    try:
        import psycopg
        from psycopg.rows import dict_row
    except ImportError:
        raise ConfigError(f"`{_SETTING}` needs PostgreSQL's driver.", "pip install 'workbench[postgres]'") from None
    # What these say of a failure may hold the whole address, and so a password.
    try:
        return psycopg.connect(
            address,
            autocommit=True,
            prepare_threshold=0,
            row_factory=dict_row,
            connect_timeout=10,
            application_name=this_process(),
        )
    except psycopg.ProgrammingError:
        raise ConfigError(f"`{_SETTING}` can't be read as an address.", 'write "postgresql://USER@HOST/DATABASE"') from None
    except psycopg.OperationalError as error:
        where = urlsplit(address).hostname or "the local socket"
        kind = "refuses the user or password" if "authentication" in str(error) else "doesn't answer"
        hint = "is it running, and are user, database and password right? a password belongs in ~/.pgpass or PGPASSWORD"
        raise UsageError(f"The PostgreSQL server at {where} {kind}.", hint) from None


def _holder(connection: Any, number: int) -> str:
    """Which process holds a lock, as it names itself to the server."""
    found = connection.execute(
        "SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
        " AND ((classid::bigint << 32) | objid::bigint) = %s",
        (number,),
    ).fetchone()
    return visible(str(found["name"]), limit=120) if found and found["name"] else "one that doesn't say which"


def _number(name: str) -> int:
    """A name as a lock's number: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(f"workbench {name}".encode()).digest()[:8], "big", signed=True)
