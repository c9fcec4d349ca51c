"""The launcher that confines itself and then becomes the confined program: `python -I -S sandbox_entry.py POLICY -- ARGV…`.

Runs before anything is installed or imported, so it uses the standard library alone and imports nothing of this package.
What the policy means and who writes it is in `sandbox.py`. A mechanism that the policy requires and that fails ends the
launcher with exit code 125: the program is never started unconfined.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import stat
import struct
import sys
from typing import Any

REFUSED = 125

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_SECUREBITS = 28
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

# Landlock's access rights, linux/landlock.h; the comment is the ABI version that brought them.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_V1 = (1 << 13) - 1
_REFER = 1 << 13  # 2
_TRUNCATE = 1 << 14  # 3
_IOCTL_DEV = 1 << 15  # 5
_TCP, _TCP_CONNECT = 0b11, 0b10  # 4: bind and connect
_SCOPES = 0b11  # 6: abstract unix sockets, signals
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

_PROCESSES, _GROUP = 4096, "/workbench-sandbox"
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x20000, 0x08000000, 0x10000000, 0x40000000

# System calls refused in the confined program: (x86_64, aarch64). None: that machine doesn't have it.
_REFUSED_CALLS: dict[str, tuple[int | None, int | None]] = {
    # Every socket but a connected pair: a path in the file system can be a socket of the container engine or of an agent.
    "socket": (41, 198),
    # io_uring opens files and sockets behind the filter's back.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Landlock doesn't look at modes, owners, times and extended attributes.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # Other processes, namespaces, the kernel.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "delete_module": (176, 106),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "syslog": (103, 116),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "vhangup": (153, 58),
    # What these make outlives the program that made it, and the next run would find it.
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
_SOCKET, _SOCKETPAIR = _REFUSED_CALLS["socket"], (53, 199)
_CLONE, _CLONE3, _IOCTL = (56, 220), (435, 435), (16, 29)
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW… flag that clone takes
_TYPING = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX put words into a terminal as if a person had typed them
_TRUNCATE_CALL = (76, 45)
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class Refused(Exception):
    """A required mechanism doesn't work here."""


def main(argv: list[str]) -> None:
    """Confines this process as the policy says and executes the program; returns only by exception."""
    environment = confine(json.loads(argv[1]))
    program = argv[3:]
    os.execve(program[0], program, environment)


def confine(policy: dict[str, Any]) -> dict[str, str]:
    """Confines this process, which must have one thread, as the policy says; returns the environment that goes with it.

    Raises Refused or OSError where a required mechanism fails: the process has to end then.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    environment = dict(policy["environment"])
    ports: list[int] = policy["connect"]
    _limits(policy["limits"])
    gained: list[str] = []
    if not policy["unsafe"]:
        _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
        gained += _process_limit()
        gained += _namespaces(libc, network=bool(ports))
        _drop_capabilities(libc)
        # After the credentials have changed, because that clears it.
        _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
        abi = _landlock(libc, policy, ports)
        gained.append(f"landlock-{abi}")
        _seccomp(libc, truncate_too=abi < 3, network=bool(ports))
        gained.append("seccomp")
    environment["WORKBENCH_CONFINED_BY"] = ",".join(gained) or "nothing"
    return environment


def _prctl(libc: ctypes.CDLL, option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(v) for v in (*values, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *padded) != 0:
        raise Refused(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _limits(limits: dict[str, int]) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
    }
    if sys.platform == "darwin":  # it refuses address-space limits
        del wanted[resource.RLIMIT_AS]
    for which, value in wanted.items():
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def _namespaces(libc: ctypes.CDLL, *, network: bool) -> list[str]:
    """New user, network, IPC and mount namespaces where the kernel and the container allow them; else nothing."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | (0 if network else _CLONE_NEWNET) | _CLONE_NEWIPC | _CLONE_NEWNS) != 0:
        return []
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 (no pathlib before the program starts)
                file.write(text)
    except OSError as error:
        raise Refused(f"the user namespace can't be mapped: {error}") from None
    gained = ["user-namespace", *([] if network else ["network-namespace"]), "ipc-namespace"]
    # A shared memory of its own: joblib and multiprocessing need one, and the machine's is everybody's.
    separate = libc.mount(b"none", b"/", None, ctypes.c_ulong(0x44000), None) == 0  # MS_REC | MS_PRIVATE
    if separate and libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", ctypes.c_ulong(6), b"mode=1777") == 0:  # MS_NOSUID | MS_NODEV
        gained.append("private-shm")
    # Counted within the namespace, so it limits this program and nobody else.
    resource.setrlimit(resource.RLIMIT_NPROC, (_PROCESSES, _PROCESSES))
    return [*gained, *(["process-limit"] if user != 0 else [])]


def _process_limit() -> list[str]:
    """For root, whom the kernel exempts from the limit of processes: a control group below our own, where there can be one.

    Its name and limit are the same for all that is confined, so nothing has to be cleared away. Nobody else needs it.
    """
    if os.geteuid() != 0:
        return []
    try:
        with open("/proc/self/cgroup") as file:  # noqa: PTH123
            own = next(line.split(":", 2)[2].strip() for line in file if line.split(":", 2)[1] == "pids")
        place = f"/sys/fs/cgroup/pids{own.rstrip('/')}"
        if not own.endswith(_GROUP):
            place += _GROUP
            os.makedirs(place, exist_ok=True)  # noqa: PTH103
            for name, text in (("pids.max", str(2 * _PROCESSES)), ("cgroup.procs", str(os.getpid()))):
                with open(f"{place}/{name}", "w") as file:  # noqa: PTH123
                    file.write(text)
    except (OSError, StopIteration):
        return []
    return ["process-limit"]


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Gives up what root may do beyond the rules for everybody; without privileges there is nothing to give up."""
    for capability in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break
    libc.prctl(_PR_SET_SECUREBITS, ctypes.c_ulong(0b101111), 0, 0, 0)  # uid 0 gets nothing back on execve; locked
    header = struct.pack("=Ii", 0x20080522, 0)
    if libc.capset(header, struct.pack("=6I", *[0] * 6)) != 0:
        raise Refused(f"capabilities can't be dropped: {os.strerror(ctypes.get_errno())}")


def _landlock(libc: ctypes.CDLL, policy: dict[str, list[str]], ports: list[int]) -> int:
    """Only the policy's paths and ports from here on; returns the kernel's ABI version."""
    abi: int = libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if abi < 1:
        raise Refused(f"Landlock: {os.strerror(ctypes.get_errno())}")
    if ports and abi < 4:
        raise Refused("Landlock of this kernel can't hold connections to named ports (Linux 6.7 can)")
    handled = _ALL_V1 | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_IOCTL_DEV if abi >= 5 else 0)
    attributes = struct.pack("=QQQ", handled, _TCP if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    attributes = attributes[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset: int = libc.syscall(444, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        raise Refused(f"Landlock ruleset: {os.strerror(ctypes.get_errno())}")
    read = _READ_FILE | _READ_DIR
    grants = [(path, read) for path in policy["read"]]
    grants += [(path, read | _EXECUTE) for path in policy["execute"]]
    grants += [(path, _READ_DIR) for path in policy["list_only"]]
    grants += [(path, handled & ~_EXECUTE & ~_IOCTL_DEV) for path in policy["write"]]
    grants += [(path, _READ_FILE | _WRITE_FILE) for path in policy["devices"]]
    for path, access in grants:
        _grant(libc, ruleset, path, access & handled)
    for port in ports:
        rule = struct.pack("=QQ", _TCP_CONNECT, port)
        if libc.syscall(445, ctypes.c_int(ruleset), ctypes.c_int(2), rule, 0) != 0:
            raise Refused(f"Landlock rule for port {port}: {os.strerror(ctypes.get_errno())}")
    if libc.syscall(446, ctypes.c_int(ruleset), ctypes.c_uint(0)) != 0:
        raise Refused(f"Landlock restriction: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)
    return abi


def _grant(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    try:
        # A link that appeared since the policy was written would lead the grant elsewhere.
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISLNK(mode):
            return
        if not stat.S_ISDIR(mode):
            access &= _ON_FILES
        if access and libc.syscall(445, ctypes.c_int(ruleset), ctypes.c_int(1), struct.pack("=Qi", access, descriptor), 0) != 0:
            raise Refused(f"Landlock rule for {path}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


def _seccomp(libc: ctypes.CDLL, *, truncate_too: bool, network: bool) -> None:
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        raise Refused(f"no system call filter is known for {machine}")
    program = _filter(_AUDIT_ARCH[machine], 0 if machine == "x86_64" else 1, truncate_too=truncate_too, network=network)
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), header, 0, 0) != 0:
        raise Refused(f"seccomp: {os.strerror(ctypes.get_errno())}")


def _filter(arch: int, column: int, *, truncate_too: bool, network: bool) -> list[bytes]:
    """The BPF program: another machine's calls kill, refused calls fail with EACCES.

    A socket pair has to be AF_UNIX, a new process stays in its namespaces, nothing is typed into a terminal; a socket is
    of the internet, and with `network` alone.
    """
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    kill, deny, unknown, allow = 0x80000000, 0x00050000 | 13, 0x00050000 | 38, 0x7FFF0000

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    def only(number: int, argument: int, values: tuple[int, ...]) -> list[bytes]:
        """The call `number` is refused unless its argument (0 to 5, lower half) is one of `values`."""
        tests = [step(equal, value, len(values) - at, 0) for at, value in enumerate(values)]
        lines = [step(load, 16 + 8 * argument), *tests, step(answer, deny), step(answer, allow)]
        return [step(equal, number, 0, len(lines)), *lines]

    def never(number: int, argument: int, test: int, values: tuple[int, ...]) -> list[bytes]:
        """The call `number` is refused where the test of its argument with one of `values` is true."""
        tests = [step(test, value, len(values) - at, 0) for at, value in enumerate(values)]
        lines = [step(load, 16 + 8 * argument), *tests, step(answer, allow), step(answer, deny)]
        return [step(equal, number, 0, len(lines)), *lines]

    refused = [numbers[column] for name, numbers in _REFUSED_CALLS.items() if name != "socket" or not network]
    refused += [_TRUNCATE_CALL[column]] if truncate_too else []
    lines = [step(load, 4), step(equal, arch, 1, 0), step(answer, kill), step(load, 0)]
    if column == 0:
        lines += [step(at_least, 0x40000000, 0, 1), step(answer, deny)]
    for number in sorted(n for n in refused if n is not None):
        lines += [step(equal, number, 0, 1), step(answer, deny)]
    # Its flags lie in memory, where a filter can't look: C libraries go on with `clone` where it is unknown.
    lines += [step(equal, _CLONE3[column], 0, 1), step(answer, unknown)]
    lines += never(_CLONE[column], 0, any_bit, (_NEW_NAMESPACES,))
    lines += never(_IOCTL[column], 1, equal, _TYPING)
    lines += only(_SOCKETPAIR[column], 0, (1,))
    if network:
        lines += only(int(_SOCKET[column] or 0), 0, (2, 10))
    return [*lines, step(answer, allow)]


if __name__ == "__main__":
    try:
        main(sys.argv)
    except (Refused, OSError, ValueError) as failure:
        os.write(2, f"sandbox: {failure}\n".encode())
        os._exit(REFUSED)
