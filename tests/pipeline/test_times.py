from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gates import shop
from workbench.errors import PipelineError
from workbench.pipeline.times import duration, from_utc, label_known_times, prediction_times, short, target_times, to_utc

NEW_YORK = "America/New_York"
COLUMNS = {
    "naive": pd.Series(pd.to_datetime(["2024-01-05 10:00", None])),
    "aware": pd.Series(pd.to_datetime(["2024-01-05 10:00", None]).tz_localize("Europe/Berlin")),
    "text": pd.Series(["2024-01-05 10:00:00", None]),
    "dates as text": pd.Series(["2024-01-05", None]),
    "dates": pd.Series([dt.date(2024, 1, 5), None], dtype=object),
    "python": pd.Series([dt.datetime(2024, 1, 5, 10), None], dtype=object),
    "categories": pd.Series(["2024-01-05", None], dtype="category"),
    "seconds": pd.Series(pd.to_datetime(["2024-01-05 10:00", None])).dt.as_unit("s"),
    "months": pd.Series(pd.PeriodIndex(["2024-01", None], freq="M")),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_way_to_write_a_time_becomes_utc_and_comes_back(name: str) -> None:
    column = COLUMNS[name]
    moments = to_utc(column, NEW_YORK)
    assert str(moments.dtype) == "datetime64[ns, UTC]"
    assert moments.isna().tolist() == [False, True]
    back = to_utc(from_utc(moments, column, NEW_YORK), NEW_YORK)
    assert back.iloc[0] == moments.iloc[0]


def test_a_naive_time_is_in_its_zone_and_an_aware_one_in_its_own() -> None:
    assert to_utc(COLUMNS["naive"], NEW_YORK).iloc[0] == pd.Timestamp("2024-01-05 15:00", tz="UTC")
    assert to_utc(COLUMNS["naive"]).iloc[0] == pd.Timestamp("2024-01-05 10:00", tz="UTC")
    assert to_utc(COLUMNS["aware"], NEW_YORK).iloc[0] == pd.Timestamp("2024-01-05 09:00", tz="UTC")
    assert to_utc(pd.Series(["2024-01-05T10:00:00+02:00"]), NEW_YORK).iloc[0] == pd.Timestamp("2024-01-05 08:00", tz="UTC")


def test_an_hour_that_comes_twice_is_the_later_one_and_one_that_never_comes_the_next() -> None:
    edges = to_utc(pd.Series(pd.to_datetime(["2024-11-03 01:30", "2024-03-10 02:30"])), NEW_YORK)
    assert edges.tolist() == [pd.Timestamp("2024-11-03 06:30", tz="UTC"), pd.Timestamp("2024-03-10 07:00", tz="UTC")]


def test_times_beyond_what_nanoseconds_hold_are_clipped() -> None:
    moments = to_utc(pd.Series(["9999-12-31", "2024-01-01"]))
    assert moments.iloc[0] > pd.Timestamp("2262-01-01", tz="UTC")
    assert moments.iloc[1] == pd.Timestamp("2024-01-01", tz="UTC")


@pytest.mark.parametrize("values", [[1, 2], ["yesterday", "2024-01-01"], [True, False]])
def test_what_is_no_time_is_refused_by_name(values: list[object]) -> None:
    with pytest.raises(PipelineError, match="`when`"):
        to_utc(pd.Series(values, name="when"))


def test_the_three_times_of_a_row() -> None:
    contract = shop.contract()
    frame = pd.DataFrame({"store": ["S01"], "date": pd.to_datetime(["2024-02-10"])}, index=[7])
    assert target_times(contract, frame).tolist() == [pd.Timestamp("2024-02-10", tz="UTC")]
    assert prediction_times(contract, frame).tolist() == [pd.Timestamp("2024-02-07", tz="UTC")]
    assert label_known_times(contract, frame).tolist() == [pd.Timestamp("2024-02-11", tz="UTC")]
    assert target_times(contract, frame).index.tolist() == [0]


def test_a_prediction_time_of_its_own_goes_before_the_horizon() -> None:
    contract = shop.contract(horizon=None, prediction_time="made")
    frame = pd.DataFrame({"date": pd.to_datetime(["2024-02-10"]), "made": pd.to_datetime(["2024-02-01 06:00"])})
    assert prediction_times(contract, frame).tolist() == [pd.Timestamp("2024-02-01 06:00", tz="UTC")]
    with pytest.raises(PipelineError, match="`made`"):
        prediction_times(contract, frame.drop(columns="made"))


@given(st.integers(min_value=0, max_value=9 * 86400))
def test_a_short_duration_reads_back(seconds: int) -> None:
    span = pd.Timedelta(seconds=seconds)
    assert duration(short(span)) == span


@pytest.mark.parametrize(
    ("text", "written"),
    [("23h", "23h"), ("24h", "24h"), ("36h", "36h"), ("7d", "7d"), ("90min", "1h30min"), ("400d5h10min", "400d5h")],
)
def test_short_durations_are_written_as_people_do(text: str, written: str) -> None:
    assert short(duration(text)) == written
