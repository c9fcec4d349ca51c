"""The index of the queue: the same lines as the queue itself, whatever became of the file, and never asked for a decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reviews import MAIN, MODEL_EDIT, SPLIT_EDIT, Desk, desk, passed
from workbench.errors import Corrupt
from workbench.review import index, ledger, queue
from workbench.review.apply import apply


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def lines(at: Desk, kept: Path) -> list[tuple[object, ...]]:
    return [(one.commit, one.id, one.title, one.author, one.kinds, one.proposed_at) for one in index.waiting(at.repo, kept)]


def read(at: Desk) -> list[tuple[object, ...]]:
    return [
        (one.commit, one.id, one.change.title, one.change.author.name, tuple(k.value for k in one.classification.kinds),
         one.proposed_at)
        for one in queue.pending(at.repo)
    ]  # fmt: skip


def test_the_index_says_what_the_queue_says(at: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "queue.sqlite"
    assert lines(at, kept) == read(at) == []
    split, model = at.propose(SPLIT_EDIT), at.propose(MODEL_EDIT)
    assert lines(at, kept) == read(at) != []
    assert kept.is_file()
    assert lines(at, kept) == read(at)
    at.propose(SPLIT_EDIT, note=b"measured again")  # the same change, another entry
    assert lines(at, kept) == read(at)
    apply(at.repo, model.id, target_ref=MAIN, gates=passed(model))
    assert lines(at, kept) == read(at)
    assert [one[1] for one in lines(at, kept)] == [split.id]
    assert lines(at, kept) == read(at)  # from what was kept of the ledger


def test_a_file_that_is_no_index_harms_nothing(at: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "queue.sqlite"
    at.propose(SPLIT_EDIT)
    kept.write_bytes(b"not a database, but long enough to be looked at" * 100)
    assert lines(at, kept) == read(at)
    assert lines(at, kept) == read(at)
    kept.unlink(missing_ok=True)
    kept.mkdir()
    assert lines(at, kept) == read(at)


def test_an_entry_that_cannot_be_read_is_told_and_the_others_are_there(at: Desk, tmp_path: Path) -> None:
    at.propose(SPLIT_EDIT)
    at.repo.update_ref(queue.PREFIX + "0" * 12, at.repo.head(), None)
    unreadable: list[Corrupt] = []
    found = index.waiting(at.repo, tmp_path / "queue.sqlite", unreadable=unreadable)
    assert len(found) == len(unreadable) == 1
    with pytest.raises(Corrupt):
        index.waiting(at.repo, tmp_path / "other.sqlite")


def test_the_ledger_is_read_again_where_it_was_rewritten(at: Desk) -> None:
    model = at.propose(MODEL_EDIT)
    apply(at.repo, model.id, target_ref=MAIN, gates=passed(model))
    newest = ledger.head(at.repo)
    assert newest is not None
    before = ledger.entries(at.repo)
    first = at.repo.commit_of(newest).parents[0]
    at.repo.update_ref(ledger.REF, first, newest)
    assert ledger.entries(at.repo) == before[:1]
    at.repo.update_ref(ledger.REF, newest, first)
    assert ledger.entries(at.repo) == before
    forged = at.repo.commit(at.repo.commit_of(newest).tree, [], "forged", author=ledger.WORKBENCH, at=before[0].at)
    with pytest.raises(Corrupt):
        ledger.entries(at.repo, forged)
