"""What stage code and agent-written code may touch, and the command line that holds it to that.

`confined_command` wraps a command in the launcher `sandbox_entry.py`, which confines itself (Landlock for files, a system
call filter and where allowed namespaces for the network and other processes, resource limits) and then becomes the
command, with an environment of its own. It works for an ordinary user and for root, with and without namespaces. What the
confined code does, and how to talk to it, isn't known here.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from workbench.errors import SandboxError

_LAUNCHER = Path(__file__).with_name("sandbox_entry.py")
_PACKAGE = Path(__file__).parent

HIDDEN_IN_WORKSPACE = (
    ".git", ".workbench", "review_policies", "sessions", ".env", ".envrc", ".netrc", ".ssh", ".aws", "__pycache__",
)  # fmt: skip
"""Top-level names of a workspace that confined code can't read: history, state, sign-offs, the hold-out, secrets, and
compiled code, which nobody has reviewed."""

# Parts of the machine that interpreters and numeric libraries read. Of /etc only what carries no secret.
_SYSTEM_EXECUTE = ("/usr", "/lib", "/lib64", "/lib32", "/libx32", "/bin", "/sbin")
_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "nsswitch.conf", "passwd", "group", "os-release",
    "mime.types", "fonts", "alternatives", "host.conf", "hosts", "locale.alias", "gai.conf", "debian_version",
)  # fmt: skip
# All of /proc, because a process that is forked later reads its own entry. What is secret of others there (environment,
# memory, descriptors) needs the right to trace them, which Landlock takes away.
_KERNEL = ("/proc", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")
_SHARED_MEMORY = "/dev/shm"  # joblib and multiprocessing keep semaphores there


class SandboxStatus(BaseModel):
    """What this machine's sandbox can do: `available` only when all three trials of `probe` were denied."""

    available: bool
    mechanisms: list[str]
    lacking: list[str]
    hint: str


@dataclass(frozen=True)
class Confinement:
    """What one command may touch; everything else is denied.

    `read` and `write` are files or directories with what is below them; `hidden` is taken out of every `read` path that
    contains it (a `read` path given inside a hidden one stays readable); `list_only` directories can be listed, not read.
    The first `write` path becomes HOME and TMPDIR. `python_path` becomes PYTHONPATH, `environment` adds variables.
    """

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    hidden: tuple[Path, ...] = ()
    memory_bytes: int = 16_000_000_000
    cpu_seconds: int = 1800
    list_only: tuple[Path, ...] = ()
    python_path: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    file_bytes: int = 16_000_000_000
    open_files: int = 4096
    connect: tuple[int, ...] = ()
    """TCP ports that may be connected to; none means no network at all."""


def hidden_in(*roots: Path) -> tuple[Path, ...]:
    """The paths of these workspaces or code trees that confined code must not read."""
    return tuple(root / name for root in dict.fromkeys(roots) for name in HIDDEN_IN_WORKSPACE)


def confined_command(argv: Sequence[str], confinement: Confinement, *, unsafe: bool = False) -> list[str]:
    """The command line that runs `argv` (its first word an absolute path) under `confinement`.

    `unsafe=True` keeps environment and resource limits only, and is for `--unsafe-no-sandbox` alone. Raises SandboxError
    where no sandbox works and `unsafe` isn't given.
    """
    _asserted(unsafe)
    return _command(argv, confinement, unsafe=unsafe)


def _asserted(unsafe: bool) -> None:
    if not unsafe and not (status := probe()).available:
        raise SandboxError(f"This machine has no working sandbox: {', '.join(status.lacking)}.", status.hint)


def policy_for(confinement: Confinement, *, unsafe: bool = False) -> dict[str, Any]:
    """What `sandbox_entry.confine` is given (JSON values), for a program that confines itself; errors as `confined_command`."""
    _asserted(unsafe)
    return _policy(confinement, unsafe=unsafe)


def bare_environment() -> dict[str, str]:
    """All variables that a confined program starts with."""
    return _environment(Confinement(read=(), write=()), [])


def told(status: SandboxStatus) -> None:
    """In a program that is confined itself: what `probe` found outside, because it can't be tried inside."""
    probe.cache_clear()
    _TOLD[:] = [status]


_TOLD: list[SandboxStatus] = []


@functools.cache
def probe() -> SandboxStatus:
    """Tries the sandbox in a subprocess: write outside, connect to a listener, read a hidden file; each must be denied.

    The answer is kept for the life of this process.
    """
    if _TOLD:
        return _TOLD[0]
    if not sys.platform.startswith("linux"):
        return SandboxStatus(
            available=False,
            mechanisms=[],
            lacking=["Landlock"],
            hint="run it on Linux 5.13 or newer (a container will do), or accept the risk with --unsafe-no-sandbox",
        )
    with tempfile.TemporaryDirectory(prefix="workbench-probe-") as name, socket.socket() as listener:
        base = Path(name).resolve()
        for directory in ("open", "open/hidden", "scratch", "outside"):
            (base / directory).mkdir()
        (base / "open/seen").write_text("seen")
        (base / "open/hidden/secret").write_text("secret")
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        confinement = Confinement(
            read=(base / "open",), write=(base / "scratch",), hidden=(base / "open/hidden",), cpu_seconds=20
        )
        trial = [sys.executable, "-I", "-S", "-c", _TRIAL, str(base), str(listener.getsockname()[1])]
        try:
            done = subprocess.run(
                _command(trial, confinement), capture_output=True, stdin=subprocess.DEVNULL, timeout=30, text=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            return _unavailable([f"the launcher doesn't run ({error})"], [])
    if done.returncode != 0:
        return _unavailable([done.stderr.strip().removeprefix("sandbox: ")[:200] or f"exit code {done.returncode}"], [])
    try:
        result = json.loads(done.stdout)
        mechanisms, failures = [str(m) for m in result["by"]], [str(f) for f in result["failures"]]
    except (ValueError, KeyError, TypeError):
        return _unavailable(["the trial gave no answer"], [])
    if failures:
        return _unavailable(failures, mechanisms)
    lacking = [m for m in _WISHED if m not in mechanisms]
    return SandboxStatus(available=True, mechanisms=mechanisms, lacking=lacking, hint="")


# Without these the same is denied by Landlock and the call filter; what is lacking then is told.
_WISHED = ("user-namespace", "network-namespace", "ipc-namespace", "private-shm", "process-limit")

# What the probe runs inside: says which of the things that must be denied were not, and which that must work did not.
_TRIAL = """
import json, os, socket, sys
base, port = sys.argv[1], int(sys.argv[2])
failures = []
def attempt(action):
    try:
        action()
    except OSError:
        return False
    return True
def connect():
    with socket.socket() as s:
        s.settimeout(5)
        s.connect(("127.0.0.1", port))
if attempt(lambda: open(base + "/outside/written", "w").close()): failures.append("a write outside was not denied")
if attempt(lambda: os.truncate(base + "/open/seen", 0)): failures.append("a truncation outside was not denied")
if attempt(lambda: os.chmod(base + "/outside", 0o777)): failures.append("a change of mode outside was not denied")
if attempt(connect): failures.append("a network connection was not denied")
if attempt(lambda: open(base + "/open/hidden/secret").close()): failures.append("reading a hidden file was not denied")
if not attempt(lambda: open(base + "/open/seen").close()): failures.append("a readable file can't be read")
if not attempt(lambda: open(base + "/scratch/own", "w").close()): failures.append("the scratch directory can't be written")
print(json.dumps({"by": os.environ["WORKBENCH_CONFINED_BY"].split(","), "failures": failures}))
"""


def _unavailable(lacking: list[str], mechanisms: list[str]) -> SandboxStatus:
    return SandboxStatus(
        available=False,
        mechanisms=mechanisms,
        lacking=lacking,
        hint="the kernel needs Landlock (Linux 5.13 or newer, `landlock` in /sys/kernel/security/lsm) and seccomp; in a "
        "container its profile has to allow them; or accept the risk with --unsafe-no-sandbox",
    )


def _command(argv: Sequence[str], confinement: Confinement, *, unsafe: bool = False) -> list[str]:
    """`-I -S`: nothing of the environment, the current directory or site-packages runs in the launcher."""
    policy = json.dumps(_policy(confinement, unsafe=unsafe))
    return [sys.executable, "-I", "-S", str(_LAUNCHER), policy, "--", *argv]


def _policy(confinement: Confinement, *, unsafe: bool) -> dict[str, Any]:
    hidden = [path.resolve() for path in confinement.hidden]
    read, listed = _readable(confinement.read, hidden)
    execute, listed_too = _readable([*map(Path, _SYSTEM_EXECUTE), *_interpreter()], hidden)
    write = [path.resolve() for path in confinement.write]
    return {
        "unsafe": unsafe,
        "connect": list(confinement.connect),
        "read": _texts([*read, _PACKAGE, *(Path("/etc") / name for name in _ETC), *map(Path, _KERNEL)]),
        "execute": _texts(execute),
        "list_only": _texts([*listed, *listed_too, *confinement.list_only]),
        "write": _texts([*write, Path(_SHARED_MEMORY)]),
        "devices": list(_DEVICES),
        "limits": {
            "memory_bytes": confinement.memory_bytes,
            "cpu_seconds": confinement.cpu_seconds,
            "file_bytes": confinement.file_bytes,
            "open_files": confinement.open_files,
        },
        "environment": _environment(confinement, write),
    }


def _environment(confinement: Confinement, write: Sequence[Path]) -> dict[str, str]:
    """All variables the command gets: none is inherited, so no secret is."""
    scratch = str(write[0]) if write else "/nonexistent"
    threads = str(min(os.cpu_count() or 1, 8))
    return {
        "PATH": os.pathsep.join(dict.fromkeys([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": scratch,
        "TMPDIR": scratch,
        "PYTHONDONTWRITEBYTECODE": "1",
        # The order of sets of strings is the same in every run, so that two runs differ only where the code does.
        "PYTHONHASHSEED": "0",
        **({"PYTHONPATH": os.pathsep.join(map(str, confinement.python_path))} if confinement.python_path else {}),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS"), threads),
        **confinement.environment,
    }


def _interpreter() -> list[Path]:
    """Where this Python and its packages are installed."""
    places = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix), Path(sys.base_exec_prefix)]
    places += [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages", "lib-dynload")]
    executable = Path(sys.executable)
    places += [executable, executable.resolve()]
    return [place for place in places if place != Path("/") and _is_there(place)]


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # not ours to look at, and so not ours to grant
        return False


def _readable(paths: Iterable[Path], hidden: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Landlock grants whole hierarchies, so a path that contains a hidden one is granted entry by entry.

    Returns (granted, directories on the way, which can be listed only).
    """
    granted: list[Path] = []
    listed: list[Path] = []
    for path in paths:
        _expand(path.resolve(), hidden, granted, listed)
    return list(dict.fromkeys(granted)), list(dict.fromkeys(listed))


def _expand(path: Path, hidden: Sequence[Path], granted: list[Path], listed: list[Path]) -> None:
    if path in hidden:
        return
    if not any(path in secret.parents for secret in hidden):
        granted.append(path)
        return
    listed.append(path)
    try:
        entries = sorted(path.iterdir())
    except OSError:  # nothing there, or not ours to read: nothing to grant
        return
    for entry in entries:
        # What a link points at is granted where it is, or not at all.
        if not entry.is_symlink():
            _expand(entry, hidden, granted, listed)


def _texts(paths: Iterable[Path]) -> list[str]:
    """As the launcher opens them: links resolved here, while nothing confined runs yet."""
    return list(dict.fromkeys(str(path.resolve()) for path in paths))
