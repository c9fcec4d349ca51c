"""Drills against real git: hidden until decided on, counted once, never applied, whoever asks and in whichever way."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.changesets import AGENT, FILES, NOW, OWNER, commit, edited, git
from tests.reviews import MAIN, MODEL_EDIT, SPLIT_EDIT, Desk, desk, passed, report_of
from workbench.changes import Change
from workbench.errors import Corrupt, Refusal, SignOffRequired
from workbench.repo import FILE, Entry, Repo
from workbench.review import drills, ledger, queue, seals, signoff
from workbench.review.apply import apply, recover
from workbench.review.drills import Planned
from workbench.review.gates import GATES
from workbench.review.ledger import Applying
from workbench.review.seals import Drill
from workbench.review.verify import verify

SPLIT = "pipelines/sales/split.py"


class Killed(BaseException):
    """In place of a kill -9."""


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def leaks(number: int = 3) -> list[Planned]:
    return [_planned(True, gap) for gap in range(10, 10 + number)]


def harmless(number: int = 3) -> list[Planned]:
    return [_planned(False, gap) for gap in range(20, 20 + number)]


def _planned(leak: bool, gap: int) -> Planned:
    text = FILES[SPLIT].replace("GAP = 3", f"GAP = {gap}")
    return Planned(leak, "split", f"gap {gap}", "sales: tidy the folds", {SPLIT: text.encode()}, SPLIT)


def plant(here: Desk, count: int = 3, seed: int = 1, groups: list[list[Planned]] | None = None) -> list[int]:
    base = here.repo.tree_of("HEAD")
    given, begin, step = groups or [leaks(), harmless()], NOW + timedelta(minutes=1), iter(range(100))

    def clock() -> datetime:
        return begin + timedelta(seconds=next(step))

    return drills.plant(
        here.repo, given, count, seed=seed, base=base, use_case="sales", author=AGENT, now=clock
    )  # fmt: skip


def sealed(here: Desk) -> dict[str, Drill]:
    names = [queued.id for queued in queue.pending(here.repo)]
    known = seals.Seals.read(here.repo)
    return {name: drill for name in names if (drill := known.drill(name)) is not None}


def one(here: Desk, *, leak: bool = True) -> queue.QueuedChange:
    """A drill, with the gate report that the policy wants."""
    plant(here, 1, groups=[leaks(1) if leak else [], [] if leak else harmless(1)])
    name = next(iter(sealed(here)))
    queued = queue.get(here.repo, name)
    return queue.propose(
        here.repo, queued.change, queued.classification, queued.decision, {GATES: report_of(queued.change.result)},
        use_case="sales", session=queued.session, now=queued.proposed_at,
    )  # fmt: skip


@pytest.mark.slow
def test_drills_lie_in_the_queue_like_any_other_change_and_mixed(here: Desk) -> None:
    real = here.propose(SPLIT_EDIT)
    assert plant(here) == [3, 3]
    shown = queue.pending(here.repo)
    assert len(shown) == 7 and {queued.decision.decision for queued in shown} == {"review"}
    assert {queued.change.author for queued in shown} == {AGENT}
    order = [drill.leak for drill in sealed(here).values()]
    assert sorted(order) == [False] * 3 + [True] * 3 and order not in (sorted(order), sorted(order, reverse=True))
    text = "\n".join(here.repo.refs(seals.PREFIX))
    blobs = here.repo.blobs(here.repo.refs(seals.PREFIX).values())
    for queued in shown:
        assert queued.id not in text and not any(queued.id.encode() in blob for blob in blobs.values())
        assert "drill" not in queued.model_dump_json()
    assert not any(b"gap" in blob or b"split" in blob for blob in blobs.values())
    assert seals.Seals.read(here.repo).drill(real.id) is None and drills.report(here.repo).waiting == 6


def test_a_drill_that_was_approved_is_never_applied(here: Desk) -> None:
    drill = one(here)
    with pytest.raises(SignOffRequired):
        apply(here.repo, drill.id, target_ref=MAIN, gates=passed(drill), now=NOW)
    here.approve(drill, now=NOW + timedelta(minutes=3))
    before = here.repo.head()
    for name in (drill.id, drill.digest):
        with pytest.raises(Refusal, match="it is a drill"):
            apply(here.repo, name, target_ref=MAIN, gates=passed(drill), now=NOW + timedelta(minutes=4))
    assert here.repo.head() == before and ledger.entries(here.repo) == []
    assert (here.repo.root / SPLIT).read_text() == FILES[SPLIT]
    for ref, found in here.repo.refs(seals.PREFIX).items():  # a clone that has the queue and not the seals
        here.repo.update_ref(ref, None, found)
    with pytest.raises(Refusal, match="it is a drill"):
        apply(here.repo, drill.id, target_ref=MAIN, gates=passed(drill), now=NOW + timedelta(minutes=4))


@pytest.mark.slow
def test_what_was_planted_goes_in_by_no_other_change_and_no_forged_ledger(here: Desk) -> None:
    drill = one(here)
    planted = here.repo.read_blob(drill.change.result, SPLIT)
    assert planted is not None
    around = here.propose({SPLIT: planted.decode(), "README.md": "more\n"})
    here.approve(around)
    with pytest.raises(Refusal, match="it is a drill"):
        apply(here.repo, around.id, target_ref=MAIN, gates=passed(around), now=NOW)
    old = here.repo.head()
    made = here.repo.commit(drill.change.result, [old], "x", author=OWNER, at=NOW)
    forged = Applying(
        at=NOW, change=drill.digest, queued=drill.commit, ref=MAIN, old=old, commit=made, decision="review", policy_digest=""
    )
    ledger.append(here.repo, forged)
    assert recover(here.repo, now=NOW) == [] and here.repo.head() == old
    real = here.propose({**SPLIT_EDIT})
    here.approve(real)
    assert apply(here.repo, real.id, target_ref=MAIN, gates=passed(real), now=NOW).commit == here.repo.head()


@pytest.mark.slow
def test_verify_refuses_a_drill_in_a_branch_signed_or_not(here: Desk) -> None:
    base, drill = here.repo.head(), one(here)
    here.approve(drill, now=NOW + timedelta(minutes=3))
    commit(here.repo, drill.change.result, "by hand")
    step = verify(here.repo, base, "main", now=NOW + timedelta(minutes=5)).steps[0]
    assert step.status == "unsigned" and "it is a drill" in step.why
    for ref, found in here.repo.refs(seals.PREFIX).items():
        here.repo.update_ref(ref, None, found)
    step = verify(here.repo, base, "main", now=NOW + timedelta(minutes=5)).steps[0]
    assert step.status == "unsigned" and "it is a drill" in step.why


@pytest.mark.slow
def test_ordinary_changes_are_as_before_beside_drills(here: Desk) -> None:
    base = here.repo.head()
    plant(here)
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW)
    assert verify(here.repo, base, "main", now=NOW).ok
    assert len(sealed(here)) == 6


def test_decisions_are_counted_once_and_by_the_first(here: Desk) -> None:
    plant(here, 2, groups=[leaks(2), harmless(2)])
    found = sorted(sealed(here).values(), key=lambda drill: drill.name)
    verdicts = ["reject", "approve", "approve", "request-changes"]
    for number, (drill, verdict) in enumerate(zip(found, verdicts, strict=True)):
        at = NOW + timedelta(minutes=11 + 10 * number)
        answers = ["two hours later"] if verdict == "approve" else []
        signoff.sign(here.repo, drill.change, verdict=verdict, key=here.ana, answers=answers, now=at)  # type: ignore[arg-type]
        with pytest.raises(Refusal, match="was a drill"):
            signoff.sign(here.repo, drill.change, verdict="reject", key=here.bo, now=at)
    report = drills.report(here.repo)
    assert (report.overall.leaks, report.overall.caught, report.overall.harmless, report.overall.false_alarms) == (2, 1, 2, 1)
    assert report.overall.catch_rate == 0.5 and report.waiting == 0 and queue.pending(here.repo) == []
    assert set(report.by_reviewer) == {"ana@shop.example"} and set(report.by_kind) == {"split"}
    assert [row.month for row in report.over_time] == ["2026-03"]
    assert [round(one.seconds / 60) for one in report.decisions] == [10, 10, 10, 10]
    assert [one.right for one in report.decisions] == [True, False, True, False]


@pytest.mark.slow
def test_two_who_decide_on_clones_both_count_once(here: Desk, tmp_path: Path) -> None:
    drill = one(here)
    git(here.repo.root, "clone", "-q", str(here.repo.root), str(tmp_path / "other"))
    other = Repo.open(tmp_path / "other")
    git(other.root, "fetch", "-q", "origin", "refs/workbench/*:refs/workbench/*")
    later = NOW + timedelta(minutes=2)
    signoff.sign(here.repo, drill.id, verdict="reject", key=here.ana, now=later)
    signoff.sign(other, drill.id, verdict="approve", key=here.bo, answers=["later"], now=later)
    git(other.root, "push", "-q", "origin", "refs/workbench/signoffs/*:refs/workbench/signoffs/*")
    report = drills.report(here.repo)
    assert {(d.reviewer, d.right) for d in report.decisions} == {("ana@shop.example", True), ("bo@shop.example", False)}
    assert report.overall.leaks == 2


@pytest.mark.slow
def test_a_verdict_without_a_reviewers_signature_counts_for_nothing(here: Desk) -> None:
    drill = one(here)
    given = signoff.sign(here.repo, drill.id, verdict="reject", key=here.ana, now=NOW + timedelta(minutes=2))
    ref = f"{signoff.PREFIX}{drill.id}/{given.id}"
    files = dict(here.repo.list_tree(here.repo.commit_of(given.commit).tree))
    files["payload.json.sig"] = Entry(FILE, here.repo.store("blob", b"nonsense"))
    here.repo.update_ref(ref, here.repo.commit(here.repo.tree_from(files), [], "x", author=OWNER), given.commit)
    assert drills.report(here.repo).decisions == []


@pytest.mark.parametrize("after", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_half_way_nothing_is_lost_or_doubled(here: Desk, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    made, begun = queue.propose, []

    def killed(*args: object, **more: object) -> object:
        begun.append(1)
        if len(begun) > after:
            raise Killed
        return made(*args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(queue, "propose", killed)
        with pytest.raises(Killed):
            plant(here)
    waiting = queue.pending(here.repo)
    assert len(waiting) == after and set(sealed(here)) == {queued.id for queued in waiting}
    assert drills.report(here.repo).waiting == after
    assert plant(here) == [3, 3] and len(sealed(here)) == 6
    assert plant(here) == [3, 3] and len(here.repo.refs(seals.PREFIX)) == 6


@pytest.mark.slow
def test_what_nobody_would_see_or_what_fails_is_not_planted(here: Desk) -> None:
    allowed = Planned(True, "model", "rounds", "more rounds", {"pipelines/sales/model.py": _edit().encode()}, SPLIT)
    assert plant(here, 1, groups=[[allowed], [allowed, *harmless(1)]]) == [0, 1]
    assert [drill.name for drill in sealed(here).values()] == ["gap 20"]


def _edit() -> str:
    return MODEL_EDIT["pipelines/sales/model.py"]


def test_a_seal_that_can_not_be_read_stops_everything(here: Desk) -> None:
    change = here.propose(SPLIT_EDIT)
    here.approve(change)
    here.repo.update_ref(f"{seals.PREFIX}0000000000000000", here.repo.store("blob", b"{}"), None)
    with pytest.raises(Corrupt, match="sealed record"):
        apply(here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW)
    with pytest.raises(Corrupt, match="sealed record"):
        verify(here.repo, here.repo.head(), "main", now=NOW)


@pytest.mark.slow
def test_seals_open_with_their_own_change_alone(here: Desk) -> None:
    drill = one(here)
    known = seals.Seals.read(here.repo)
    other = edited(here.repo, SPLIT_EDIT)
    assert known.drill(drill.id) is not None and known.drill(other.id) is None
    assert known.about(here.repo, drill.change) and not known.about(here.repo, other)
    moved = Change(base=other.result, result=drill.change.result, author=AGENT, title="")
    assert known.about(here.repo, moved)
