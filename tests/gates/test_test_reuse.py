"""Looks at the test against their budget: said when near, an error when exceeded, nothing where nobody counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.gates.subjects import found, running, seen, shop_frame
from tests.workspaces import SHOP_MODEL, make_workspace
from workbench.cli.main import main
from workbench.errors import Corrupt
from workbench.gates.effect_scores import standard_error
from workbench.gates.facts import Audit
from workbench.gates.metric.test_reuse import optimism, rule
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.heldout import held_out
from workbench.pipeline.looking import LookCounter
from workbench.sessions.heldout import HeldOut
from workbench.sessions.touches import Ledger, Looks

BUDGET = [("[slices]", "[budgets]\ntest_touches = 3\n\n[slices]")]


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> object:
    with running(tmp_path_factory.mktemp("shop"), edits=BUDGET) as subject:
        yield subject


def looked(subject: Audit, count: int, budget: int | None = 10) -> Audit:
    subject.looks = lambda held_out, code: Looks(count=count, budget=budget)
    return subject


@pytest.mark.parametrize(("count", "budget", "severity"), [(1, 10, ""), (7, 10, ""), (8, 10, "warning"), (10, 10, "warning"),
                                                          (11, 10, "error"), (1, 1, ""), (2, 1, "error")])  # fmt: skip
def test_near_the_budget_it_is_said_and_beyond_it_it_fails(subject: Audit, count: int, budget: int, severity: str) -> None:
    findings = found(rule, looked(subject, count, budget))
    assert [finding.severity.value for finding in findings] == ([severity] if severity else [])
    if findings:
        assert f"{count} times" in findings[0].message and f"budget is {budget}" in findings[0].message
        assert findings[0].effect is not None and findings[0].effect.gain is not None and findings[0].effect.low == 0


def test_where_nobody_counts_or_no_budget_is_declared_there_is_no_subject_and_no_pass(subject: Audit) -> None:
    subject.looks = None
    with pytest.raises(NotApplicable, match="nobody counts"):
        found(rule, subject)
    subject.looks = lambda held_out, code: None
    with pytest.raises(NotApplicable, match="nobody has counted"):
        found(rule, subject)
    with pytest.raises(NotApplicable, match="test_touches"):
        found(rule, looked(subject, 5, None))


def test_a_damaged_ledger_is_not_an_empty_one(subject: Audit) -> None:
    def damaged(held_out: HeldOut, code: str) -> Looks:
        raise Corrupt("the chain is broken")

    subject.looks = damaged
    with pytest.raises(NotExercised, match="can't be counted"):
        found(rule, subject)


@pytest.mark.slow
def test_the_bound_holds_for_the_best_of_many_worthless_variants() -> None:
    """Forty models that differ by luck alone: the best looks better than they are, by less than the bound says on average."""
    rng = np.random.default_rng(8)
    gains, bounds = [], []
    frame = shop_frame(stores=1)
    test = np.arange(360, 720)
    for _ in range(30):
        scores = []
        for _ in range(40):
            made = frame["units"].to_numpy()[test] + rng.normal(size=len(test))
            scores.append(float(np.abs(frame["units"].to_numpy()[test] - made).mean()))
        gains.append(np.sqrt(2 / np.pi) - min(scores))  # what each of them really is, minus how the best looks
        bounds.append(optimism(seen(frame, [(np.arange(100), test)], predictions=[made]), 40).gain)
    assert 0.5 * np.mean(bounds) < np.mean(gains) < np.mean(bounds)


def test_the_standard_error_is_that_of_the_score() -> None:
    rng = np.random.default_rng(9)
    frame = shop_frame(stores=1)
    test = np.arange(300, 700)
    errors = rng.normal(size=len(test))
    value, error = standard_error(seen(frame, [(np.arange(100), test)], predictions=[frame["units"].to_numpy()[test] + errors]))
    assert value == pytest.approx(np.abs(errors).mean())
    assert error == pytest.approx(np.abs(errors).std() / np.sqrt(len(test)), rel=0.25)


def test_the_same_rows_have_the_same_digest_whatever_made_their_features(subject: Audit) -> None:
    tests = [fold.test for fold in subject.folds]
    first = held_out(subject.contract, subject.tables, subject.frame, tests)
    other = held_out(subject.contract, subject.tables, subject.frame.assign(price=0.0), tests)
    assert first == other and first.rows == 432
    fewer = held_out(subject.contract, subject.tables, subject.frame, tests[1:])
    assert fewer.digest != first.digest and fewer.same_as(first)
    changed = {**subject.tables, "prices": subject.tables["prices"].assign(price=1.0)}
    assert held_out(subject.contract, changed, subject.frame, tests).tables != first.tables
    redrawn = held_out(subject.contract, subject.tables, subject.frame.assign(units=1.5), tests)
    assert not redrawn.same_as(first)


@pytest.mark.slow
def test_a_person_at_the_command_line_is_counted_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_workspace(tmp_path, edits=BUDGET)
    model = tmp_path / "pipelines/shop/model.py"

    def audited() -> str:
        main(["-C", str(tmp_path), "audit", "shop", "--gate", "metric", "--json"])
        return capsys.readouterr().out

    assert "metric/test-reuse" not in audited(), "nobody had counted before"
    audited()
    assert len(Ledger(tmp_path / ".workbench", "shop").looks()) == 1, "the same code on the same tables is no further look"
    for variant in range(3):
        model.write_text(SHOP_MODEL + f"\nVARIANT = {variant}\n")
        out = audited()
    assert "The test has been looked at 4 times" in out and '"severity": "error"' in out
    looks = Ledger(tmp_path / ".workbench", "shop").looks()
    assert len(looks) == 4 and set(looks[0].scores) == {"mae", "mae of mean"} and looks[0].by == "workbench audit"
    main(["-C", str(tmp_path), "audit", "shop", "--gate", "schema"])
    assert len(Ledger(tmp_path / ".workbench", "shop").looks()) == 4, "a report without a score is no look"
    assert main(["-C", str(tmp_path), "status", "shop"]) == 0
    assert "looks at the test: 4 of 3 at 432 rows" in capsys.readouterr().out


def test_a_look_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    counter = LookCounter(tmp_path, tmp_path / "state", "shop", by="workbench audit")
    assert counter.keep({"mae": 1.0}) == "", "nothing was evaluated"
    assert counter(HeldOut(digest="a" * 64, rows=1, tables="b" * 64), "c" * 64) == Looks(count=0)
    (tmp_path / "state").write_text("a file where a directory has to be")
    assert "could not be counted" in counter.keep({"mae": 1.0})
