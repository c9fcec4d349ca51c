"""The budget of looks at the test, in the loop: enforced on real sessions, counted once over kills, and silent in a replay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from house import LEAKY_SPLIT, MAIN, USE_CASE, House, make_house

from workbench.errors import Corrupt, ExitCode
from workbench.loop import looks, session
from workbench.loop.context import LoopContext
from workbench.loop.drivers import load_driver
from workbench.repo import Identity
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import read_session
from workbench.sessions.touches import Ledger, Look, counted, known_looks
from workbench.sessions.writer import SessionWriter

OWNER = Identity("Owner", "owner@shop.example")
CONTRACT = "pipelines/visits/contract.toml"
DECLARED = {CONTRACT: ("margin = 0.02\n", "margin = 0.02\n\n[budgets]\ntest_touches = 2\n")}


def ledger(house: House) -> list[Look]:
    return Ledger(house.settings.state, USE_CASE).looks()


def edited(house: House, path: str, old: str, new: str) -> str:
    """The tree of main with one text replaced."""
    tree = house.repo.tree_of(house.head)
    text = (house.root / path).read_text()
    assert old in text
    return house.repo.write_tree(tree, {path: text.replace(old, new).encode()})


def context(house: House, name: str) -> LoopContext:
    header = SessionHeader(
        id=name, use_case=USE_CASE, base=house.head, driver="playbook", created="2026-11-20T09:00:00+00:00"
    )  # fmt: skip
    writer = SessionWriter.create(house.root / "sessions" / name, header)
    return LoopContext(house.settings, house.repo, writer, load_driver("playbook", house.settings), USE_CASE, MAIN)


def rounds(house: House, number: int) -> str:
    return edited(house, "pipelines/visits/model.py", "num_boost_round=30", f"num_boost_round={number}")


@pytest.mark.slow
def test_a_budget_is_spent_look_by_look_and_then_no_score_is_computed(tmp_path: Path) -> None:
    house = make_house(tmp_path, DECLARED)
    tree = house.repo.tree_of(house.head)
    first = context(house, "first")
    first.skill("build", tree, {}, step=1)
    first.skill("build", tree, {}, step=2)
    assert [look.session for look in ledger(house)] == ["first"], "the same code on the same tables is one look"
    second = context(house, "second")
    second.skill("build", rounds(house, 31), {}, step=1)
    assert len(ledger(house)) == 2 and ledger(house)[1].change.startswith("sha256:")
    with pytest.raises(looks.LooksSpent, match="budget of 2 is spent") as stop:
        second.skill("build", rounds(house, 32), {}, step=2)
    assert "test_touches" in stop.value.hint
    second.skill("build", tree, {}, step=3)
    assert len(ledger(house)) == 2, "what was seen before may be seen again"
    recorded = [event for event in read_session(house.root / "sessions/second").events if event.kind == "touch"]
    assert [(event.looks, event.in_session, event.budget) for event in recorded] == [(2, 1, 2), (2, 2, 2)]
    assert looks.given(second) == {"looks": {"count": 2, "budget": 2, "over": "test rows"}}
    # Its own tree can't give a session a larger budget; other test rows can.
    with pytest.raises(looks.LooksSpent):
        second.skill("build", edited(house, CONTRACT, "test_touches = 2", "test_touches = 9"), {}, step=4)
    fresh = edited(house, "pipelines/visits/split.py", "for back in (4, 2):", "for back in (12, 10):")
    second.skill("build", fresh, {}, step=5)
    assert len(ledger(house)) == 3
    # The state directory may be thrown away: the sessions still know.
    Ledger(house.settings.state, USE_CASE).path.unlink()
    with pytest.raises(looks.LooksSpent):
        context(house, "third").skill("build", rounds(house, 33), {}, step=1)


def test_a_build_that_slipped_past_shows_nothing(tmp_path: Path) -> None:
    """Two sessions may ask at the same moment; the ledger's lock lets one of them have the last look."""
    house = make_house(tmp_path, {CONTRACT: ("margin = 0.02\n", "margin = 0.02\n\n[budgets]\ntest_touches = 1\n")})
    rows = {"digest": "a" * 64, "rows": 10, "sketch": [1, 2], "tables": "b" * 64}
    built = {"ok": True, "scores": {"mae": 1.0}, "held_out": rows}
    first, late = context(house, "first"), context(house, "late")
    looks.before(first, rounds(house, 31))
    looks.before(late, rounds(house, 32))
    looks.after(first, rounds(house, 31), built, step=1)
    with pytest.raises(looks.LooksSpent, match="budget of 1 is spent"):
        looks.after(late, rounds(house, 32), built, step=1)
    looks.after(late, rounds(house, 32), {**built, "ok": False}, step=2)
    assert [event.kind for event in read_session(first.writer.directory).events] == ["touch"]
    assert read_session(late.writer.directory).events == [], "no score is on record"
    assert [look.session for look in ledger(house)] == ["first"]
    # Killed between the ledger and the session's own event: the node is run again, and counts once.
    looks.after(first, rounds(house, 31), built, step=1)
    assert len(ledger(house)) == 1 and len(read_session(first.writer.directory).events) == 1


def test_a_damaged_ledger_stops_a_session_instead_of_starting_at_nought(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    path = Ledger(house.settings.state, USE_CASE).path
    path.parent.mkdir(parents=True)
    path.write_text("not a look\n")
    with pytest.raises(Corrupt):
        context(house, "first").skill("build", house.repo.tree_of(house.head), {}, step=1)


@pytest.mark.slow
def test_a_real_session_stops_at_its_budget_and_asks_a_person(tmp_path: Path) -> None:
    house = make_house(tmp_path, {**LEAKY_SPLIT, CONTRACT: ("margin = 0.02\n", "margin = 0.02\n\n[budgets]\ntest_touches = 1\n")})
    said: list[str] = []
    before = house.head
    done = session.start(house.settings, USE_CASE, say=said.append)
    assert done.outcome == "budget" and done.code == ExitCode.FINDINGS and house.head == before
    assert "budgets.test_touches" in done.reason and "a person decides" in done.reason
    recorded = read_session(done.directory).events
    builds = [event for event in recorded if event.kind == "build"]
    (spent,) = (event for event in recorded if event.kind == "budget")
    assert len(builds) == 1 and spent.limits == {"test_touches": 1}
    kinds = [event.kind for event in recorded]
    assert kinds.index("touch") < kinds.index("build"), "a look is on record before its score is"
    assert any(line.startswith("look 1 of 1") for line in said)


@pytest.mark.slow
def test_without_a_declared_budget_each_session_has_its_own(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    tight = house.settings.model_copy(update={"loop": house.settings.loop.model_copy(update={"test_touches": 1})})
    one = context(House(house.root, house.key, tight, house.repo), "one")
    one.skill("build", rounds(house, 31), {}, step=1)
    with pytest.raises(looks.LooksSpent, match="this session's looks"):
        one.skill("build", rounds(house, 32), {}, step=2)
    two = context(House(house.root, house.key, tight, house.repo), "two")
    two.skill("build", rounds(house, 32), {}, step=1)
    assert len(ledger(house)) == 2


@pytest.mark.slow
def test_looks_are_counted_once_over_a_kill_and_not_by_a_replay(tmp_path: Path) -> None:
    from workbench.replay import check

    house = make_house(tmp_path, LEAKY_SPLIT)
    command = [sys.executable, "-m", "workbench", "-C", str(house.root), "run", USE_CASE, "--headless"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        heard = next((line for line in running.stderr if "look 1 of" in line), "")
        running.kill()
    assert heard, "it said that it had looked"
    (directory,) = (house.root / "sessions").glob("*/")
    result = session.resume(house.settings, directory.name)
    assert result.outcome == "waiting", result.reason
    known = known_looks(house.root, house.settings.state, USE_CASE)
    evaluations = {look.evaluation for look in known}
    assert len(evaluations) == 2 and counted(known, known[-1].held_out) == 2, "the leaky tree and the repaired one"
    before = Ledger(house.settings.state, USE_CASE).path.read_bytes()
    replayed = check(house.settings, read_session(directory))
    assert replayed.same, replayed.divergence
    assert Ledger(house.settings.state, USE_CASE).path.read_bytes() == before
