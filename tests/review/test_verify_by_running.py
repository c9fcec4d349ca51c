"""`verify` runs what nobody signed: what reading lets pass, and what a run could clear; where nothing runs, nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.changes.running import P, Running, listed, swapped
from tests.changesets import commit
from tests.workspaces import SHOP_DATA, SHOP_MODEL, SHOP_SPLIT
from workbench.cli.main import main
from workbench.review.verify import Step, verify

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POLICY = (
    '[[rule]]\nname = "repairs"\nwhen.kinds = ["data", "model"]\nrequire.approvals = 0\n\n'
    '[[rule]]\nname = "asked"\nwhen.kinds = ["split", "unknown"]\n'
)
REFACTORED = listed(SHOP_SPLIT)
MORE_ROWS = swapped(SHOP_DATA, ("24 * 24", "24 * 25"))


def started(place: Path, **parts: object) -> Running:
    files = {"review_policies/a.toml": POLICY, "review_policies/reviewers.toml": ""}
    return Running(place, files={**files, **parts.pop("files", {})}, **parts)  # type: ignore[dict-item]


def steps(running: Running, edits: dict[str, str], *, run: bool = True) -> list[Step]:
    """The verdict on one commit with these edits."""
    base = running.repo.head()
    assert base is not None
    commit(running.repo, running.change(edits).result, "an edit")
    settings = running.settings if run else None
    return verify(running.repo, base, "main", now=NOW, settings=settings, timeout=300, progress=running.said.append).steps


@pytest.mark.slow
def test_what_reading_lets_pass_is_run(tmp_path: Path) -> None:
    running = started(tmp_path)
    read, ran = steps(running, {P + "data.py": MORE_ROWS}, run=False), None
    assert [step.status for step in read] == ["allowed"] and read[0].effect == ""
    base = running.repo.chain(str(running.repo.head()))[0]
    ran = verify(running.repo, base, "main", now=NOW, settings=running.settings, timeout=300).steps
    assert [step.status for step in ran] == ["unsigned"] and {"data", "split"} <= set(ran[0].kinds) and "rows" in ran[0].effect


@pytest.mark.slow
def test_an_unsigned_refactor_is_run_and_cleared_but_not_where_nothing_could_be(tmp_path: Path) -> None:
    running = started(tmp_path)
    found = steps(running, {P + "split.py": REFACTORED})
    assert [step.status for step in found] == ["allowed"] and "clears" in found[0].why
    ran = len(running.said)
    risky = steps(running, {P + "split.py": SHOP_SPLIT.replace("days=back)", "days=back, minutes=7)")})
    assert [step.status for step in risky] == ["unsigned"] and risky[0].effect == "" and len(running.said) == ran


@pytest.mark.slow
def test_a_cleared_refactor_stays_cleared_in_the_sum_with_a_repair(tmp_path: Path) -> None:
    running = started(tmp_path)
    base = str(running.repo.head())
    commit(running.repo, running.change({P + "split.py": REFACTORED}).result, "refactor")
    commit(running.repo, running.change({P + "model.py": SHOP_MODEL.replace("rcond=None", "rcond=0.05")}).result, "repair")
    report = verify(running.repo, base, "main", now=NOW, settings=running.settings, timeout=300)
    assert report.ok and [step.status for step in report.steps] == ["allowed", "allowed"], report.steps
    assert not verify(running.repo, base, "main", now=NOW).ok, "reading alone does not clear it"


@pytest.mark.slow
def test_without_data_nobody_knows_and_the_command_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    gone = swapped(SHOP_DATA, ("def load():\n", 'def load():\n    open("nowhere.csv")\n'))
    running = started(tmp_path, data=gone)
    base = running.repo.head()
    commit(running.repo, running.change({P + "model.py": SHOP_MODEL.replace("rcond=None", "rcond=0.05")}).result, "model")
    words = ["-C", str(tmp_path), "verify", "--base", str(base), "--head", "main"]
    assert int(main(words)) == 3
    said = capsys.readouterr()
    assert "unknown" in said.out and "--static-only" in said.err
    assert int(main([*words, "--static-only"])) == 0
    assert int(main([*words, "--effect-timeout", "0"])) == 3
