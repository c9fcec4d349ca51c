"""One sign-off, several rebases of the change: whoever applies them, at once or in clones apart, it is good for one of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.changesets import commit, edited, git
from tests.review.test_carry import measured, queue_again
from tests.reviews import MAIN, SPLIT_EDIT, Desk, desk, report_of
from workbench.errors import Corrupt
from workbench.repo import Repo
from workbench.review import ledger, queue
from workbench.review.gates import EFFECT, GATES
from workbench.review.queue import QueuedChange
from workbench.review.rebase import rebased
from workbench.review.verify import verify

ROOT = Path(__file__).resolve().parents[2]
APPLY = """
import sys
from pathlib import Path
from workbench.changes import Measured
from workbench.errors import WorkbenchError
from workbench.errors import Corrupt
from workbench.repo import Repo
from workbench.review import queue
from workbench.review.apply import apply
from workbench.review.gates import EFFECT, GATES, GateEvidence

root, change, ref = sys.argv[1:4]
repo = Repo.open(Path(root))
pieces = queue.evidence(repo, queue.get(repo, change))
ran = {"gates": GateEvidence.from_report(pieces[GATES]), "measured": Measured.read(pieces[EFFECT])}
print("ready", flush=True)
sys.stdin.readline()
try:
    print(apply(repo, change, target_ref=ref, **ran).commit)
except WorkbenchError as error:
    print(f"{type(error).__name__}: {error.message}", file=sys.stderr)
"""


def copies(at: Desk, number: int) -> dict[str, QueuedChange]:
    """Ref → the one signed change, as it was signed on main, and as rebased on branches that each went on in their own words."""
    change = edited(at.repo, SPLIT_EDIT)
    drafted = at.queued(change)
    pieces = {GATES: report_of(change.result), EFFECT: measured(drafted).content}
    before = queue.propose(at.repo, change, drafted.classification, drafted.decision, pieces, use_case="sales", session="s1")
    at.approve(before, now=before.proposed_at)
    found = {MAIN: before}
    for count in range(number):
        ref = f"refs/heads/branch-{count}"
        at.repo.update_ref(ref, str(at.repo.head()), None)
        tree = at.repo.write_tree(before.change.base, {"README.md": f"words {count}\n".encode()})
        commit(at.repo, tree, "others went on", ref=ref)
        again = rebased(at.repo, before, tree)
        found[ref] = queue_again(at, before, again.base, again.result)
    return found


def at_once(wanted: list[tuple[Path, str, str]]) -> list[tuple[str, str]]:
    """What processes that apply (repository, change, ref) say, all let go once each of them stands ready."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", APPLY, str(root), change, ref], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for root, change, ref in wanted
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [(out.strip(), error.strip()) for out, error in (process.communicate() for process in running)]


@pytest.mark.slow
def test_copies_that_are_applied_at_once_get_one_sign_off_once(tmp_path: Path) -> None:
    at = desk(tmp_path)
    found = copies(at, 3)
    start = {ref: at.repo.refs(ref)[ref] for ref in found}
    said = at_once([(at.repo.root, change.digest, ref) for ref, change in found.items()])
    applied = [out for out, _ in said if out]
    assert len(applied) == 1, said
    assert all("used already" in error or "by someone else" in error for out, error in said if not out), said
    fresh = Repo.open(at.repo.root)
    assert [entry.kind for entry in ledger.entries(fresh)] == ["applying", "applied"]
    moved = [ref for ref in found if fresh.refs(ref)[ref] != start[ref]]
    assert [fresh.refs(ref)[ref] for ref in moved] == applied
    said = at_once([(at.repo.root, change.digest, ref) for ref, change in found.items() if ref not in moved])
    assert all(not out and "used already" in error for out, error in said), said
    fresh.close()


@pytest.mark.slow
def test_copies_in_clones_that_share_one_ledger_get_one_sign_off_once(tmp_path: Path) -> None:
    at = desk(tmp_path)
    found = {ref: change for ref, change in copies(at, 2).items() if ref != MAIN}
    bare = tmp_path / "shared.git"
    git(tmp_path, "clone", "-q", "--bare", str(at.repo.root), str(bare))
    git(at.repo.root, "push", "-q", str(bare), "refs/workbench/*:refs/workbench/*")
    start = {ref: git(bare, "rev-parse", ref) for ref in found}
    clones = {}
    for ref in found:
        clones[ref] = tmp_path / ref.rpartition("/")[2]
        git(tmp_path, "clone", "-q", "--branch", ref.removeprefix("refs/heads/"), str(bare), str(clones[ref]))
        git(clones[ref], "fetch", "-q", "origin", "refs/workbench/*:refs/workbench/*")
    said = at_once([(clones[ref], found[ref].digest, ref) for ref in found])
    assert all(out for out, _ in said), "each has a ledger of its own, and doesn't know of the other yet"
    pushing = {
        ref: subprocess.Popen(
            ["git", "-C", str(place), "push", "-q", "--atomic", "origin", ref, "refs/workbench/ledger"], stderr=subprocess.PIPE
        )
        for ref, place in clones.items()
    }  # fmt: skip
    told = {ref: process.communicate() for ref, process in pushing.items()}
    won = [ref for ref, process in pushing.items() if process.returncode == 0]
    assert len(won) == 1, told
    (lost,) = set(found) - set(won)
    assert git(bare, "rev-parse", lost) == start[lost], "its branch was refused together with its ledger"
    assert git(bare, "rev-list", "--count", "refs/workbench/ledger") == "2"
    # Whoever pushes the branch alone all the same is told apart by the ledger that all share.
    git(clones[lost], "push", "-q", "origin", lost)
    judge = tmp_path / "judge"
    git(tmp_path, "clone", "-q", str(bare), str(judge))
    git(judge, "fetch", "-q", "origin", "refs/workbench/*:refs/workbench/*")
    with Repo.open(judge) as repo:
        good = verify(repo, start[won[0]], git(bare, "rev-parse", won[0]))
        assert good.ok and good.steps[0].carried, good
        with pytest.raises(Corrupt, match="ledger doesn't hold"):
            verify(repo, start[lost], git(bare, "rev-parse", lost))
    # And where it takes the ledger of the others over, it hears that the sign-off is spent.
    git(clones[lost], "fetch", "-q", "origin", "+refs/workbench/*:refs/workbench/*")
    git(clones[lost], "reset", "-q", "--hard", start[lost])
    ((out, error),) = at_once([(clones[lost], found[lost].digest, lost)])
    assert not out and "used already" in error, (out, error)
