"""One writer at a time, across processes: advisory locks on files in the state directory, gone when their holder dies."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from workbench.settings import Settings


@contextlib.contextmanager
def locked(settings: Settings, name: str) -> Iterator[None]:
    """Holds the workspace's release lock `name`; waits for whoever holds it. Not reentrant."""
    path = settings.state / "releases" / f".{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
