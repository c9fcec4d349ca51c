from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gates.subjects import contract, errors, seen, shop_frame
from workbench.findings import Span
from workbench.gates.facts import Audit
from workbench.gates.leakage import label_embargo, time_order
from workbench.pipeline.contract import Contract


def _subject(gap_hours: float, declared: Contract | None = None, day: str = "2024-01-20") -> Audit:
    """A cut in time order whose last training row lies `gap_hours` before the first test row."""
    frame = shop_frame()
    cut = pd.Timestamp(day, tz="UTC")
    train = np.flatnonzero(frame["hour"] <= cut - pd.Timedelta(hours=gap_hours))
    return seen(frame, [(train, np.flatnonzero(frame["hour"] >= cut))], declared)


def test_the_split_that_looks_right_is_caught() -> None:
    """The failure this product exists for: in time order, no row on both sides, and wrong."""
    subject = _subject(1)
    assert errors(time_order.rule, subject) == []
    (finding,) = errors(label_embargo.rule, subject)
    span = finding.evidence[0]
    assert isinstance(span, Span)
    assert (span.needed_gap, span.found_gap) == ("26h", "1h")
    assert span.train_known == "2024-01-20T01:00:00Z"
    assert span.test_start == "2024-01-19T00:00:00Z"
    assert finding.rows == 2 * 25  # both stores' last 25 hours
    assert finding.lookahead == "25h"
    assert "looks right" not in finding.message and "look right" in finding.message
    assert "hour + 2h <=" in finding.remedy


def test_known_at_the_very_instant_is_known() -> None:
    assert errors(label_embargo.rule, _subject(26)) == []
    assert len(errors(label_embargo.rule, _subject(25))) == 1


@settings(max_examples=8, deadline=None)
@given(horizon=st.integers(0, 48), late=st.integers(0, 48), gap=st.integers(1, 120))
def test_the_gap_is_horizon_plus_lateness(horizon: int, late: int, gap: int) -> None:
    declared = contract(horizon=f"{horizon}h", label_known_after=f"{late}h")
    caught = bool(errors(label_embargo.rule, _subject(gap, declared)))
    assert caught == (gap < horizon + late)


def test_a_prediction_time_column_is_believed_row_by_row() -> None:
    frame = shop_frame()
    cut = pd.Timestamp("2024-01-20", tz="UTC")
    declared = contract(horizon=None, prediction_time="asked")
    frame["asked"] = frame["hour"] - pd.Timedelta("1h")
    train, test = np.flatnonzero(frame["hour"] <= cut - pd.Timedelta("3h")), np.flatnonzero(frame["hour"] >= cut)
    assert errors(label_embargo.rule, seen(frame, [(train, test)], declared)) == []
    frame.loc[test[5], "asked"] = cut - pd.Timedelta("4h")  # one row is asked about earlier
    (finding,) = errors(label_embargo.rule, seen(frame, [(train, test)], declared))
    assert finding.rows == 2 * 3


def test_a_random_split_is_not_reported_twice() -> None:
    frame = shop_frame()
    order = np.random.default_rng(1).permutation(len(frame))
    assert errors(label_embargo.rule, seen(frame, [(order[:1000], order[1000:])])) == []


def test_every_fold_is_named() -> None:
    frame = shop_frame()
    folds = []
    for day, gap in (("2024-01-15", 26), ("2024-01-20", 1), ("2024-01-25", 24)):
        cut = pd.Timestamp(day, tz="UTC")
        train = np.flatnonzero(frame["hour"] <= cut - pd.Timedelta(hours=gap))
        folds.append((train, np.flatnonzero((frame["hour"] >= cut) & (frame["hour"] < cut + pd.Timedelta("5D")))))
    (finding,) = errors(label_embargo.rule, seen(frame, folds))
    assert [e.fold for e in finding.evidence if isinstance(e, Span)] == [1, 2]
    assert "2 of 3 folds" in finding.message


def test_training_rows_without_an_outcome_tell_none() -> None:
    frame = shop_frame()
    subject_frame = frame.assign(units=frame["units"].where(frame["hour"] < pd.Timestamp("2024-01-18 22:00", tz="UTC")))
    cut = pd.Timestamp("2024-01-20", tz="UTC")
    folds = [(np.flatnonzero(frame["hour"] < cut), np.flatnonzero(frame["hour"] >= cut))]
    assert errors(label_embargo.rule, seen(subject_frame, folds)) == []
    assert len(errors(label_embargo.rule, seen(frame, folds))) == 1
