"""Writes a session: every event is on disk, redacted and chained, before `append` returns.

One writer at a time holds the session's lock. Opening for writing repairs a torn last line, which was never
acknowledged, by moving it to `events.torn`; any other damage is refused and left as it is.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from workbench.errors import Corrupt, ExitCode, Refusal, UsageError, WorkbenchError
from workbench.sessions.events import EVENT, Ended, Event, blobs_of, line_of
from workbench.sessions.header import Ending, SessionHeader, sha256
from workbench.sessions.reader import BLOBS, EVENTS, HEADER, TORN, Session, blob_path, read_session
from workbench.sessions.redact import Redactor
from workbench.visible import visible

Clock = Callable[[], datetime]
HOLDER = ".writer"
"""Says which process writes the session; the lock itself is on the file of events."""

# Ours alone: a secret can't be in them, and they have to stay what they are.
_STRUCTURAL = frozenset({"seq", "at", "prev", "kind", "step", "node"})


class Unwritten(WorkbenchError):
    """The disk refuses an event: the session stops, and what it had acknowledged is whole and can be resumed."""

    code = ExitCode.FINDINGS
    kind = "unwritten"


def utc_now() -> datetime:
    """The clock of a real session."""
    return datetime.now(UTC)


class SessionWriter:
    """The one writer of a session; made by `create` or `resume`, ended by `close` (or `abandon`, as a kill would)."""

    def __init__(self, session: Session, descriptor: int, *, clock: Clock, redactor: Redactor) -> None:
        self.directory = session.directory
        self.header = session.header
        self._descriptor = descriptor
        self._clock = clock
        self._redactor = redactor
        self._lock = threading.Lock()
        # Number and digest of the last acknowledged line, and the file's size behind it; always changed together.
        self._end = (len(session.events), session.head, os.fstat(descriptor).st_size)

    @classmethod
    def create(
        cls, directory: Path, header: SessionHeader, *, secrets: Sequence[str] = (), clock: Clock = utc_now
    ) -> SessionWriter:
        """Starts a session in `directory`, which must not hold one yet (UsageError). `secrets` are values to keep out."""
        redactor = Redactor(secrets)
        header = header.model_copy(update={"goal": redactor.text(header.goal), "ending": None})
        _make_directory(directory / BLOBS)
        with ExitStack() as undo:
            descriptor = _open_locked(directory)
            undo.callback(os.close, descriptor)
            if (directory / HEADER).exists() or os.fstat(descriptor).st_size:
                raise UsageError(f"{directory.name} is a session already.", "resume it, or choose another name")
            _replace_file(directory / HEADER, _header_text(header))
            writer = cls(Session(directory, header, [], header.digest), descriptor, clock=clock, redactor=redactor)
            undo.pop_all()  # the writer's from here on
        return writer

    @classmethod
    def resume(cls, directory: Path, *, secrets: Sequence[str] = (), clock: Clock = utc_now) -> SessionWriter:
        """Opens a session to go on with it, and repairs a torn last line.

        Raises UsageError where there is none, Refusal while another process writes it, Corrupt for any other damage.
        """
        if not (directory / HEADER).exists():
            raise UsageError(f"There is no session in {directory}.", "`workbench run` starts one")
        with ExitStack() as undo:
            descriptor = _open_locked(directory)
            undo.callback(os.close, descriptor)
            session = read_session(directory)
            if session.torn:
                _set_aside(directory, descriptor, session.torn)
            writer = cls(session, descriptor, clock=clock, redactor=Redactor(secrets))
            undo.pop_all()  # the writer's from here on
        return writer

    def append(self, event: Event) -> Event:
        """Writes one event and returns it as written, with its number, time and chain; it is on disk then.

        Raises UsageError where it names a blob that isn't there, Refusal where a field that can't hold text looks like
        a secret, Unwritten where the disk refuses; nothing is half-written then.
        """
        with self._lock, self._on_disk():
            seq, head, size = self._end
            at = self._clock().astimezone(UTC).isoformat(timespec="microseconds")
            written = self._without_secrets(event.model_copy(update={"seq": seq + 1, "at": at, "prev": head}))
            for field, name in blobs_of(written).items():
                if not blob_path(self.directory, name).exists():
                    raise UsageError(f"The event `{event.kind}` names a blob in `{field}` that isn't there.", "write it first")
            line = line_of(written)
            self._write(line + b"\n", size)
            self._end = (seq + 1, sha256(line), size + len(line) + 1)
            return written

    def blob(self, content: bytes | str) -> str:
        """Keeps what an event will refer to; returns its SHA-256, of what is on disk, that is, without secrets."""
        raw = content.encode() if isinstance(content, str) else content
        kept = self._redactor.content(raw)
        name = sha256(kept)
        path = blob_path(self.directory, name)
        with self._on_disk():
            return self._kept(path, name, kept)

    def _kept(self, path: Path, name: str, kept: bytes) -> str:
        if path.exists():
            if path.read_bytes() != kept:
                message = f"{BLOBS}/{name} of the session {self.header.id} isn't what its name says."
                raise Corrupt(message, "keep the session as it is and look into it")
            return name
        _replace_file(path, kept)
        return name

    def close(self, outcome: str, reason: str = "") -> Event:
        """Writes the last event and how the session stands into `session.json`, and gives up the lock."""
        ended = self.append(Ended(outcome=outcome, reason=reason))
        seq, head, _ = self._end
        self.header = self.header.model_copy(update={"ending": Ending(outcome=outcome, at=ended.at, events=seq, head=head)})
        with self._on_disk():
            _replace_file(self.directory / HEADER, _header_text(self.header))
        self.abandon()
        return ended

    def abandon(self) -> None:
        """Gives up the lock without an ending; what was appended stays. Also at the end of a `with` block."""
        if self._descriptor >= 0:
            (self.directory / HOLDER).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> SessionWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.abandon()

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unwritten(
                f"The session {self.header.id} can't be written: {os.strerror(error.errno or 0)}; it stops here.",
                f"make room, then go on: workbench run --resume {self.header.id}",
            ) from error

    def _without_secrets(self, event: Event) -> Event:
        given = event.model_dump(mode="json")
        kept = {key: value if key in _STRUCTURAL else self._redactor.value(value, name=key) for key, value in given.items()}
        try:
            return EVENT.validate_python(kept)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            message = f"The event `{event.kind}` isn't written: its field `{where}` is malformed or holds a secret."
            raise Refusal(message, "keep secrets out of names; is the value of a variable of the environment in it?") from None

    def _write(self, line: bytes, size: int) -> None:
        if self._descriptor < 0:
            raise UsageError(f"The session {self.header.id} is closed.", "resume it first")
        if os.fstat(self._descriptor).st_size != size:
            # Left behind by an append that was interrupted before it returned: never acknowledged.
            os.ftruncate(self._descriptor, size)
        try:
            left = memoryview(line)
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)  # a full disk: what isn't acknowledged isn't there
            raise


def _open_locked(directory: Path) -> int:
    descriptor = os.open(directory / EVENTS, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        message = f"The session {directory.name} is being run by another process: {_holder(directory)}."
        raise Refusal(message, f"wait for it, or `workbench session pause {directory.name}`, and try again") from None
    # Only for saying who it is: what is left here by a killed process holds nothing.
    since = utc_now().isoformat(timespec="seconds")
    (directory / HOLDER).write_text(f"{this_process()} since {since}\n", "utf-8")
    _sync_directory(directory)
    return descriptor


def this_process() -> str:
    """What this process calls itself where others are told who runs a session."""
    return f"process {os.getpid()} on {platform.node()}"


def _holder(directory: Path) -> str:
    try:
        return visible((directory / HOLDER).read_text("utf-8").strip(), limit=120) or "one that doesn't say which"
    except (OSError, UnicodeDecodeError):
        return "one that doesn't say which"


def written_by(directory: Path) -> str:
    """Which process writes the session at this moment, in words; empty where none does."""
    try:
        descriptor = os.open(directory / EVENTS, os.O_RDONLY)
    except FileNotFoundError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(directory)
    finally:
        os.close(descriptor)
    return ""


def _set_aside(directory: Path, descriptor: int, torn: bytes) -> None:
    sidecar = os.open(directory / TORN, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(sidecar, torn + b"\n")
        os.fsync(sidecar)
    finally:
        os.close(sidecar)
    _sync_directory(directory)
    os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(torn))
    os.fsync(descriptor)


def _replace_file(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name[:16]}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        temporary.unlink()  # a full disk gets its room back
        raise
    finally:
        os.close(descriptor)
    temporary.replace(path)
    _sync_directory(path.parent)


def _make_directory(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for each in (directory, directory.parent, directory.parent.parent):
        _sync_directory(each)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _header_text(header: SessionHeader) -> bytes:
    left_out = {"parent"} if header.parent is None else set()
    return (json.dumps(header.model_dump(mode="json", exclude=left_out), indent=2, sort_keys=True) + "\n").encode()
