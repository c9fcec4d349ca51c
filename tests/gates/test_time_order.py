from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.gates.subjects import contract, errors, seen, shop_frame
from workbench.gates.leakage.time_order import order_kind, rule
from workbench.gates.rule import NotApplicable


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
