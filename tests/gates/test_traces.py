"""Curves of findings: what is on them is what the features stage gave, and they are small, deterministic and honest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.gates import shop
from tests.gates.subjects import running
from tests.workspaces import SHOP_FEATURES
from workbench.findings import Finding, MovedCell, Trace
from workbench.gates.availability import late_source
from workbench.gates.leakage import future_feature
from workbench.gates.outcome import TRUNCATED, VALUES
from workbench.gates.traces import POINTS, Moved, trace


def traces(findings: list[Finding]) -> list[Trace]:
    return [evidence for finding in findings for evidence in finding.evidence if isinstance(evidence, Trace)]


def test_a_trace_shows_the_moved_rows_of_one_entity_around_the_cutoff() -> None:
    build = shop.builder({"x": lambda sales, given: shop.by_store(sales).shift(2)})
    found = shop.errors(shop.examined(build))
    (drawn,) = traces(found)
    cell = found[0].evidence[0]
    assert isinstance(cell, MovedCell) and (cell.cutoff, cell.world) == (drawn.cutoff, drawn.world)
    place = drawn.times.index(str(cell.prediction_time))
    shown = (drawn.with_future[place], drawn.without_future[place])
    assert shown == pytest.approx((float(cell.before), float(cell.after)), rel=1e-5)
    frame = build(shop.tables())
    own = frame[frame["store"] == drawn.entity["store"]].set_index("date")["x"]
    assert (drawn.column, drawn.series) == ("x", True) and 8 < len(drawn.times) <= POINTS
    predicted = [pd.Timestamp(time) for time in drawn.times]
    assert predicted == sorted(predicted)
    assert list(drawn.with_future) == pytest.approx([own[time.tz_localize(None) + pd.Timedelta("3d")] for time in predicted])
    before = [time <= pd.Timestamp(drawn.cutoff) for time in predicted]
    assert sum(before) == drawn.made and all(before[: drawn.made])
    # What is read lies two days before the target, one day after the prediction: known two days after it.
    late = [pd.Timestamp(drawn.cutoff) - time < pd.Timedelta("2d") for time in predicted[: drawn.made]]
    assert [state == "moved" for state in drawn.state[: drawn.made]] == late
    assert set(drawn.state[drawn.made :]) == {"open"} and set(drawn.without_future[drawn.made :]) == {None}
    for state, one, other in zip(drawn.state, drawn.with_future, drawn.without_future):
        assert state == "open" or (one == other) == (state == "same")


def test_the_same_audit_twice_draws_the_same_curve() -> None:
    build = shop.builder({"x": shop.LEAKS["mean_fill"][0]})
    first, second = (traces(shop.errors(shop.examined(build))) for _ in range(2))
    assert first and [one.model_dump_json() for one in first] == [one.model_dump_json() for one in second]


def test_words_and_flags_come_as_they_are() -> None:
    build = shop.builder(
        {
            "busy": lambda sales, given: shop.by_store(sales).shift(1) > 12,
            "kind": lambda sales, given: np.where(shop.by_store(sales).shift(1) > 12, "busy", "calm"),
        }
    )
    drawn = {one.column: one for one in traces(shop.errors(shop.examined(build)))}
    assert set(drawn) == {"busy", "kind"} and not any(one.numeric for one in drawn.values())
    assert set(drawn["busy"].with_future) <= {"True", "False"} and set(drawn["kind"].with_future) <= {"busy", "calm"}


def test_both_rules_show_the_same_curve_and_run_nothing_for_it(tmp_path: Path) -> None:
    leaky = SHOP_FEATURES.replace("shift(48)", "shift(25)")
    assert leaky != SHOP_FEATURES
    with running(tmp_path, features=leaky) as audit:
        ahead = [f for f in future_feature.check(audit) if f.severity == "error"]
        ran = audit.pipeline.runs.copy()
        late = list(late_source.check(audit))
        assert traces(ahead) and traces(late) and traces(late)[0] in traces(ahead) and audit.pipeline.runs == ran
        cell = ahead[0].evidence[0]
        assert isinstance(cell, MovedCell) and cell.cutoff == traces(ahead)[0].cutoff


# Which rows ------------------------------------------------------------------------------------------------------------

HOUR = 3_600_000_000_000


def drawn(
    rows: list[int], row: int, cut: int, *, count: int = 200, keys: int = 1, silent: bool = False, world: str = VALUES
) -> Trace:
    """A trace of `count` hourly rows with the values 0, 1, …; moved ones come out as −1."""
    places = np.arange(count)
    moved = Moved("x", cut * HOUR, world, np.array(rows), pd.Series([-1.0] * len(rows)), row, np.full(count, silent))
    entities = np.array([f"e{place % keys}" for place in places], dtype=object)
    one = trace(pd.Series(places.astype(float)), places * HOUR, entities, {"key": str(entities[row])}, moved)
    return one


def test_the_rows_are_those_around_the_cutoff_where_some_of_them_moved() -> None:
    assert drawn([95, 99], 95, 100).with_future == [float(n) for n in range(89, 109)]
    everywhere = drawn(list(range(101)), 0, 100)
    assert everywhere.with_future[0] == 77.0 and set(everywhere.state[:24]) == {"moved"} and everywhere.made == 24
    assert len(everywhere.times) == POINTS
    assert drawn([3], 3, 5, count=9).made == 6 and len(drawn([3], 3, 5, count=9).times) == 9


def test_where_nothing_near_the_cutoff_moved_they_are_those_around_the_row() -> None:
    far = drawn([20], 20, 150)
    assert far.with_future == [float(n) for n in range(14, 29)] and far.made == 15
    assert far.state.count("moved") == 1 and far.without_future[6] == -1.0


def test_an_entity_with_few_rows_is_shown_among_others() -> None:
    lone = drawn([99], 99, 100, keys=150)
    assert not lone.series and lone.entity == {} and lone.with_future == [float(n) for n in range(93, 109)]
    own = drawn([98], 98, 100, keys=2)
    assert (
        own.series
        and own.entity == {"key": "e0"}
        and all(value % 2 == 0 for value in own.with_future if isinstance(value, float))
    )


def test_a_row_that_the_world_may_lack_is_not_said_to_be_the_same() -> None:
    assert set(drawn([99], 99, 100, silent=True, world=TRUNCATED).state) == {"moved", "open"}
    assert set(drawn([99], 99, 100, world=TRUNCATED).state) == {"moved", "same", "open"}


def test_odd_values_are_missing_or_words() -> None:
    values = pd.Series([1.0, np.inf, None, 1234567.891, *range(196)])
    moved = Moved("x", 3 * HOUR, VALUES, np.array([3]), pd.Series([np.nan]), 3, np.zeros(200, dtype=bool))
    one = trace(values, np.arange(200) * HOUR, np.full(200, "e"), {}, moved)
    assert one.with_future[:4] == [1.0, None, None, 1234568.0] and one.without_future[3] is None
    words = values.astype(object)
    words.iloc[0] = 10**400
    one = trace(words, np.arange(200) * HOUR, np.full(200, "e"), {}, moved)
    assert not one.numeric and len(str(one.with_future[0])) == 60
