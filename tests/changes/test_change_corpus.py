from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.corpus.changes.cases import Case
from tests.corpus.changes.evasions.families import COVERED, FAMILIES
from tests.corpus.changes.trial import EVASIONS, HARMLESS, LABELLED, outcomes
from workbench.changes import RiskKind

ROOT = Path(__file__).resolve().parents[2]


def some(cases: list[Case], step: int, *without: str) -> list[Case]:
    """Every so many of those that are cheap: no git of their own, nothing huge."""
    small = [case for case in cases if case.build is None and case.group not in without and sum(map(len, _texts(case))) < 20_000]
    return small[::step]


def _texts(case: Case) -> list[str | bytes]:
    return [text for text in case.edits.values() if text is not None]


def test_families_and_kinds_are_complete() -> None:
    assert len(FAMILIES) == len(set(FAMILIES)) == 47
    assert {case.group for case in EVASIONS} | set(COVERED) == set(FAMILIES)
    variants = Counter(case.group for case in EVASIONS) + Counter({name: len(tests) for name, tests in COVERED.items()})
    assert all(variants[family] >= 3 for family in FAMILIES)
    labelled = Counter(case.group for case in LABELLED)
    assert set(labelled) == {kind.value for kind in RiskKind} and min(labelled.values()) >= 15 and sum(labelled.values()) >= 300
    assert len(HARMLESS) >= 100
    for cases in (EVASIONS, LABELLED, HARMLESS):
        assert len({case.id for case in cases}) == len(cases)


@pytest.mark.parametrize("name", sorted({test for tests in COVERED.values() for test in tests}))
def test_what_no_tree_shows_is_covered_by_a_test_that_exists(name: str) -> None:
    path, *names = name.split("::")
    body: list[ast.stmt] = ast.parse((ROOT / path).read_text("utf-8")).body
    for wanted in names:
        found = [node for node in body if getattr(node, "name", "") == wanted]
        assert len(found) == 1, f"{name} is not there"
        body = getattr(found[0], "body", [])


def test_a_part_of_the_corpus_is_judged_rightly(tmp_path: Path) -> None:
    evasions, labelled = some(EVASIONS, 36), some(LABELLED, 34)
    refactors = some(HARMLESS, 12, "tests added", "f-string")
    tried = list(outcomes([*evasions, *labelled, *refactors], tmp_path))
    assert {one.case.id: sorted(one.missing) for one in tried if one.missing} == {}
    assert [one.case.id for one in tried[: len(evasions)] if not one.escalated] == []
    assert [one.case.id for one in tried[-len(refactors) :] if one.escalated] == []


@pytest.mark.slow
def test_every_evasion_is_escalated(tmp_path: Path) -> None:
    wrong = {
        one.case.id: (one.decision, sorted(one.missing))
        for one in outcomes(EVASIONS, tmp_path)
        if not one.escalated or one.missing
    }
    assert wrong == {}


@pytest.mark.slow
def test_plain_changes_have_their_kinds(tmp_path: Path) -> None:
    tried = list(outcomes(LABELLED, tmp_path))
    for kind in {one.case.group for one in tried}:
        own = [one for one in tried if one.case.group == kind]
        missed = [one.case.id for one in own if kind in one.missing]
        assert len(missed) <= 0.01 * len(own), missed


@pytest.mark.slow
def test_at_most_a_tenth_of_the_refactors_ask_for_anybody(tmp_path: Path) -> None:
    tried = list(outcomes(HARMLESS, tmp_path))
    asked = [one.case.id for one in tried if one.escalated]
    assert len(asked) <= 0.1 * len(tried), asked
