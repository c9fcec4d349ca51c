"""The playbook driver: first cure not tried yet; the same failure after the same cure is stuck; no cure is said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.loop.drivers import Answer, Done, NoCure, Repair, Stuck, load_driver
from workbench.loop.state import Fix
from workbench.loop.turn import Failure, Turn
from workbench.settings import Settings

playbook = load_driver("playbook", Settings(root=Path("/nowhere")))


def decide(failure: str, diagnoses: list[dict[str, object]], fixes: list[Fix]) -> Answer:
    return playbook(Turn(ctx=None, failure=Failure("gate", failure), diagnoses=diagnoses, tried=fixes))  # type: ignore[arg-type]


def diagnosis(skill: str | None) -> dict[str, object]:
    return {"message": f"cause for {skill}", "cure": {"skill": skill, "input": {"n": 1}} if skill else None}


def tried(failure: str, skill: str, changed: bool = True) -> Fix:
    key = Repair(skill, {"n": 1}).key
    return {"failure": failure, "skill": skill, "cure": key, "tree": "t", "changed": changed}


def test_the_first_diagnosis_with_a_cure_is_taken() -> None:
    answer = decide("f", [diagnosis(None), diagnosis("migrate"), diagnosis("deleak")], [])
    assert isinstance(answer, Repair)
    assert (answer.skill, answer.input) == ("migrate", {"n": 1})


def test_the_same_failure_after_the_same_cure_is_stuck() -> None:
    assert isinstance(decide("f", [diagnosis("migrate")], [tried("f", "migrate")]), Stuck)


def test_another_failure_may_use_the_same_skill_again() -> None:
    assert isinstance(decide("g", [diagnosis("migrate")], [tried("f", "migrate")]), Repair)


def test_a_skill_that_found_no_cure_is_passed_over_and_not_called_stuck() -> None:
    assert isinstance(decide("f", [diagnosis("deleak")], [tried("f", "deleak", changed=False)]), NoCure)
    answer = decide("f", [diagnosis("deleak"), diagnosis("resplit")], [tried("f", "deleak", changed=False)])
    assert isinstance(answer, Repair)
    assert answer.skill == "resplit"


def test_the_same_skill_with_another_input_is_another_cure() -> None:
    other = {"message": "m", "cure": {"skill": "deleak", "input": {"n": 2}}}
    assert isinstance(decide("f", [diagnosis("deleak"), other], [tried("f", "deleak")]), Repair)


def test_no_diagnosis_is_no_cure() -> None:
    assert isinstance(decide("f", [], []), NoCure)


def test_where_nothing_fails_it_proposes_nothing() -> None:
    assert isinstance(playbook(Turn(ctx=None, goal="a better score")), Done)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["nobody", "playbook:fast", ""])
def test_an_unknown_driver_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="driver"):
        load_driver(name, Settings(root=Path("/nowhere")))


skills = st.sampled_from(["migrate", "upgrade", "deleak", "resplit"])


@given(st.lists(st.one_of(st.none(), skills), max_size=5), st.lists(st.tuples(skills, st.booleans()), max_size=6))
def test_it_always_ends(cures: list[str | None], history: list[tuple[str, bool]]) -> None:
    """Whatever was tried, repeating its own answer on the same failure reaches an end within as many steps as cures."""
    fixes = [tried("f", skill, changed) for skill, changed in history]
    diagnoses = [diagnosis(cure) for cure in cures]
    for _ in range(len(cures) + 1):
        answer = decide("f", diagnoses, fixes)
        if not isinstance(answer, Repair):
            return
        fixes.append(tried("f", answer.skill))
    raise AssertionError("the playbook went round in circles")
