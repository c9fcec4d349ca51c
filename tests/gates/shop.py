"""A small shop pipeline with one feature `x` that is honest or leaks; the corpus of `test_future_feature.py`.

Daily sales of a few stores, predicted three days ahead, known one day after their day. Sales of day d are therefore known at a
prediction for day t (made at t - 3 d) if d + 1 d <= t - 3 d: lags of four days and more are honest, shorter ones are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.findings import Finding
from workbench.gates.leakage.future_feature import examine
from workbench.pipeline.contract import Contract

Tables = Mapping[str, pd.DataFrame]
Feature = Callable[[pd.DataFrame, Tables], "pd.Series | np.ndarray"]


def contract(*, plan: bool = True, **prediction: object) -> Contract:
    """`plan=False`: prices aren't known in advance, so that no key of a day to come is."""
    stages = {name: f"pipelines.shop.code:{name}" for name in ("load", "features", "split", "fit", "predict", "metrics")}
    return Contract.model_validate(
        {
            "name": "shop",
            "kind": "regression",
            "stages": stages,
            "sources": {
                "sales": {"time": "date", "known_after": "1d", "columns": {"price": {"known": "always"}} if plan else {}},
                "visits": {"time": "day", "known_after": "1d"},
                "macro": {"time": "period", "columns": {"index": {"known_at": "published"}}},
                "status": {"time": "since"},
                "stores": {"static": True},
            },
            "prediction": {
                "entity": ["store"],
                "target": "units",
                "target_time": "date",
                "horizon": "3d",
                "label_known_after": "1d",
                **prediction,
            },
        }
    )


def tables(stores: int = 4, days: int = 120, seed: int = 3) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2024-01-10", periods=days, freq="D")
    names = [f"S{number:02d}" for number in range(stores)]
    grid = pd.MultiIndex.from_product([names, dates], names=["store", "date"]).to_frame(index=False)
    count = len(grid)
    weekly = 10 + 3 * np.sin(2 * np.pi * grid["date"].dt.dayofweek / 7)
    grid["units"] = np.round(weekly + rng.gamma(2.0, 2.0, count), 1)
    grid["price"] = np.round(rng.uniform(1, 3, count), 2)
    grid["temp"] = np.round(rng.normal(15, 6, count), 1)
    gap = np.zeros(count, dtype=bool)
    for start in rng.integers(10, count - 10, 5 * stores):
        gap[start : start + int(rng.integers(2, 6))] = True
    grid.loc[gap, "temp"] = np.nan
    grid["footfall"] = (grid["units"] * 4 + rng.normal(0, 5, count)).round().astype("int64")
    visits = pd.DataFrame({"store": rng.choice(names, 6 * count), "day": rng.choice(dates, 6 * count)})
    visits["spend"] = np.round(rng.gamma(2, 10, len(visits)), 2)
    visits = visits.sort_values("day", kind="stable", ignore_index=True)
    periods = pd.date_range(dates[0] - pd.Timedelta(days=28), dates[-1], freq="7D")
    macro = pd.DataFrame({"period": periods, "index": np.round(rng.normal(100, 5, len(periods)), 2)})
    macro["published"] = macro["period"] + pd.Timedelta(days=10)
    status = pd.DataFrame(
        [{"store": name, "since": day, "grade": float(rng.integers(1, 6))} for name in names for day in dates[::30]]
    ).sort_values("since", kind="stable", ignore_index=True)
    region = pd.DataFrame({"store": names, "size": rng.uniform(100, 500, stores)})
    return {"sales": grid, "visits": visits, "macro": macro, "status": status, "stores": region}


def builder(features: Mapping[str, Feature]) -> Callable[[Tables], pd.DataFrame]:
    """A features stage: the rows of sales, an honest lag, and the given features under their names."""

    def build(given: Tables) -> pd.DataFrame:
        sales = given["sales"].sort_values(["store", "date"], ignore_index=True)
        frame = sales[["store", "date", "units"]].copy()
        frame["lag_7"] = sales.groupby("store")["units"].shift(7)
        for name, feature in features.items():
            frame[name] = np.asarray(feature(sales, given))
        return frame.dropna(subset=["units"])

    return build


def examined(
    build: Callable[[Tables], pd.DataFrame],
    given: dict[str, pd.DataFrame] | None = None,
    facts: Contract | None = None,
) -> list[Finding]:
    """The rule's findings for a features stage; what it raises is a stage's failure, as the host would report it."""

    def stage(world: Tables) -> pd.DataFrame:
        try:
            return build({name: table.copy() for name, table in world.items()})
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise PipelineError(f"features failed: {error}", stage="features") from error

    given = tables() if given is None else given
    return examine(facts or contract(), given, stage(given), stage)


def errors(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.severity == "error"]


def by_store(sales: pd.DataFrame, column: str = "units") -> pd.core.groupby.SeriesGroupBy:
    return sales.groupby("store")[column]


def forget(sales: pd.DataFrame) -> pd.Series:
    """Units as of the prediction: the newest known value for each row's prediction."""
    return by_store(sales).shift(4)


# Leaks: name → (feature, the source column that is read, the look-ahead where it is a fixed one) ----------------------------

LEAKS: dict[str, tuple[Feature, str, str | None]] = {}
HONEST: dict[str, Feature] = {}


def leak(source: str, lookahead: str | None = None) -> Callable[[Feature], Feature]:
    def register(feature: Feature) -> Feature:
        LEAKS[feature.__name__] = (feature, source, lookahead)
        return feature

    return register


def needs_plan(name: str) -> bool:
    return name in {"published_plan", "plan_of_days_to_come"}


def honest(feature: Feature) -> Feature:
    HONEST[feature.__name__] = feature
    return feature


@leak("sales.units", "5d")
def negative_shift(sales, given):
    return by_store(sales).shift(-1)


@leak("sales.units", "24h")
def lag_shorter_than_horizon(sales, given):
    return by_store(sales).shift(3)


@honest
def lag_of_horizon_and_latency(sales, given):
    return by_store(sales).shift(4)


@leak("sales.units", "3d")
def label_latency(sales, given):
    return by_store(sales).shift(1)


@leak("sales.units", "7d")
def centred_window(sales, given):
    return by_store(sales).transform(lambda s: s.rolling(7, center=True).mean())


@leak("sales.units", "3d")
def closed_left_window_without_horizon(sales, given):
    indexed = sales.set_index("date").groupby("store")["units"].rolling("7D", closed="left").mean()
    return indexed.to_numpy()


@honest
def closed_left_window(sales, given):
    known = sales.assign(date=sales["date"] + pd.Timedelta(days=3)).set_index("date").groupby("store")["units"]
    rolled = known.rolling("7D", closed="left").mean().rename("x").reset_index()
    return sales[["store", "date"]].merge(rolled, on=["store", "date"], how="left")["x"]


@leak("sales.units", "10d")
def reversed_rolling(sales, given):
    return by_store(sales).transform(lambda s: s[::-1].rolling(7).sum()[::-1])


@honest
def trailing_rolling(sales, given):
    return by_store(sales).transform(lambda s: s.shift(4).rolling(7).sum())


@honest
def online_prefix_sum(sales, given):
    # Differences of one running sum over the whole table: rounding depends on every earlier row, the value doesn't.
    total = forget(sales).fillna(0.0).cumsum()
    return np.where(sales.groupby("store").cumcount() >= 11, total - total.shift(7), np.nan)


@leak("sales.temp")
def backfill(sales, given):
    return by_store(sales.assign(temp=by_store(sales, "temp").shift(4)), "temp").bfill()


@honest
def forward_fill(sales, given):
    return by_store(sales.assign(temp=by_store(sales, "temp").shift(4)), "temp").ffill()


@leak("sales.temp")
def interpolation(sales, given):
    return by_store(sales, "temp").transform(lambda s: s.shift(4).interpolate())


@leak("sales.units")
def global_zscore(sales, given):
    known = forget(sales)
    return (known - sales["units"].mean()) / sales["units"].std()


@honest
def expanding_zscore(sales, given):
    return by_store(sales).transform(lambda s: (s.shift(4) - s.shift(4).expanding().mean()) / s.shift(4).expanding().std())


@leak("sales.units")
def global_rank(sales, given):
    return forget(sales).rank(pct=True)


@leak("sales.temp")
def mean_fill(sales, given):
    known = by_store(sales, "temp").shift(4)
    return known.fillna(known.mean())


@honest
def constant_fill(sales, given):
    return by_store(sales, "temp").shift(4).fillna(15.0)


@leak("sales.units")
def full_history_mean(sales, given):
    return by_store(sales).transform("mean")


@honest
def expanding_mean(sales, given):
    return by_store(sales).transform(lambda s: s.shift(4).expanding().mean())


@leak("sales.units")
def calendar_bucket(sales, given):
    return sales.groupby(["store", sales["date"].dt.to_period("M")])["units"].transform("sum")


@leak("sales.units")
def target_encoding(sales, given):
    return sales["date"].dt.dayofweek.map(sales.groupby(sales["date"].dt.dayofweek)["units"].mean())


@leak("sales.footfall", "4d")
def future_covariate(sales, given):
    return sales["footfall"]


@honest
def published_plan(sales, given):
    return sales["price"]


@honest
def plan_of_days_to_come(sales, given):
    return by_store(sales, "price").transform(lambda s: s.shift(-2) - s)


@leak("macro.index")
def publication_lag(sales, given):
    made = sales.assign(made=sales["date"] - pd.Timedelta(days=3), row=np.arange(len(sales))).sort_values("made", kind="stable")
    joined = pd.merge_asof(made, given["macro"].dropna(subset=["period"]), left_on="made", right_on="period")
    return joined.sort_values("row")["index"]


@honest
def published_macro(sales, given):
    made = sales.assign(made=sales["date"] - pd.Timedelta(days=3), row=np.arange(len(sales))).sort_values("made", kind="stable")
    macro = given["macro"].dropna(subset=["published"]).sort_values("published")
    joined = pd.merge_asof(made, macro, left_on="made", right_on="published")
    return joined.sort_values("row")["index"]


def _grade(sales, given, direction):
    made = sales.assign(made=sales["date"] - pd.Timedelta(days=3), row=np.arange(len(sales))).sort_values("made", kind="stable")
    status = given["status"].rename(columns={"since": "made"}).sort_values("made", kind="stable")
    return pd.merge_asof(made, status, on="made", by="store", direction=direction).sort_values("row")["grade"]


@leak("status.grade")
def asof_nearest(sales, given):
    return _grade(sales, given, "nearest")


@leak("status.grade")
def asof_forward(sales, given):
    return _grade(sales, given, "forward")


@honest
def asof_backward(sales, given):
    return _grade(sales, given, "backward")


@leak("status.grade")
def latest_snapshot(sales, given):
    return sales["store"].map(given["status"].groupby("store")["grade"].last())


@leak("sales.units", "5d")
def shift_on_one_day_of_month(sales, given):
    ahead = by_store(sales).shift(-1)
    return np.where(sales["date"].dt.day.isin([24, 25, 26]), ahead, forget(sales))


@leak("visits.day")
def last_visit_of_all(sales, given):
    last = given["visits"].groupby("store")["day"].max()
    return (sales["store"].map(last) - sales["date"]).dt.days


@leak("visits.day")
def count_of_all_visits(sales, given):
    return sales["store"].map(given["visits"].groupby("store").size())


@leak("visits.day")
def visits_of_the_day(sales, given):
    counts = given["visits"].groupby(["store", "day"]).size().rename("x").reset_index()
    return sales.merge(counts, left_on=["store", "date"], right_on=["store", "day"], how="left")["x"].fillna(0)


@honest
def visits_of_a_known_day(sales, given):
    counts = given["visits"].groupby(["store", "day"]).size().rename("x").reset_index()
    counts["day"] = counts["day"] + pd.Timedelta(days=4)
    return sales.merge(counts, left_on=["store", "date"], right_on=["store", "day"], how="left")["x"].fillna(0)


@honest
def static_size(sales, given):
    return sales.merge(given["stores"], on="store", how="left")["size"]
