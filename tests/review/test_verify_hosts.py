"""What verify makes of what hosts and people do with signed changes: squash, merge commits, picks, and taking back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.changesets import NOW, commit
from tests.reviews import SPLIT_EDIT, Desk, desk, passed
from workbench.repo import Identity
from workbench.review.apply import apply
from workbench.review.queue import QueuedChange
from workbench.review.verify import verify

HOST = Identity("host", "noreply@host.example")
SIDE = "refs/heads/side"


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def signed_on_the_side(at: Desk) -> tuple[QueuedChange, str, str]:
    """A change applied to a branch of its own: the change, main's tip, the side's tip."""
    base = at.repo.head()
    at.repo.update_ref(SIDE, base, None)
    change = at.propose(SPLIT_EDIT)
    at.approve(change)
    return change, base, apply(at.repo, change.id, target_ref=SIDE, gates=passed(change), now=NOW).commit


def test_a_squash_of_exactly_the_signed_trees_passes_once(at: Desk) -> None:
    change, base, _ = signed_on_the_side(at)
    squashed = commit(at.repo, change.change.result, "squashed (#1)", author=HOST)
    assert [step.status for step in verify(at.repo, base, "main", now=NOW).steps] == ["signed"]
    commit(at.repo, change.change.base, "Revert", author=HOST)
    taken_back = verify(at.repo, squashed, "main", now=NOW)
    assert not taken_back.ok and f"takes change {change.id} back" in taken_back.steps[0].why
    reverted = at.repo.head()
    commit(at.repo, change.change.result, "squashed again (#2)", author=HOST)
    again = verify(at.repo, reverted, "main", now=NOW)
    assert not again.ok and "used already" in again.steps[0].why


def test_a_squash_of_any_other_tree_is_unsigned(at: Desk) -> None:
    change, base, _ = signed_on_the_side(at)
    more = at.repo.write_tree(change.change.result, {"pipelines/sales/metrics.py": b"def score(a, b, c):\n    return {}\n"})
    commit(at.repo, more, "squashed (#1)", author=HOST)
    assert not verify(at.repo, base, "main", now=NOW).ok


def test_a_merge_commit_of_a_signed_branch_passes(at: Desk) -> None:
    change, base, tip = signed_on_the_side(at)
    at.repo.commit(change.change.result, [base, tip], "Merge", author=HOST, ref="refs/heads/main", expect=base, at=NOW)
    report = verify(at.repo, base, "main", now=NOW)
    assert report.ok, report.steps
    evil = at.repo.write_tree(change.change.result, {"pipelines/sales/metrics.py": b"def score(a, b, c):\n    return {}\n"})
    at.repo.update_ref("refs/heads/evil", base, None)
    at.repo.commit(evil, [base, tip], "Merge", author=HOST, ref="refs/heads/evil", expect=base, at=NOW)
    assert not verify(at.repo, base, "evil", now=NOW).ok


def test_a_pick_to_another_base_is_unsigned_and_told_how_to_carry_it(at: Desk) -> None:
    change, _, tip = signed_on_the_side(at)
    moved = commit(at.repo, at.repo.write_tree(change.change.base, {"README.md": b"# moved\n"}), "others")
    picked = at.repo.write_tree(change.change.result, {"README.md": b"# moved\n"})
    commit(at.repo, picked, at.repo.commit_of(tip).message, author=HOST)
    report = verify(at.repo, moved, "main", now=NOW)
    assert not report.ok and f"workbench review rebase {change.id}" in report.steps[0].why
