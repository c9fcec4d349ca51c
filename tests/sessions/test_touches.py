"""The ledger of looks at the test: what counts as one, and that none is lost or made up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import Corrupt
from workbench.sessions.events import event
from workbench.sessions.header import SessionHeader
from workbench.sessions.heldout import SKETCH, HeldOut
from workbench.sessions.touches import Ledger, Look, counted, known_looks, recorded
from workbench.sessions.writer import SessionWriter

TABLES = "7" * 64


def rows(numbers: range, tables: str = TABLES) -> HeldOut:
    """Test rows whose hashes are spread evenly, as real ones are."""
    hashes = sorted((number * 0x9E3779B97F4A7C15) % 2**64 for number in numbers)
    return HeldOut(
        digest=f"{numbers.start:032x}{numbers.stop:032x}", rows=len(numbers), sketch=hashes[:SKETCH], tables=tables
    )  # fmt: skip


def look(code: int, held_out: HeldOut | None = None, **fields: object) -> Look:
    held_out = held_out or rows(range(1, 1001))
    return Look.model_validate(
        {"use_case": "shop", "held_out": held_out, "code": f"{code:064x}", "scores": {"mae": 1.0}, **fields}
    )


def test_another_code_is_another_look_and_the_same_code_on_the_same_tables_is_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "shop")
    first = ledger.add(look(1))
    assert first is not None and (first.seq, first.prev) == (1, "")
    assert ledger.add(look(1)) == first
    second = ledger.add(look(2))
    assert second is not None and second.seq == 2 and len(second.prev) == 64
    ledger.add(look(2, rows(range(1, 1001), tables="8" * 64)))
    assert [entry.seq for entry in ledger.looks()] == [1, 2, 3]
    assert counted(ledger.looks(), rows(range(1, 1001))) == 3


@pytest.mark.parametrize(
    ("numbers", "same"),
    [
        (range(1, 1001), True),
        (range(51, 1051), True),  # the test moved on by five per cent
        (range(1, 301), True),  # a part of it
        (range(1, 5001), True),  # more rows beside it
        (range(901, 1901), False),
        (range(1001, 2001), False),
    ],
)
def test_mostly_the_same_rows_are_the_same_test(numbers: range, same: bool) -> None:
    assert rows(range(1, 1001)).same_as(rows(numbers)) is same
    assert rows(numbers).same_as(rows(range(1, 1001))) is same


def test_the_budget_is_held_under_the_lock(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "shop")
    assert ledger.add(look(1, session="a"), budget=2) and ledger.add(look(2, session="b"), budget=2)
    before = ledger.path.read_bytes()
    assert ledger.add(look(3, session="b"), budget=2) is None
    assert ledger.path.read_bytes() == before
    assert ledger.add(look(2, session="b"), budget=2) is not None, "what was seen may be seen again"
    assert ledger.add(look(3, rows(range(2000, 3000)), session="b"), budget=2) is not None, "other rows are another test"
    assert ledger.add(look(3, session="b"), budget=2, in_session=True) is not None, "this session has looked once at these"


def test_looks_of_recorded_sessions_count_where_the_state_was_thrown_away(tmp_path: Path) -> None:
    assert known_looks(tmp_path, tmp_path / "state", "shop") == []
    header = SessionHeader(id="s1", use_case="shop", base="a" * 40, driver="playbook", created="2026-11-20T09:00:00+00:00")
    with SessionWriter.create(tmp_path / "sessions" / "s1", header) as writer:
        for code in (1, 2):
            seen = look(code)
            writer.append(
                event(
                    "touch",
                    held_out=seen.held_out,
                    code=seen.code,
                    tree="b" * 40,
                    scores=seen.scores,
                    looks=code,
                    in_session=code,
                )
            )
    assert [found.session for found in recorded(tmp_path, "shop")] == ["s1", "s1"] and recorded(tmp_path, "visits") == []
    Ledger(tmp_path / "state", "shop").add(look(2, session="s1"))
    assert counted(known_looks(tmp_path, tmp_path / "state", "shop"), rows(range(1, 1001))) == 2
    lines = (tmp_path / "sessions/s1/events.jsonl").read_bytes()
    (tmp_path / "sessions/s1/events.jsonl").write_bytes(lines.replace(b'"looks":1', b'"looks":0'))
    with pytest.raises(Corrupt, match="can't be counted"):
        recorded(tmp_path, "shop")


def test_a_torn_last_line_was_never_acknowledged_and_other_damage_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "shop")
    ledger.add(look(1))
    ledger.add(look(2))
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + b'{"at":"2026')
    assert len(ledger.looks()) == 2
    ledger.add(look(3))
    assert len(ledger.looks()) == 3 and ledger.path.with_suffix(".torn").read_bytes() == b'{"at":"2026\n'
    for damaged in (whole.replace(b'"mae":1.0', b'"mae":0.5', 1), whole.split(b"\n", 1)[1], b"not a look\n" + whole):
        ledger.path.write_bytes(damaged)
        with pytest.raises(Corrupt):
            ledger.looks()
        with pytest.raises(Corrupt):
            ledger.add(look(4))
        assert ledger.path.read_bytes() == damaged


KILLED = """
import sys
from pathlib import Path
from tests.sessions.test_touches import Ledger, look
ledger = Ledger(Path(sys.argv[1]), "shop")
for code in range(int(sys.argv[2]), int(sys.argv[2]) + 1000):
    written = ledger.add(look(code))
    print(code, flush=True)
"""


def test_no_acknowledged_look_is_lost_to_a_kill(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    for turn in range(2):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(1 + 1000 * turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as running:
            assert running.stdout is not None
            for line in running.stdout:
                acknowledged.append(int(line))
                if len(acknowledged) % 7 == 0:
                    break
            os.kill(running.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in running.stdout if line.strip()]
    found = [int(entry.code, 16) for entry in Ledger(tmp_path, "shop").looks()]
    assert set(acknowledged) <= set(found) and len(found) == len(set(found))
    assert len(found) - len(acknowledged) <= 2, "at most the one that was being written in each turn"
    assert Ledger(tmp_path, "shop").add(look(9999)) is not None
