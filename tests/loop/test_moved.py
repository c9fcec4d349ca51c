"""The branch moves while a change waits: the session makes it again on top, carries what may be carried, or asks again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from house import LEAKY_SPLIT, MAIN, OWNER, USE_CASE, House, make_house
from test_loop import resumed_twice, sign

from workbench.changes import Change, classify
from workbench.errors import ExitCode
from workbench.loop import net, nodes, session
from workbench.loop.context import AGENT, LoopContext
from workbench.loop.drivers import load_driver
from workbench.loop.net import Judged
from workbench.loop.state import LoopState
from workbench.policy import load_policy
from workbench.replay import check
from workbench.review import carry, ledger, queue
from workbench.review.verify import verify
from workbench.sessions.events import Applied, ChangeMade, Decided, Message, Queued
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import Session, read_session
from workbench.sessions.writer import SessionWriter

SPLIT, MODEL = "pipelines/visits/split.py", "pipelines/visits/model.py"
WORDS = {"README.md": b"# visits, and how\n"}
WITHIN_REACH = (MODEL, "num_boost_round=30", "num_boost_round=31")


def goes_on(house: House, contents: dict[str, bytes]) -> str:
    """Somebody else's commit on the branch; its tree."""
    tree = house.repo.write_tree(house.repo.tree_of(house.head), contents)
    house.repo.commit(tree, [house.head], "others went on", author=OWNER, ref=MAIN, expect=house.head)
    subprocess.run(["git", "-C", str(house.root), "reset", "-q", "--hard"], check=True)
    return tree


def edited(house: House, path: str, old: str, new: str) -> dict[str, bytes]:
    content = house.repo.read_blob(house.repo.tree_of(house.head), path) or b""
    assert old.encode() in content
    return {path: content.replace(old.encode(), new.encode())}


class Waiting:
    """A session whose change of the split waits for a person, and what its node `land` says of it; nothing is run for it."""

    def __init__(self, house: House) -> None:
        self.house, self.said = house, list[str]()
        landed = house.repo.tree_of(house.head)
        tree = house.repo.write_tree(landed, edited(house, SPLIT, 'pd.Timedelta("25h")', 'pd.Timedelta("49h")'))
        header = SessionHeader(
            id="moved", use_case=USE_CASE, base=house.head, driver="playbook", created="2026-11-20T09:00:00+00:00"
        )
        writer = SessionWriter.create(house.root / "sessions" / "moved", header)
        self.ctx = LoopContext(
            house.settings, house.repo, writer, load_driver("playbook", house.settings), USE_CASE, MAIN, self.said.append
        )
        self.state: LoopState = {"step": 3, "tree": tree, "landed": landed, "summaries": ["a longer gap"]}
        self.queued = self.enqueued()
        self.state["queued"] = self.queued.id

    def enqueued(self) -> queue.QueuedChange:
        change = Change(base=self.state["landed"], result=self.state["tree"], author=AGENT, title="a longer gap")
        found = classify(self.house.repo, change)
        decision = queue.decided(load_policy(self.house.repo, change.base), change, found, None)
        return net.enqueue(self.ctx, Judged(change, found, decision), b"", self.state.get("came_from") or [])

    def land(self) -> LoopState:
        changed = nodes.land(self.ctx, self.state)
        self.state = {**self.state, **changed}
        return changed

    def events(self) -> list[ChangeMade]:
        return [event for event in read_session(self.ctx.writer.directory).events if isinstance(event, ChangeMade)]


def test_what_becomes_of_a_waiting_change_when_its_branch_moves(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    at = Waiting(house)
    first = house.repo.tree_of(house.head)
    assert at.land() == {}, "nothing moved, nobody signed"
    before, tip = at.queued, goes_on(house, WORDS)
    changed = at.land()
    assert (changed["landed"], changed["queued"], changed["report"]) == (tip, None, None), "to be built and judged again"
    assert changed["came_from"] == [{"change": before.id, "queued": before.commit}]
    assert house.repo.diff(first, before.change.result) == house.repo.diff(tip, changed["tree"])
    (made,) = at.events()
    assert (made.rebased, made.base, made.result) == (before.id, tip, changed["tree"])

    again = at.enqueued()
    assert again == at.enqueued() and [one.change for one in carry.origins_of(house.repo, again)] == [before.id]
    at.state["queued"] = again.id
    house.repo.update_ref(MAIN, house.repo.chain(house.head)[0], house.head)  # the branch goes back to where it was
    changed = at.land()
    assert changed["tree"] == before.change.result
    assert [one.change for one in carry.origins_of(house.repo, at.enqueued())] == [again.id], "no change is its own rebase"

    at.state["queued"] = at.enqueued().id
    sign(house, at.state["queued"], "reject", "not like this")
    goes_on(house, WORDS)
    refused = at.land()
    assert refused["outcome"] == "refused" and "not like this" in refused["reason"], "a no is heard whatever the branch does"


def test_both_sides_changed_the_same_file_or_did_the_same(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    at = Waiting(house)
    head = house.head
    goes_on(house, edited(house, SPLIT, 'pd.Timedelta("25h")', 'pd.Timedelta("73h")'))
    refused = at.land()
    assert refused["outcome"] == "refused" and SPLIT in refused["reason"] and at.events() == []
    (said,) = stood(at.ctx.writer.directory, Message)
    assert (said.act, said.tree) == (net.MOVED, house.repo.tree_of(house.head)), "what a replay merges again, and refuses itself"
    house.repo.update_ref(MAIN, head, house.head)
    tip = goes_on(house, edited(house, SPLIT, 'pd.Timedelta("25h")', 'pd.Timedelta("49h")') | WORDS)
    changed = at.land()
    assert changed["tree"] == changed["landed"] == tip and changed["came_from"] is None and any("already" in x for x in at.said)


def stood(directory: Path, kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in read_session(directory).events if isinstance(event, kind)]


def told_again(house: House, found: Session) -> None:
    told = check(house.settings, found)
    assert told.same, told


@pytest.mark.slow
def test_it_is_carried_applied_and_released_whatever_is_killed_and_however_many_resume(tmp_path: Path) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    waiting = session.start(house.settings, USE_CASE)
    assert waiting.change is not None
    sign(house, waiting.change)
    start, tip = house.head, goes_on(house, WORDS)
    for said in ("made again on top", "asks what is signed"):
        killed_at(house, waiting.session, said)
        assert house.repo.tree_of(house.head) == tip
    said_twice = resumed_twice(house, waiting.session)
    done = said_twice if "released" in said_twice else [session.resume(house.settings, waiting.session).outcome]
    assert "released" in done, (said_twice, done)
    assert [entry.kind for entry in ledger.entries(house.repo)] == ["applying", "applied"]
    (decided,) = {event.change: event for event in stood(waiting.directory, Decided)}.values()
    (applied,) = {event.commit: event for event in stood(waiting.directory, Applied)}.values()
    assert decided.change != waiting.change and set(decided.carried) == set(decided.signoffs) == set(applied.signoffs)
    assert all(digest[7:19] == waiting.change for digest in decided.carried.values())
    assert len({event.digest for event in stood(waiting.directory, ChangeMade) if event.rebased}) == 1
    assert stood(waiting.directory, Queued)[-1].differs == []
    assert house.head == applied.commit and len(house.repo.chain(house.head)) == 3
    assert verify(house.repo, house.repo.commit_of(house.head).parents[0], "main").ok and start in house.repo.chain(house.head)
    told_again(house, read_session(waiting.directory))


def killed_at(house: House, name: str, said: str) -> None:
    """Resumes the session in a process of its own, and kills it once it says that."""
    command = [sys.executable, "-m", "workbench", "-C", str(house.root), "run", "--resume", name, "--headless"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        heard = []
        for line in running.stderr:
            heard.append(line)
            if said in line:
                break
        running.kill()
    assert said in heard[-1], heard


@pytest.mark.slow
def test_what_moved_within_reach_is_asked_again_and_says_what_differs(tmp_path: Path) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    waiting = session.start(house.settings, USE_CASE)
    assert waiting.change is not None
    sign(house, waiting.change)
    tip = goes_on(house, edited(house, *WITHIN_REACH))
    again = session.resume(house.settings, waiting.session)
    assert (again.outcome, again.code) == ("waiting", ExitCode.WAITING), again.reason
    assert again.change not in (None, waiting.change) and house.repo.tree_of(house.head) == tip
    assert any(MODEL in text for text in stood(waiting.directory, Queued)[-1].differs)
    assert stood(waiting.directory, Decided) == []
    sign(house, str(again.change))
    done = session.resume(house.settings, waiting.session)
    assert done.outcome == "released", done.reason
    assert house.repo.tree_of(house.head) == queue.get(house.repo, str(again.change)).change.result
    told_again(house, read_session(waiting.directory))


@pytest.mark.slow
def test_a_conflict_ends_it_in_words_and_is_told_anew_as_one(tmp_path: Path) -> None:
    house = make_house(tmp_path, LEAKY_SPLIT)
    waiting = session.start(house.settings, USE_CASE)
    tip = goes_on(house, edited(house, SPLIT, 'pd.Timedelta("1h")', 'pd.Timedelta("73h")'))
    done = session.resume(house.settings, waiting.session)
    assert done.outcome == "refused" and SPLIT in done.reason and house.repo.tree_of(house.head) == tip
    told_again(house, read_session(waiting.directory))
