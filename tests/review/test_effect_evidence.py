"""What running a change showed, as evidence in the queue: it adds risks, is bound to two trees, and lets nothing in by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.changesets import NOW, edited, replaced
from tests.reviews import MAIN, MODEL_EDIT, SPLIT_EDIT, Desk, desk, passed, report_of
from workbench.changes import Change, Measured, Risk, RiskKind, classify
from workbench.changes.measured import ClearedRisk
from workbench.cli.main import main
from workbench.errors import Refusal, SignOffRequired
from workbench.policy import load_policy
from workbench.review import ledger, queue
from workbench.review.apply import apply
from workbench.review.gates import EFFECT, GATES
from workbench.tui.evidence import effect_lines

SPLIT_SEEN = Risk(kind=RiskKind.SPLIT, path="pipelines/sales/split.py", by="effect", reason="rows moved", use_case="sales")
REFACTOR = replaced("pipelines/sales/split.py", "GAP = 3", "GAP = 1 + 2")


@pytest.fixture
def here(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def measured(change: Change, *risks: Risk, clears: list[Risk] | None = None, **more: object) -> Measured:
    cleared = [
        ClearedRisk(kind=r.kind, path=r.path, symbol=r.symbol, stage=r.stage, use_case=r.use_case, reason="nothing differs")
        for r in clears or []
    ]
    return Measured(base=change.base, result=change.result, risks=list(risks), cleared=cleared).model_copy(update=more)


def queued_with(here: Desk, change: Change, effect: Measured | bytes) -> queue.QueuedChange:
    found = classify(here.repo, change)
    decision = queue.decided(load_policy(here.repo, change.base), change, found, None)
    content = effect if isinstance(effect, bytes) else effect.content
    return queue.propose(
        here.repo, change, found, decision, {GATES: report_of(change.result), EFFECT: content}, use_case="sales", now=NOW
    )


def put(here: Desk, change: queue.QueuedChange, own: Measured | None = None) -> str:
    return apply(here.repo, change.digest, target_ref=MAIN, gates=passed(change), measured=own, now=NOW).commit


def test_what_running_it_showed_asks_for_people_and_a_sign_off_is_about_it(here: Desk) -> None:
    change = edited(here.repo, MODEL_EDIT)
    queued = queued_with(here, change, measured(change, SPLIT_SEEN))
    assessment = queue.assess(here.repo, queued)
    assert assessment.decision.requires.roles == ["domain"] and "split" in assessment.classification.kinds
    with pytest.raises(SignOffRequired):
        put(here, queued)
    given = here.approve(queued)
    assert given.payload.risks == assessment.classification.risk_digest != classify(here.repo, change).risk_digest
    assert put(here, queued) == here.repo.head()


def test_stored_evidence_never_clears_anything(here: Desk) -> None:
    change = edited(here.repo, REFACTOR)
    risks = classify(here.repo, change).risks
    queued = queued_with(here, change, measured(change, clears=risks))
    assessment = queue.assess(here.repo, queued)
    assert assessment.measured is not None and len(assessment.measured.cleared) == len(risks)
    assert not any(risk.cleared for risk in assessment.classification.risks)
    with pytest.raises(SignOffRequired):
        put(here, queued)
    assert ledger.entries(here.repo) == []


def test_what_was_measured_here_and_now_may_clear_and_is_on_record(here: Desk) -> None:
    change = edited(here.repo, REFACTOR)
    own = measured(change, clears=classify(here.repo, change).risks)
    queued = queued_with(here, change, own)
    assert put(here, queued, own) == here.repo.head()
    begun = ledger.entries(here.repo)[0]
    assert isinstance(begun, ledger.Applying) and begun.decision == "allow" and begun.effect and begun.signoffs == ()


@pytest.mark.parametrize("other", ["stored risk", "own risk", "other base", "other result", "skipped"])
def test_clearing_fails_closed(here: Desk, other: str) -> None:
    change = edited(here.repo, REFACTOR)
    clears = classify(here.repo, change).risks
    empty = measured(change)
    own, stored = {
        "stored risk": (measured(change, clears=clears), measured(change, SPLIT_SEEN)),
        "own risk": (measured(change, SPLIT_SEEN, clears=clears), empty),
        "other base": (measured(change, clears=clears, base=change.result), empty),
        "other result": (measured(change, clears=clears, result=change.base), empty),
        "skipped": (measured(change, clears=clears, skipped="no time"), empty),
    }[other]
    queued = queued_with(here, change, stored)
    with pytest.raises(SignOffRequired):
        put(here, queued, own)


def test_what_the_caller_sees_counts_though_the_queue_says_nothing_of_it(here: Desk) -> None:
    change = edited(here.repo, MODEL_EDIT)
    queued = queued_with(here, change, measured(change))
    assert queue.assess(here.repo, queued).decision.decision == "allow"
    with pytest.raises(SignOffRequired, match="domain"):
        put(here, queued, measured(change, SPLIT_SEEN))


@pytest.mark.parametrize("effect", ["other trees", "garbage"])
def test_evidence_about_other_trees_counts_for_nothing(here: Desk, effect: str) -> None:
    change, other = edited(here.repo, SPLIT_EDIT), edited(here.repo, MODEL_EDIT)
    found = classify(here.repo, change)
    queued = queued_with(here, change, measured(other, clears=found.risks) if effect == "other trees" else b'{"format": 2}')
    assessment = queue.assess(here.repo, queued)
    assert assessment.measured is None and assessment.classification == found


def test_a_kind_that_nothing_can_clear_stays(here: Desk) -> None:
    change = edited(here.repo, {**REFACTOR, "Makefile": "test:\n\ttrue\n"})
    own = measured(change, clears=classify(here.repo, change).risks)
    queued = queued_with(here, change, own)
    with pytest.raises((SignOffRequired, Refusal)):
        put(here, queued, own)


def test_measured_again_in_another_time_it_is_the_same_entry(here: Desk) -> None:
    change = edited(here.repo, SPLIT_EDIT)
    first = queued_with(here, change, measured(change, SPLIT_SEEN, seconds=3.0))
    assert queued_with(here, change, measured(change, SPLIT_SEEN, seconds=4.0)).commit == first.commit
    assert queued_with(here, change, measured(change, seconds=3.0)).commit != first.commit


def test_the_reviewer_is_shown_what_ran_in_json_in_text_and_on_the_screen(
    here: Desk, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    change = edited(here.repo, SPLIT_EDIT)
    queued = queued_with(here, change, measured(change, SPLIT_SEEN, seconds=3.0))
    assert int(main(["-C", str(here.repo.root), "review", "show", queued.id, "--json"])) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["effect"]["base"] == change.base and body["effect"]["risks"][0]["reason"] == "rows moved"
    assert ("split", "effect") in {(risk["kind"], risk["by"]) for risk in body["risks"]} and EFFECT in body["evidence"]
    assert int(main(["-C", str(here.repo.root), "review", "show", queued.id])) == 0
    assert f"measured in 3 s on {change.base[:12]}" in capsys.readouterr().out
    assessment, evidence = queue.assess(here.repo, queued), queue.evidence(here.repo, queued)
    shown = "\n".join(line.text for line in effect_lines(assessment, evidence[EFFECT]))
    assert "rows moved" in shown and "measured in 3 s" in shown
    other = queued_with(here, edited(here.repo, MODEL_EDIT), measured(change, SPLIT_SEEN))
    shown = "\n".join(line.text for line in effect_lines(queue.assess(here.repo, other), b"x"))
    assert "counts for nothing" in shown and "rows moved" not in shown
