"""The loop on a small use case, with real gates, git, signatures and MLflow: it repairs, stops at a person, and releases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from house import LEAKY_SPLIT, USE_CASE, House, make_house

from workbench.errors import ExitCode, UsageError
from workbench.loop import session
from workbench.release.registry import Registry
from workbench.review import ledger, queue, signoff
from workbench.sessions.reader import read_session


def sign(house: House, change: str, verdict: signoff.Verdict = "approve", comment: str = "") -> None:
    queued = queue.get(house.repo, change)
    answers = ["As the domain has it." for _ in queued.decision.requires.questions] if verdict == "approve" else []
    signoff.sign(house.repo, change, verdict=verdict, key=house.key, role="domain", answers=answers, comment=comment)


def test_a_leaky_split_is_repaired_but_waits_for_a_person_and_is_released_once_signed(tmp_path: Path) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    before = house.head
    waiting = session.start(house.settings, USE_CASE)
    assert waiting.outcome == "waiting", waiting.reason
    assert waiting.code == ExitCode.WAITING
    assert waiting.change is not None
    assert house.head == before, "nothing is applied before somebody signed"
    queued = queue.get(house.repo, waiting.change)
    assert "split" in queued.classification.kinds
    assert json.loads(queue.evidence(house.repo, queued)["gates.json"])["verdict"] == "pass"

    again = session.resume(house.settings, waiting.session)
    assert again.outcome == "waiting", "looking again without a sign-off changes nothing"
    assert house.head == before

    sign(house, waiting.change)
    done = session.resume(house.settings, waiting.session)
    assert done.outcome == "released", done.reason
    assert house.repo.tree_of(house.head) == queued.change.result
    registry = Registry(house.settings)
    assert str(registry.alias(USE_CASE, "champion")) == done.version
    kinds = [event.kind for event in read_session(done.directory).events]
    for wanted in ("started", "build", "gate", "diagnosis", "change", "queued", "decided", "applied", "registered", "promoted"):
        assert wanted in kinds, wanted
    with pytest.raises(UsageError):
        session.resume(house.settings, waiting.session)


@pytest.mark.slow
def test_a_rejected_change_is_not_applied_and_the_session_says_who_said_no(tmp_path: Path) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    before = house.head
    waiting = session.start(house.settings, USE_CASE)
    assert waiting.change is not None
    sign(house, waiting.change, "reject", comment="the gap is a business decision")
    done = session.resume(house.settings, waiting.session)
    assert done.outcome == "refused"
    assert done.code == ExitCode.FINDINGS
    assert "ana@shop.example" in done.reason
    assert "business decision" in done.reason
    assert house.head == before


def test_no_cure_is_said_and_nothing_is_applied(tmp_path: Path) -> None:
    broken = {"pipelines/visits/model.py": ("num_boost_round=30", "num_boost_round=thirty")}
    house = make_house(tmp_path, broken)
    before = house.head
    done = session.start(house.settings, USE_CASE)
    assert done.outcome == "no-cure"
    assert "thirty" in done.reason
    assert house.head == before


def test_a_spent_budget_ends_the_session(tmp_path: Path) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    tight = house.settings.model_copy(update={"loop": house.settings.loop.model_copy(update={"max_steps": 2})})
    done = session.start(tight, USE_CASE)
    assert done.outcome == "budget"
    assert "2 steps" in done.reason


def test_a_dirty_work_tree_is_refused_before_anything_starts(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    (house.root / "pipelines/visits/split.py").write_text("# half done\n")
    with pytest.raises(UsageError) as caught:
        session.start(house.settings, USE_CASE)
    assert "split.py" in caught.value.message
    assert (house.root / "pipelines/visits/split.py").read_text() == "# half done\n"


@pytest.mark.slow
def test_jumping_over_the_person_in_the_graph_gets_nothing(tmp_path: Path) -> None:
    """`update_state` and `goto` reach the node that applies; it finds no signature and applies nothing."""
    from langgraph.types import Command

    from workbench.loop.context import LoopContext
    from workbench.loop.drivers import load_driver
    from workbench.loop.graph import Loop
    from workbench.sessions.writer import SessionWriter

    house = make_house(tmp_path, LEAKY_SPLIT)
    before = house.head
    waiting = session.start(house.settings, USE_CASE)
    with SessionWriter.resume(waiting.directory) as writer:
        ctx = LoopContext(
            house.settings, house.repo, writer, load_driver("playbook", house.settings), USE_CASE, "refs/heads/main"
        )
        loop = Loop(ctx, house.settings.state / "sessions" / waiting.session / session.CHECKPOINTS)
        loop._graph.invoke(Command(goto="land"), loop._config, durability="sync")
        loop._graph.update_state(loop._config, {"queued": waiting.change}, as_node="hear")
        loop._graph.invoke(None, loop._config, durability="sync")
        loop.close()
    assert house.head == before


RESUME = """
import sys
from pathlib import Path
from workbench.errors import WorkbenchError
from workbench.loop import session
from workbench.settings import load_settings

try:
    print(session.resume(load_settings(Path(sys.argv[1]), {}), sys.argv[2]).outcome)
except WorkbenchError as error:
    print(f"{type(error).__name__}: {error.message}")
"""


def resumed_twice(house: House, name: str) -> list[str]:
    """How two processes that resume the same session at once say that it ended."""
    command = [sys.executable, "-c", RESUME, str(house.root), name]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [process.communicate() for process in running]
    assert all("Traceback" not in error for _, error in ended), ended
    return [said.strip() for said, _ in ended]


@pytest.mark.slow
def test_two_that_resume_at_once_apply_nothing_unsigned_and_once_what_is_signed(tmp_path: Path) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    before = house.head
    waiting = session.start(house.settings, USE_CASE)
    assert waiting.change is not None
    assert "released" not in resumed_twice(house, waiting.session) and house.head == before
    sign(house, waiting.change)
    said = resumed_twice(house, waiting.session)
    if "released" not in said:  # the one that had it was refused by the other's lock
        assert session.resume(house.settings, waiting.session).outcome == "released", said
    assert len(house.repo.chain(house.head)) == 2
    assert [entry.kind for entry in ledger.entries(house.repo)] == ["applying", "applied"]
    read_session(waiting.directory)  # the chain holds


@pytest.mark.slow
@pytest.mark.parametrize("said", ["diagnosis:", "waits for a person"])
def test_a_session_killed_anywhere_goes_on_and_ends_right(tmp_path: Path, said: str) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    command = [sys.executable, "-m", "workbench", "-C", str(house.root), "run", USE_CASE, "--headless"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        heard = []
        for line in running.stderr:
            heard.append(line)
            if said in line:
                break
        assert said in heard[-1], heard
        running.kill()
    (directory,) = (house.root / "sessions").glob("*/")
    result = session.resume(house.settings, directory.name)
    assert result.outcome == "waiting", result.reason
    assert len(queue.pending(house.repo)) == 1, "the change is queued once"
    read_session(directory)  # the chain holds
