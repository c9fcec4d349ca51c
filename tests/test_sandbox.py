"""The sandbox really denies: each test runs a confined interpreter and looks at what it could do, and at what it left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import sandbox, sandbox_entry
from workbench.errors import SandboxError
from workbench.sandbox import Confinement, SandboxStatus, confined_command, hidden_in, probe

pytestmark = pytest.mark.skipif(not probe().available, reason=f"no sandbox on this machine: {probe().lacking}")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace to read, with hidden parts; a scratch directory to write; something outside."""
    for path, text in {
        "code/workbench.toml": "",
        "code/pipelines/shop/data.py": "x = 1",
        "code/.git/HEAD": "secret",
        "code/.workbench/state": "secret",
        "code/review_policies/policy.toml": "secret",
        "code/sessions/one/events.jsonl": "secret",
        "code/.env": "KEY=secret",
        "outside/file": "outside",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "scratch").mkdir()
    return tmp_path


def confinement(place: Path, **changes: object) -> Confinement:
    facts: dict[str, object] = {
        "read": (place / "code",),
        "write": (place / "scratch",),
        "hidden": hidden_in(place / "code"),
        "memory_bytes": 4_000_000_000,
        "cpu_seconds": 20,
    }
    return Confinement(**{**facts, **changes})  # type: ignore[arg-type]


def inside(place: Path, code: str, *, unsafe: bool = False, **changes: object) -> subprocess.CompletedProcess[str]:
    """Runs `code` confined, with `base` the directory that holds everything."""
    program = f"import os, socket, sys\nbase = {str(place)!r}\n{code}"
    command = confined_command([sys.executable, "-c", program], confinement(place, **changes), unsafe=unsafe)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, cwd=place)


def denied(place: Path, action: str, **changes: object) -> bool:
    done = inside(
        place, f"try:\n    {action}\nexcept OSError as e:\n    print('denied', e.errno)\nelse:\n    print('done')", **changes
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.startswith("denied")


def test_what_is_allowed_works(place: Path) -> None:
    done = inside(
        place,
        "import json, ssl, zoneinfo, multiprocessing.synchronize\n"
        "assert open(base + '/code/pipelines/shop/data.py').read() == 'x = 1'\n"
        "assert 'pipelines' in os.listdir(base + '/code')\n"
        "open(base + '/scratch/a', 'w').write('x'); os.rename(base + '/scratch/a', base + '/scratch/b')\n"
        "os.makedirs(base + '/scratch/d/e'); os.rename(base + '/scratch/b', base + '/scratch/d/e/b')\n"
        "multiprocessing.Lock(); a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n"
        "open('/dev/null', 'w').write('x'); open('/proc/cpuinfo').read(); open('/dev/urandom', 'rb').read(4)\n"
        "if os.fork() == 0:\n    open('/proc/self/cgroup').read(); os._exit(0)\n"
        "assert os.wait()[1] == 0\n"
        "import subprocess; print(subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout)",
    )
    assert (done.returncode, done.stdout) == (0, "b'1\\n'\n"), done.stderr
    assert (place / "scratch/d/e/b").read_text() == "x"


@pytest.mark.parametrize(
    "action",
    [
        "open(base + '/outside/file', 'w')",
        "open(base + '/outside/file', 'a')",
        "open(base + '/outside/new', 'w')",
        "open(base + '/code/workbench.toml', 'w')",
        "open(base + '/code/pipelines/shop/new.py', 'w')",
        "os.truncate(base + '/outside/file', 0)",
        "os.truncate(base + '/code/workbench.toml', 0)",
        "os.unlink(base + '/outside/file')",
        "os.rmdir(base + '/code/pipelines')",
        "os.mkdir(base + '/outside/d')",
        "os.symlink('/etc', base + '/code/link')",
        "os.link(base + '/outside/file', base + '/scratch/hard')",
        "os.rename(base + '/outside/file', base + '/scratch/taken')",
        "os.rename(base + '/code/workbench.toml', base + '/code/other.toml')",
        "os.mknod(base + '/outside/fifo', 0o10600)",
        "os.chmod(base + '/outside/file', 0o777)",
        "os.chown(base + '/outside/file', os.getuid(), os.getgid())",
        "os.utime(base + '/outside/file', (0, 0))",
        "os.setxattr(base + '/outside/file', 'user.x', b'1')",
        "open('/tmp/written-by-a-test-of-the-sandbox', 'w')",
    ],
)
def test_nothing_outside_the_scratch_directory_is_changed(place: Path, action: str) -> None:
    before = {
        p: (p.lstat().st_mode, p.lstat().st_mtime_ns)
        for p in [*place.joinpath("outside").rglob("*"), *place.joinpath("code").rglob("*")]
    }
    assert denied(place, action)
    after = {
        p: (p.lstat().st_mode, p.lstat().st_mtime_ns)
        for p in [*place.joinpath("outside").rglob("*"), *place.joinpath("code").rglob("*")]
    }
    assert after == before


@pytest.mark.parametrize(
    "path",
    [
        "outside/file",
        "code/.git/HEAD",
        "code/.workbench/state",
        "code/review_policies/policy.toml",
        "code/sessions/one/events.jsonl",
        "code/.env",
        "code/pipelines/../.git/HEAD",
    ],
)
def test_hidden_files_cannot_be_read(place: Path, path: str) -> None:
    assert denied(place, f"print(open(base + '/{path}').read())")


def test_links_do_not_lead_out(place: Path) -> None:
    (place / "code/data").symlink_to(place / "outside")
    (place / "code/history").symlink_to(place / "code/.git")
    (place / "code/pipelines/history").symlink_to(place / "code/.git")
    (place / "scratch/way").symlink_to(place / "outside")
    for path in ("code/data/file", "code/history/HEAD", "code/pipelines/history/HEAD", "scratch/way/file"):
        assert denied(place, f"open(base + '/{path}')"), path
    assert denied(place, "open(base + '/scratch/way/file', 'w')")


def test_a_hidden_directory_below_the_interpreter_stays_hidden(place: Path) -> None:
    assert denied(place, "open(base + '/code/.git/HEAD')", read=(place,))
    assert not denied(place, "open(base + '/outside/file')", read=(place,))
    assert not denied(place, "open(base + '/code/.workbench/state')", read=(place, place / "code/.workbench/state"))


def test_list_only_directories_can_be_listed_and_not_read(place: Path) -> None:
    assert not denied(place, "os.listdir(base + '/outside')", list_only=(place / "outside",))
    assert denied(place, "open(base + '/outside/file')", list_only=(place / "outside",))


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(('127.0.0.1', {port}), 5)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
        "socket.socket(socket.AF_INET6)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socket(socket.AF_UNIX).connect({path!r})",
        "socket.socket(socket.AF_UNIX).connect('\\0{name}')",
    ],
)
def test_no_network_and_no_sockets_of_others(place: Path, code: str) -> None:
    path = str(place / "outside/s")
    name = f"sandbox-test-{os.getpid()}"
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix, socket.socket(socket.AF_UNIX) as abstract:
        tcp.bind(("127.0.0.1", 0))
        unix.bind(os.path.relpath(path))
        abstract.bind("\0" + name)
        for listener in (tcp, unix, abstract):
            listener.listen(1)
        assert denied(place, code.format(port=tcp.getsockname()[1], path=path, name=name))


def test_other_processes_cannot_be_signalled_or_looked_into(place: Path) -> None:
    if next(m for m in probe().mechanisms if m.startswith("landlock")) < "landlock-6":
        pytest.skip("this kernel's Landlock has no scopes")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"TOKEN": "secret"}) as other:
        try:
            assert denied(place, f"os.kill({other.pid}, 9)")
            assert denied(place, f"print(open('/proc/{other.pid}/environ').read())")
            assert denied(place, f"open('/proc/{other.pid}/mem', 'rb')")
            assert denied(place, f"os.readlink('/proc/{other.pid}/fd/0')")
            assert denied(place, f"open('/proc/{other.pid}/' + 'root/etc/shadow')")
            assert other.poll() is None
        finally:
            other.kill()


def test_the_environment_is_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/x")
    for unsafe in (False, True):
        done = inside(place, "print(dict(os.environ))", unsafe=unsafe, environment={"OWN": "1"}, python_path=(place / "code",))
        environment = eval(done.stdout)
        assert "secret" not in done.stdout and "PYTHONSTARTUP" not in environment
        assert environment["TZ"] == "UTC" and environment["OWN"] == "1"
        assert environment["HOME"] == environment["TMPDIR"] == str(place / "scratch")
        assert environment["PYTHONPATH"] == str(place / "code")


def test_limits_hold(place: Path) -> None:
    memory = inside(
        place, "try:\n    bytearray(3_000_000_000)\nexcept MemoryError:\n    print('memory')", memory_bytes=1_000_000_000
    )
    assert memory.stdout == "memory\n"
    cpu = inside(place, "while True: pass", cpu_seconds=1)
    assert cpu.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    size = inside(
        place,
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "f = open(base + '/scratch/big', 'wb', 0)\n"
        "try:\n    [f.write(bytes(60_000)) for _ in range(3)]\nexcept OSError:\n    print('size')",
        file_bytes=100_000,
    )
    assert size.stdout == "size\n" and (place / "scratch/big").stat().st_size == 100_000
    raised = inside(place, "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (10**6, 10**6))", cpu_seconds=5)
    assert raised.returncode != 0


def test_no_privilege_is_left_or_regained(place: Path) -> None:
    done = inside(
        place, "print(open('/proc/self/status').read(), flush=True)\nos.execv('/bin/cat', ['cat', '/proc/self/status'])"
    )
    for status in done.stdout.split("Name:")[1:]:
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2"
        assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == int(facts["CapBnd"], 16) == 0
    assert done.stdout.count("NoNewPrivs") == 2


def test_it_also_holds_without_namespaces(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose profile allows no namespaces: the same denials from Landlock and the call filter alone."""
    launcher = place / "entry.py"
    text = Path(sandbox_entry.__file__).read_text().replace("libc.unshare(", "-1 + 0 * libc.getpid(")
    launcher.write_text(text)
    monkeypatch.setattr(sandbox, "_LAUNCHER", launcher)
    done = inside(place, "print(os.environ['WORKBENCH_CONFINED_BY'])")
    assert "landlock" in done.stdout and "namespace" not in done.stdout
    for action in (
        "open(base + '/outside/file', 'w')",
        "open(base + '/code/.git/HEAD')",
        "os.chmod(base + '/outside/file', 0o777)",
        "socket.socket()",
    ):
        assert denied(place, action), action
    status = inside(place, "print(open('/proc/self/status').read())").stdout
    assert "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status


def test_a_mechanism_that_fails_never_starts_the_program(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = place / "entry.py"
    launcher.write_text(Path(sandbox_entry.__file__).read_text().replace("libc.syscall(444,", "libc.syscall(1_000_444,"))
    monkeypatch.setattr(sandbox, "_LAUNCHER", launcher)
    done = inside(place, "print('ran')")
    assert done.returncode == sandbox_entry.REFUSED
    assert "ran" not in done.stdout and done.stderr.startswith("sandbox: Landlock")
    probe.cache_clear()
    try:
        status = probe()
        assert not status.available and "Landlock" in status.lacking[0] and "--unsafe-no-sandbox" in status.hint
        with pytest.raises(SandboxError) as error:
            confined_command([sys.executable], confinement(place))
        assert error.value.hint == status.hint
    finally:
        probe.cache_clear()


def test_the_probe_notices_each_hole(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(sandbox_entry.__file__).read_text()
    for old, new, said in (
        ("_seccomp(libc, truncate_too=abi < 3, network=bool(ports))", "pass", "change of mode"),
        ("access & handled)", "access & handled if False else handled)", "hidden"),
    ):
        assert old in text
        launcher = place / "entry.py"
        launcher.write_text(text.replace(old, new))
        monkeypatch.setattr(sandbox, "_LAUNCHER", launcher)
        if said == "hidden":  # every grant is everything, and the whole of it is granted
            monkeypatch.setattr(sandbox, "_readable", lambda paths, hidden: ([p.resolve() for p in paths], []))
        probe.cache_clear()
        status = probe()
        assert not status.available and any(said in hole for hole in status.lacking), status
    monkeypatch.undo()
    probe.cache_clear()
    assert probe().available


def test_unsafe_runs_where_nothing_works(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SandboxStatus(available=False, mechanisms=[], lacking=["Landlock"], hint="do something")
    monkeypatch.setattr(sandbox, "probe", lambda: nothing)
    with pytest.raises(SandboxError, match="Landlock"):
        confined_command([sys.executable, "-c", ""], confinement(place))
    done = inside(place, "print(os.environ['WORKBENCH_CONFINED_BY'])", unsafe=True)
    assert done.stdout == "nothing\n"


def test_it_dies_with_whoever_started_it(place: Path) -> None:
    """The starter is killed; the confined program must not outlive it."""
    code = "import os, sys, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    command = confined_command([sys.executable, "-c", code], confinement(place))
    starter = f"import subprocess, sys\np = subprocess.Popen({command!r}, stdout=sys.stdout)\np.wait()"
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        descriptor = os.pidfd_open(pid)
        try:
            process.kill()
            import select

            assert select.select([descriptor], [], [], 30)[0], "still running"
        finally:
            os.close(descriptor)
