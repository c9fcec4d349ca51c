from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.changesets import AGENT, NOW, OWNER, commit, edited
from tests.reviews import MAIN, MODEL_EDIT, SPLIT_EDIT, Desk, desk, passed
from workbench.changes import Author
from workbench.errors import Corrupt, Refusal, SignOffRequired, UsageError
from workbench.repo import FILE, Entry
from workbench.review import queue, signoff
from workbench.review.apply import apply


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def standing(here: Desk, change: queue.QueuedChange, later: timedelta = timedelta()) -> signoff.Standing:
    return signoff.valid(here.repo, queue.get(here.repo, change.id), NOW + later)


def test_an_approval_is_valid_and_says_who_and_what(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    given = here.approve(change)
    assert [found.id for found in standing(here, change).approvals] == [given.id]
    assert given.payload.reviewer == "ana@shop.example" and given.payload.answers[0].question == "When is the label known?"
    assert signoff.unmet(change.decision, standing(here, change)) == []


def test_the_queue_keeps_one_entry_and_lists_it(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    assert here.propose(SPLIT_EDIT) == change
    assert [found.id for found in queue.pending(here.repo)] == [change.id]
    assert queue.get(here.repo, change.id[:6]) == queue.get(here.repo, change.digest) == change
    for name in ("zzzz", "", "sha256:" + change.id + "0" * 52):
        with pytest.raises(UsageError):
            queue.get(here.repo, name)


def test_questions_have_to_be_answered(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    for answers in ([], ["  "], ["a", "b"]):
        with pytest.raises(UsageError):
            signoff.sign(here.repo, change.id, verdict="approve", key=here.ana, answers=answers, now=NOW)
    assert standing(here, change) == signoff.Standing()
    with pytest.raises(UsageError, match=r"1\. When is the label known"):
        signoff.sign(here.repo, change.id, verdict="approve", key=here.ana, now=NOW)


@pytest.mark.parametrize(
    "author",
    [
        Author(name="somebody", email="ANA@shop.example "),
        Author(name="Ana", email="other@x.example"),
        Author(name="ana@shop.example", agent=True),
    ],
)  # fmt: skip
def test_nobody_signs_their_own_change(here: Desk, author: Author) -> None:
    change = here.propose(SPLIT_EDIT, author=author)
    with pytest.raises(Refusal, match="author"):
        here.approve(change)
    here.approve(change, here.bo)


def test_nobody_signs_their_own_change_by_key(here: Desk) -> None:
    key = Path(str(here.ana)).with_name("ana")
    from workbench.review.sshsig import public_blob, public_line

    change = here.propose(SPLIT_EDIT, author=Author(name="x", email="x@x.example", key=public_line(public_blob(key))))
    with pytest.raises(Refusal, match="author's own"):
        here.approve(change)


def test_strangers_roles_and_keys_in_the_workspace_are_refused(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    with pytest.raises(Refusal, match="not named as a reviewer"):
        here.approve(change, here.stranger)
    with pytest.raises(Refusal, match="doesn't hold the role"):
        here.approve(change, here.bo, role="lead")
    inside = here.repo.root / ".workbench" / "key"
    inside.parent.mkdir()
    inside.write_bytes(here.ana.read_bytes())
    with pytest.raises(UsageError, match="inside the workspace"):
        here.approve(change, inside)
    with pytest.raises(UsageError, match="not an SSH private key"):
        here.approve(change, Path(here.ana).with_name("missing"))


def test_an_empty_list_of_reviewers_says_how_to_add_one(tmp_path: Path) -> None:
    here = desk(tmp_path)
    tree = here.repo.write_tree(here.repo.tree_of("HEAD"), {"review_policies/reviewers.toml": b""})
    commit(here.repo, tree, "nobody")
    change = here.propose(SPLIT_EDIT)
    with pytest.raises(Refusal, match="Nobody is named") as caught:
        here.approve(change)
    assert "[[reviewer]]" in caught.value.hint and "ssh-ed25519" in caught.value.hint


def test_one_byte_of_the_result_makes_it_another_change(here: Desk) -> None:
    signed = here.propose(SPLIT_EDIT)
    here.approve(signed)
    other = here.propose({path: text + "\n" for path, text in SPLIT_EDIT.items()})
    assert other.id != signed.id and standing(here, other).approvals == []
    with pytest.raises(SignOffRequired):
        apply(here.repo, other.id, target_ref=MAIN, gates=passed(other), now=NOW)


def test_other_evidence_or_another_policy_makes_it_stale(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    again = here.propose(SPLIT_EDIT, note=b"measured again")
    found = standing(here, again)
    assert found.approvals == [] and "evidence" in found.invalid[0][1]
    here.approve(again)
    assert len(standing(here, again).approvals) == 1


def test_it_expires(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    assert len(standing(here, change, timedelta(days=7)).approvals) == 1
    late = standing(here, change, timedelta(days=7, seconds=1))
    assert late.approvals == [] and "expired" in late.invalid[0][1]
    early = standing(here, change, -timedelta(hours=1))
    assert early.approvals == [] and "future" in early.invalid[0][1]


def test_a_sign_off_copied_to_another_change_does_not_count(here: Desk) -> None:
    signed, other = here.propose(SPLIT_EDIT), here.propose({**SPLIT_EDIT, **MODEL_EDIT})
    given = here.approve(signed)
    here.repo.update_ref(f"{signoff.PREFIX}{other.id}/{given.id}", given.commit, None)
    found = standing(here, other)
    assert found.approvals == [] and "another change" in found.invalid[0][1]


@pytest.mark.parametrize("field", ["comment", "role", "reviewer", "nonce", "expires", "risks", "policy", "verdict"])
def test_a_changed_payload_does_not_count(here: Desk, field: str) -> None:
    change = here.propose(SPLIT_EDIT)
    given = here.approve(change)
    body = json.loads(given.payload.canonical)
    body[field] = {"verdict": "reject", "expires": "2030-01-01T00:00:00Z"}.get(field, "bo@shop.example")
    forged = signoff.Payload.model_validate(body).canonical
    _replace(here, change, given, forged, given.signature)
    found = standing(here, change)
    assert found.approvals == [] and found.objections == [] and found.invalid


def _replace(here: Desk, change: queue.QueuedChange, given: signoff.SignOff, payload: bytes, signature: str) -> None:
    """Puts a forged sign-off where a real one was, with the id that fits its bytes."""
    import hashlib

    files = {"payload.json": payload, "payload.json.sig": signature.encode()}
    tree = here.repo.tree_from({name: Entry(FILE, here.repo.store("blob", content)) for name, content in files.items()})
    here.repo.update_ref(f"{signoff.PREFIX}{change.id}/{given.id}", None, given.commit)
    made = here.repo.commit(tree, [], "forged", author=OWNER)
    here.repo.update_ref(f"{signoff.PREFIX}{change.id}/{hashlib.sha256(payload).hexdigest()[:16]}", made, None)


def test_the_right_words_signed_with_another_key_do_not_count(here: Desk) -> None:
    from workbench.review import sshsig

    change = here.propose(SPLIT_EDIT)
    given = here.approve(change)
    for key, says in ((here.stranger, "no reviewer"), (here.bo, "but the key is that of bo")):
        _replace(here, change, given, given.payload.canonical, sshsig.sign(given.payload.canonical, key))
        found = standing(here, change)
        assert found.approvals == [] and says in found.invalid[0][1]
        refs = here.repo.refs(signoff.PREFIX)
        given = given.model_copy(update={"commit": next(iter(refs.values()))})


def test_a_later_verdict_of_the_same_person_replaces_the_earlier(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    signoff.sign(here.repo, change.id, verdict="reject", key=here.ana, comment="the gap is wrong", now=NOW + timedelta(minutes=1))
    found = standing(here, change, timedelta(minutes=1))
    assert found.approvals == [] and found.objections[0].payload.comment == "the gap is wrong"
    here.approve(change, here.bo)
    with pytest.raises(Refusal, match="the gap is wrong"):
        apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW + timedelta(minutes=2))


def test_a_forged_queue_entry_is_found_out(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    harmless = change.model_copy(update={"classification": change.classification.model_copy(update={"risks": []})})
    tree = here.repo.commit_of(change.commit).tree
    entries = dict(here.repo.children(tree))
    entries["change.json"] = Entry(FILE, here.repo.store("blob", harmless.model_dump_json().encode()))
    made = here.repo.commit(here.repo.tree_from(entries), [change.commit], "forged", author=OWNER)
    here.repo.update_ref(queue.PREFIX + change.id, made, change.commit)
    with pytest.raises(SignOffRequired):
        apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW)
    other = edited(here.repo, MODEL_EDIT)
    lying = change.model_copy(update={"change": other})
    entries["change.json"] = Entry(FILE, here.repo.store("blob", lying.model_dump_json().encode()))
    again = here.repo.commit(here.repo.tree_from(entries), [made], "forged", author=OWNER)
    here.repo.update_ref(queue.PREFIX + change.id, again, made)
    with pytest.raises(Corrupt):
        queue.get(here.repo, change.id)


def test_looking_and_signing_are_about_the_same_entry(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.propose(SPLIT_EDIT, note=b"other")
    with pytest.raises(Refusal, match="since you looked"):
        signoff.sign(here.repo, change.id, verdict="approve", key=here.ana, answers=["a"], seen=change.commit, now=NOW)
    assert AGENT.agent
