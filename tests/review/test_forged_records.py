"""What is written into the record by somebody who may push refs, but holds no reviewer's key."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.changesets import FILES, NOW, OWNER, edited, new_key, replaced
from tests.reviews import MAIN, SPLIT_EDIT, Desk, desk, passed
from workbench.changes import Author, Change
from workbench.errors import Corrupt, WorkbenchError
from workbench.policy.reviewers import ReviewerFile, normal
from workbench.repo import Repo
from workbench.review import ledger
from workbench.review.apply import apply
from workbench.review.ledger import Aborted, Applied, Applying
from workbench.review.verify import verify


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def by_hand(repo: Repo, tree: str, message: str = "by hand") -> str:
    """A commit on main that nobody asked the workbench for."""
    tip = str(repo.head())
    return repo.commit(tree, [tip], message, author=OWNER, ref=MAIN, expect=tip, at=NOW)


def end_of(begun: Applying, **given: object) -> dict[str, object]:
    same = {"change": begun.change, "queued": begun.queued, "ref": begun.ref, "commit": begun.commit, "began": begun.seq}
    return {**same, "at": NOW, **given}


def test_a_forged_end_cannot_make_a_spent_sign_off_good_again(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW)
    begun = ledger.entries(here.repo)[0]
    assert isinstance(begun, Applying)
    ledger.append(here.repo, Aborted.model_validate(end_of(begun)))
    ledger.forget()
    with pytest.raises(Corrupt, match="over already"):
        ledger.entries(here.repo)
    with pytest.raises(Corrupt):
        verify(here.repo, here.repo.chain(str(here.repo.head()))[0], MAIN, now=NOW)


@pytest.mark.parametrize("given", [{"began": 7}, {"commit": "1" * 40}, {"change": "sha256:" + "0" * 64}])
def test_an_end_of_what_was_not_begun_is_no_ledger(here: Desk, given: dict[str, object]) -> None:
    change = here.propose(SPLIT_EDIT)
    begun = ledger.append(here.repo, Applying(
        at=NOW, change=change.digest, queued=change.commit, ref=MAIN, old="0" * 40, commit="2" * 40, decision="review",
        policy_digest="",
    ))  # fmt: skip
    assert isinstance(begun, Applying)
    ledger.append(here.repo, Applied.model_validate(end_of(begun, **given)))
    ledger.forget()
    with pytest.raises(Corrupt):
        ledger.entries(here.repo)


def test_a_move_that_is_called_off_in_the_ledger_and_made_all_the_same_is_spent(here: Desk) -> None:
    """The sign-off is good for the commit that has it, and not once more after the change was taken back."""
    start = str(here.repo.head())
    change = here.propose(SPLIT_EDIT)
    given = here.approve(change)
    moved = by_hand(here.repo, change.change.result)
    begun = ledger.append(here.repo, Applying(
        at=NOW, change=change.digest, queued=change.commit, ref=MAIN, old=start, commit=moved, decision="review",
        policy_digest="", signoffs=(given.id,),
    ))  # fmt: skip
    assert isinstance(begun, Applying)
    ledger.append(here.repo, Aborted.model_validate(end_of(begun)))
    by_hand(here.repo, change.change.base)
    by_hand(here.repo, change.change.result)
    steps = verify(here.repo, start, MAIN, now=NOW).steps
    assert [step.status for step in steps[:3]] == ["signed", "unsigned", "unsigned"]


def test_an_expired_sign_off_is_not_made_good_by_a_date_in_the_ledger(here: Desk) -> None:
    start, late = str(here.repo.head()), NOW + timedelta(days=30)
    other = here.propose(replaced("pipelines/sales/model.py", "ROUNDS = 50", "ROUNDS = 60"))
    apply(here.repo, other.id, target_ref=MAIN, gates=passed(other), now=late)
    change = here.propose(SPLIT_EDIT)
    given = here.approve(change)
    before = str(here.repo.head())
    moved = by_hand(here.repo, change.change.result)
    ledger.append(here.repo, Applying(
        at=NOW, change=change.digest, queued=change.commit, ref=MAIN, old=before, commit=moved, decision="review",
        policy_digest="", signoffs=(given.id,),
    ))  # fmt: skip
    found = verify(here.repo, start, MAIN, now=late)
    assert not found.ok and any("expired" in step.why for step in found.steps)


def test_two_changes_whose_short_names_are_alike(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve digits are few: who makes both changes can have the harmless one signed and commit the other."""
    monkeypatch.setattr(Change, "id", property(lambda self: self.digest.removeprefix("sha256:")[0] + "0" * 11))
    start = str(here.repo.head())
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    for number in range(200):
        alike = edited(here.repo, {**replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 0"), "README.md": f"# {number}\n"})
        if alike.id == change.id:
            break
    else:
        pytest.fail("no two were alike")
    by_hand(here.repo, alike.result)
    found = verify(here.repo, start, MAIN, now=NOW)
    assert [step.status for step in found.steps] == ["unsigned"] and "another change" in found.steps[0].why
    with pytest.raises(WorkbenchError):
        apply(here.repo, alike.digest, target_ref=MAIN, gates=None, now=NOW)


def test_the_same_person_in_other_letters(tmp_path: Path) -> None:
    public = [new_key(tmp_path / name) for name in ("one", "two")]
    for name, identity in (
        ("ana", "other@shop.example"),
        ("ａｎａ", "x@shop.example"),
        ("a\u200bna", "y@shop.example"),
        ("bo", "ANA@shop.example"),
    ):
        rows = [
            {"name": "Ana", "identity": "ana@shop.example", "roles": ["domain"], "key": public[0]},
            {"name": name, "identity": identity, "roles": ["domain"], "key": public[1]},
        ]
        with pytest.raises(ValueError, match="one person would count as two"):
            ReviewerFile.model_validate({"reviewer": rows})
    assert normal(" Ａna\u200d@shop.example") == "ana@shop.example"


@pytest.mark.parametrize("name", ["ANA", "ａｎａ", "a\u200bna"])
def test_nobody_signs_their_own_change_in_other_letters(here: Desk, name: str) -> None:
    change = here.propose(SPLIT_EDIT, author=Author(name=name, email="a@b.example"))
    with pytest.raises(WorkbenchError, match="author"):
        here.approve(change)


def test_a_risky_edit_in_a_merge_and_in_slices_around_a_signed_one(here: Desk) -> None:
    """What a merge's resolution adds is in no commit of either side; first parents and octopuses hide nothing either."""
    repo, start = here.repo, str(here.repo.head())
    tip = repo.tree_of(start)
    side = repo.commit(repo.write_tree(tip, {"README.md": b"# side\n"}), [start], "side", author=OWNER, at=NOW)
    third = repo.commit(repo.write_tree(tip, {"docs/a.md": b"a\n"}), [start], "third", author=OWNER, at=NOW)
    evil = repo.write_tree(tip, {
        "README.md": b"# side\n", "docs/a.md": b"a\n",
        "pipelines/sales/split.py": FILES["pipelines/sales/split.py"].replace("GAP = 3", "GAP = 0").encode(),
    })  # fmt: skip
    for parents in ([start, side], [side, start], [start, side, third], [side, third, start]):
        merge = repo.commit(evil, parents, "merge", author=OWNER, at=NOW)
        found = verify(repo, start, merge, now=NOW)
        assert not found.ok, parents
    orphan = repo.commit(evil, [], "orphan", author=OWNER, at=NOW)
    joined = repo.commit(evil, [orphan, start], "joined", author=OWNER, at=NOW)
    assert not verify(repo, start, joined, now=NOW).ok
    with pytest.raises(WorkbenchError):
        verify(repo, start, orphan, now=NOW)
