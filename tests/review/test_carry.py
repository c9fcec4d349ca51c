"""Sign-offs over a rebase: the same change on a base that moved elsewhere carries them, anything else is asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.changesets import AGENT, CONTRACT, FILES, NOW, commit, replaced
from tests.reviews import MAIN, MODEL_EDIT, SPLIT_EDIT, Desk, desk, passed, report_of
from workbench.changes import Author, Measured, Risk, RiskKind, classify
from workbench.changes.measured import RanUseCase
from workbench.errors import Refusal, SignOffRequired
from workbench.policy import load_policy
from workbench.review import carry, ledger, queue, signoff
from workbench.review.apply import apply
from workbench.review.carry import Origin, Rerun
from workbench.review.gates import CARRIED, EFFECT, GATES, GateEvidence
from workbench.review.queue import QueuedChange
from workbench.review.rebase import rebased
from workbench.review.verify import verify

UNRELATED = {
    "README.md": "# sales, and how\n",
    "docs/guide.md": "words\n",
    "tests/test_more.py": "def test_more():\n    assert True\n",
}
OTHER = {
    "pipelines/other/contract.toml": CONTRACT.replace('"sales"', '"other"').replace("pipelines.sales", "pipelines.other"),
    **{path.replace("/sales/", "/other/"): text.replace("pipelines.sales", "pipelines.other")
       for path, text in FILES.items() if path.startswith("pipelines/sales/") and path.endswith(".py")},
}  # fmt: skip

ELSEWHERE = {"pipelines/other/model.py": OTHER["pipelines/other/model.py"].replace("ROUNDS = 50", "ROUNDS = 60")}


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def measured(change: QueuedChange | None, base: str = "", result: str = "", moved: int = 42) -> Measured:
    """What running would have shown: some rows moved fold."""
    reason = f"running it shows: {moved} rows moved fold"
    risk = Risk(kind=RiskKind.SPLIT, path="pipelines/sales/split.py", by="effect", reason=reason, stage="split", use_case="sales")
    base, result = (change.change.base, change.change.result) if change else (base, result)
    ran = RanUseCase(use_case="sales", equal=False, tables="t", differences=str(moved))
    return Measured(base=base, result=result, use_cases=[ran], risks=[risk], seconds=float(moved))


def propose(at: Desk, change: QueuedChange | None = None, *, edits: dict[str, str] | None = None) -> QueuedChange:
    """A change with gates and effect, as a session proposes one."""
    drafted = at.propose(edits or SPLIT_EDIT)
    pieces = {GATES: report_of(drafted.change.result), EFFECT: measured(drafted).content}
    return queue.propose(
        at.repo, drafted.change, drafted.classification, drafted.decision, pieces, use_case="sales", session="s1", now=NOW
    )


def moved(at: Desk, edits: Mapping[str, str]) -> str:
    """The branch goes on; its new tree."""
    contents = {path: text.encode() for path, text in edits.items()}
    tree = at.repo.write_tree(at.repo.tree_of("main"), contents)
    commit(at.repo, tree, "others went on")
    return tree


def again(at: Desk, before: QueuedChange, tree: str, *, rows: int = 42, report: bytes | None = None) -> QueuedChange:
    """The change made again on another tree, with what was measured there."""
    change = rebased(at.repo, before, tree)
    return queue_again(at, before, change.base, change.result, rows=rows, report=report)


def queue_again(
    at: Desk, before: QueuedChange, base: str, result: str, *, rows: int = 42, report: bytes | None = None, author: Author = AGENT
) -> QueuedChange:  # fmt: skip
    change = before.change.model_copy(update={"base": base, "result": result, "author": author})
    found = classify(at.repo, change)
    decision = queue.decided(load_policy(at.repo, base), change, found, None)
    pieces = {
        GATES: report or report_of(result), EFFECT: measured(None, base, result, rows).content,
        CARRIED: carry.note([Origin(change=before.id, queued=before.commit)]),
    }  # fmt: skip
    return queue.propose(at.repo, change, found, decision, pieces, use_case="sales", session="s1", now=NOW)


def ran(change: QueuedChange, rows: int = 42) -> Rerun:
    return Rerun(passed(change), measured(change, moved=rows))


def standing(at: Desk, change: QueuedChange, rerun: Rerun | None) -> signoff.Standing:
    return signoff.valid(at.repo, change, NOW, rerun=rerun)


@pytest.mark.parametrize("where", [UNRELATED, ELSEWHERE], ids=["words and tests", "another use case"])
def test_a_base_that_moved_elsewhere_carries_the_sign_off_through_apply_and_verify(
    at: Desk, where: dict[str, str | None]
) -> None:
    moved(at, OTHER)
    before = propose(at)
    given = at.approve(before)
    start = at.repo.head()
    after = again(at, before, moved(at, where))
    tip = at.repo.head()
    with pytest.raises(Refusal, match="moved on"):
        apply(at.repo, before.id, target_ref=MAIN, gates=passed(before), now=NOW)
    for gates, effect in ((passed(after), None), (None, measured(after)), (passed(after), measured(after, moved=41))):
        with pytest.raises((Refusal, SignOffRequired)):  # nothing that lies in the queue stands in for measuring again
            apply(at.repo, after.id, target_ref=MAIN, gates=gates, measured=effect, now=NOW)
    assert at.repo.head() == tip
    done = apply(at.repo, after.id, target_ref=MAIN, gates=passed(after), measured=measured(after), now=NOW)
    assert done.signoffs == (given.id,) and done.carried == {given.id: before.digest}
    report = verify(at.repo, tip, "main", now=NOW)
    assert report.ok and [(step.status, step.carried) for step in report.steps] == [("signed", {given.id: before.digest})]
    assert before.id in report.steps[0].why
    assert start != tip


def test_a_carried_sign_off_is_good_once(at: Desk) -> None:
    before = propose(at)
    at.approve(before)
    for number, branch in enumerate(("one", "two")):
        at.repo.update_ref(f"refs/heads/{branch}", at.repo.head(), None)
        tree = at.repo.write_tree(before.change.base, {"README.md": f"{branch}\n".encode()})
        commit(at.repo, tree, branch, ref=f"refs/heads/{branch}")
        after = again(at, before, tree)
        asked = {"target_ref": f"refs/heads/{branch}", "gates": passed(after), "measured": measured(after), "now": NOW}
        if number == 0:
            apply(at.repo, after.id, **asked)  # type: ignore[arg-type]
        else:
            with pytest.raises(SignOffRequired, match="used already"):
                apply(at.repo, after.id, **asked)  # type: ignore[arg-type]
    with pytest.raises(SignOffRequired, match="used already"):
        apply(at.repo, before.id, target_ref=MAIN, gates=passed(before), now=NOW)
    assert len([entry for entry in ledger.entries(at.repo) if entry.kind == "applying"]) == 1


MOVES: dict[str, tuple[dict[str, str], str]] = {
    "the same stage": (replaced("pipelines/sales/calendar_days.py", "day.month", "day.day"), "can reach"),
    "a stage before it": (replaced("pipelines/sales/features.py", "['price'] *", "['price'] +"), "can reach"),
    "a stage after it": (MODEL_EDIT, "can reach"),
    "the metric": ({"pipelines/sales/metrics.py": "def score(y_true, y_pred, frame):\n    return {'mae': 0}\n"}, "can reach"),
    "the contract": ({"pipelines/sales/contract.toml": CONTRACT.replace('"2h"', '"1h"')}, "can reach"),
    "the policy": ({"review_policies/automatic.toml": FILES["review_policies/automatic.toml"] + "# x\n"}, "policy"),
    "who reviews": ({"review_policies/reviewers.toml": ""}, "no reviewer"),
    "a skill": ({"skills/build/skill.py": "def run(context, given):\n    return {'x': 1}\n"}, "skills changed"),
    "a dependency": ({"requirements.txt": "pandas==2.3.1\n"}, "can reach"),
    "a module in front": ({"pandas.py": "x = 1\n"}, "can reach"),
    "a start-up file": ({"sitecustomize.py": "x = 1\n"}, "can reach"),
}  # fmt: skip


@pytest.mark.parametrize("what", MOVES)
def test_a_base_that_moved_within_reach_is_asked_again(at: Desk, what: str) -> None:
    edits, words = MOVES[what]
    before = propose(at)
    at.approve(before)
    after = again(at, before, moved(at, edits))
    found = standing(at, after, ran(after))
    assert not found.approvals and any(words in why for _, why in found.invalid), found.invalid
    with pytest.raises((Refusal, SignOffRequired)):
        apply(at.repo, after.id, target_ref=MAIN, gates=passed(after), measured=measured(after), now=NOW)


def test_what_only_the_change_reaches_may_not_move_either(at: Desk) -> None:
    """The base's stages don't come to the report's code; the signed change does."""
    edits = {
        "pipelines/sales/split.py": "from tools.report import summary\n"
        + FILES["pipelines/sales/split.py"].replace("GAP = 3", "GAP = summary([1])")
    }
    before = propose(at, edits=edits)
    at.approve(before)
    after = again(at, before, moved(at, {"tools/report.py": "def summary(rows):\n    return 0\n"}))
    assert not standing(at, after, ran(after)).approvals


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_other_byte_of_what_was_judged_is_asked_again(at: Desk, data: st.DataObject) -> None:
    """One byte of a touched file or a path more, one less, another old side: never carried; without it, always."""
    before = propose(at)
    if not signoff.signoffs(at.repo, before.id)[0]:
        at.approve(before)
    base = at.repo.write_tree(before.change.base, {"README.md": b"# moved\n"})
    right = rebased(at.repo, before, base)
    path = "pipelines/sales/split.py"
    content = at.repo.read_blob(right.result, path) or b""
    where = data.draw(st.integers(0, len(content)))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    how = data.draw(st.sampled_from(["nothing", "result", "old side", "another path", "path gone"]))
    result = right.result
    changed = content[:where] + byte + content[where + 1 :]
    if how == "result":
        result = at.repo.write_tree(result, {path: changed})
    elif how == "old side":
        base = at.repo.write_tree(base, {path: changed})
    elif how == "another path":
        result = at.repo.write_tree(result, {"notes.md": byte})
    elif how == "path gone":
        result = at.repo.write_tree(base, {"docs/x.md": byte})
    after = queue_again(at, before, base, result)
    found = standing(at, after, ran(after))
    same = at.repo.diff(base, result) == at.repo.diff(before.change.base, before.change.result)
    assert bool(found.approvals) == same and (how != "nothing" or same)


@pytest.mark.parametrize("other", ["gates", "finding", "effect", "tree", "author", "nothing ran", "another piece"])
def test_evidence_that_says_something_else_is_asked_again(at: Desk, other: str) -> None:
    before = propose(at)
    at.approve(before)
    tree = moved(at, {"README.md": "# moved\n"})
    change = rebased(at.repo, before, tree)
    author = Author(name="someone", email="someone@shop.example") if other == "author" else AGENT
    after = queue_again(at, before, change.base, change.result, author=author)
    assert standing(at, after, ran(after)).approvals or other == "author"
    report = json.loads(report_of(change.result))
    if other == "gates":
        report["gates"].append({"name": "parity", "status": "pass"})
    if other == "finding":
        report["findings"].append({"rule": "split/gap", "severity": "warning"})
    gates = GateEvidence.from_report(json.dumps(report).encode())
    rerun: Rerun | None = Rerun(gates, measured(after, moved=41 if other == "effect" else 42))
    if other == "tree":
        rerun = Rerun(passed(before), measured(after))
    if other == "nothing ran":
        rerun = None
    if other == "another piece":
        pieces = {**queue.evidence(at.repo, after), "note.txt": b"trust me"}
        after = queue.propose(at.repo, after.change, after.classification, after.decision, pieces, use_case="sales", now=NOW)
    assert not standing(at, after, rerun).approvals


def test_no_is_no_on_every_base(at: Desk) -> None:
    before = propose(at)
    at.approve(before)
    signoff.sign(at.repo, before.id, verdict="reject", key=at.ana, comment="not like this", now=NOW.replace(hour=10))
    after = again(at, before, moved(at, {"README.md": "# moved\n"}))
    found = signoff.valid(at.repo, after, NOW.replace(hour=11), rerun=None)
    assert [given.payload.comment for given in found.objections] == ["not like this"] and not found.approvals


def test_a_pointer_is_no_proof_and_the_screen_says_what_differs(at: Desk) -> None:
    before = propose(at)
    at.approve(before)
    other = at.propose(MODEL_EDIT)
    forged = queue_again(at, before, other.change.base, other.change.result)
    found = standing(at, forged, ran(forged))
    assert not found.approvals
    assert found.since and found.since[0].startswith("what differs since ana@shop.example signed: ")
    assert "pipelines/sales/model.py: is changed now and was not" in found.since[0]


def test_verify_believes_no_carried_sign_off_that_the_ledger_has_no_proof_of(at: Desk) -> None:
    before = propose(at)
    at.approve(before)
    after = again(at, before, moved(at, {"README.md": "# moved\n"}))
    tip = at.repo.head()
    commit(at.repo, after.change.result, "merged on a host")
    report = verify(at.repo, tip, "main", now=NOW)
    assert not report.ok and "not run again" in report.steps[0].why


def test_both_sides_changed_the_same_path(at: Desk) -> None:
    before = propose(at)
    tree = moved(at, {"pipelines/sales/split.py": FILES["pipelines/sales/split.py"] + "# x\n"})
    with pytest.raises(Refusal, match=r"both changed pipelines/sales/split\.py"):
        rebased(at.repo, before, tree)
    with pytest.raises(Refusal, match="on top of the branch"):
        rebased(at.repo, before, before.change.base)
