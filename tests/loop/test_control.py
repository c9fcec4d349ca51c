"""A person's control, by itself: instructions that wait survive, each is heard once, and any order of them makes sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.changes import Author
from workbench.errors import UsageError
from workbench.loop.control import ACTS, LONGEST, Control, Inbox, Person, instruction
from workbench.loop.net import author_of
from workbench.loop.state import Proposal
from workbench.sessions.events import Message

ANA, BEN = Person(name="Ana", email="ana@shop.example"), Person(name="Ben", email="ben@shop.example")
BASE, EDITED = "a" * 40, "b" * 40


def said(act: str, who: Person, text: str = "x", tree: str | None = None) -> Message:
    return Message(by="person", act=act, text=text, instruction="1", person=who.model_dump(exclude_defaults=True), tree=tree)


def test_what_is_posted_is_there_in_order_until_it_is_forgotten(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "s")
    assert not inbox and inbox.pending() == []
    posted = [inbox.post(instruction("direct", text)) for text in ("one", "two", "three")]
    again = Inbox(tmp_path, "s")
    assert again and again.pending() == posted
    again.forget(posted[0])
    again.forget(posted[0])
    assert inbox.pending() == posted[1:]


def test_what_is_no_instruction_is_set_aside_and_not_obeyed(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "s")
    good = inbox.post(instruction("pause"))
    place = tmp_path / "sessions" / "s" / "inbox"
    (place / "0.json").write_text('{"act": "approve"}')
    (place / "1.json").write_text("{")
    assert inbox.pending() == [good]
    assert sorted(path.name for path in place.glob("*.unreadable")) == ["0.unreadable", "1.unreadable"]


def test_words_and_a_name_are_needed_where_they_are_needed() -> None:
    with pytest.raises(UsageError):
        instruction("direct", "  ")
    with pytest.raises(UsageError):
        instruction("answer", "x" * (LONGEST + 1))
    with pytest.raises(UsageError) as caught:
        instruction("take-over", person=Person(name="somebody"))
    assert "user.email" in caught.value.hint


def test_a_second_person_neither_takes_over_nor_hands_back_what_another_has() -> None:
    control, why = Control().heard(said("take-over", ANA), tree=BASE, place="p")
    assert control.taken is not None and control.taken.person == ANA and not why
    for act in ("take-over", "hand-back"):
        same, why = control.heard(said(act, BEN, tree=EDITED), tree=BASE, place="p")
        assert same == control and "Ana" in why
    back, why = control.heard(said("hand-back", ANA, tree=EDITED), tree=BASE, place="p")
    assert back.taken is None and back.handed == EDITED and not why


def test_nobody_takes_over_where_it_would_make_two_authors_of_one_change() -> None:
    same, why = Control().heard(said("take-over", ANA), tree=BASE, place="p", others=frozenset({BEN.email}))
    assert same == Control() and BEN.email in why


def test_a_net_change_is_a_persons_own_only_where_all_of_it_is_and_the_author_is_always_a_person_in_it() -> None:
    agent = Author(name="workbench playbook", email="playbook@agent.invalid", agent=True)
    plain: Proposal = {"base": BASE, "result": EDITED, "name": "Ana", "email": ANA.email, "title": "t"}
    by_hand: Proposal = {**plain, "agent": False, "key": "ssh-ed25519 AAAA"}
    assert author_of([], agent) == agent
    assert author_of([by_hand], agent) == Author(name="Ana", email=ANA.email, key="ssh-ed25519 AAAA")
    for proposals, repaired in (([by_hand], True), ([plain, by_hand], False), ([plain], False)):
        found = author_of(proposals, agent, repaired=repaired)
        assert found.agent and found.email == ANA.email


@given(st.lists(st.tuples(st.sampled_from([*ACTS, "approve", ""]), st.sampled_from([ANA, BEN]), st.booleans()), max_size=12))
def test_any_order_of_instructions_keeps_every_word_and_one_author(acts: list[tuple[str, Person, bool]]) -> None:
    control, words = Control(question="how many?"), []
    for number, (act, who, edits) in enumerate(acts):
        before = control
        control, why = before.heard(said(act, who, str(number), EDITED if edits else BASE), tree=BASE, place="p")
        if why:
            assert control == before
            continue
        assert not before.stopped, "nothing is heard after the end"
        if act in ("direct", "answer"):
            words.append(str(number))
            assert control.question is None
        if act == "hand-back":
            assert before.taken is not None and before.taken.person == who and control.handed == (EDITED if edits else "")
        elif act != "take-over":
            assert control.taken == before.taken
    assert list(control.directions) == words
