from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tests.changesets import FILES, NOW, commit, edited, git
from tests.reviews import MAIN, MODEL_EDIT, SPLIT_EDIT, Desk, desk, passed
from workbench.errors import Refusal, SignOffRequired, WorkbenchError
from workbench.repo import Repo
from workbench.review import ledger, queue
from workbench.review.apply import Application, apply, recover
from workbench.review.gates import GateEvidence, missing_gates

SPLIT = "pipelines/sales/split.py"


class Killed(BaseException):
    """Stands for a kill -9: nothing catches it, nothing cleans up."""


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def put(here: Desk, change: queue.QueuedChange, **more: object) -> Application:
    return apply(here.repo, change.digest, target_ref=MAIN, gates=passed(change), now=NOW, **more)  # type: ignore[arg-type]


def test_applying_moves_the_branch_and_the_work_tree(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    given = here.approve(change)
    done = put(here, change)
    assert here.repo.head() == done.commit and here.repo.tree_of("main") == change.change.result
    assert (here.repo.root / SPLIT).read_text() == SPLIT_EDIT[SPLIT]
    assert git(here.repo.root, "status", "--porcelain") == ""
    assert done.signoffs == (given.id,)
    assert here.repo.commit_of(done.commit).author.email == "playbook@agent.invalid"
    assert queue.pending(here.repo) == []
    assert [entry.kind for entry in ledger.entries(here.repo)] == ["applying", "applied"]


def test_without_a_sign_off_nothing_moves(here: Desk) -> None:
    change, before = here.propose(SPLIT_EDIT), here.repo.head()
    with pytest.raises(SignOffRequired, match="0 of 1 approvals as domain"):
        put(here, change)
    assert here.repo.head() == before and ledger.entries(here.repo) == []


def test_what_the_policy_allows_needs_its_gates_only(here: Desk) -> None:
    change = here.propose(MODEL_EDIT)
    for gates in (
        None,
        passed(change, schema="fail"),
        passed(change, schema="not exercised"),
        GateEvidence(tree="0" * 40, passed={"schema": True}),
    ):
        with pytest.raises(Refusal):
            apply(here.repo, change.id, target_ref=MAIN, gates=gates, now=NOW)
    assert put(here, change).signoffs == ()


def test_leakage_stands_for_every_leak_gate_that_ran(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    for failed in ("features", "split", "fit"):
        with pytest.raises(Refusal, match=failed):
            apply(here.repo, change.id, target_ref=MAIN, gates=passed(change, **{failed: "fail"}), now=NOW)
    assert missing_gates(["leakage"], GateEvidence(tree="t", passed={"schema": True}), "t") == ["none of the leakage gates ran"]
    assert missing_gates(["leakage"], GateEvidence(tree="t", passed={"split": True}), "t") == []
    assert missing_gates(["parity"], GateEvidence(tree="t", passed={"split": True}), "t") == ["gate `parity` did not run"]


def test_asking_twice_applies_once(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    first, second = put(here, change), put(here, change)
    assert (second.commit, second.already) == (first.commit, True)
    assert len(ledger.entries(here.repo)) == 2


def test_a_sign_off_is_good_for_one_application(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    put(here, change)
    back = here.repo.write_tree(here.repo.tree_of("main"), {SPLIT: FILES[SPLIT].encode()})
    commit(here.repo, back, "revert")
    git(here.repo.root, "reset", "-q", "--hard")
    again = here.queued(change.change)
    assert again.digest == change.digest and again.commit != change.commit
    with pytest.raises(SignOffRequired, match="used already"):
        put(here, again)
    here.approve(again)
    assert not put(here, again).already


def test_a_branch_that_moved_on_makes_the_change_stale(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    commit(here.repo, edited(here.repo, {"README.md": "more\n"}).result, "meanwhile")
    with pytest.raises(Refusal, match="moved on"):
        put(here, change)
    assert ledger.entries(here.repo) == []


@pytest.mark.parametrize("staged", [False, True])
def test_work_that_is_not_committed_is_never_overwritten(here: Desk, staged: bool) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    mine = here.repo.root / SPLIT
    mine.write_text("# my own work\n")
    if staged:
        git(here.repo.root, "add", SPLIT)
        mine.write_text(FILES[SPLIT])
    with pytest.raises(Refusal, match=SPLIT):
        put(here, change)
    assert mine.read_text() == (FILES[SPLIT] if staged else "# my own work\n") and ledger.entries(here.repo) == []
    git(here.repo.root, "reset", "-q", "--hard")
    (here.repo.root / "elsewhere.txt").write_text("untouched\n")
    put(here, change)
    assert (here.repo.root / "elsewhere.txt").read_text() == "untouched\n"


def test_files_are_added_removed_and_never_written_through_links(here: Desk, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    change = here.queued(edited(here.repo, {"new/deep/file.md": "x\n", "docs/gone.md": "y\n"}))
    (here.repo.root / "new").symlink_to(tmp_path / "outside")
    with pytest.raises(Refusal, match="new/deep"):
        put(here, change)
    (here.repo.root / "new").unlink()
    put(here, change)
    assert (here.repo.root / "new/deep/file.md").read_text() == "x\n"
    put(here, here.queued(edited(here.repo, {"new/deep/file.md": None})))
    assert not (here.repo.root / "new").exists() and list((tmp_path / "outside").iterdir()) == []


def test_a_branch_that_is_not_checked_out_moves_alone(here: Desk) -> None:
    git(here.repo.root, "branch", "release")
    git(here.repo.root, "worktree", "add", "-q", str(here.repo.root.parent / "linked"), "-b", "linked")
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    with pytest.raises(Refusal, match="checked out in"):
        apply(here.repo, change.id, target_ref="refs/heads/linked", gates=passed(change), now=NOW)
    apply(here.repo, change.id, target_ref="refs/heads/release", gates=passed(change), now=NOW)
    assert here.repo.tree_of("release") == change.change.result
    assert (here.repo.root / SPLIT).read_text() == FILES[SPLIT]
    for ref in ("refs/heads/none", "refs/workbench/ledger", "HEAD"):
        with pytest.raises(WorkbenchError):
            apply(here.repo, change.id, target_ref=ref, gates=passed(change), now=NOW)


@pytest.mark.parametrize("point", ["recorded", "moved", "followed", "finished"])
def test_a_kill_between_any_two_steps_neither_loses_nor_doubles(here: Desk, point: str) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)

    def kill(step: str) -> None:
        if step == point:
            raise Killed

    with pytest.raises(Killed):
        put(here, change, progress=kill)
    fresh = Desk(Repo.open(here.repo.root), here.ana, here.bo, here.stranger)
    done = put(fresh, change)
    chain = fresh.repo.chain(done.commit)
    assert len(chain) == 2 and fresh.repo.head() == done.commit
    assert (fresh.repo.root / SPLIT).read_text() == SPLIT_EDIT[SPLIT]
    assert git(fresh.repo.root, "status", "--porcelain") == ""
    assert [entry.kind for entry in ledger.entries(fresh.repo)] == ["applying", "applied"]
    assert put(fresh, change).already


def test_a_branch_that_moves_during_a_kill_gives_the_sign_off_back(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    given = here.approve(change)

    def kill(step: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        put(here, change, progress=kill)
    start = here.repo.head()
    moved = commit(here.repo, edited(here.repo, {"README.md": "more\n"}).result, "meanwhile")
    assert recover(here.repo, now=NOW) == []
    assert [entry.kind for entry in ledger.entries(here.repo)] == ["applying", "aborted"]
    assert given.id not in ledger.spent(ledger.entries(here.repo))
    here.repo.update_ref(MAIN, start, moved)
    assert put(here, change).signoffs == (given.id,)


def test_many_at_once_apply_it_once(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    done: list[str] = []
    refused: list[WorkbenchError] = []
    gate = threading.Barrier(4)

    def one() -> None:
        repo = Repo.open(here.repo.root)
        gate.wait()
        try:
            done.append(apply(repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW).commit)
        except WorkbenchError as error:
            refused.append(error)
        repo.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) + len(refused) == 4 and len(set(done)) <= 1
    final = put(here, change)
    assert len(here.repo.chain(final.commit)) == 2
    kinds = [entry.kind for entry in ledger.entries(here.repo)]
    assert kinds.count("applied") == 1 and not ledger.unfinished(ledger.entries(here.repo))


def test_two_approvals_are_two_people(here: Desk) -> None:
    metric = {"pipelines/sales/metrics.py": FILES["pipelines/sales/metrics.py"].replace("mean", "max")}
    change = here.propose({**SPLIT_EDIT, **metric})
    here.approve(change)
    here.approve(change, now=NOW + timedelta(seconds=1))
    later = NOW + timedelta(seconds=2)
    with pytest.raises(SignOffRequired, match="1 of 2"):
        apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=later)
    here.approve(change, here.bo)
    assert len(apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=later).signoffs) == 2
