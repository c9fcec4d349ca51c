from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.changesets import NOW, OWNER, workspace
from workbench.errors import Corrupt
from workbench.repo import FILE, Entry, Repo
from workbench.review import ledger
from workbench.review.ledger import Applied, Applying


def applying(change: str, *signoffs: str) -> Applying:
    return Applying(
        at=NOW, change=change, queued="q" + change, ref="refs/heads/main", commit="c" + change, old="o", signoffs=signoffs,
        decision="review", policy_digest="p",
    )  # fmt: skip


def applied(change: str, began: int) -> Applied:
    return Applied(began=began, at=NOW, change=change, queued="q" + change, ref="refs/heads/main", commit="c" + change)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return workspace(tmp_path)


def test_entries_come_back_in_order_and_chained(repo: Repo) -> None:
    assert ledger.entries(repo) == []
    for change in "abc":
        ledger.append(repo, applying(change))
    found = ledger.entries(repo)
    assert [(entry.seq, entry.change) for entry in found] == [(1, "a"), (2, "b"), (3, "c")]
    assert found[0].prev == "" and len({entry.prev for entry in found}) == 3


def test_appending_at_once_loses_nothing(repo: Repo) -> None:
    gate = threading.Barrier(4)

    def write(name: str) -> None:
        mine = Repo.open(repo.root)
        gate.wait()
        for number in range(4):
            ledger.append(mine, applying(f"{name}{number}"))
        mine.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = ledger.entries(repo)
    assert sorted(entry.change for entry in found) == sorted(f"{name}{number}" for name in "abcd" for number in range(4))


def test_what_is_spent_and_what_is_open(repo: Repo) -> None:
    begun = [
        applying("a", "s1").model_copy(update={"seq": 1}),
        applying("b", "s2").model_copy(update={"seq": 2}),
        applied("a", 1),
    ]
    assert ledger.spent(begun) == {"s1", "s2"}
    assert [entry.change for entry in ledger.unfinished(begun)] == ["b"]
    given_up = ledger.Aborted(at=NOW, change="b", queued="qb", ref="r", commit="cb", began=2)
    assert ledger.spent([*begun, given_up]) == {"s1"} and ledger.unfinished([*begun, given_up]) == []


@pytest.mark.parametrize("tamper", ["edit", "drop", "merge", "garbage"])
def test_a_tampered_chain_is_corrupt(repo: Repo, tamper: str) -> None:
    for change in "abc":
        ledger.append(repo, applying(change))
    newest = ledger.head(repo)
    assert newest is not None
    first, second, third = repo.chain(newest)

    def entry_tree(commit: str, **changes: str) -> str:
        body = json.loads(repo.read_blob(repo.commit_of(commit).tree, "entry.json") or b"")
        return repo.tree_from({"entry.json": Entry(FILE, repo.store("blob", json.dumps({**body, **changes}).encode()))})

    forged = {
        "edit": lambda: [entry_tree(second, change="x"), entry_tree(third)],
        "drop": lambda: [entry_tree(third)],
        "merge": lambda: [entry_tree(second), entry_tree(third)],
        "garbage": lambda: [repo.tree_from({"entry.json": Entry(FILE, repo.store("blob", b"{}"))})],
    }[tamper]()
    tip = first
    for tree in forged:
        parents = [tip, newest] if tamper == "merge" else [tip]
        tip = repo.commit(tree, parents, "forged", author=OWNER)
    repo.update_ref(ledger.REF, tip, newest)
    with pytest.raises(Corrupt):
        ledger.entries(repo)


def test_an_entry_is_added_only_while_its_condition_holds(repo: Repo) -> None:
    first = ledger.append(repo, applying("a"))
    assert first is not None and first.seq == 1
    assert ledger.append(repo, applying("a"), unless=lambda found: any(entry.change == "a" for entry in found)) is None
    assert len(ledger.entries(repo)) == 1
