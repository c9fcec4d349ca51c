"""The confined processes of one use case: a second one is there for who asks while the first answers.

A gate waits for its runs and then compares; two threads keep two cores at work. Both processes read the same inputs; each
has outputs of its own. What a process is asked is in `runner.py`, how it is held is in `host.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.pipeline.contract import Contract
from workbench.pipeline.host import Host
from workbench.settings import Settings

LIMIT = 2
_UNLOCKED = "new-"


class Hosts:
    """Up to LIMIT hosts over one directory of inputs; all goes with `close`."""

    def __init__(self, settings: Settings, contract: Contract, root: Path, cover: Sequence[str] = ()) -> None:
        self._settings, self._contract, self._root, self._cover = settings, contract, root, cover
        self._base, self._lock = scratch(settings.state)
        self.inputs = self._base / "in"
        self.inputs.mkdir()
        self._all: list[Host] = []
        self._free: list[Host] = []
        self._changed = threading.Condition()
        self._last = self.first

    @property
    def first(self) -> Host:
        """The host that is always there."""
        with self._changed:
            return self._all[0] if self._all else self._added()

    @contextmanager
    def asked(self, request: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Path]]:
        """Sends one request to whichever host is free; answer and directory of `Host.ask`, which hold inside the block.

        Raises as it does.
        """
        host = self._taken()
        try:
            yield host.ask(request)
        finally:
            with self._changed:
                self._free.append(host)
                self._last = host
                self._changed.notify()

    def warm(self, number: int = 1) -> None:
        """Starts that many processes meanwhile; whoever asks first waits for it, and is told what went wrong."""
        with self._changed:
            while len(self._all) < min(number, LIMIT):
                self._added()
            waiting = [host for host in self._all[:number] if not host.is_running]
        for host in waiting:
            threading.Thread(target=host.start, daemon=True).start()

    @property
    def import_seconds(self) -> float:
        """How long importing the stages took, in the first process."""
        return self.first.import_seconds

    def output(self) -> str:
        """The end of what the stages printed during the request that ended last: untrusted text."""
        return self._last.output()

    def close(self) -> None:
        """Ends the processes and removes their directories; safe to call twice. Requests under way fail."""
        with self._changed:
            hosts = list(self._all)
        for host in hosts:
            host.close()
        if self._lock >= 0:
            shutil.rmtree(self._base, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def _taken(self) -> Host:
        """A free host, the one used last before others: a new one only where all others are busy."""
        with self._changed:
            while not self._free:
                if len(self._all) < LIMIT:
                    self._added()
                else:
                    self._changed.wait()
            return self._free.pop()

    def _added(self) -> Host:
        outputs = self._base / f"out-{len(self._all) + 1}"
        outputs.mkdir()
        host = Host(self._settings, self._contract, self._root, self.inputs, outputs, self._cover)
        self._all.append(host)
        self._free.insert(0, host)
        return host


def scratch(state: Path) -> tuple[Path, int]:
    """A directory of our own below the state directory, held by a lock; those whose holder has died are removed."""
    parent = state / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.iterdir():
        if old.name.startswith(_UNLOCKED):
            continue
        with contextlib.suppress(OSError):
            lock = os.open(old / "lock", os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old, ignore_errors=True)
            finally:
                os.close(lock)
    # It gets its name when it is locked: before, somebody else who cleans up could take it for left behind.
    new = Path(tempfile.mkdtemp(dir=parent, prefix=_UNLOCKED)).resolve()
    lock = os.open(new / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    base = new.with_name(new.name.removeprefix(_UNLOCKED))
    new.rename(base)
    return base, lock
