"""Steering a session from the command line: the same words and steps as on the screen, with exit codes, and never a wait."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loop.house import USE_CASE, House, make_house
from tests.loop.steered import MODEL, edits_twice, scripted
from workbench.cli import main as cli
from workbench.loop.control import Inbox
from workbench.loop.drivers import NoCure, Question
from workbench.loop.drivers.answers import Answer
from workbench.loop.turn import Turn
from workbench.sessions.events import ChangeMade, Message
from workbench.sessions.reader import read_session
from workbench.sessions.writer import SessionWriter

Says = Callable[..., tuple[int, Any, str]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def says(house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Says]:
    """Runs a command line: exit code, its JSON, and its talk."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ben")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ben@shop.example")

    def run(*words: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = cli.main(["-C", str(house.root), *words, "--json"])
        out, err = capsys.readouterr()
        return int(code), json.loads(out) if out.strip() else None, err

    yield run


def asks(turn: Turn) -> Answer:
    return NoCure(f"told: {turn.directions}") if turn.directions else Question("How many rounds?")


def started(says: Says, driver: Callable[[Turn], Answer] = asks) -> str:
    with scripted(driver):
        code, report, talk = says("run", USE_CASE, "--headless", "--driver", "scripted")
    assert report["outcome"] in ("waiting", "no-cure"), talk
    assert code == (3 if report["outcome"] == "waiting" else 1)
    return str(report["session"])


def test_a_question_without_a_terminal_exits_3_and_is_answered_by_resume(house: House, says: Says) -> None:
    name = started(says)
    code, report, talk = says("session", "answer", name, "with TEXT that nobody hears yet")
    assert code == 0 and report["running"] == "" and f"--resume {name}" in talk
    with scripted(asks):
        code, report, _ = says("run", "--resume", name, "--answer", "40")
    assert code == 1 and report["reason"] == "told: ('with TEXT that nobody hears yet', '40')"
    by = [event.person["email"] for event in read_session(house.root / "sessions" / name).events if isinstance(event, Message)]
    assert by == ["ben@shop.example"] * 2


def test_a_step_is_taken_over_and_handed_back_in_two_commands(house: House, says: Says) -> None:
    name = started(says, edits_twice)
    with scripted():
        code, report, talk = says("run", "--resume", name, "--take-over")
        assert code == 3 and report["outcome"] == "taken-over" and report["place"] in talk
        place = Path(report["place"])
        code, rows, _ = says("session", "list")
        assert [row["place"] for row in rows["sessions"] if row["session"] == name] == [str(place)]
        (place / MODEL).write_text("# by hand\n")
        code, report, _ = says("run", "--resume", name, "--hand-back")
        assert code == 1 and report["outcome"] == "no-cure" and not place.exists()
        code, _, talk = says("run", "--resume", name, "--hand-back")
        assert code == 2 and "nothing is taken over" in talk
    made = [event for event in read_session(house.root / "sessions" / name).events if isinstance(event, ChangeMade)]
    assert [event.author["email"] for event in made if event.node == "take-over"] == ["ben@shop.example"]


def test_session_take_over_and_stop_act_at_once_where_nothing_runs(house: House, says: Says) -> None:
    name = started(says)
    with scripted(asks):
        code, report, _ = says("session", "take-over", name)
        assert code == 3 and report["place"]
        code, report, _ = says("session", "hand-back", name, "--message", "as it was")
        assert code == 0 and Inbox(house.settings.state, name)
        code, report, _ = says("session", "resume", name)
        assert code == 3 and report["question"] == "How many rounds?"
        code, report, _ = says("session", "stop", name)
        assert code == 1 and report["outcome"] == "abandoned"
        code, _, talk = says("session", "direct", name, "more")
        assert code == 2 and "has ended" in talk
        code, _, talk = says("run", "--resume", name)
        assert code == 2 and "has ended" in talk


def test_a_running_session_is_paused_from_elsewhere_and_whoever_resumes_it_too_is_refused(house: House, says: Says) -> None:
    name = started(says)
    code, _, talk = says("session", "pause", name)
    assert code == 2 and "nothing to pause" in talk
    with SessionWriter.resume(house.root / "sessions" / name):
        code, report, talk = says("session", "pause", name)
        assert code == 0 and f"process {os.getpid()}" in report["running"] and "before its next node" in talk
        code, _, talk = says("run", "--resume", name, "--direct", "mine")
        assert code == 1 and f"process {os.getpid()}" in talk
        code, rows, _ = says("session", "list")
        assert [row["outcome"] for row in rows["sessions"] if row["session"] == name] == ["running"]
    assert [given.act for given in Inbox(house.settings.state, name).pending()] == ["pause"]


def test_what_makes_no_sense_is_refused_with_what_to_do(says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    name = started(says)
    for words in (["run", USE_CASE, "--direct", "x"], ["run", "--resume", name, "--direct", " "], ["session", "hand-back", name]):
        code, _, talk = says(*words)
        assert code == 2 and "hint:" in talk, words
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.delenv("GIT_AUTHOR_EMAIL")
    code, _, talk = says("session", "take-over", name)
    assert code == 2 and "user.email" in talk


@pytest.mark.slow
def test_an_interrupted_run_exits_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    command = [sys.executable, "-m", "workbench", "-C", str(house.root), "run", USE_CASE, "--headless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        heard = ""
        while "build …" not in heard:
            heard += running.stderr.readline()
        running.send_signal(signal.SIGINT)
        _, rest = running.communicate(timeout=60)
    (directory,) = (house.root / "sessions").glob("*/")
    assert running.returncode == 130 and f"workbench run --resume {directory.name}" in rest and "Traceback" not in rest
    assert read_session(directory).outcome is None and not (directory / ".writer").exists()
