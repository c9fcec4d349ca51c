"""`shop`: units sold per store and day, predicted a week ahead, in merges and group-wise transforms.

Twelve stores in three countries, 220 days. The day's units are booked some hours after the day has ended (earlier in JP than in
US, in UTC) and final after two days. Prices are planned long ahead; footfall is counted, with gaps; a monthly index is published
late and revised; temperatures are observed and, day by day, forecast; stores are graded every few weeks.
"""

from __future__ import annotations

from workbench.mutants.base import Base

CONTRACT = """\
name = "shop"
kind = "regression"

[stages]
load     = "pipelines.shop.data:load"
features = "pipelines.shop.features:build"
split    = "pipelines.shop.split:folds"
fit      = "pipelines.shop.model:fit"
predict  = "pipelines.shop.model:predict"
metrics  = "pipelines.shop.metrics:score"
#: slot contract_stages
#: end

[sources.sales]                       # one row per store and day
time = "date"
known_after = "2d"
[sources.sales.columns]
units = { known_at = "booked" }
#: slot contract_sales
#: end

[sources.plan]                        # prices and promotions, planned for the whole year
time = "date"
[sources.plan.columns]
store = { known = "always" }
date = { known = "always" }
price = { known = "always" }
promo = { known = "always" }

[sources.footfall]                    # visitors counted at the door; the counter fails now and then
time = "date"
known_after = "1d"

[sources.macro]                       # a monthly index, published late, revised once
time = "period"
[sources.macro.columns]
index = { known_at = "published" }

[sources.weather]                     # observed
time = "date"
known_after = "1d"

[sources.forecasts]                   # issued for a day, days before
time = "issued"

[sources.grades]                      # a store's grade from a day on
time = "since"

[sources.stores]
static = true
#: slot contract_sources
#: end

[prediction]
entity = ["store"]
target = "units"
target_time = "date"
horizon = "7d"
label_known_after = "2d"
#: slot contract_prediction
#: end

[metrics]
primary = "mae"
direction = "minimize"
baseline = "mean"
margin = 0.05
#: slot contract_metrics
#: end

[slices]
by = ["country"]
max_regression = 0.3
"""

DATA = '''\
"""The shop's source tables, generated."""

import numpy as np
import pandas as pd
#: slot data_top
#: end

START, DAYS, STORES = "2024-01-08", 220, 12
CLOCK = {"JP": 20, "DE": 27, "US": 35}  # hours after midnight UTC at which a day's units are booked


def load():
    rng = np.random.default_rng(11)
    dates = pd.date_range(START, periods=DAYS, freq="D")
    names = [f"S{number:02d}" for number in range(STORES)]
    country = np.array(["DE"] * 5 + ["US"] * 4 + ["JP"] * 3)[np.arange(STORES) % 12]
    stores = pd.DataFrame({"store": names, "country": country, "size": rng.uniform(80, 400, STORES).round(1)})

    grid = pd.MultiIndex.from_product([names, dates], names=["store", "date"]).to_frame(index=False)
    number = grid["store"].str[1:].astype(int).to_numpy()
    day = (grid["date"] - dates[0]).dt.days.to_numpy()
    promo = (rng.random(len(grid)) < 0.08).astype("int64")
    price = (2.5 - 0.4 * promo + rng.normal(0, 0.15, len(grid))).round(2)
    temp = 12 + 9 * np.sin(2 * np.pi * (day - 70) / 365) + rng.normal(0, 3, DAYS)[day]

    drift = rng.normal(0, 0.5, (STORES, DAYS)).cumsum(axis=1)[number, day]
    level = stores["size"].to_numpy()[number] / 8 + drift
    week = 1 + 0.3 * np.sin(2 * np.pi * grid["date"].dt.dayofweek.to_numpy() / 7)
    shock = rng.normal(0, 2.5, len(grid))
    units = level * week + 6 * promo - 5 * (price - 2.5) + 0.3 * (temp - 12) + shock
    units = np.maximum(units, 1.0).round(2)

    sales = grid.assign(units=units, returns=rng.poisson(units / 20))
    hours = pd.Series(country)[number].map(CLOCK).to_numpy()
    sales["booked"] = sales["date"] + pd.to_timedelta(hours, unit="h")
    plan = grid.assign(price=price, promo=promo)

    visitors = (units * 3.1 + rng.normal(0, 6, len(grid))).round()
    footfall = grid.assign(visitors=visitors, queue=rng.gamma(2, 3, len(grid)).round(2))
    footfall.loc[_gaps(rng, len(grid), 60), "visitors"] = np.nan

    months = pd.date_range("2023-09-01", "2024-09-01", freq="MS")
    first = pd.DataFrame({"period": months, "index": rng.normal(100, 4, len(months)).round(2)})
    first["published"] = first["period"] + pd.Timedelta("45d")
    better = first["index"] + rng.normal(0, 3, len(months)).round(2)
    revised = first.assign(index=better, published=first["period"] + pd.Timedelta("80d"))
    macro = pd.concat([first, revised]).sort_values(["period", "published"], ignore_index=True)

    weather = pd.DataFrame({"date": dates, "temp": temp[:DAYS].round(1), "rain": rng.gamma(0.6, 4, DAYS).round(1)})
    ahead = []
    for lead in (9, 7, 5, 3, 1):
        guess = (temp[:DAYS] + rng.normal(0, 0.4 * lead, DAYS)).round(1)
        ahead.append(pd.DataFrame({"issued": dates - pd.Timedelta(days=lead), "date": dates, "temp": guess}))
    forecasts = pd.concat(ahead).sort_values(["issued", "date"], ignore_index=True)

    since = [dates[0] + pd.Timedelta(days=int(k)) for k in range(0, DAYS, 27)]
    given = [(name, moment, float(rng.integers(1, 6))) for moment in since for name in names]
    grades = pd.DataFrame(given, columns=["store", "since", "grade"])

    tables = {
        "sales": sales,
        "plan": plan,
        "footfall": footfall,
        "macro": macro,
        "weather": weather,
        "forecasts": forecasts,
        "grades": grades,
        "stores": stores,
    }
    #: slot tables
    #: end
    return tables


def _gaps(rng, length, count):
    missing = np.zeros(length, dtype=bool)
    for start in rng.integers(20, length - 20, count):
        missing[start : start + int(rng.integers(1, 5))] = True
    return missing
'''

FEATURES = '''\
"""Tables -> one row per store and day; everything in it is known a week before its day."""

import numpy as np
import pandas as pd
#: slot features_top
#: end

HORIZON = pd.Timedelta("7d")


def build(tables):
    sales, plan, stores = tables["sales"], tables["plan"], tables["stores"]
    frame = plan.merge(stores, on="store", how="left").merge(sales[["store", "date", "units"]], on=["store", "date"], how="left")
    frame = frame.sort_values(["store", "date"], ignore_index=True)
    #: slot rows
    #: end

    units = frame.groupby("store")["units"]
    frame["lag_9"] = units.shift(9)
    frame["lag_14"] = units.shift(14)
    frame["mean_14"] = units.transform(lambda s: s.shift(9).rolling(14, min_periods=3).mean())
    weekday = frame["date"].dt.dayofweek
    frame["week_sin"] = np.sin(2 * np.pi * weekday / 7)
    frame["week_cos"] = np.cos(2 * np.pi * weekday / 7)
    #: slot extra
    #: end
    first = frame["date"].min() + pd.Timedelta("35d")
    frame = frame[frame["date"] >= first].reset_index(drop=True)
    #: slot finish
    #: end
    return frame
'''

SPLIT = '''\
"""Walk-forward folds of two weeks; a training label is known before the first test prediction is made."""

import numpy as np
import pandas as pd
#: slot split_top
#: end


def folds(frame):
    #: slot folds
    last = frame["date"].max() + pd.Timedelta("1d")
    for back in (42, 28, 14):
        start = last - pd.Timedelta(days=back)
        train = np.flatnonzero(frame["date"] + pd.Timedelta("2d") <= start - pd.Timedelta("7d"))
        test = np.flatnonzero((frame["date"] >= start) & (frame["date"] < start + pd.Timedelta("14d")))
        yield train, test
    #: end
'''

MODEL = '''\
"""Ridge regression by hand on every numeric column, standardised by the training rows."""

import numpy as np
#: slot model_top
#: end

KEYS = {"store", "date", "units", "country"}


def columns(frame):
    return [name for name in frame.columns if name not in KEYS and frame[name].dtype.kind in "bif"]


def fit(train):
    #: slot fit
    train = train[train["units"].notna()]
    x = train[columns(train)].astype("float64")
    centre, spread = x.mean(), x.std().replace(0, 1)
    design = np.nan_to_num(((x - centre) / spread).to_numpy())
    y = train["units"].to_numpy()
    weights = np.linalg.solve(design.T @ design + np.eye(design.shape[1]), design.T @ (y - y.mean()))
    return {"columns": list(x), "centre": centre, "spread": spread, "weights": weights, "mean": y.mean()}
    #: end


def predict(model, frame):
    #: slot predict
    x = (frame[model["columns"]].astype("float64") - model["centre"]) / model["spread"]
    return np.nan_to_num(x.to_numpy()) @ model["weights"] + model["mean"]
    #: end
'''

METRICS = '''\
"""The error in units."""

import numpy as np
#: slot metrics_top
#: end


def score(y_true, y_pred, frame):
    #: slot score
    return {"mae": float(np.abs(np.asarray(y_true) - y_pred).mean())}
    #: end
'''

base = Base(
    "shop",
    {
        "workbench.toml": "",
        "pipelines/shop/contract.toml": CONTRACT,
        "pipelines/shop/data.py": DATA,
        "pipelines/shop/features.py": FEATURES,
        "pipelines/shop/split.py": SPLIT,
        "pipelines/shop/model.py": MODEL,
        "pipelines/shop/metrics.py": METRICS,
    },
)
