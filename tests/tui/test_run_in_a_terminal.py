"""`workbench run` on a real pseudo-terminal: it is interrupted, gone on with, left, and never waits where nobody can answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loop.house import USE_CASE, House, make_house
from tests.tui.test_in_a_terminal import COLOR, Terminal
from workbench.sessions.reader import read_session

BROKEN = {"pipelines/visits/model.py": ("num_boost_round=30", "num_boost_round=thirty")}


class Running(Terminal):
    """The loop."""

    command = "run"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"), BROKEN)


def session_of(house: House) -> Path:
    (directory,) = (house.root / "sessions").glob("*/")
    return directory


def test_it_is_interrupted_gone_on_with_and_left(house: House) -> None:
    first = Running(house.root, USE_CASE)
    first.until(b"BUILD")
    first.until(b"load")
    first.press("\x03")
    assert first.end() == 130
    directory = session_of(house)
    assert f"workbench run --resume {directory.name}".encode() in first.written and COLOR.search(first.written)
    assert read_session(directory).outcome is None
    again = Running(house.root, "--resume", directory.name, NO_COLOR="1")
    again.until(b"no cure for this")
    again.press("q")
    again.until(b"q again leaves")
    again.press("q")
    assert again.end() == 1 and b"no cure known" in again.written and COLOR.search(again.written) is None
    assert [event.kind for event in read_session(directory).events].count("started") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("words", "environment"), [(["--plain"], {}), ([], {"TERM": "dumb"}), (["--no-input"], {})])
def test_lines_where_a_screen_is_not_wanted_or_can_not_be_drawn(
    tmp_path: Path, words: list[str], environment: dict[str, str]
) -> None:
    house = make_house(tmp_path, BROKEN)
    terminal = Running(house.root, USE_CASE, *words, **environment)
    assert terminal.end() == 1
    assert b"build failed" in terminal.written and b"\x1b[?1049h" not in terminal.written
