"""Forks of golden sessions: the same up to a step, their own way from there, in a workspace of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.cli.main import main
from workbench.errors import UsageError
from workbench.replay.fork import fork
from workbench.repo import Identity, Repo
from workbench.review import ledger
from workbench.sessions.reader import read_session
from workbench.settings import Settings, load_settings

GOLDEN = Path(__file__).parents[1] / "sessions"


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    root = tmp_path / "clone"
    Repo.ensure(root)
    (root / "workbench.toml").touch()
    with Repo.open(root) as repo:
        repo.commit(
            repo.snapshot(root), [], "empty", author=Identity("Owner", "o@shop.example"), ref="refs/heads/main", expect=None
        )
    return load_settings(root, {})


def asked(name: str) -> int:
    """The step at which the session's change was queued."""
    return next(event.step for event in read_session(GOLDEN / name).events if event.kind == "queued")


@pytest.mark.parametrize(
    ("name", "decision", "outcome", "says"),
    [
        ("leaky-split-rejected", "approve", "waiting", "applied once somebody signs it"),
        ("leaky-split-approved", "reject", "refused", "as if a person had said reject"),
        ("leaky-split-approved", None, "waiting", ""),
    ],
)
def test_as_if_a_person_had_said_otherwise_applies_nothing(empty: Settings, name, decision, outcome, says) -> None:
    session = read_session(GOLDEN / name)
    made = fork(empty, session, asked(name), decision=decision)
    assert made.outcome == outcome and says in made.reason
    told = read_session(made.directory)
    assert told.header.parent is not None
    assert (told.header.parent.session, told.header.parent.step) == (session.header.id, asked(name))
    assert not {"decided", "applied", "promoted"} & {event.kind for event in told.events}
    with Repo.open(made.workspace) as repo, Repo.open(empty.root) as own:
        assert ledger.entries(repo) == [] and repo.resolve("refs/heads/main") == session.header.base
        assert own.refs("refs/workbench") == {}, "the person's own repository is as it was"


def test_what_cannot_be_forked_is_said(empty: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    session = read_session(GOLDEN / "clean")
    with pytest.raises(UsageError, match="no step 99"):
        fork(empty, session, 99)
    with pytest.raises(UsageError, match=r"build 9\.9\.9 is not to be found"):
        fork(empty, session, 0, skills=["build=9.9.9"])
    assert main(["-C", str(empty.root), "replay", str(GOLDEN / "clean"), "--decision", "reject"]) == 2
    assert "--fork STEP" in capsys.readouterr().err


@pytest.mark.slow
def test_a_fork_goes_its_own_way_and_can_itself_be_checked(empty: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Another skill version from a step on, run in earnest; its own record verifies in its own workspace."""
    assert main(["-C", str(empty.root), "replay", str(GOLDEN / "clean"), "--fork", "0", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["outcome"] == "released"
    assert main(["-C", made["workspace"], "replay", made["session"], "--check"]) == 0
