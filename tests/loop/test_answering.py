"""Whatever a driver answers leads through the same gates to the same person; what it may not edit is refused twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from house import USE_CASE, House, make_house

from workbench.loop import session
from workbench.loop.drivers import Answer, Done, Edited, Question
from workbench.loop.turn import Turn
from workbench.review import queue
from workbench.sessions.events import Chosen, Message
from workbench.sessions.reader import read_session

MODEL, SPLIT = "pipelines/visits/model.py", "pipelines/visits/split.py"
BROKEN = {MODEL: ("num_boost_round=30", "num_boost_round=thirty")}


def driven(
    monkeypatch: pytest.MonkeyPatch, house: House, decide: Callable[[Turn], Answer], goal: str = ""
) -> session.SessionResult:
    monkeypatch.setattr(session, "load_driver", lambda name, settings: decide)
    return session.start(house.settings, USE_CASE, goal=goal)


def chosen(result: session.SessionResult) -> list[Chosen]:
    return [event for event in read_session(result.directory).events if isinstance(event, Chosen)]


@pytest.mark.slow
def test_an_edit_that_repairs_is_built_gated_and_applied_only_as_the_policy_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(tmp_path, BROKEN)
    before = house.head

    def repair(turn: Turn) -> Answer:
        assert turn.failure is not None and "thirty" in str(turn.failure.text)
        assert "thirty" in turn.place.read(MODEL)
        turn.place.edit(MODEL, "num_boost_round=thirty", "num_boost_round=30")
        return Edited(turn.place.edits, "the number of rounds is a number", "It was a name that nobody defines.")

    result = driven(monkeypatch, house, repair)
    assert result.outcome == "waiting" and result.change is not None and house.head == before
    queued = queue.get(house.repo, result.change)
    assert queued.change.author.agent and (house.root / MODEL).read_text().count("thirty") == 1, "the work tree is the user's"
    assert house.repo.read_blob(queued.change.result, MODEL) == (house.root / MODEL).read_bytes().replace(b"thirty", b"30")
    (found,) = chosen(result)
    assert (found.choice, found.base) == ("edited", queued.change.base) and found.tree == queued.change.result
    said = [event for event in read_session(result.directory).events if isinstance(event, Message)]
    assert [event.text for event in said] == ["It was a name that nobody defines."]


@pytest.mark.slow
def test_an_edit_that_changes_nothing_any_more_ends_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make_house(tmp_path, BROKEN)
    edits = {"pipelines/visits/notes.py": b'"""Nothing to do with it."""\n'}
    result = driven(monkeypatch, house, lambda turn: Edited(edits, "notes"))
    assert result.outcome == "no-cure" and "changes nothing" in result.reason


@pytest.mark.parametrize(
    "path", ["review_policies/default.toml", "../x.py", "skills/build/skill.py", ".git/config", "workbench.toml"]
)
def test_a_driver_that_hands_over_what_nobody_may_edit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    house = make_house(tmp_path, BROKEN)
    before = house.head
    result = driven(monkeypatch, house, lambda turn: Edited({path: b"x"}, "mine"))
    assert result.outcome == "no-cure" and "refused" in result.reason and house.head == before
    assert not queue.pending(house.repo)


@pytest.mark.slow
def test_a_question_waits_for_a_person_and_their_answer_reaches_the_next_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(tmp_path, BROKEN)
    heard: list[tuple[str, ...]] = []

    def ask(turn: Turn) -> Answer:
        heard.append(tuple(turn.directions))
        if not turn.directions:
            return Question("How many rounds?")
        turn.place.edit(MODEL, "thirty", turn.directions[-1])
        return Edited(turn.place.edits, "as told")

    result = driven(monkeypatch, house, ask)
    assert (result.outcome, result.question, result.change) == ("waiting", "How many rounds?", None)
    still = session.resume(house.settings, result.session)
    assert still.question == "How many rounds?" and len(heard) == 1, "looking again asks nobody twice"
    done = session.resume(house.settings, result.session, directions=["40"])
    assert done.outcome == "waiting" and done.change is not None and done.question is None
    assert heard == [(), ("40",)]
    said = [event for event in read_session(result.directory).events if isinstance(event, Message)]
    assert [(event.by, event.text) for event in said] == [("person", "40")]
    assert [event.choice for event in chosen(done)] == ["question", "edited"]


@pytest.mark.slow
def test_with_a_goal_a_driver_may_propose_where_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make_house(tmp_path)
    before = house.head

    def propose(turn: Turn) -> Answer:
        assert turn.failure is None and turn.goal == "a better score" and turn.report["verdict"] == "pass"
        turn.place.edit(MODEL, "num_boost_round=30", "num_boost_round=60")
        return Edited(turn.place.edits, "more rounds")

    result = driven(monkeypatch, house, propose, goal="a better score")
    assert result.outcome == "waiting" and result.change is not None and house.head == before
    assert queue.get(house.repo, result.change).change.title == "more rounds"


@pytest.mark.slow
def test_with_a_goal_and_nothing_to_propose_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = driven(monkeypatch, make_house(tmp_path), lambda turn: Done("good as it is"), goal="a better score")
    assert result.outcome == "released"
    assert [event.choice for event in chosen(result)] == ["done"]
