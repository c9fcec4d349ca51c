"""Steering a loop that really runs: graph, checkpoints, record, git and directories are real; what skills answer is scripted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.loop.house import USE_CASE, House, make_house
from tests.loop.steered import BEN, MODEL, scripted
from workbench.errors import ExitCode, Refusal, UsageError
from workbench.loop import handover, session
from workbench.loop.control import HELPLESS, WAITS, Inbox, Instruction, instruction, taken_in
from workbench.loop.drivers import NoCure, Question
from workbench.loop.drivers.answers import Answer
from workbench.loop.turn import Turn
from workbench.replay import check
from workbench.sessions.events import ChangeMade, Message
from workbench.sessions.reader import Session, read_session
from workbench.sessions.writer import SessionWriter, written_by


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


def messages(recorded: Session) -> list[Message]:
    return [event for event in recorded.events if isinstance(event, Message) and event.by == "person"]


def post(house: House, name: str, *given: Instruction) -> None:
    for each in given:
        Inbox(house.settings.state, name).post(each)


def at(house: House, node: str, *given: Instruction) -> session.Entered:
    """Posts the instructions when that node begins for the first time."""
    waits = list(given)

    def entered(directory: Path, name: str, step: int) -> None:
        if name == node and waits:
            post(house, directory.name, *waits)
            waits.clear()

    return entered


def start(house: House, node: str = "", *given: Instruction) -> session.SessionResult:
    """A new session, to which this is said as soon as that node begins."""
    return session.start(house.settings, USE_CASE, driver="scripted", entered=at(house, node, *given))


def test_a_paused_loop_holds_no_lock_and_goes_on_where_it_stood(house: House) -> None:
    nodes: list[str] = []
    with scripted():
        stop = start(house, "build", instruction("pause"))
        assert (stop.outcome, stop.code) == ("paused", ExitCode.WAITING) and not written_by(stop.directory)
        done = session.resume(house.settings, stop.session, entered=lambda _, node, step: nodes.append(node))
    assert done.outcome == "no-cure" and nodes[:3] == ["start", "diagnose", "fix"], "what was done is not done again"


def test_a_direction_reaches_the_driver_and_opens_a_loop_that_knew_no_further(house: House) -> None:
    heard: list[tuple[str, ...]] = []

    def driver(turn: Turn) -> Answer:
        heard.append(tuple(turn.directions))
        return NoCure("no idea")

    with scripted(driver):
        first = start(house, "build", instruction("direct", "try without weather"))
        assert first.outcome == "no-cure" and first.code == ExitCode.FINDINGS
        with pytest.raises(UsageError) as caught:
            session.resume(house.settings, first.session)
        assert "--direct" in caught.value.hint
        again = session.resume(house.settings, first.session, directions=["then with it"])
    assert again.outcome == "no-cure" and heard == [("try without weather",), ("try without weather", "then with it")]
    recorded = [found.text for found in messages(read_session(first.directory))]
    assert recorded == ["try without weather", "then with it"]


def test_a_question_waits_and_a_take_over_while_it_waits_is_handed_back_first(house: House) -> None:
    def driver(turn: Turn) -> Answer:
        return NoCure("enough") if turn.directions else Question("How many rounds?")

    with scripted(driver):
        asked = start(house)
        assert (asked.outcome, asked.question, asked.code) == ("waiting", "How many rounds?", ExitCode.WAITING)
        taken = session.resume(house.settings, asked.session, instructions=[instruction("take-over", person=BEN)])
        assert taken.outcome == "taken-over" and taken.place is not None
        handover.hand_back(house.settings, read_session(asked.directory), BEN)
        still = session.resume(house.settings, asked.session)
        assert still.question == "How many rounds?" and not taken.place.exists()
        assert session.resume(house.settings, asked.session, directions=["40"]).reason == "enough"


def test_what_is_handed_back_is_a_change_by_that_person_built_from_the_start(house: House) -> None:
    with scripted():
        stop = start(house, "diagnose", instruction("take-over", person=BEN))
        assert stop.outcome == "taken-over" and stop.place is not None and stop.place.stat().st_mode & 0o077 == 0
        (stop.place / MODEL).write_text("# by hand\n")
        (stop.place / "pipelines" / "visits" / "new.py").write_text("A = 1\n")
        (stop.place / "pipelines" / "visits" / "__pycache__").mkdir()
        (stop.place / "pipelines" / "visits" / "__pycache__" / "model.pyc").write_bytes(b"0")
        handover.hand_back(house.settings, read_session(stop.directory), BEN, "by hand")
        nodes: list[str] = []
        session.resume(house.settings, stop.session, entered=lambda _, node, step: nodes.append(node))
    assert nodes[1] == "build"
    made = [event for event in read_session(stop.directory).events if isinstance(event, ChangeMade) and event.node == "take-over"]
    assert len(made) == 1 and made[0].files == [MODEL, "pipelines/visits/new.py"] and made[0].title == "by hand"
    assert made[0].author == {"name": "Ben", "email": BEN.email, "agent": False, "key": ""}
    assert not stop.place.exists(), "what is on record needs no directory any more"


def test_data_linked_into_the_directory_and_ignored_files_of_the_tree_are_neither_lost_nor_taken_in(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    (house.root / "data").mkdir()
    (house.root / "data" / "big.csv").write_text("1\n")
    (house.root / "data" / "note.txt").write_text("kept\n")
    tree = house.repo.write_tree(house.repo.tree_of(house.head), {"data/note.txt": b"kept\n"})  # tracked, though ignored
    for start in (house.repo.tree_of(house.head), tree):
        from workbench.loop.control import Taken

        taken = Taken(BEN, start, f"taken/{start[:6]}")
        place = handover.make_place(house.settings, taken)
        assert handover.tree_of_place(house.settings, house.repo, taken) == start
        (place / ".workbench").mkdir()
        (place / ".workbench" / "x").write_text("x")
        assert handover.tree_of_place(house.settings, house.repo, taken) == start
        handover.remove_place(house.settings, house.repo, taken, start)
        assert not place.exists() and (house.root / "data" / "big.csv").exists()


def test_a_directory_edited_further_after_it_was_handed_back_is_left_to_the_person(house: House) -> None:
    with scripted():
        stop = start(house, "build", instruction("take-over", person=BEN))
        assert stop.place is not None
        (stop.place / MODEL).write_text("# by hand\n")
        handover.hand_back(house.settings, read_session(stop.directory), BEN)
        (stop.place / MODEL).write_text("# and on\n")
        session.resume(house.settings, stop.session)
    assert (stop.place / MODEL).read_text() == "# and on\n"
    told_anew(house, read_session(stop.directory))


def test_whoever_resumes_second_is_told_who_runs_it_and_does_nothing(house: House) -> None:
    with scripted():
        stop = start(house, "build", instruction("pause"))
        before = (stop.directory / "events.jsonl").read_bytes()
        with SessionWriter.resume(stop.directory):
            with pytest.raises(Refusal) as caught:
                session.resume(house.settings, stop.session, directions=["mine"])
            assert f"process {os.getpid()}" in caught.value.message and caught.value.code == ExitCode.FINDINGS
        assert (stop.directory / "events.jsonl").read_bytes() == before
        assert not Inbox(house.settings.state, stop.session), "who is refused has left nothing behind"


def test_an_ended_session_hears_nothing_and_words_that_came_too_late_are_kept(house: House) -> None:
    with scripted():
        done = session.start(
            house.settings,
            USE_CASE,
            driver="scripted",
            entered=at(house, "build", instruction("stop", person=BEN), instruction("direct", "late")),
        )
        assert (done.outcome, done.code) == ("abandoned", ExitCode.FINDINGS) and "Ben" in done.reason
        with pytest.raises(UsageError):
            session.resume(house.settings, done.session, directions=["more"])
    assert [found.text for found in messages(read_session(done.directory))] == ["", "late"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["direct", "pause", "go-on", "take-over", "hand-back", "stop", "answer"]),
        st.sampled_from(["now", "build", "fix"]),
        st.integers(0, 9),
    ),
    max_size=6,
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS, kills=st.lists(st.integers(1, 12), max_size=2))
def test_any_interleaving_and_any_kill_leaves_a_consistent_record(
    house: House, steps: list[tuple[str, str, int]], kills: list[int]
) -> None:
    check_interleaving(house, steps, kills)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS, kills=st.lists(st.integers(1, 12), max_size=4))
@example(steps=[("take-over", "build", 0)], kills=[10, 5])  # killed after its last word, before it said how it stands
@example(steps=[("direct", "now", 0), ("take-over", "now", 0), ("hand-back", "now", 0)], kills=[1, 1, 1])
def test_many_interleavings_and_kills_leave_a_consistent_record(
    house: House, steps: list[tuple[str, str, int]], kills: list[int]
) -> None:
    check_interleaving(house, steps, kills, tell=True)


@dataclass
class Steered:
    """One session, steered and killed; `posted` is all that anybody said to it."""

    house: House
    kills: list[int]
    posted: list[Instruction] = field(default_factory=list)
    name: str = ""
    outcome: str | None = None

    @property
    def directory(self) -> Path:
        return self.house.root / "sessions" / self.name

    @property
    def over(self) -> bool:
        return self.outcome is not None and self.outcome not in WAITS | HELPLESS

    def run(self, *given: Instruction, entered: session.Entered = lambda directory, node, step: None) -> None:
        """Starts or resumes; it may be killed on the way."""
        try:
            with scripted(kill_after=self.kills.pop() if self.kills else 10**9):
                if self.name:
                    done = session.resume(self.house.settings, self.name, instructions=given, entered=entered)
                else:
                    done = session.start(self.house.settings, USE_CASE, driver="scripted", entered=entered)
            self.name, self.outcome = done.session, done.outcome
        except session.Interrupted as stop:
            self.name, self.outcome = stop.session, None

    def say(self, act: str, when: str, number: int) -> None:
        """Says one thing, now or as soon as that node begins."""
        given = self.wanted(act, number)
        self.posted.append(given)
        if when == "now":
            return self.run(given)
        self.posted.append(instruction("direct", "go on"))
        self.run(self.posted[-1], entered=at(self.house, when, given))
        known = {found.instruction for found in messages(read_session(self.directory))}
        waits = Inbox(self.house.settings.state, self.name).pending()
        if given.id not in known and given not in waits:
            post(self.house, self.name, given)  # the node that it was to come at never began
        return None

    def wanted(self, act: str, number: int) -> Instruction:
        taken = taken_in(read_session(self.directory))
        if act != "hand-back" or taken is None:
            text = f"words {number}" if act in ("direct", "answer") else ""
            return instruction(act, text, person=BEN)  # type: ignore[arg-type]
        place = self.house.settings.state / taken.place
        if not place.is_dir():
            return instruction("hand-back", person=BEN, tree=taken.tree)
        (place / MODEL).write_text(f"# by hand {number}\n")
        return instruction("hand-back", person=BEN, tree=handover.tree_of_place(self.house.settings, self.house.repo, taken))


def told_anew(house: House, recorded: Session) -> None:
    """The loop itself, told what people said, comes to the same events."""
    with scripted():
        report = check(house.settings, recorded, steps=False)
    assert report.told and report.same, report.divergence


def check_interleaving(house: House, steps: list[tuple[str, str, int]], kills: list[int], *, tell: bool = False) -> None:
    steered = Steered(house, list(kills))
    steered.run()
    for step in steps:
        if not steered.over:
            steered.say(*step)
    while not steered.over and (steered.outcome is None or Inbox(house.settings.state, steered.name)):
        steered.run()
    assert steered.outcome is not None
    check_record(house, steered.directory, steered.posted, steered.outcome)
    if tell:
        told_anew(house, read_session(steered.directory))


def check_record(house: House, directory: Path, posted: list[Instruction], outcome: str) -> None:
    recorded = read_session(directory)  # chain and every line hold
    recorded.check_blobs()
    found = messages(recorded)
    ours = {given.id for given in posted}
    mine = [message.instruction for message in found if message.instruction in ours]
    assert recorded.events[0].kind == "started" and recorded.events[-1].kind == "ended"
    assert len({message.instruction for message in found}) == len(found), "each is on record once"
    assert ours - set(mine) == set() or outcome not in WAITS | HELPLESS, "nothing that was said is lost"
    declined = {
        event.instruction for event in recorded.events
        if isinstance(event, Message) and event.by == "workbench" and "declined" in event.text
    }  # fmt: skip
    back = [message for message in found if message.act == "hand-back" and message.instruction not in declined]
    edited = [event for event in recorded.events if isinstance(event, ChangeMade) and event.node == "take-over"]
    assert len(edited) <= len(back) and all(event.author["agent"] is False for event in edited)
    assert (taken_in(recorded) is not None) == (outcome == "taken-over") or outcome == "abandoned"
    assert outcome in WAITS | HELPLESS | {"abandoned"}
    assert recorded.outcome == outcome and not written_by(directory)
    assert house.repo.refs("refs/workbench/queue/") == {}, "nothing that was steered got past a gate"


PAUSE = """
import sys
from pathlib import Path
from workbench.loop.control import Inbox, instruction
Inbox(Path(sys.argv[1]), sys.argv[2]).post(instruction("direct", "said by another process"))
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_words_of_a_process_that_was_killed_right_after_it_had_them_on_disk_are_heard(house: House) -> None:
    with scripted():
        stop = start(house, "build", instruction("pause"))
        subprocess.run([sys.executable, "-c", PAUSE, str(house.settings.state), stop.session], check=False)
        done = session.resume(house.settings, stop.session)
    assert "said by another process" in [found.text for found in messages(read_session(done.directory))]
