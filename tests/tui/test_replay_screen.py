"""The scrubber: every key, at both sizes; ten thousand events as fast as ten; nothing can be decided."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.screens import LARGE, SMALL, drive, screen, until
from workbench.sessions.events import event
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import read_session
from workbench.sessions.writer import SessionWriter
from workbench.testing import ticking_clock
from workbench.tui.keys import DECIDING
from workbench.tui.replay import REPLAY, ReplayApp

TREE = "a" * 40
NODES = ("build", "gate", "diagnose", "fix")
DIFF = [
    {"path": "split.py", "old_path": None, "status": "modified", "old_mode": "100644", "new_mode": "100644", "binary": False,
     "hunks": [{"header": "@@ -1 +1 @@", "old_start": 1, "new_start": 1,
                "lines": [{"mark": "-", "text": "one", "old": 1, "new": None},
                          {"mark": "+", "text": "two\x1b[2J", "old": None, "new": 1}]}]}
]  # fmt: skip


def recorded(directory: Path, count: int = 12, *, end: bool = True) -> Path:
    """`count` steps of one message each, a gate in every fourth, and a change in step 3."""
    header = SessionHeader(id="s1", use_case="shop", base=TREE, driver="playbook", created="2026-11-20T09:00:00+00:00")
    with SessionWriter.create(directory, header, clock=ticking_clock()) as writer:
        report, diff = writer.blob('{"verdict": "pass"}'), writer.blob(json.dumps(DIFF))
        for step in range(1, count + 1):
            node = NODES[step % 4]
            if node == "gate":
                writer.append(event("gate", tree=TREE, verdict="pass", report=report, step=step, node=node))
            elif step == 3:
                change = {"base": TREE, "result": "b" * 40, "digest": "sha256:" + "0" * 64}
                writer.append(event("change", **change, title="wider gap", diff=diff, step=step, node=node))
            else:
                writer.append(event("message", by="x", text=f"word {step} [/b] \x1b[2J", step=step, node=node))
        if end:
            writer.close("released")
    return directory


def at(app: ReplayApp) -> int:
    found = app.replay.event
    assert found is not None
    return found.seq


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_every_key_moves_the_playhead(tmp_path: Path, size: tuple[int, int]) -> None:
    app = ReplayApp(read_session(recorded(tmp_path / "s")))

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "REPLAY" in app.replay.said)
        assert app.replay.said.startswith("step 1/12 · gate · REPLAY")
        expected = {
            "full_stop": 2, "right": 3, "l": 4, "comma": 3, "left": 2, "h": 1, "right_square_bracket": 5,
            "left_square_bracket": 1,
            "right_curly_bracket": 2, "left_curly_bracket": 1, "5": 7, "end": 13,
            "home": 1, "9": 12, "0": 1, "j": 2, "k": 1,
        }  # fmt: skip
        for key, seq in expected.items():
            await pilot.press(key)
            await pilot.pause()
            assert at(app) == seq, key
        await pilot.press("2")
        await pilot.pause()
        text = screen(app)
        assert "\x1b[2J" not in text and all(len(row) <= size[0] for row in text.splitlines())

    drive(app, steps, size)


def test_what_an_event_holds_is_drawn(tmp_path: Path) -> None:
    app = ReplayApp(read_session(recorded(tmp_path / "s")), to=3)

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "wider gap" in screen(app))
        assert at(app) == 3
        text = screen(app)
        assert "- one" in text and "+ two\\x1b[2J" in text

    drive(app, steps)


def test_it_plays_to_the_end_and_stops(tmp_path: Path) -> None:
    app = ReplayApp(read_session(recorded(tmp_path / "s", 6)))

    async def steps(pilot: Pilot[None]) -> None:
        for _ in range(6):
            await pilot.press("greater_than_sign")
        await pilot.press("space")
        await until(pilot, lambda: at(app) == 7 and "the end" in app.replay.said)
        assert "×32" in app.replay.said

    drive(app, steps)


def test_it_follows_a_session_that_is_being_written(tmp_path: Path) -> None:
    directory = recorded(tmp_path / "s", 4, end=False)
    app = ReplayApp(read_session(directory))

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("f")
        await until(pilot, lambda: at(app) == 4)
        with SessionWriter.resume(directory) as writer:
            writer.append(event("message", by="x", text="news", step=5, node="build"))
        app.replay.look()
        await until(pilot, lambda: at(app) == 5)

    drive(app, steps)


def test_no_verdict_key_is_there_and_the_keys_fit(tmp_path: Path) -> None:
    actions = {found.action.partition("(")[0] for found in DECIDING} - {"refresh"}
    assert not actions & {found.action.partition("(")[0] for found in REPLAY}
    ids = [found.id for found in REPLAY]
    keys = [key for found in REPLAY for key in found.key.split(",")]
    assert len(set(ids)) == len(ids) and len(set(keys)) == len(keys)


def test_ten_thousand_events_cost_what_a_hundred_do(tmp_path: Path) -> None:
    """A key on the long session against the same key on the short one, in one run."""
    took = {}
    for count in (100, 10_000):
        session = read_session(_long(tmp_path / str(count), count))
        app = ReplayApp(session)
        times: list[float] = []

        async def steps(pilot: Pilot[None], times: list[float] = times) -> None:
            await pilot.press("5")
            await pilot.pause()
            for _ in range(8):
                begin = time.perf_counter()
                await pilot.press("full_stop")
                await pilot.pause()
                times.append(time.perf_counter() - begin)

        drive(app, steps)
        took[count] = sorted(times)[len(times) // 2]
    assert took[10_000] < 4 * took[100] + 0.05, took


def _long(directory: Path, count: int) -> Path:
    """A long session, written in one go: each line is what the writer would have written."""
    from workbench.sessions.events import line_of
    from workbench.sessions.header import sha256

    with SessionWriter.create(directory, SessionHeader(
        id="s1", use_case="shop", base=TREE, driver="playbook", created="2026-11-20T09:00:00+00:00"
    )) as writer:  # fmt: skip
        prev = writer.header.digest
    lines = []
    for seq in range(1, count + 1):
        found = event("message", by="x", text=f"word {seq}", step=seq, node=NODES[seq % 4])
        line = line_of(found.model_copy(update={"seq": seq, "at": "2026-11-20T09:00:00.000000+00:00", "prev": prev}))
        lines.append(line)
        prev = sha256(line)
    (directory / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return directory
