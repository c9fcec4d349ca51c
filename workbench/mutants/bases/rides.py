"""`rides`: whether a bike station runs short in a slot of three hours, judged at 18:00 for all slots of the next day.

Two cities with five stations each, whose key has two columns; times are ISO text; the tables are pivoted to one column per
station and melted back. Trips of a slot are counted when it is over. A prediction has its own time (`made`), between 6 and 27
hours ahead. Crews move bikes (entered when done), the sky is forecast once a day.
"""

from __future__ import annotations

from workbench.mutants.base import Base

CONTRACT = """\
name = "rides"
kind = "binary"

[stages]
load     = "pipelines.rides.tables:load"
features = "pipelines.rides.build:features"
split    = "pipelines.rides.build:folds"
fit      = "pipelines.rides.learn:fit"
predict  = "pipelines.rides.learn:predict"
metrics  = "pipelines.rides.learn:score"
#: slot contract_stages
#: end

[sources.trips]
time = "slot"
known_after = "3h"
#: slot contract_trips
#: end

[sources.slots]                       # the calendar of slots, and when each is judged
time = "slot"
[sources.slots.columns]
slot = { known = "always" }
made = { known = "always" }
event = { known = "always" }

[sources.moves]                       # bikes moved by crews, entered when done
time = "done"

[sources.sky]                         # the forecast for a day, issued the day before at noon
time = "issued"

[sources.stations]
static = true
#: slot contract_sources
#: end

[prediction]
entity = ["city", "station"]
target = "short"
target_time = "slot"
prediction_time = "made"
label_known_after = "3h"
#: slot contract_prediction
#: end

[metrics]
primary = "roc_auc"
direction = "maximize"
baseline = "prior"
margin = 0.05
#: slot contract_metrics
#: end
"""

TABLES = '''\
"""Trips from ten stations in two cities, simulated."""

import numpy as np
import pandas as pd
#: slot tables_top
#: end

CITIES = {"Lyon": ["Gare", "Parc", "Opera", "Quai", "Place"], "Nice": ["Port", "Gare", "Plage", "Hill", "Zoo"]}


def load():
    rng = np.random.default_rng(23)
    slots = pd.date_range("2024-04-01", periods=8 * 64, freq="3h")
    clock = slots.hour.to_numpy()
    rain = np.repeat(rng.random(64) < 0.3, 8)
    event = np.repeat(rng.random(64) < 0.1, 8).astype(int)
    stations, trips = [], []
    for city, names in CITIES.items():
        for name in names:
            docks = int(rng.integers(14, 40))
            stations.append({"city": city, "station": name, "docks": docks})
            pull = np.cumsum(rng.normal(0, 0.05, len(slots)))
            rush = 1 + 0.7 * np.sin(2 * np.pi * (clock - int(rng.integers(5, 11))) / 24)
            mean = docks * 0.55 * rush * np.exp(0.4 * np.tanh(pull)) * (1 - 0.4 * rain) * (1 + 0.4 * event)
            left = rng.poisson(mean)
            docked = rng.poisson(left * 0.97 + 0.3)
            trips.append(pd.DataFrame({"city": city, "station": name, "slot": slots, "left": left, "docked": docked}))
    trips = pd.concat(trips, ignore_index=True)
    docks = trips[["city", "station"]].merge(pd.DataFrame(stations), how="left")["docks"]
    trips["short"] = (trips["left"] > 0.75 * docks).astype(int)

    made = slots.floor("D") - pd.Timedelta("6h")
    calendar = pd.DataFrame({"slot": slots, "made": made, "event": event})
    days = slots[::8]
    guess = np.where(rng.random(64) < 0.85, rain[::8], ~rain[::8])
    sky = pd.DataFrame({"issued": days - pd.Timedelta("12h"), "day": days, "rain": guess.astype(float)})
    when = np.sort(rng.choice(len(slots) * 180, 300, replace=False))
    place = rng.integers(0, 10, 300)
    moves = pd.DataFrame(stations)[["city", "station"]].iloc[place].reset_index(drop=True)
    moves["done"] = slots[0] + pd.to_timedelta(when, unit="min")
    moves["bikes"] = rng.integers(-12, 13, 300)

    made_text = {"trips": ["slot"], "slots": ["slot", "made"], "moves": ["done"], "sky": ["issued", "day"]}
    tables = {"trips": trips, "slots": calendar, "moves": moves, "sky": sky, "stations": pd.DataFrame(stations)}
    #: slot tables
    #: end
    for name, columns in made_text.items():
        for column in columns:
            tables[name][column] = tables[name][column].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return tables
'''

BUILD = '''\
"""Features by station and slot, and the folds."""

import numpy as np
import pandas as pd
#: slot build_top
#: end

KEY = ["city", "station"]


def parsed(table, *columns):
    table = table.copy()
    for column in columns:
        table[column] = pd.to_datetime(table[column], utc=True).dt.as_unit("ns")
    return table


def melted(wide, name):
    return wide.rename_axis(index="slot").melt(ignore_index=False, value_name=name).reset_index()


def known_at(made, wide):
    """Per slot of `made`, the newest line of `wide` (by slot) that is counted by then; a slot is counted when it is over."""
    places = wide.index.searchsorted(pd.DatetimeIndex(made) - pd.Timedelta("3h"), side="right") - 1
    lines = wide.to_numpy(dtype=float)[np.maximum(places, 0)]
    lines[places < 0] = np.nan
    return pd.DataFrame(lines, index=made.index, columns=wide.columns)


def features(tables):
    calendar = parsed(tables["slots"], "slot", "made").set_index("slot").sort_index()
    trips = parsed(tables["trips"], "slot").dropna(subset=["slot"])
    wide = trips.pivot_table(index="slot", columns=KEY, values=["left", "short"])
    places = pd.MultiIndex.from_frame(tables["stations"][KEY])
    left, short = (wide[name].reindex(index=calendar.index, columns=places) for name in ("left", "short"))
    columns = {
        "two_days_ago": left.shift(16),
        "week_ago": left.shift(56),
        "short_before": short.shift(16),
        "newest": known_at(calendar["made"], left.rolling(4, min_periods=1).mean()),
    }
    #: slot columns
    #: end
    frame = melted(short, "short")
    for name, values in columns.items():
        frame = frame.merge(melted(values, name), on=[*KEY, "slot"], how="left")
    frame = frame.merge(calendar.reset_index(), on="slot", how="left").merge(tables["stations"], on=KEY, how="left")
    clock = 2 * np.pi * frame["slot"].dt.hour / 24
    frame["sin"], frame["cos"] = np.sin(clock), np.cos(clock)
    for name in ("two_days_ago", "week_ago", "newest"):
        frame[name] = frame[name] / frame["docks"]
    #: slot extra
    #: end
    frame = frame[frame["slot"] >= calendar.index[0] + pd.Timedelta("9d")]
    return frame.sort_values([*KEY, "slot"], ignore_index=True)


def folds(frame):
    #: slot folds
    day = frame["slot"].dt.floor("D")
    for number in (4, 3, 2, 1):
        begin = day.max() + pd.Timedelta("1d") - number * pd.Timedelta("7d")
        test = (day >= begin) & (day < begin + pd.Timedelta("7d"))
        train = frame["slot"] + pd.Timedelta("3h") <= frame.loc[test, "made"].min()
        yield np.flatnonzero(train), np.flatnonzero(test)
    #: end
'''

LEARN = '''\
"""Logistic regression by Newton's method."""

import numpy as np
#: slot learn_top
#: end

OUTSIDE = {"city", "station", "slot", "made", "short"}


def matrix(frame, names, centre, scale):
    x = (frame[names].to_numpy(dtype=float) - centre) / scale
    return np.column_stack([np.ones(len(x)), np.nan_to_num(x)])


def fit(train):
    #: slot fit
    train = train.dropna(subset=["short"])
    names = [name for name in train.columns if name not in OUTSIDE and train[name].dtype.kind in "bif"]
    values = train[names].to_numpy(dtype=float)
    centre, scale = np.nan_to_num(np.nanmean(values, axis=0)), np.nan_to_num(np.nanstd(values, axis=0))
    scale[scale == 0] = 1
    x, y = matrix(train, names, centre, scale), train["short"].to_numpy(dtype=float)
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (y - chance) - 0.1 * weights
        curve = (x.T * (chance * (1 - chance))) @ x + 0.1 * np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, slope)
    return names, centre, scale, weights
    #: end


def predict(model, frame):
    #: slot predict
    names, centre, scale, weights = model
    return 1 / (1 + np.exp(-np.clip(matrix(frame, names, centre, scale) @ weights, -30, 30)))
    #: end


def score(outcomes, chances, frame):
    #: slot score
    outcomes, chances = np.asarray(outcomes, dtype=float), np.asarray(chances, dtype=float)
    order = np.argsort(chances, kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    for value in np.unique(chances):
        same = chances == value
        ranks[same] = ranks[same].mean()
    ones = outcomes == 1
    above = ranks[ones].sum() - ones.sum() * (ones.sum() + 1) / 2
    return {"roc_auc": float(above / (ones.sum() * (~ones).sum()))}
    #: end
'''

base = Base(
    "rides",
    {
        "workbench.toml": "",
        "pipelines/rides/contract.toml": CONTRACT,
        "pipelines/rides/tables.py": TABLES,
        "pipelines/rides/build.py": BUILD,
        "pipelines/rides/learn.py": LEARN,
    },
)
