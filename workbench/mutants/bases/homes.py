"""Base pipeline `homes`: what a home sells for; no time, a table in a CSV file, one module, scikit-learn.

Neighbours resemble each other, so streets are groups. Everything learnt over rows is in a scikit-learn pipeline that `fit` fits.
The contract lists the features; the frame carries more. Slots are empty or hold what a plant may replace.
"""

from __future__ import annotations

import math
import random

from workbench.mutants.base import Base

CONTRACT = """\
name = "homes"
kind = "regression"

[stages]
load = "pipelines.homes.pipeline:load"
preprocess = "pipelines.homes.pipeline:clean"
features = "pipelines.homes.pipeline:build"
split = "pipelines.homes.pipeline:folds"
fit = "pipelines.homes.pipeline:fit"
predict = "pipelines.homes.pipeline:predict"
metrics = "pipelines.homes.pipeline:score"

[sources.homes]
static = true
[sources.homes.columns]
home = { type = "string", unique = true }
area = { type = "number", min = 0 }

[prediction]
entity = ["home"]
target = "price"
groups = ["street"]
features = ["area", "rooms", "built", "garden", "heating", "rooms_per_area"]

[metrics]
primary = "mae"
direction = "minimize"
baseline = "mean"
margin = 0.1
"""

CODE = '''\
"""Prices of homes: from the table to the score."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
#: slot imports
#: end

HERE = Path(__file__).parent
NUMBERS = ["area", "rooms", "built", "garden", "rooms_per_area"]
#: slot columns
EXTRA = []
#: end


def load():
    homes = pd.read_csv(HERE / "homes.csv")
    #: slot data
    #: end
    return {"homes": homes}


def clean(tables):
    homes = tables["homes"]
    return {**tables, "homes": homes[homes["area"] > 10].reset_index(drop=True)}


def build(tables):
    frame = tables["homes"].assign(rooms_per_area=lambda t: t["rooms"] / t["area"])
    #: slot features
    #: end
    return frame


def folds(frame):
    #: slot split
    streets = pd.factorize(frame["street"], sort=True)[0]
    part = np.random.RandomState(1).permutation(streets.max() + 1)[streets] % 3
    for number in range(3):
        yield np.flatnonzero(part != number), np.flatnonzero(part == number)
    #: end


def estimator(alpha=1.0):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(
        make_column_transformer((numbers, NUMBERS + EXTRA), (OneHotEncoder(handle_unknown="ignore"), ["heating"])), Ridge(alpha)
    )


def fit(train):
    #: slot fit
    return estimator().fit(train, train["price"])
    #: end


def predict(model, frame):
    #: slot predict
    return model.predict(frame)
    #: end


def score(y_true, y_pred, frame):
    #: slot metrics
    return {"mae": float(np.abs(y_true.to_numpy() - y_pred).mean())}
    #: end
#: slot more
#: end
'''


def _table(rows: int = 420) -> str:
    """The homes as CSV: drawn here, in plain Python, so that the workspace holds a real file."""
    draw = random.Random(17)
    streets = [(f"street {i:02d}", draw.gauss(0, 25)) for i in range(70)]
    lines = ["home,street,area,rooms,built,garden,heating,agent,price"]
    numbers = list(range(10000, 10000 + rows))
    draw.shuffle(numbers)
    for number in numbers:
        street, level = draw.choice(streets)
        area = round(math.exp(draw.gauss(4.5, 0.35)), 1)
        rooms = max(1, round(area / 28 + draw.gauss(0, 0.7)))
        built = draw.randint(1890, 2020)
        garden = None if draw.random() < 0.15 else round(max(0.0, draw.gauss(120, 90)), 1)
        heating = draw.choice(["gas", "oil", "heat pump", "wood"])
        price = 40 + 2.6 * area + 9 * rooms + 0.5 * (built - 1950) + 0.1 * (garden or 0.0) + level
        price += {"gas": 0, "oil": -12, "heat pump": 25, "wood": -5}[heating] + draw.gauss(0, 22)
        cells = [f"H{number}", street, area, rooms, built, "" if garden is None else garden, heating, draw.choice("KLMN")]
        lines.append(",".join(map(str, cells)) + f",{max(price, 20):.1f}")
    return "\n".join(lines) + "\n"


base = Base(
    "homes",
    {
        "workbench.toml": "",
        "pipelines/homes/contract.toml": CONTRACT,
        "pipelines/homes/pipeline.py": CODE,
        "pipelines/homes/homes.csv": _table(),
    },
)
