"""The golden sessions: each is whole, verifies from an empty clone, and the loop of today comes to the same events."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from workbench.replay import check, recorded_steps
from workbench.repo import Identity, Repo
from workbench.sessions.reader import read_session
from workbench.settings import Settings, load_settings

REPOSITORY = Path(__file__).parents[2]
GOLDEN = sorted(path.parent for path in (REPOSITORY / "sessions").glob("*/session.json"))
SMALL = 8_000_000
"""Bytes that all of them may take together."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A clone that has nothing but the sessions: no skills, no use case, no refs, none of their commits."""
    root = tmp_path_factory.mktemp("empty") / "clone"
    Repo.ensure(root)
    (root / "workbench.toml").touch()
    with Repo.open(root) as repo:
        repo.commit(
            repo.snapshot(root), [], "empty", author=Identity("Owner", "o@shop.example"), ref="refs/heads/main", expect=None
        )
    return load_settings(root, {})


def test_there_are_enough_and_they_are_small() -> None:
    assert len(GOLDEN) >= 20
    size = sum(path.stat().st_size for directory in GOLDEN for path in directory.rglob("*") if path.is_file())
    assert size < SMALL


@pytest.mark.parametrize("directory", GOLDEN, ids=[path.name for path in GOLDEN])
def test_the_loop_comes_to_the_same_events(directory: Path, empty: Settings) -> None:
    report = check(empty, read_session(directory), steps=False, cache=False)
    assert report.divergence is None
    assert report.same and report.told and report.carried and not report.base_known


@pytest.mark.slow
@pytest.mark.parametrize("directory", GOLDEN, ids=[path.name for path in GOLDEN])
def test_every_step_comes_out_the_same(directory: Path, empty: Settings) -> None:
    report = check(empty, read_session(directory), cache=False)
    assert report.divergence is None and report.same
    assert all(one.status == "same" or "writes" in one.why for one in report.checked)


def test_none_names_the_machine_it_was_made_on_or_holds_a_key() -> None:
    told = re.compile(rb"/(?:root|work|home|Users)/[a-z]|PRIVATE KEY|/tmp/golden-")
    for directory in GOLDEN:
        for path in directory.rglob("*"):
            if path.is_file() and path.suffix != ".bundle":
                assert not told.search(path.read_bytes()), path


def test_their_steps_can_be_run_again_from_an_empty_clone(empty: Settings) -> None:
    steps = list(recorded_steps(empty, GOLDEN[:3]))
    assert {"build"} <= {step.skill for step in steps}
    first = next(recorded_steps(empty, GOLDEN[:1]))
    assert first.input is not None and first.code and first.version


def test_the_readme_says_what_each_shows() -> None:
    readme = (REPOSITORY / "sessions" / "README.md").read_text()
    assert all(f"| `{directory.name}` |" in readme for directory in GOLDEN)


def test_a_record_that_was_changed_with_a_sound_chain_is_found_without_running_anything(empty: Settings, tmp_path: Path) -> None:
    """Somebody takes the refusal out of a session and chains it anew: the loop doesn't come to such events."""
    from workbench.sessions.writer import SessionWriter

    source = next(path for path in GOLDEN if path.name == "leaky-split-rejected")
    old = read_session(source)
    forged = tmp_path / "forged"
    with SessionWriter.create(forged, old.header) as writer:
        for blob in (source / "blobs").iterdir():
            writer.blob(blob.read_bytes())
        for event in old.events:
            if event.kind != "decided":
                writer.append(event)
    shutil.copy(source / "objects.bundle", forged)
    report = check(empty, read_session(forged), steps=False)
    assert not report.same and report.divergence is not None and report.divergence.kind == "ended"
