from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.changesets import FILES, NOW, OWNER, commit, edited, git, replaced
from tests.reviews import MAIN, MODEL_EDIT, SPLIT_EDIT, Desk, desk, passed
from workbench.errors import Corrupt, UsageError
from workbench.repo import Identity
from workbench.review import ledger, queue, signoff
from workbench.review.apply import apply
from workbench.review.verify import VerifyReport, verify

SPLIT = "pipelines/sales/split.py"


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def check(here: Desk, base: str, *, later: timedelta = timedelta()) -> VerifyReport:
    return verify(here.repo, base, "main", now=NOW + later)


def signed(here: Desk) -> queue.QueuedChange:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW)
    return change


def test_applied_changes_verify_also_after_they_expired(here: Desk) -> None:
    base = here.repo.head()
    signed(here)
    report = check(here, base, later=timedelta(days=400))
    assert report.ok and [(step.status, step.reviewers) for step in report.steps] == [("signed", ["ana@shop.example"])]


def test_a_risky_commit_without_a_sign_off_is_found(here: Desk) -> None:
    base = here.repo.head()
    commit(here.repo, edited(here.repo, {"README.md": "words\n"}).result, "words")
    commit(here.repo, edited(here.repo, SPLIT_EDIT).result, "by hand")
    report = check(here, base)
    assert not report.ok and [step.status for step in report.steps][:2] == ["allowed", "unsigned"]
    assert report.steps[1].kinds == ["split"]


def test_a_change_that_was_taken_back_still_counts(here: Desk) -> None:
    base, start = here.repo.head(), here.repo.tree_of("main")
    commit(here.repo, edited(here.repo, SPLIT_EDIT).result, "in")
    commit(here.repo, start, "out")
    assert [step.status for step in check(here, base).steps] == ["unsigned", "unsigned"]


def test_slices_are_judged_as_their_sum(here: Desk) -> None:
    base = here.repo.head()
    moved = replaced(SPLIT, "GAP = 3", "GAP = 3\nLATER = 0")
    commit(here.repo, edited(here.repo, moved).result, "a constant that nothing uses")
    assert check(here, base).ok
    commit(here.repo, edited(here.repo, {SPLIT: moved[SPLIT].replace("GAP]", "LATER]")}).result, "its use")
    assert not check(here, base).ok


def test_a_sign_off_made_elsewhere_counts_for_a_commit_made_by_hand(here: Desk) -> None:
    base = here.repo.head()
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    commit(here.repo, change.change.result, "merged by another tool")
    assert check(here, base).ok
    late = check(here, base, later=timedelta(days=8))
    assert not late.ok and "expired" in late.steps[0].why


def test_the_committer_does_not_count_as_a_reviewer(here: Desk) -> None:
    base = here.repo.head()
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    commit(here.repo, change.change.result, "mine", author=Identity("A", "Ana@Shop.example"))
    assert not check(here, base).ok


def test_one_sign_off_covers_one_commit(here: Desk) -> None:
    base, start = here.repo.head(), here.repo.tree_of("main")
    change = signed(here)
    back = edited(here.repo, {SPLIT: FILES[SPLIT]})
    here.approve(here.queued(back))
    commit(here.repo, start, "back")
    commit(here.repo, change.change.result, "again, on the old approval")
    assert [step.status for step in check(here, base).steps] == ["signed", "signed", "unsigned"]


def test_gates_have_to_have_passed_on_the_result(here: Desk) -> None:
    base = here.repo.head()
    change = edited(here.repo, SPLIT_EDIT)
    queued = here.propose(SPLIT_EDIT)
    from tests.reviews import report_of
    from workbench.review.gates import GATES

    failing = queue.propose(
        here.repo, change, queued.classification, queued.decision, {GATES: report_of(change.result, split="fail")}, now=NOW
    )  # fmt: skip
    here.approve(failing)
    commit(here.repo, change.result, "by hand")
    assert "gate `split` failed" in check(here, base).steps[0].why


def test_the_policy_is_that_of_the_base(here: Desk) -> None:
    base = here.repo.head()
    lax = {"review_policies/splits.toml": '[[rule]]\nname = "x"\nwhen.kinds = ["test"]\nrequire.approvals = 0\n'}
    commit(here.repo, edited(here.repo, {**lax, "tests/test_new.py": "def test_x():\n    assert 1\n"}).result, "both")
    report = check(here, base)
    assert not report.ok and "policy" in report.steps[0].kinds


def test_a_rewritten_ledger_is_corrupt(here: Desk) -> None:
    base = here.repo.head()
    signed(here)
    newest = ledger.head(here.repo)
    assert newest is not None
    here.repo.update_ref(ledger.REF, None, newest)
    with pytest.raises(Corrupt, match="ledger"):
        check(here, base)
    empty = ledger.append(here.repo, ledger.Applied(at=NOW, change="x", queued="q", ref="r", commit="c", began=9))
    assert empty is not None and empty.seq == 1
    with pytest.raises(Corrupt):
        check(here, base)


def test_a_deleted_or_forged_sign_off_leaves_the_change_unsigned(here: Desk) -> None:
    base = here.repo.head()
    change = signed(here)
    ref, at = next(iter(here.repo.refs(signoff.PREFIX).items()))
    here.repo.update_ref(ref, None, at)
    assert [step.status for step in check(here, base).steps] == ["unsigned"]
    assert change.id in ref


def test_revisions_that_do_not_fit_are_refused(here: Desk) -> None:
    base = here.repo.head()
    git(here.repo.root, "checkout", "-q", "--orphan", "other")
    alone = here.repo.commit(here.repo.tree_of("main"), [], "alone", author=OWNER)
    for first, second in ((alone, "main"), (base, "nowhere"), ("HEAD~1", "main"), (base, "ma*")):
        with pytest.raises(UsageError):
            verify(here.repo, first, second, now=NOW)
    assert check(here, base).steps == [] and check(here, base).ok


def test_a_merge_is_judged_along_its_first_parent(here: Desk) -> None:
    base = here.repo.head()
    tree = edited(here.repo, MODEL_EDIT).result
    side = here.repo.commit(edited(here.repo, SPLIT_EDIT).result, [base], "side", author=OWNER)
    both = here.repo.commit(
        edited(here.repo, {**SPLIT_EDIT, **MODEL_EDIT}).result, [commit(here.repo, tree, "model"), side], "m", author=OWNER
    )
    here.repo.update_ref(MAIN, both, here.repo.resolve("main"))
    report = check(here, base)
    assert not report.ok and "split" in report.steps[-1].kinds
