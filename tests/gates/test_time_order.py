from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.gates.subjects import contract, errors, seen, shop_frame
from workbench.gates.facts import Audit
from workbench.gates.leakage import label_embargo
from workbench.gates.leakage.time_order import order_kind, rule
from workbench.gates.rule import NotApplicable, Rule


def _cut(frame: pd.DataFrame, day: str) -> np.ndarray:
    return (frame["hour"] < pd.Timestamp(day, tz="UTC")).to_numpy()


def test_a_split_in_time_order_passes() -> None:
    frame = shop_frame()
    before = _cut(frame, "2024-01-20")
    assert errors(rule, seen(frame, [(np.flatnonzero(before), np.flatnonzero(~before))])) == []


def test_a_random_split_is_named_as_such() -> None:
    frame = shop_frame()
    order = np.random.default_rng(1).permutation(len(frame))
    (finding,) = errors(rule, seen(frame, [(order[:1000], order[1000:])]))
    assert "looks random" in finding.message
    assert finding.stage == "split"
    assert finding.evidence[0].kind == "span"


@pytest.mark.parametrize(
    ("kind", "train", "test"),
    [
        ("reversed", ("2024-01-20", "2024-01-30"), ("2024-01-01", "2024-01-20")),
        ("some", ("2024-01-01", "2024-01-21"), ("2024-01-20", "2024-01-30")),
    ],
)
def test_other_broken_orders_have_their_own_words(kind: str, train: tuple[str, str], test: tuple[str, str]) -> None:
    frame = shop_frame()
    positions = [np.flatnonzero(frame["hour"].between(*(pd.Timestamp(t, tz="UTC") for t in side))) for side in (train, test)]
    subject = seen(frame, [(positions[0], positions[1])])
    assert order_kind(subject, 0) == kind
    assert len(errors(rule, subject)) == 1


def test_training_on_both_sides_of_the_test() -> None:
    frame = shop_frame()
    middle = (~_cut(frame, "2024-01-10")) & _cut(frame, "2024-01-15")
    subject = seen(frame, [(np.flatnonzero(~middle), np.flatnonzero(middle))])
    assert order_kind(subject, 0) == "around"
    assert "both sides" in errors(rule, subject)[0].message


def test_a_cut_of_its_own_for_each_store() -> None:
    frame = shop_frame()
    late = (frame["store"] == "S1").to_numpy()
    before = np.where(late, _cut(frame, "2024-01-25"), _cut(frame, "2024-01-15"))
    subject = seen(frame, [(np.flatnonzero(before), np.flatnonzero(~before))])
    assert order_kind(subject, 0) == "staggered"
    assert "one entity's training rows" in errors(rule, subject)[0].message


def test_without_a_time_there_is_nothing_to_judge() -> None:
    frame = shop_frame()
    timeless = contract(target_time=None, horizon=None, label_known_after=None)
    with pytest.raises(NotApplicable):
        errors(rule, seen(frame, [([0, 1], [2, 3])], timeless))


def test_new_groups_in_the_same_days_are_a_warning_where_the_contract_declares_them() -> None:
    """A split by store asks how the model does on stores it has never met; that is not the random split it looks like."""
    frame = shop_frame(stores=4)
    new = frame["store"].isin(["S2", "S3"]).to_numpy()
    folds = [(np.flatnonzero(~new), np.flatnonzero(new))]
    declared = contract(groups=["store"])
    found = list(rule.check(seen(frame, folds, declared)))
    assert [f.severity for f in found] == ["warning"] and "groups are new" in found[0].message
    assert errors(label_embargo.rule, seen(frame, folds, declared)) == []
    assert len(errors(rule, seen(frame, folds))) == 1, "without groups in the contract it is an error"


def test_new_groups_behind_a_cut_need_their_gap_all_the_same() -> None:
    frame = shop_frame(stores=4)
    new, before = frame["store"].isin(["S2", "S3"]).to_numpy(), _cut(frame, "2024-01-20")
    purged = (frame["hour"] <= pd.Timestamp("2024-01-18 22:00", tz="UTC")).to_numpy()
    declared = contract(groups=["store"])
    for train, expected in ((~new & before, 1), (~new & purged, 0)):
        subject = seen(frame, [(np.flatnonzero(train), np.flatnonzero(new & ~before))], declared)
        assert found_all(rule, subject) == 0
        assert len(errors(label_embargo.rule, subject)) == expected


def test_a_label_known_before_the_first_prediction_may_be_about_a_later_time() -> None:
    """Claims are judged at the end of a period: what counts is when the prediction is made, not what it is about."""
    frame = shop_frame()
    frame["asked"] = pd.Timestamp("2024-03-01", tz="UTC")
    declared = contract(horizon=None, prediction_time="asked")
    order = np.random.default_rng(1).permutation(len(frame))
    assert errors(rule, seen(frame, [(order[:1000], order[1000:])], declared)) == []
    frame.loc[order[1005], "asked"] = pd.Timestamp("2024-01-20", tz="UTC")
    assert len(errors(rule, seen(frame, [(order[:1000], order[1000:])], declared))) == 1


def found_all(rule: Rule, subject: Audit) -> int:
    return len(list(rule.check(subject)))
