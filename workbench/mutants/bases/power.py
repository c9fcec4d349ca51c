"""`power`: hourly load of three meters, predicted a day ahead, in classes, loops and plain arrays.

Readings come on local wall time (Europe/Berlin, over the change to summer time) and arrive within three hours. The tariff is
published for months ahead; temperatures are observed, with gaps, and forecast twice a day for the next two days; the settlement
price of a day is published days later and corrected once; outages are entered when they are reported.
"""

from __future__ import annotations

from workbench.mutants.base import Base

CONTRACT = """\
name = "power"
kind = "regression"

[stages]
load     = "pipelines.power.data:load"
features = "pipelines.power.features:build"
split    = "pipelines.power.split:folds"
fit      = "pipelines.power.model:fit"
predict  = "pipelines.power.model:predict"
metrics  = "pipelines.power.metrics:score"
#: slot contract_stages
#: end

[sources.readings]                    # local wall time
time = "ts"
zone = "Europe/Berlin"
known_after = "3h"
#: slot contract_readings
#: end

[sources.tariff]                      # every hour's tariff, published for months ahead
time = "hour"
[sources.tariff.columns]
hour = { known = "always" }
tariff = { known = "always" }
holiday = { known = "always" }

[sources.observed]                    # temperature, with gaps
time = "hour"
known_after = "1h"

[sources.outlook]                     # forecasts: made at `issued` for `hour`
time = "issued"

[sources.settlement]                  # a day's price, published days later, corrected once
time = "day"
[sources.settlement.columns]
day = { known_at = "published" }
price = { known_at = "published" }
version = { known_at = "published" }

[sources.outages]                     # entered when reported
time = "begin"
[sources.outages.columns]
begin = { known_at = "reported" }
meter = { known_at = "reported" }
hours = { known_at = "reported" }

[sources.meters]
static = true
#: slot contract_sources
#: end

[prediction]
entity = ["meter"]
target = "load"
target_time = "hour"
horizon = "24h"
label_known_after = "3h"
#: slot contract_prediction
#: end

[metrics]
primary = "mae"
direction = "minimize"
baseline = "mean"
margin = 0.05
#: slot contract_metrics
#: end
"""

DATA = '''\
"""Hourly load of three meters and what is known around it, generated."""

import numpy as np
import pandas as pd
#: slot data_top
#: end

ZONE = "Europe/Berlin"


class Town:
    """Draws one town's history."""

    def __init__(self, seed=5):
        self.rng = np.random.default_rng(seed)
        self.hours = pd.date_range("2024-02-20", "2024-04-26", freq="h", tz="UTC", inclusive="left")
        n = len(self.hours)
        clock = self.hours.tz_convert(ZONE)
        self.clock = clock.hour.to_numpy()
        self.weekend = np.asarray(clock.dayofweek >= 5, dtype=float)
        slow = np.convolve(self.rng.normal(0, 1, n + 48), np.ones(49) / 7, mode="valid")
        self.temp = 7 + np.arange(n) / 300 + 4 * np.sin(2 * np.pi * (self.clock - 9) / 24) + 2 * slow
        self.holiday = np.isin(clock.strftime("%m-%d"), ["03-29", "04-01"]).astype(int)

    def readings(self):
        parts = []
        for place, (meter, scale) in enumerate([("M1", 10.0), ("M2", 24.0), ("M3", 55.0)]):
            shape = 1 + 0.35 * np.sin(2 * np.pi * (self.clock - 8 - place) / 24) - 0.15 * self.weekend - 0.1 * self.holiday
            own = self.rng.normal(0, 1, len(self.hours) + 30)
            own = np.convolve(own, np.ones(31) / 5.5, mode="valid")
            load = scale * (shape + 0.02 * (12 - self.temp) + 0.05 * own + self.rng.normal(0, 0.03, len(shape)))
            wall = self.hours.tz_convert(ZONE).tz_localize(None)
            parts.append(pd.DataFrame({"meter": meter, "ts": wall, "load": load.round(3)}))
        table = pd.concat(parts, ignore_index=True)
        table["volts"] = (230 - 0.05 * table["load"] + self.rng.normal(0, 1, len(table))).round(2)
        return table

    def tariff(self):
        level = np.where((self.clock >= 7) & (self.clock < 20), 31.0, 22.0) + self.rng.integers(-2, 3, len(self.hours))
        return pd.DataFrame({"hour": self.hours, "tariff": level, "holiday": self.holiday})

    def observed(self):
        table = pd.DataFrame({"hour": self.hours, "temp": self.temp.round(1)})
        for begin in self.rng.integers(60, len(table) - 60, 25):
            table.loc[begin : begin + int(self.rng.integers(0, 6)), "temp"] = np.nan
        return table

    def outlook(self):
        rows = []
        for at in range(0, len(self.hours) - 12, 12):
            for ahead in range(0, 60, 3):
                if at + ahead < len(self.hours):
                    error = self.rng.normal(0, 0.2 + 0.03 * ahead)
                    rows.append((self.hours[at], self.hours[at + ahead], round(self.temp[at + ahead] + error, 1)))
        return pd.DataFrame(rows, columns=["issued", "hour", "temp"])

    def settlement(self):
        days = pd.date_range("2024-02-10", "2024-04-26", freq="D", tz="UTC")
        price = self.rng.normal(80, 12, len(days)).round(2)
        first = pd.DataFrame({"day": days, "version": 1, "published": days + pd.Timedelta("60h"), "price": price})
        later = price + self.rng.normal(0, 6, len(days)).round(2)
        fixed = first.assign(version=2, published=days + pd.Timedelta("9d"), price=later)
        return pd.concat([first, fixed]).sort_values(["day", "version"], ignore_index=True)

    def outages(self):
        begin = pd.Series(self.hours[np.sort(self.rng.choice(len(self.hours) - 80, 60, replace=False))])
        late = pd.to_timedelta(self.rng.integers(2, 90, 60), unit="h")
        meter = self.rng.choice(["M1", "M2", "M3"], 60)
        return pd.DataFrame({"meter": meter, "begin": begin, "hours": self.rng.integers(1, 9, 60), "reported": begin + late})

    def meters(self):
        return pd.DataFrame({"meter": ["M1", "M2", "M3"], "capacity": [25.0, 60.0, 140.0], "kind": ["flat", "shop", "works"]})


def load():
    town = Town()
    tables = {
        "readings": town.readings(),
        "tariff": town.tariff(),
        "observed": town.observed(),
        "outlook": town.outlook(),
        "settlement": town.settlement(),
        "outages": town.outages(),
        "meters": town.meters(),
    }
    #: slot tables
    #: end
    return tables
'''

FEATURES = '''\
"""One row per meter and hour, made a day before the hour: arrays per meter, looked up by hour."""

import numpy as np
import pandas as pd
#: slot features_top
#: end

ZONE = "Europe/Berlin"


class Meter:
    """One meter's load on the axis of all hours; NaN where there is no reading."""

    def __init__(self, name, axis, readings):
        self.name = name
        self.axis = axis
        own = readings[readings["meter"] == name].drop_duplicates("hour")
        self.load = own.set_index("hour")["load"].reindex(axis).to_numpy(dtype=float)

    def back(self, hours, values=None):
        """The values that many hours earlier."""
        values = self.load if values is None else values
        out = np.full(len(values), np.nan)
        if hours >= 0:
            out[hours:] = values[: len(values) - hours]
        else:
            out[:hours] = values[-hours:]
        return out

    def columns(self):
        made = {"meter": self.name, "hour": self.axis, "load": self.load}
        made["load_48h"] = self.back(48)
        made["load_168h"] = self.back(168)
        recent = [self.back(hours) for hours in range(27, 51)]
        made["day_mean"] = np.nansum(recent, axis=0) / np.maximum(np.isfinite(recent).sum(axis=0), 1)
        #: slot meter
        #: end
        return pd.DataFrame(made)


def readings_in_utc(tables):
    readings = tables["readings"].dropna(subset=["ts"])
    hour = readings["ts"].dt.tz_localize(ZONE, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")
    return readings.assign(hour=hour.dt.as_unit("ns"))


def build(tables):
    readings = readings_in_utc(tables)
    tariff = tables["tariff"].drop_duplicates("hour").sort_values("hour", ignore_index=True)
    axis = pd.DatetimeIndex(tariff["hour"]).as_unit("ns")
    #: slot rows
    #: end
    parts = []
    for name in tables["meters"]["meter"]:
        part = Meter(name, axis, readings).columns()
        local = axis.tz_convert(ZONE)
        part["tariff"] = tariff["tariff"].to_numpy(dtype=float)
        part["holiday"] = tariff["holiday"].to_numpy(dtype=float)
        part["weekend"] = (local.dayofweek >= 5).astype(float)
        for k in (1, 2):
            part[f"sin_{k}"] = np.sin(2 * np.pi * k * local.hour / 24)
            part[f"cos_{k}"] = np.cos(2 * np.pi * k * local.hour / 24)
        #: slot part
        #: end
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    #: slot extra
    #: end
    frame = frame[frame["hour"] >= axis[0] + pd.Timedelta("8d")].reset_index(drop=True)
    #: slot finish
    #: end
    return frame
'''

SPLIT = '''\
"""Expanding windows: five test days each, after the hours whose load was known when the first of them was predicted."""

import numpy as np
import pandas as pd
#: slot split_top
#: end


class Walk:
    """Folds walking forward in time."""

    def __init__(self, tests=3, days=5):
        self.tests = tests
        self.days = pd.Timedelta(days=days)

    def split(self, frame):
        hours = pd.DatetimeIndex(frame["hour"])
        end = hours.max() + pd.Timedelta("1h")
        for number in range(self.tests, 0, -1):
            start = end - number * self.days
            made = start - pd.Timedelta("24h")
            train = np.where(hours + pd.Timedelta("3h") <= made)[0]
            test = np.where((hours >= start) & (hours < start + self.days))[0]
            yield train, test


def folds(frame):
    #: slot folds
    return list(Walk().split(frame))
    #: end
'''

MODEL = '''\
"""One least-squares model per meter."""

import numpy as np
#: slot model_top
#: end

NOT_FEATURES = ("meter", "hour", "load")


class PerMeter:
    """Ordinary least squares with an intercept, on scaled columns, one per meter."""

    def __init__(self, names):
        self.names = names
        self.parts = {}

    def design(self, rows, centre, scale):
        x = (rows[self.names].to_numpy(dtype=float) - centre) / scale
        return np.hstack([np.ones((len(x), 1)), np.where(np.isfinite(x), x, 0.0)])

    def learn(self, train):
        for meter, rows in train.groupby("meter"):
            x = rows[self.names].to_numpy(dtype=float)
            centre, scale = np.nan_to_num(np.nanmean(x, axis=0)), np.nan_to_num(np.nanstd(x, axis=0))
            scale[scale == 0] = 1.0
            design = self.design(rows, centre, scale)
            penalty = 1e-3 * np.eye(design.shape[1])
            weights = np.linalg.solve(design.T @ design + penalty, design.T @ rows["load"].to_numpy())
            self.parts[meter] = (centre, scale, weights)
        return self

    def answer(self, frame):
        out = np.zeros(len(frame))
        for meter, (centre, scale, weights) in self.parts.items():
            mine = (frame["meter"] == meter).to_numpy()
            out[mine] = self.design(frame[mine], centre, scale) @ weights
        return out


def feature_names(frame):
    return [name for name in frame.columns if name not in NOT_FEATURES and frame[name].dtype.kind in "bif"]


def fit(train):
    #: slot fit
    train = train[np.isfinite(train["load"])]
    return PerMeter(feature_names(train)).learn(train)
    #: end


def predict(model, frame):
    #: slot predict
    return model.answer(frame)
    #: end
'''

METRICS = '''\
"""Errors in kW."""

import numpy as np
#: slot metrics_top
#: end


def score(y_true, y_pred, frame):
    #: slot score
    error = np.asarray(y_true, dtype=float) - np.asarray(y_pred, dtype=float)
    return {"mae": float(np.mean(np.abs(error))), "rmse": float(np.sqrt(np.mean(error**2)))}
    #: end
'''

base = Base(
    "power",
    {
        "workbench.toml": "",
        "pipelines/power/contract.toml": CONTRACT,
        "pipelines/power/data.py": DATA,
        "pipelines/power/features.py": FEATURES,
        "pipelines/power/split.py": SPLIT,
        "pipelines/power/model.py": MODEL,
        "pipelines/power/metrics.py": METRICS,
    },
)
