"""The whole loop with the `claude` driver and a scripted model: what it proposes meets the same gates and the same person."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from house import USE_CASE, House, make_house
from turns import MODEL, SPLIT

from workbench.errors import ExitCode
from workbench.loop import session
from workbench.release import tracing
from workbench.replay.reexecute import check
from workbench.review import queue
from workbench.sessions.events import ChangeMade, Chosen, ModelCall
from workbench.sessions.reader import read_session
from workbench.settings import load_settings
from workbench.testing_model import Fault, Reply, Script, ScriptedModel, calls, says

FEATURES = "pipelines/visits/features.py"
BROKEN = {MODEL: ("num_boost_round=30", "num_boost_round=thirty")}
OVER = calls(("give_up", {"reason": "no honest cure"}))


def edit(path: str, old: str, new: str) -> tuple[str, dict[str, str]]:
    return "edit", {"path": path, "old": old, "new": new}


def done(summary: str) -> tuple[str, dict[str, str]]:
    return "done", {"summary": summary, "words": f"Why: {summary}"}


def run(house: House, model: ScriptedModel, goal: str = "", *, traces: bool = False, **loop: Any) -> session.SessionResult:
    settings = load_settings(house.root, model.environment)
    mlflow = settings.mlflow.model_copy(update={"traces": traces})
    settings = settings.model_copy(update={"loop": settings.loop.model_copy(update=loop), "mlflow": mlflow})
    return session.start(settings, USE_CASE, driver="claude", goal=goal)


def events(result: session.SessionResult, kind: type) -> list[Any]:
    return [event for event in read_session(result.directory).events if isinstance(event, kind)]


def test_a_model_that_gives_up_ends_the_session_honestly_and_whatever_it_tried_changed_nothing(tmp_path: Path) -> None:
    house = make_house(tmp_path, BROKEN)
    before, policies = house.head, house.repo.entry(house.repo.tree_of(house.head), "review_policies")
    tries = calls(
        ("write", {"path": "review_policies/reviewers.toml", "text": "[[reviewer]]"}),
        ("write", {"path": "../../outside.py", "text": "x"}),
        ("read", {"path": ".git/config"}),
        ("read", {"path": "../key"}),
        ("edit", {"path": "workbench.toml", "old": "", "new": "[sandbox]"}),
        ("review_approve", {"change": "all"}),
        ("skill_promote", {"version": 1, "alias": "champion", "reason": "x"}),
        ("skill_register", {"session": "x"}),
    )
    with ScriptedModel([tries, OVER]) as model:
        result = run(house, model)
    assert (result.outcome, result.code) == ("no-cure", ExitCode.FINDINGS) and "no honest cure" in result.reason
    assert all(answer["is_error"] for answer in model.requests[1]["messages"][-1]["content"])
    assert house.head == before and not queue.pending(house.repo) and not events(result, ChangeMade)
    assert house.repo.entry(house.repo.tree_of(house.head), "review_policies") == policies
    assert not (tmp_path / "outside.py").exists() and not (tmp_path.parent / "outside.py").exists()


def test_a_spent_budget_ends_the_session_and_is_on_record(tmp_path: Path) -> None:
    with ScriptedModel([OVER]) as model:
        result = run(make_house(tmp_path, BROKEN), model, max_tokens=1000)
    assert result.outcome == "budget" and "1,000 tokens" in result.reason and not model.requests
    assert any(event.kind == "budget" for event in read_session(result.directory).events)


@pytest.mark.slow
def test_a_repair_of_a_broken_stage_waits_for_whom_the_policy_names(tmp_path: Path) -> None:
    house = make_house(tmp_path, BROKEN)
    before = house.head
    script = [calls(("read", {"path": MODEL})), calls(edit(MODEL, "thirty", "30"), ("skill_build", {})), calls(done("30 rounds"))]
    with ScriptedModel(script) as model:
        result = run(house, model, traces=True)
    assert result.outcome == "waiting" and result.change is not None and house.head == before
    assert tracing.export(house.settings, read_session(result.directory)) == 0, "the session has put its turn there itself"
    assert '"ok": true' in str(model.requests[2]["messages"][-1]), "it saw its own edit build"
    queued = queue.get(house.repo, result.change)
    assert queued.change.author.name == "workbench claude" and queued.change.author.agent and queued.change.title == "30 rounds"
    assert [event.choice for event in events(result, Chosen)] == ["edited"]
    checked = check(house.settings, read_session(result.directory))
    assert checked.same, checked.divergence
    told = session.start(load_settings(house.root, {}), USE_CASE, driver=f"recorded:{result.session}")
    assert told.outcome == "waiting" and queue.get(house.repo, str(told.change)).change.result == queued.change.result
    assert [call.answer for call in events(told, ModelCall)] == [call.answer for call in events(result, ModelCall)]


@pytest.mark.slow
def test_a_leaky_feature_is_refused_by_the_gates_the_model_is_told_and_corrects_it(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    before = house.head

    def corrects(request: dict[str, Any]) -> Reply | Fault:
        told = request["messages"][0]["content"][0]["text"]
        assert "gates fail" in told and "future-feature" in told and "a fresher lag" in told.partition("What fails")[0]
        return calls(edit(FEATURES, "shift(2)", "shift(72)"), done("a lag that is known"))

    leaky: list[Script] = [calls(edit(FEATURES, "shift(48)", "shift(2)"), done("a fresher lag")), corrects]
    with ScriptedModel(leaky) as model:
        result = run(house, model, goal="a lower error")
    assert result.outcome == "waiting", result.reason
    assert result.change is not None and house.head == before
    queued = queue.get(house.repo, result.change)
    kept = house.repo.read_blob(queued.change.result, FEATURES)
    assert (
        kept is not None
        and b"shift(72)" in kept
        and json.loads(queue.evidence(house.repo, queued)["gates.json"])["verdict"] == "pass"
    )
    assert [event.choice for event in events(result, Chosen)] == ["edited", "edited"]


@pytest.mark.slow
def test_a_change_of_the_split_is_queued_for_a_person_whatever_the_model_says_of_it(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    before = house.head
    proposal = calls(edit(SPLIT, 'pd.Timedelta("25h")', 'pd.Timedelta("49h")'), done("a harmless refactoring, approved by Ana"))
    with ScriptedModel([proposal]) as model:
        result = run(house, model, goal="tidy up")
    assert result.outcome == "waiting" and result.change is not None and house.head == before
    queued = queue.get(house.repo, result.change)
    assert "split" in queued.classification.kinds and queued.decision.decision == "review" and queued.decision.requires.roles


KILLED = """
import os, sys
from pathlib import Path
from workbench.loop import session
from workbench.settings import load_settings
session.start(load_settings(Path(sys.argv[1])), "visits", driver="claude", say=print)
"""


@pytest.mark.slow
def test_a_session_killed_in_the_middle_of_a_turn_goes_on_and_pays_no_answer_twice(tmp_path: Path) -> None:
    house = make_house(tmp_path, BROKEN)
    running: list[subprocess.Popen[bytes]] = []
    looks = calls(("read", {"path": MODEL}))
    kills = says("too late", before=lambda: running[0].send_signal(signal.SIGKILL))
    with ScriptedModel([looks, looks, kills, OVER]) as model:
        environment = {**os.environ, **model.environment}
        running.append(
            subprocess.Popen([sys.executable, "-c", KILLED, str(house.root)], env=environment, stdout=subprocess.DEVNULL)
        )
        assert running[0].wait() == -signal.SIGKILL
        (directory,) = (house.root / "sessions").glob("*/")
        result = session.resume(load_settings(house.root, model.environment), directory.name)
        assert result.outcome == "no-cure" and "no honest cure" in result.reason
    assert len(model.requests) == 4 and len(events(result, ModelCall)) == 3
    assert model.requests[2]["messages"] == model.requests[3]["messages"], "it went on at the question that had no answer"


@pytest.mark.slow
def test_from_the_command_line_it_needs_a_key_and_streams_to_the_terminal(tmp_path: Path) -> None:
    house = make_house(tmp_path, BROKEN)
    command = [sys.executable, "-m", "workbench", "-C", str(house.root), "run", USE_CASE, "--headless", "--driver", "claude"]
    bare = {key: value for key, value in os.environ.items() if not key.startswith("ANTHROPIC_")}
    without = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert without.returncode == ExitCode.USAGE and "ANTHROPIC_API_KEY" in without.stderr and "Traceback" not in without.stderr
    with ScriptedModel([calls(("read", {"path": MODEL}), text="I look at it."), OVER]) as model:
        given = subprocess.run(
            [*command, "--json"], env={**bare, **model.environment}, capture_output=True, text=True, check=False
        )
    assert given.returncode == ExitCode.FINDINGS and json.loads(given.stdout)["outcome"] == "no-cure"
    assert "the model calls read" in given.stderr
    with ScriptedModel([Fault(401, {}, "{}")]) as model:
        refused = subprocess.run(command, env={**bare, **model.environment}, capture_output=True, text=True, check=False)
    assert refused.returncode == ExitCode.USAGE and "refuses the key" in refused.stderr and "Traceback" not in refused.stderr
