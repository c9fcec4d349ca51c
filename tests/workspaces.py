"""Small workspaces for tests: `make_workspace` writes a complete use case `shop`, any part of which a test may replace.

`shop` is a clean hourly regression for two stores: units sold, predicted 24 h ahead, sales known 2 h after their hour,
prices known in advance. Its model is a least-squares fit in numpy, so a run takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

SHOP_STAGES = """\
[stages]
load     = "pipelines.shop.data:load"
features = "pipelines.shop.features:build"
split    = "pipelines.shop.split:folds"
fit      = "pipelines.shop.model:fit"
predict  = "pipelines.shop.model:predict"
metrics  = "pipelines.shop.metrics:score"
"""

SHOP_CONTRACT = f"""\
name = "shop"
kind = "regression"

{SHOP_STAGES}
[sources.sales]
time = "hour"
known_after = "2h"
[sources.sales.columns]
store = {{ known = "always" }}

[sources.prices]
time = "hour"
[sources.prices.columns]
store = {{ known = "always" }}
hour = {{ known = "always" }}
price = {{ known = "always" }}

[sources.stores]
static = true

[prediction]
entity = ["store"]
target = "units"
target_time = "hour"
horizon = "24h"
label_known_after = "2h"
features = ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]

[metrics]
primary = "mae"
direction = "minimize"
baseline = "mean"
margin = 0.02

[slices]
by = ["store"]
max_regression = 0.5
"""

SHOP_DATA = '''\
"""The source tables of the shop, generated: hourly sales and prices of two stores."""

import numpy as np
import pandas as pd


def load():
    rng = np.random.default_rng(7)
    hours = pd.date_range("2024-01-01", periods=24 * 24, freq="h")
    stores = pd.DataFrame({"store": ["A", "B"], "size": [1.0, 2.0]})
    keys = stores[["store"]].merge(pd.DataFrame({"hour": hours}), how="cross")
    price = 10 + rng.integers(-2, 3, len(keys)).astype(float)
    day = np.sin(2 * np.pi * keys["hour"].dt.hour / 24)
    size = keys["store"].map({"A": 1.0, "B": 2.0})
    units = size * (20 + 8 * day) - 1.5 * (price - 10) + rng.normal(0, 1, len(keys))
    return {
        "sales": keys.assign(units=units.round(3)),
        "prices": keys.assign(price=price),
        "stores": stores,
    }
'''

SHOP_FEATURES = '''\
"""Tables -> one row per store and hour; every feature is known 24 h before its hour."""

import pandas as pd


def build(tables):
    frame = tables["prices"].merge(tables["stores"], on="store").merge(tables["sales"], on=["store", "hour"], how="left")
    frame = frame.sort_values(["store", "hour"], ignore_index=True)
    units = frame.groupby("store")["units"]
    frame["lag_48h"] = units.shift(48)
    frame["mean_23h"] = units.transform(lambda s: s.shift(26).rolling(23, min_periods=1).mean())
    frame["hour_of_day"] = frame["hour"].dt.hour.astype("float64")
    return frame[frame["hour"] >= frame["hour"].min() + pd.Timedelta("50h")].reset_index(drop=True)
'''

SHOP_SPLIT = '''\
"""Walk-forward folds; a training label is known before the first test prediction is made."""

import numpy as np
import pandas as pd


def folds(frame):
    hour = frame["hour"]
    end = hour.max() + pd.Timedelta("1h")
    for back in (9, 6, 3):
        start = end - pd.Timedelta(days=back)
        last_known = start - pd.Timedelta("24h") - pd.Timedelta("2h")
        train = np.flatnonzero(hour <= last_known)
        test = np.flatnonzero((hour >= start) & (hour < start + pd.Timedelta(days=3)))
        yield train, test
'''

SHOP_MODEL = '''\
"""A least-squares fit; the model is a plain mapping."""

import numpy as np

FEATURES = ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]


def design(frame):
    x = frame[FEATURES].to_numpy(dtype=float)
    x = np.column_stack([x[:, :4], np.sin(2 * np.pi * x[:, 4] / 24), np.cos(2 * np.pi * x[:, 4] / 24), np.ones(len(x))])
    return np.nan_to_num(x)


def fit(train):
    train = train[train["units"].notna()]
    coefficients, *_ = np.linalg.lstsq(design(train), train["units"].to_numpy(), rcond=None)
    return {"coefficients": coefficients}


def predict(model, frame):
    return design(frame) @ model["coefficients"]
'''

SHOP_METRICS = '''\
"""Errors in units."""

import numpy as np


def score(y_true, y_pred, frame):
    return {"mae": float(np.mean(np.abs(y_true - y_pred)))}
'''

LIGHTGBM_MODEL = '''\
"""The same features, a small LightGBM."""

import lightgbm as lgb

FEATURES = ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]


def fit(train):
    train = train[train["units"].notna()]
    parameters = {"objective": "l1", "verbosity": -1, "num_threads": 1, "deterministic": True, "seed": 1, "num_leaves": 7}
    return lgb.train(parameters, lgb.Dataset(train[FEATURES], train["units"]), num_boost_round=20)


def predict(model, frame):
    return model.predict(frame[FEATURES], num_threads=1)
'''


def make_workspace(
    directory: Path,
    *,
    contract: str = SHOP_CONTRACT,
    data: str = SHOP_DATA,
    features: str = SHOP_FEATURES,
    split: str = SHOP_SPLIT,
    model: str = SHOP_MODEL,
    metrics: str = SHOP_METRICS,
    edits: Sequence[tuple[str, str]] = (),
    files: Mapping[str, str | None] | None = None,
    settings: str = "",
    name: str = "shop",
) -> Path:
    """Writes a workspace with the use case `shop` into `directory`, which may exist, and returns it.

    `edits` are (old, new) texts replaced in the contract, each of which must be there; `files` adds further files
    (path → text) or takes files away (path → None); `settings` is the text of `workbench.toml`; `name` renames the use case.
    """
    for old, new in edits:
        assert old in contract, f"the contract has no {old!r}"
        contract = contract.replace(old, new)
    folder = f"pipelines/{name}"
    texts: dict[str, str | None] = {
        "workbench.toml": settings,
        f"{folder}/contract.toml": contract.replace("pipelines.shop.", f"pipelines.{name}.").replace(
            'name = "shop"', f'name = "{name}"'
        ),
        f"{folder}/data.py": data,
        f"{folder}/features.py": features,
        f"{folder}/split.py": split,
        f"{folder}/model.py": model,
        f"{folder}/metrics.py": metrics,
        **(files or {}),
    }
    for path, text in texts.items():
        if text is not None:
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return directory
