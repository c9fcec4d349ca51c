"""One attack after another against the real sandbox, each of which has to fail; what is allowed is in `test_sandbox.py`."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.test_sandbox import confinement, denied, inside, place
from workbench import sandbox, sandbox_entry
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.sandbox import confined_command, probe
from workbench.settings import Settings
from workbench.testing import make_workspace

__all__ = ["place"]

pytestmark = pytest.mark.skipif(not probe().available, reason=f"no sandbox on this machine: {probe().lacking}")
COLUMN = 0 if platform.machine() == "x86_64" else 1

CALLS = f"""
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
found = {{}}
for name, number in {{name: numbers[{COLUMN}] for name, numbers in {sandbox_entry._REFUSED_CALLS!r}.items()}}.items():
    if number is not None:
        ctypes.set_errno(0)
        found[name] = [libc.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()]
print(json.dumps(found))
"""


def test_every_refused_call_is_refused(place: Path) -> None:
    """Keys, mounts, io_uring, userfaultfd, BPF, perf, kernel modules, tracing, namespaces, shared memory of System V …"""
    found = json.loads(inside(place, CALLS).stdout)
    assert {name for name, answer in found.items() if answer != [-1, 13]} == set()
    assert {"keyctl", "mount", "io_uring_setup", "userfaultfd", "bpf", "perf_event_open", "shmget"} <= set(found)


@pytest.mark.parametrize("flags", [0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x08000000])
def test_a_new_process_stays_in_its_namespaces(place: Path, flags: int) -> None:
    call = f"syscall({sandbox_entry._CLONE[COLUMN]}, {flags | 17}, 0, 0, 0, 0)"
    code = f"import ctypes\nprint(ctypes.CDLL(None).{call})"
    assert inside(place, code).stdout.startswith("-1")


def test_clone3_is_unknown_and_threads_and_programs_start_all_the_same(place: Path) -> None:
    code = (
        "import ctypes, subprocess, threading\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        f"print(libc.syscall({sandbox_entry._CLONE3[COLUMN]}, 0, 0), ctypes.get_errno())\n"
        "thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()\n"
        "print(subprocess.run(['/bin/echo', 'program'], capture_output=True, text=True).stdout)"
    )
    assert inside(place, code).stdout.split() == ["-1", "38", "thread", "program"]


def test_nothing_is_typed_into_a_terminal(place: Path) -> None:
    """The command is given a terminal here, as nothing of ours is."""
    master, slave = os.openpty()
    try:
        code = (
            "import fcntl\n"
            "for request in (0x5412, 0x541C):\n"
            "    try:\n        fcntl.ioctl(0, request, b'x')\n    except OSError as e:\n        print(e.errno)\n"
            "print(fcntl.ioctl(0, 0x5413, bytes(8)) == bytes(8))"
        )
        command = confined_command([sys.executable, "-c", code], confinement(place))
        done = subprocess.run(command, stdin=slave, capture_output=True, text=True, timeout=60, start_new_session=True)
        assert done.stdout.split() == ["13", "13", "True"], done.stderr
    finally:
        os.close(master)
        os.close(slave)


def test_no_descriptor_is_inherited(place: Path) -> None:
    secret = os.open(place / "code/.env", os.O_RDONLY)
    try:
        listing = inside(place, "print([n for n in range(3, 64) if os.path.exists(f'/proc/self/fd/{n}')])")
        assert listing.stdout.strip() == "[]"
    finally:
        os.close(secret)


@pytest.mark.parametrize(
    "action",
    [
        "os.listdir(os.path.expanduser('~root/.ssh'))",
        "open('/etc/shadow')",
        "open('/etc/ssl/private/key.pem')",
        "open('/proc/1/environ')",
        "open(f'/proc/{os.getppid()}/mem', 'rb')",
        "os.readlink(f'/proc/{os.getppid()}/fd/0')",
        "open(os.path.join('/proc', str(os.getppid()), 'root', 'etc', 'shadow'))",
        "open('/proc/sys/kernel/hostname', 'w')",
        "open('/proc/self/oom_score_adj', 'w')",
        "open('/sys/fs/cgroup/cgroup.procs', 'w')",
        "open('/dev/tty', 'w')",
        "open('/dev/ptmx', 'w')",
        "open('/dev/kmsg')",
        "open('/dev/mem', 'rb')",
        "os.listdir('/run')",
        "os.listdir('/var/run/docker.sock')",
        "os.link(base + '/code/workbench.toml', base + '/scratch/hard')",
        "os.rename(base + '/code/pipelines', base + '/scratch/pipelines')",
        "os.mkfifo(base + '/outside/fifo')",
        "os.mknod(base + '/scratch/device', 0o20600, os.makedev(1, 1))",
    ],
)
def test_nothing_of_the_machine_or_of_others_is_reached(place: Path, action: str) -> None:
    assert denied(place, action)


def test_a_link_swapped_in_at_the_last_moment_leads_nowhere(place: Path) -> None:
    """The policy is written, then a directory that may be read becomes a link to one that may not."""
    program = f"print(open({str(place / 'code/pipelines/file')!r}).read())"
    command = confined_command([sys.executable, "-c", program], confinement(place))
    (place / "code/pipelines").rename(place / "code/before")
    (place / "code/pipelines").symlink_to(place / "outside")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode != 0 and "outside" not in done.stdout


def test_open_files_have_a_limit(place: Path) -> None:
    code = "kept = []\ntry:\n    [kept.append(open('/dev/null')) for _ in range(100)]\nexcept OSError as e:\n    print(e.errno)"
    assert inside(place, code, open_files=50).stdout == "24\n"


def test_processes_have_a_limit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit of 40 instead of thousands, and for root in a control group of its own."""
    if "process-limit" not in probe().mechanisms:
        pytest.skip("this machine has no way to count root's processes")
    group = f"/workbench-test-{os.getpid()}"
    text = Path(sandbox_entry.__file__).read_text()
    old = '_PROCESSES, _GROUP = 4096, "/workbench-sandbox"'
    assert old in text
    (place / "entry.py").write_text(text.replace(old, f"_PROCESSES, _GROUP = 40, {group!r}"))
    monkeypatch.setattr(sandbox, "_LAUNCHER", place / "entry.py")
    code = (
        "import time\nchildren = 0\n"
        "try:\n    while children < 200:\n        if os.fork() == 0:\n            time.sleep(60)\n            os._exit(0)\n"
        "        children += 1\nexcept OSError as e:\n    print('stopped', e.errno, flush=True)\nos.killpg(0, 9)"
    )
    command = confined_command([sys.executable, "-S", "-c", f"import os\n{code}"], confinement(place))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, start_new_session=True)
    for left in Path("/sys/fs/cgroup").glob(f"pids{group}"):
        with contextlib.suppress(OSError):
            left.rmdir()
    assert done.stdout == "stopped 11\n", done.stderr


def test_memory_that_is_mapped_counts(place: Path) -> None:
    code = "import mmap\ntry:\n    mmap.mmap(-1, 6_000_000_000)\nexcept (OSError, MemoryError) as e:\n    print('memory')"
    assert inside(place, code, memory_bytes=2_000_000_000).stdout == "memory\n"


ORDINARY = """
import json, os, subprocess, sys
from pathlib import Path
sys.path[:0] = {path!r}
from workbench.sandbox import Confinement, confined_command, hidden_in, probe
base = Path(sys.argv[1])
allowed = Confinement(read=(base / "code",), write=(base / "scratch",), hidden=hidden_in(base / "code"), cpu_seconds=20)
code = '''
import json, os, socket
base = {base!r}
found = []
for line in (
    "open(base + '/code/.git/HEAD')", "open(base + '/outside/file', 'w')", "socket.socket()", "os.kill(os.getppid(), 9)",
    "os.chmod(base + '/scratch', 0o777)", "open('/proc/' + str(os.getppid()) + '/environ')",
):
    try:
        eval(line)
    except OSError:
        continue
    found.append(line)
open(base + '/scratch/own', 'w').close()
print(json.dumps(found))
'''
done = subprocess.run(confined_command([sys.executable, "-c", code], allowed), capture_output=True, text=True)
print(json.dumps([os.getuid(), probe().available, done.stdout.strip(), done.stderr]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_is_confined_as_root_is(place: Path) -> None:
    for path in [place, *place.rglob("*")]:
        os.chown(path, 65534, 65534)
    for path in place.parents:
        if path != Path(tempfile.gettempdir()) and path.is_relative_to(tempfile.gettempdir()):
            path.chmod(0o755)
    program = ORDINARY.replace("{path!r}", repr(sys.path)).replace("{base!r}", repr(str(place)))
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    python = next((each for each in (sys.executable, "/usr/bin/python3") if _runs([*become, each, "-c", SAME])), None)
    if python is None:
        pytest.skip("no Python of this version that an ordinary user may run")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*become, python, "-c", program, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", env=environment)
    assert done.stdout, done.stderr
    uid, available, found, error = json.loads(done.stdout)
    assert (uid, available, found) == (65534, True, "[]"), (done.stderr, error)


# Starting itself once more: the first start still had root's rights to look at files.
SAME = (
    f"import subprocess, sys; assert sys.version_info[:2] == {sys.version_info[:2]!r}; "
    "subprocess.check_call([sys.executable, '-c', ''])"
)


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, cwd="/", timeout=60).returncode == 0
    except OSError:
        return False


def test_without_namespaces_the_same_attacks_fail(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = place / "entry.py"
    launcher.write_text(Path(sandbox_entry.__file__).read_text().replace("libc.unshare(", "-1 + 0 * libc.getpid("))
    monkeypatch.setattr(sandbox, "_LAUNCHER", launcher)
    found = json.loads(inside(place, CALLS).stdout)
    assert {name for name, answer in found.items() if answer != [-1, 13]} == set()
    for action in ("open('/proc/1/environ')", "os.readlink(f'/proc/{os.getppid()}/fd/0')", "os.kill(os.getppid(), 0)"):
        assert denied(place, action), action


LEAVES = """
    import os
    before = [path for path in ("/dev/shm/left", os.path.expanduser("~/left")) if os.path.exists(path)]
    for path in ("/dev/shm/left", os.path.expanduser("~/left")):
        open(path, "w").close()
    try:
        os.readlink(f"/proc/{os.getppid()}/fd/0")
        before.append("the pipes of the process it was forked from")
    except OSError:
        pass
    assert not before, before
"""


@pytest.mark.skipif("private-shm" not in probe().mechanisms, reason="the shared memory is everybody's on this machine")
def test_what_a_run_leaves_in_shared_memory_does_not_reach_the_next(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/data.py": ("def load():\n", "def load():\n" + LEAVES)})
    with Pipeline(Settings(root=root), load_contract(root, "visits"), cache=False) as pipeline:
        for _ in range(2):
            assert len(pipeline.load()["visits"]) == 960
