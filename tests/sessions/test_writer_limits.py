"""What a session does where the disk is full, the clock runs backwards, or there are ten thousand events."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.cli.main import main
from workbench.sessions.events import event, line_of
from workbench.sessions.header import SessionHeader, sha256
from workbench.sessions.reader import read_session
from workbench.sessions.writer import SessionWriter

TREE = "a" * 40


def header() -> SessionHeader:
    return SessionHeader(id="s1", use_case="shop", base=TREE, driver="playbook", created="2026-11-20T09:00:00+00:00")


FILL = """
import resource, signal, sys
from pathlib import Path
from workbench.errors import WorkbenchError
from workbench.sessions.events import event
from workbench.sessions.writer import SessionWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
writer = SessionWriter.resume(Path(sys.argv[1]))
written = 0
try:
    while True:
        if sys.argv[2] == "blob":
            writer.blob("x" * 6000)
        writer.append(event("message", by="x", text="y" * 300))
        written += 1
except WorkbenchError as error:
    print(written, type(error).__name__, error.message)
"""


def test_an_event_that_cannot_be_written_stops_the_session_and_leaves_it_whole(tmp_path: Path) -> None:
    with SessionWriter.create(tmp_path / "s", header()) as writer:
        writer.append(event("started", driver="playbook", base=TREE, use_case="shop"))
    for kind in ("event", "blob"):
        done = subprocess.run([sys.executable, "-c", FILL, str(tmp_path / "s"), kind], capture_output=True, text=True, check=True)
        written, name, said = done.stdout.split(" ", 2)
        assert name == "Unwritten" and "can't be written: File too large" in said
        assert (int(written) > 0) is (kind == "event")
        session = read_session(tmp_path / "s")
        assert session.torn == b"" and not list((tmp_path / "s").rglob("*.tmp"))
    with SessionWriter.resume(tmp_path / "s") as writer:
        assert writer.append(event("resumed")).seq == len(session.events) + 1
    read_session(tmp_path / "s")


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path) -> None:
    start = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    times = itertools.cycle([start, start - timedelta(days=400), start + timedelta(days=2)])
    with SessionWriter.create(tmp_path / "s", header(), clock=lambda: next(times)) as writer:
        for number in range(6):
            writer.append(event("message", by="x", text=str(number), step=number))
        writer.close("released")
    session = read_session(tmp_path / "s")
    assert [one.seq for one in session.events] == list(range(1, 8))
    assert [one.text for one in session.events if one.kind == "message"] == ["0", "1", "2", "3", "4", "5"]
    assert session.events[1].at < session.events[0].at


def test_an_event_costs_the_same_behind_ten_thousand(tmp_path: Path, capsys) -> None:
    took = {}
    for count in (10, 10_000):
        directory = tmp_path / str(count)
        with SessionWriter.create(directory, header()) as writer:
            prev = writer.header.digest
        lines = []
        for seq in range(1, count + 1):
            one = event("message", by="x", text=f"word {seq}", step=seq)
            line = line_of(one.model_copy(update={"seq": seq, "at": "2026-11-20T09:00:00.000000+00:00", "prev": prev}))
            lines.append(line)
            prev = sha256(line)
        (directory / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        times = []
        with SessionWriter.resume(directory) as writer:
            for _ in range(30):
                begin = time.perf_counter()
                writer.append(event("message", by="x", text="one more"))
                times.append(time.perf_counter() - begin)
        took[count] = sorted(times)[len(times) // 2]
    assert took[10_000] < 5 * took[10] + 0.005, took
    (tmp_path / "workbench.toml").touch()
    assert main(["-C", str(tmp_path), "replay", str(tmp_path / "10000"), "--to", "3"]) == 0
    assert "word 3" in capsys.readouterr().out
