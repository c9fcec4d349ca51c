"""Promotion holds the sign-offs that a lineage claims against the branch and the review ledger."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from tests.releases import MAIN, Shop, land
from workbench.errors import Refusal
from workbench.repo import Repo
from workbench.review import ledger

SIGNED = "0123456789abcdef"


def applied(shop: Shop, decision: Literal["allow", "review"], signoffs: tuple[str, ...], *, end: bool = True) -> str:
    """A tree that the workbench applied to main, with the ledger's two entries (or, without `end`, only the first)."""
    with Repo.open(shop.settings.root) as repo:
        tree = repo.write_tree(shop.tree, {"pipelines/shop/README.md": b"Shop\n"})
        old = repo.refs(MAIN)[MAIN]
        commit = land(repo, tree)
        same = {"at": datetime.now(UTC), "change": "sha256:" + "1" * 64, "queued": old, "ref": MAIN, "commit": commit}
        begun = ledger.Applying(**same, old=old, signoffs=signoffs, decision=decision, policy_digest="p")
        placed = ledger.append(repo, begun)
        assert placed is not None
        if end:
            ledger.append(repo, ledger.Applied(**same, began=placed.seq))
        return tree


def test_code_that_was_applied_under_a_sign_off(shop: Shop) -> None:
    tree = applied(shop, "review", (SIGNED,))
    shop.registry().register(shop.build(5, code_tree=tree, decision="signed", signoffs=[SIGNED]))
    assert shop.promote(1, "staging").evidence["accepted"] == f"signed: {SIGNED}"


def test_the_ledger_and_not_the_lineage_says_how_it_was_accepted(shop: Shop) -> None:
    tree = applied(shop, "review", (SIGNED,))
    shop.registry().register(shop.build(5, code_tree=tree, decision="allowed by policy", signoffs=[]))
    assert shop.promote(1, "staging").evidence["accepted"] == f"signed: {SIGNED}"


def test_code_that_the_policy_allowed_and_code_that_a_person_committed(shop: Shop) -> None:
    tree = applied(shop, "allow", ())
    shop.registry().register(shop.build(5, code_tree=tree))
    assert shop.promote(1, "staging").evidence["accepted"] == "allowed by policy"
    shop.registry().register(shop.build(20))
    assert shop.promote(2, "staging").evidence["accepted"] == f"committed to {MAIN} directly"


@pytest.mark.parametrize("signoffs", [["ffffffffffffffff"], [SIGNED, "ffffffffffffffff"]])
def test_a_sign_off_that_is_not_on_record_for_this_code_is_refused(shop: Shop, signoffs: list[str]) -> None:
    tree = applied(shop, "review", (SIGNED,))
    shop.registry().register(shop.build(5, code_tree=tree, decision="signed", signoffs=signoffs))
    with pytest.raises(Refusal, match="ffff isn't one under which"):
        shop.promote(1, "staging")


def test_a_sign_off_of_an_application_that_was_never_ended_does_not_count(shop: Shop) -> None:
    tree = applied(shop, "review", (SIGNED,), end=False)
    shop.registry().register(shop.build(5, code_tree=tree, decision="signed", signoffs=[SIGNED]))
    with pytest.raises(Refusal, match="isn't one under which"):
        shop.promote(1, "staging")


def test_a_sign_off_of_other_code_is_refused(shop: Shop) -> None:
    applied(shop, "review", (SIGNED,))
    shop.registry().register(shop.build(5, decision="signed", signoffs=[SIGNED]))
    with pytest.raises(Refusal, match="isn't one under which"):
        shop.promote(1, "staging")


def test_code_that_is_not_on_the_branch_was_never_accepted(shop: Shop) -> None:
    with Repo.open(shop.settings.root) as repo:
        tree = repo.write_tree(shop.tree, {"pipelines/shop/model.py": b"import os\n"})
    shop.registry().register(shop.build(5, code_tree=tree))
    with pytest.raises(Refusal, match="never accepted"):
        shop.promote(1, "staging")
    assert shop.registry().aliases("shop") == {}
