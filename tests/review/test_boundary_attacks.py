"""Attacks on applying with real processes: kill -9, two at once, a full disk, an approval that is taken back, fifty clones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.changesets import OWNER, edited, git, new_key, replaced, reviewer, workspace
from tests.reviews import MAIN, SPLIT_EDIT, Desk, desk, passed, report_of
from workbench.changes import Classification
from workbench.errors import Refusal, SignOffRequired, WorkbenchError
from workbench.policy import load_policy
from workbench.repo import Repo
from workbench.review import ledger, queue, signoff
from workbench.review.apply import apply
from workbench.review.gates import GATES

ROOT = Path(__file__).resolve().parents[2]
APPLY = """
import os, resource, signal, sys
from pathlib import Path
from workbench.errors import WorkbenchError
from workbench.repo import Repo
from workbench.review import queue
from workbench.review.apply import apply
from workbench.review.gates import GATES, GateEvidence

root, change, die_at, limit = sys.argv[1:5]
repo = Repo.open(Path(root))
queued = queue.get(repo, change)
gates = GateEvidence.from_report(queue.evidence(repo, queued)[GATES])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))

def at(step):
    if step == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

try:
    print(apply(repo, change, target_ref="refs/heads/main", gates=gates, progress=at).commit)
except WorkbenchError as error:
    print(f"{type(error).__name__}: {error.message}", file=sys.stderr)
    sys.exit(3)
"""


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def applying(here: Desk, change: str, *, die_at: str = "", limit: str = "") -> subprocess.Popen[str]:
    """`apply` in a process of its own."""
    command = [sys.executable, "-c", APPLY, str(here.repo.root), change, die_at, limit]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["recorded", "moved", "followed", "finished"])
def test_kill_minus_nine_between_any_two_steps(here: Desk, step: str) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change, now=now())
    with applying(here, change.id, die_at=step) as killed:
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    with applying(here, change.id) as again:
        commit = again.communicate()[0].strip()
    fresh = Repo.open(here.repo.root)
    assert fresh.head() == commit and len(fresh.chain(commit)) == 2
    assert [entry.kind for entry in ledger.entries(fresh)] == ["applying", "applied"]
    assert git(fresh.root, "status", "--porcelain") == ""
    fresh.close()


@pytest.mark.slow
def test_kill_minus_nine_at_any_moment(here: Desk) -> None:
    """Not at a step but somewhere, inside of git's own writing as well: the branch is at one of two commits, never elsewhere."""
    for number in range(12):
        edit = replaced("pipelines/sales/split.py", "GAP = 3", f"GAP = {number + 4}")
        before = here.repo.head()
        change = here.propose(edit)
        here.approve(change, now=now())
        with applying(here, change.id) as running:
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(timeout=0.25 + 0.04 * number)  # importing alone takes about as long
            running.kill()
        fresh = Desk(Repo.open(here.repo.root), here.ana, here.bo, here.stranger)
        assert fresh.repo.head() == before or fresh.repo.tree_of("main") == change.change.result
        done = apply(fresh.repo, change.id, target_ref=MAIN, gates=passed(change))
        assert fresh.repo.chain(done.commit)[-2] == before and not ledger.unfinished(ledger.entries(fresh.repo))
        assert git(fresh.repo.root, "status", "--porcelain") == ""
        fresh.repo.close()


@pytest.mark.slow
def test_many_processes_apply_it_once(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change, now=now())
    running = [applying(here, change.id) for _ in range(6)]
    said = [process.communicate()[0].strip() for process in running]
    commits = {commit for commit in said if commit}
    assert len(commits) == 1 and len(here.repo.chain(str(here.repo.head()))) == 2
    assert [entry.kind for entry in ledger.entries(here.repo)].count("applied") == 1


@pytest.mark.slow
def test_an_approval_that_is_taken_back_while_others_apply(here: Desk) -> None:
    """Whoever was first counts: it is applied by an approval that held when it was recorded, or not at all."""
    for number in range(6):
        change = here.propose(replaced("pipelines/sales/split.py", "GAP = 3", f"GAP = {number + 4}"))
        given, before = here.approve(change, now=now()), here.repo.head()
        running = [applying(here, change.id) for _ in range(2)]
        taken_back = True
        try:
            signoff.sign(here.repo, change.id, verdict="reject", key=here.ana, comment="no", now=now())
        except Refusal:
            taken_back = False  # it was applied already
        said = [process.communicate() for process in running]
        applied = {out.strip() for out, _ in said if out.strip()}
        begun = [
            entry for entry in ledger.entries(here.repo) if isinstance(entry, ledger.Applying) and entry.change == change.digest
        ]
        assert len(begun) == len(applied) <= 1 and (applied or taken_back), said
        if applied:
            assert begun[0].signoffs == (given.id,) and here.repo.head() == applied.pop()
        else:
            assert here.repo.head() == before and all("Refusal" in error for _, error in said)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["0", "40", "150", "400", "1000"])
def test_a_disk_that_is_full_at_some_byte_loses_nothing_and_lets_nothing_in_halfway(here: Desk, limit: str) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change, now=now())
    before = here.repo.head()
    with applying(here, change.id, limit=limit) as full:
        out, error = full.communicate()
    fresh = Repo.open(here.repo.root)
    if full.returncode:
        assert "Traceback" not in error, error
        assert fresh.head() in (before, *(entry.commit for entry in ledger.entries(fresh)))
        lock = here.repo.root / ".git/index.lock"
        if lock.exists():  # git itself died in the middle: nobody removes its lock but a person, who is told
            with pytest.raises(Refusal, match="index is locked") as caught:
                apply(fresh, change.id, target_ref=MAIN, gates=passed(change))
            assert str(lock) in caught.value.hint
            lock.unlink()
        out = apply(fresh, change.id, target_ref=MAIN, gates=passed(change)).commit
    assert fresh.head() == out.strip() and len(fresh.chain(out.strip())) == 2
    assert git(fresh.root, "status", "--porcelain") == "" and git(fresh.root, "fsck", "--strict", "--no-dangling") == ""
    fresh.close()


@pytest.mark.slow
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a tmpfs can't be mounted here")
    try:
        here = desk(place)
        change = here.propose(SPLIT_EDIT)
        here.approve(change, now=now())
        before = here.repo.head()
        filler = place / "filler"
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError):
            while os.write(descriptor, b"\0" * 4096):
                pass
        os.close(descriptor)
        with pytest.raises((WorkbenchError, OSError)):
            apply(here.repo, change.id, target_ref=MAIN, gates=passed(change))
        filler.unlink()
        fresh = Repo.open(here.repo.root)
        assert fresh.head() == before
        done = apply(fresh, change.id, target_ref=MAIN, gates=passed(change))
        assert fresh.head() == done.commit and git(fresh.root, "fsck", "--strict", "--no-dangling") == ""
        fresh.close()
        here.repo.close()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


REVIEWERS, CHANGES, EACH = 50, 30, 4


@pytest.mark.slow
def test_fifty_reviewers_on_clones_push_to_one_repository(tmp_path: Path) -> None:
    """0 lost, 0 doubled: every decision that was acknowledged is there, once, and holds."""
    keys = {f"r{n}": tmp_path / "keys" / f"r{n}" for n in range(REVIEWERS)}
    listed = "".join(reviewer(name, new_key(key), "domain") for name, key in keys.items())
    origin = workspace(tmp_path / "origin", reviewers=listed)
    changes = []
    for number in range(CHANGES):
        change = edited(origin, replaced("pipelines/sales/split.py", "GAP = 3", f"GAP = {number + 4}"))
        decision = load_policy(origin, change.base).decide([], author=change.author)
        nothing = Classification(digest=change.digest)
        queued = queue.propose(origin, change, nothing, decision, {GATES: report_of(change.result)})
        assert queue.assess(origin, queued).decision.decision == "review"
        changes.append(change.id)
    bare = tmp_path / "shared.git"
    git(tmp_path, "clone", "-q", "--bare", str(origin.root), str(bare))
    git(origin.root, "push", "-q", str(bare), "refs/workbench/*:refs/workbench/*")
    everybody = threading.Barrier(8)

    def decide(name: str) -> list[str]:
        clone = tmp_path / "clones" / name
        git(tmp_path, "clone", "-q", str(bare), str(clone))
        git(clone, "fetch", "-q", "origin", "refs/workbench/*:refs/workbench/*")
        repo = Repo.open(clone)
        if int(name[1:]) < 8:
            everybody.wait()
        made = []
        for step in range(EACH):
            change = changes[(int(name[1:]) * 7 + step * 11) % CHANGES]
            questions = queue.assess(repo, queue.get(repo, change)).decision.requires.questions
            made.append(signoff.sign(repo, change, verdict="approve", key=keys[name], role="domain",
                                     answers=["as it is" for _ in questions]).id)  # fmt: skip
            git(clone, "push", "-q", "origin", "refs/workbench/signoffs/*:refs/workbench/signoffs/*")
        repo.close()
        return made

    with ThreadPoolExecutor(8) as pool:
        made = [name for found in pool.map(decide, keys) for name in found]
    last = tmp_path / "last"
    git(tmp_path, "clone", "-q", str(bare), str(last))
    git(last, "fetch", "-q", "origin", "refs/workbench/*:refs/workbench/*")
    repo = Repo.open(last)
    standing = [signoff.valid(repo, queue.get(repo, change), now()) for change in changes]
    counted = Counter(given.id for one in standing for given in one.approvals)
    assert len(made) == len(set(made)) == REVIEWERS * EACH
    assert counted == Counter(made), "each decision is there once"
    assert not any(one.invalid for one in standing)


@pytest.mark.slow
def test_two_clones_apply_and_one_push_wins(tmp_path: Path) -> None:
    here = desk(tmp_path)
    change = here.propose(SPLIT_EDIT)
    here.approve(change, now=now())
    bare = tmp_path / "shared.git"
    git(tmp_path, "clone", "-q", "--bare", str(here.repo.root), str(bare))
    git(here.repo.root, "push", "-q", str(bare), "refs/workbench/*:refs/workbench/*")
    clones = []
    for name in ("one", "two"):
        clone = tmp_path / name
        git(tmp_path, "clone", "-q", str(bare), str(clone))
        git(clone, "fetch", "-q", "origin", "refs/workbench/*:refs/workbench/*")
        clones.append(Repo.open(clone))
    for repo in clones:
        apply(repo, change.id, target_ref=MAIN, gates=passed(change))
    pushed = [
        subprocess.run(["git", "-C", str(repo.root), "push", "-q", "--atomic", "origin", "main", "refs/workbench/ledger"],
                       capture_output=True, check=False).returncode
        for repo in clones
    ]  # fmt: skip
    same = clones[0].head() == clones[1].head()
    assert pushed[0] == 0 and (same or pushed[1] != 0), "the second is refused, ledger and branch together"
    assert git(bare, "rev-list", "--count", "main") == "2"
    assert git(bare, "rev-list", "--count", "refs/workbench/ledger") == "2"


def test_a_sign_off_is_asked_again_after_a_rebase(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    tip = here.repo.head()
    moved = here.repo.write_tree(here.repo.tree_of("main"), {"README.md": b"meanwhile\n"})
    here.repo.update_ref(MAIN, here.repo.commit(moved, [tip], "meanwhile", author=OWNER), tip)
    git(here.repo.root, "reset", "-q", "--hard")
    again = here.propose(SPLIT_EDIT)
    assert again.id != change.id
    with pytest.raises(SignOffRequired):
        apply(here.repo, again.id, target_ref=MAIN, gates=passed(again))
