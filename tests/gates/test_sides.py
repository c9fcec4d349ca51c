"""Rules about what stands on both sides of a fold: rows, keys, groups, copies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.gates.subjects import HOURS, contract, errors, found, seen, shop_frame
from workbench.gates.leakage import duplicates, fold_coverage, near_duplicates, overlap, shared_group, unknown_label
from workbench.gates.rule import NotApplicable, NotExercised

TIMELESS = {"target_time": None, "horizon": None, "label_known_after": None}


def _halves(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    before = (frame["hour"] < HOURS[24 * 20]).to_numpy()
    return np.flatnonzero(before), np.flatnonzero(~before)


def test_the_same_position_on_both_sides() -> None:
    frame = shop_frame()
    train, test = _halves(frame)
    assert errors(overlap.rule, seen(frame, [(train, test)])) == []
    (finding,) = errors(overlap.rule, seen(frame, [(np.append(train, test[:7]), test)]))
    assert finding.rows == 7


def test_rows_doubled_before_the_split() -> None:
    frame = shop_frame()
    train, test = _halves(frame)
    doubled = pd.concat([frame, frame.iloc[test[:9]]], ignore_index=True)
    extra = np.arange(len(frame), len(doubled))
    (finding,) = errors(overlap.rule, seen(doubled, [(np.append(train, extra), test)]))
    assert finding.rows == 9 and "same `store` and `hour`" in finding.message


def test_without_a_time_the_entity_names_a_row() -> None:
    frame = pd.DataFrame({"patient": ["a", "a", "b", "c"], "x": [1.0, 2.0, 3.0, 4.0], "ill": [0, 1, 0, 1]})
    declared = contract(entity=["patient"], target="ill", **TIMELESS)
    assert errors(overlap.rule, seen(frame, [([0, 1], [2, 3])], declared)) == []
    assert len(errors(overlap.rule, seen(frame, [([0, 2], [1, 3])], declared))) == 1


def test_a_declared_group_on_both_sides() -> None:
    frame = shop_frame()
    frame["tailnum"] = np.where(np.arange(len(frame)) % 3 == 0, None, frame["store"] + frame["hour"].dt.strftime("%d"))
    train, test = _halves(frame)
    declared = contract(groups=["tailnum"])
    assert errors(shared_group.rule, seen(frame, [(train, test)], declared)) == []
    mixed = np.random.default_rng(0).permutation(len(frame))
    (finding,) = errors(shared_group.rule, seen(frame, [(mixed[:700], mixed[700:])], declared))
    assert finding.column == "tailnum"
    notes = [f for f in found(shared_group.rule, seen(frame, [(train, test)], declared)) if f.severity == "note"]
    assert notes[0].rows == int(frame["tailnum"].isna().sum())


def test_groups_that_cannot_be_looked_at_never_pass() -> None:
    frame = shop_frame()
    with pytest.raises(NotApplicable):
        errors(shared_group.rule, seen(frame, [_halves(frame)]))
    with pytest.raises(NotExercised, match="tailnum"):
        errors(shared_group.rule, seen(frame, [_halves(frame)], contract(groups=["tailnum"])))


def _copied(count: int, noise: float) -> tuple[pd.DataFrame, list[tuple[np.ndarray, np.ndarray]]]:
    """A frame in which `count` test rows are training rows under another key, with relative noise."""
    frame = shop_frame()
    train, test = _halves(frame)
    rng = np.random.default_rng(5)
    numbers = ["lag", "mean", "price", "units"]
    source = frame[numbers].to_numpy()
    source[test[:count]] = source[train[100 : 100 + count]] * (1 + noise * rng.standard_normal((count, len(numbers))))
    return frame.assign(**dict(zip(numbers, source.T))), [(train, test)]


def test_copies_under_another_key() -> None:
    frame, folds = _copied(20, 0.0)
    (finding,) = errors(duplicates.rule, seen(frame, folds))
    assert finding.rows == 20
    assert errors(near_duplicates.rule, seen(frame, folds)) == []


def test_copies_with_a_little_noise() -> None:
    frame, folds = _copied(20, 1e-4)
    assert errors(duplicates.rule, seen(frame, folds)) == []
    (finding,) = errors(near_duplicates.rule, seen(frame, folds))
    assert finding.rows == 20


def test_continuous_rows_are_no_copies() -> None:
    frame = shop_frame()
    for rule in (duplicates.rule, near_duplicates.rule):
        assert found(rule, seen(frame, [_halves(frame)])) == []


def test_short_rows_of_codes_and_zeros_repeat_by_nature() -> None:
    rng = np.random.default_rng(3)
    frame = shop_frame(stores=4)
    sparse = (rng.random(len(frame)) < 0.1) * rng.integers(1, 4, len(frame))
    frame["units"] = sparse.astype(float)
    frame["lag"] = pd.Series(sparse).shift(48).fillna(0.0)
    frame["mean"] = frame["store"].map({f"S{i}": 3.1 * i + 0.7 for i in range(4)})
    frame["price"] = frame["hour"].dt.dayofweek.astype(float)
    subject = seen(frame, [_halves(frame)])
    assert found(duplicates.rule, subject) == [] and found(near_duplicates.rule, subject) == []


def test_a_timetable_that_repeats_is_no_copy() -> None:
    """The same flights every day: rare values, equal features, and outcomes that differ now and then."""
    rng = np.random.default_rng(4)
    flights = pd.DataFrame({"leaves": rng.choice(1440, 300, replace=False).astype(float), "miles": rng.integers(90, 2500, 300)})
    frame = pd.concat([flights.assign(day=day, flight=np.arange(300)) for day in range(30)], ignore_index=True)
    frame["hour"] = HOURS[0] + pd.to_timedelta(frame["day"], unit="D") + pd.to_timedelta(frame["leaves"], unit="min")
    frame["late"] = (rng.random(len(frame)) < 0.2).astype(int)
    declared = contract(entity=["flight"], target="late", features=["leaves", "miles"])
    before = (frame["day"] < 20).to_numpy()
    subject = seen(frame, [(np.flatnonzero(before), np.flatnonzero(~before))], declared)
    assert found(duplicates.rule, subject) == []


def test_slow_measurements_are_near_by_nature() -> None:
    frame = shop_frame(stores=1)
    walk = np.random.default_rng(8).normal(0, 0.001, (len(frame), 4)).cumsum(axis=0)
    frame[["lag", "mean", "price", "units"]] = walk
    order = np.random.default_rng(1).permutation(len(frame))
    assert found(near_duplicates.rule, seen(frame, [(order[:500], order[500:])])) == []


def test_folds_that_test_nothing_or_twice() -> None:
    frame = shop_frame()
    train, test = _halves(frame)
    empty = errors(fold_coverage.rule, seen(frame, [(train, test), (train, [])]))
    assert [f.column for f in empty] == ["empty"]
    repeated = errors(fold_coverage.rule, seen(frame, [(train, np.append(test, test[:3]))]))
    assert [(f.column, f.rows) for f in repeated] == [("repeated", 3)]
    both = found(fold_coverage.rule, seen(frame, [(train, test), (train, test[:10])]))
    assert [(f.column, f.severity, f.rows) for f in both] == [("overlapping", "warning", 10)]
    left = found(fold_coverage.rule, seen(frame, [(train[:-5], test)]))
    assert [(f.column, f.severity, f.rows) for f in left] == [("unused", "note", 5)]


def test_unknown_outcomes() -> None:
    frame = shop_frame()
    train, test = _halves(frame)
    frame.loc[train[:4], "units"] = np.nan
    assert errors(unknown_label.rule, seen(frame, [(train, test)])) == []
    frame.loc[test[:2], "units"] = np.nan
    (finding,) = errors(unknown_label.rule, seen(frame, [(train, test)]))
    assert finding.rows == 2


def test_a_row_without_an_entity_has_no_name() -> None:
    frame = pd.DataFrame({"guest": [None, "a", None, "b"], "room": [np.nan, 1, np.nan, 1], "ill": [0, 1, 0, 1]})
    declared = contract(entity=["guest", "room"], target="ill", **TIMELESS)
    assert errors(overlap.rule, seen(frame, [([0, 1], [2, 3])], declared)) == []
    frame.loc[3, "guest"] = "a"
    assert len(errors(overlap.rule, seen(frame, [([0, 1], [2, 3])], declared))) == 1


def test_keys_of_any_type_are_compared_by_value() -> None:
    keys = {
        "whole": pd.Series([2, 1, 3, 1], dtype="Int64"),
        "float": pd.Series([1.5, 2.0, 2.5, 2.0]),
        "category": pd.Series(["1", "b", "2", "b"], dtype="category"),
        "mixed": pd.Series([1, "1", "x", "1"], dtype=object),
        "numbers": pd.Series([3, True, "1", 1.0], dtype=object),
        "time": pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-02"])),
        "span": pd.Series(pd.to_timedelta([1, 2, 3, 2], unit="h")),
        "period": pd.Series(pd.period_range("2024-01", periods=4, freq="M")).iloc[[0, 1, 2, 1]].reset_index(drop=True),
        "flag": pd.Series([False, True, None, True], dtype="boolean"),
    }
    frame = pd.DataFrame({**keys, "ill": [0, 1, 0, 1]})
    declared = contract(entity=list(keys), target="ill", **TIMELESS)
    (finding,) = errors(overlap.rule, seen(frame, [([0, 1], [2, 3])], declared))
    assert finding.rows == 1
    huge = pd.DataFrame({"thing": [2**53, 1, 2**53 + 1, 2], "ill": [0, 1, 0, 1]})
    assert errors(overlap.rule, seen(huge, [([0, 1], [2, 3])], contract(entity=["thing"], target="ill", **TIMELESS))) == []


def test_test_sides_of_expanding_and_rolling_windows_may_follow_one_another() -> None:
    frame = shop_frame()
    day = frame["hour"].dt.day.to_numpy()
    expanding = [(np.flatnonzero(day < d - 2), np.flatnonzero((day >= d) & (day < d + 5))) for d in (12, 17, 22)]
    rolling = [(np.flatnonzero((day < d - 2) & (day >= d - 8)), test) for (_, test), d in zip(expanding, (12, 17, 22))]
    for folds in (expanding, rolling):
        subject = seen(frame, folds)
        for rule in (overlap.rule, duplicates.rule, near_duplicates.rule, fold_coverage.rule):
            assert [f for f in found(rule, subject) if f.severity != "note"] == []


def test_a_column_that_numbers_the_rows_hides_no_copy() -> None:
    frame, folds = _copied(20, 0.0)
    (finding,) = errors(duplicates.rule, seen(frame.assign(line=np.arange(len(frame))), folds))
    assert finding.rows == 20
