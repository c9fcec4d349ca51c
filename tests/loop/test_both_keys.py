"""The loop judges its net change by reading it and by running it; neither key alone lets anything in."""

from __future__ import annotations

from pathlib import Path

import pytest
from house import MAIN, USE_CASE, House, make_house

from workbench.changes import Measured
from workbench.loop import net, nodes
from workbench.loop.context import LoopContext
from workbench.loop.drivers import load_driver
from workbench.loop.state import LoopState
from workbench.review import ledger, queue
from workbench.review.gates import EFFECT
from workbench.sessions.events import Classified
from workbench.sessions.header import SessionHeader
from workbench.sessions.reader import read_session
from workbench.sessions.writer import SessionWriter

DATA, SPLIT, MODEL = (f"pipelines/visits/{name}.py" for name in ("data", "split", "model"))

LISTED = (
    (SPLIT, "    for back", "    made = []\n    for back"),
    (SPLIT, "yield np.flatnonzero(train), np.flatnonzero(test)",
     "made.append((np.flatnonzero(train), np.flatnonzero(test)))\n    return made"),
)  # fmt: skip
"""Reading can't tell that a list of the folds is the same as a generator of them; a run can."""


class Session:
    """A session at the point where its tree was built; what it says is in `said`."""

    def __init__(self, house: House, *replaced: tuple[str, str, str]) -> None:
        self.house, self.said = house, list[str]()
        base = house.head
        landed = house.repo.tree_of(base)
        texts: dict[str, str] = {}
        for path, old, new in replaced:
            text = texts.get(path) or (house.root / path).read_text()
            assert old in text
            texts[path] = text.replace(old, new)
        tree = house.repo.write_tree(landed, {path: text.encode() for path, text in texts.items()})
        header = SessionHeader(
            id="2026-11-20-visits-0001", use_case=USE_CASE, base=base, driver="playbook", goal="", workbench="0",
            created="2026-11-20T00:00:00+00:00", skills={},
        )  # fmt: skip
        self.directory = house.root / "sessions" / header.id
        writer = SessionWriter.create(self.directory, header)
        self.ctx = LoopContext(
            house.settings, house.repo, writer, load_driver("playbook", house.settings), USE_CASE, MAIN, self.said.append
        )
        self.state: LoopState = {
            "step": 1,
            "seconds": 0.0,
            "tree": tree,
            "landed": landed,
            "tables": "as built",
            "summaries": ["x"],
        }

    def settle(self) -> LoopState:
        return nodes.settle(self.ctx, self.state)

    @property
    def ran(self) -> bool:
        return any("side by side" in text for text in self.said)


@pytest.mark.slow
def test_a_change_that_reads_like_a_repair_but_moves_rows_waits_for_a_person(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    before = house.head
    session = Session(house, (DATA, "24 * 20", "24 * 21"))
    judged = net.judge(session.ctx, session.state)
    shown = {risk.kind.value for risk in judged.classification.risks if risk.by == "effect"}
    assert session.ran and {"data", "split"} <= shown and judged.decision.decision == "review"
    assert session.settle() == {} and house.head == before
    first = len(session.said)
    for_a_person = net.judge(session.ctx, session.state, for_a_person=True)
    assert for_a_person.measured == judged.measured, "what was measured on the same trees and tables is not run again"
    assert "running base" in session.said[first] and for_a_person.decision.requires.roles
    queued = net.enqueue(session.ctx, for_a_person, b"")
    stored = Measured.read(queue.evidence(house.repo, queued)[EFFECT])
    assert stored == judged.measured and stored is not None and stored.use_cases[0].tables and stored.seconds > 0
    assert "split" in queue.assess(house.repo, queued).classification.kinds
    recorded = next(event for event in read_session(session.directory).events if isinstance(event, Classified))
    assert recorded.effect and Measured.read(read_session(session.directory).blob(recorded.effect)) == stored


@pytest.mark.slow
def test_a_refactor_that_running_clears_goes_in_by_itself_and_the_ledger_says_by_what(tmp_path: Path) -> None:
    session = Session(make_house(tmp_path), *LISTED)
    changed = session.settle()
    assert changed.get("landed") == session.state["tree"], session.said
    begun = ledger.entries(session.house.repo)[0]
    assert isinstance(begun, ledger.Applying) and begun.decision == "allow" and begun.effect and not begun.signoffs


@pytest.mark.slow
def test_what_reading_says_needs_people_and_running_could_not_clear_is_not_run_before_they_are_asked(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    session = Session(house, (SPLIT, 'pd.Timedelta("25h")', 'pd.Timedelta("7h")'))
    assert session.settle() == {} and not session.ran
    assert any("read, not run yet" in text for text in session.said), "left out is said"
    judged = net.judge(session.ctx, session.state, for_a_person=True)
    assert session.ran and any(risk.kind.value == "split" and risk.by == "effect" for risk in judged.classification.risks)
    assert not any(risk.cleared for risk in judged.classification.risks)
