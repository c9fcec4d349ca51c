"""Stages fit and predict: gradient-boosted trees on the absolute error. The only file here that imports LightGBM."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd

KEYS = ("origin", "target_hour")
TARGET = "delay"
ROUNDS = 120
PARAMETERS = {
    "objective": "regression_l1",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    # The same rows give the same trees to the bit. One thread: with this few rows more of them mostly wait for each other.
    "seed": 20130101,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


def fit(train: pd.DataFrame) -> lightgbm.Booster:
    """A booster that names its features: every column but the keys and the target, in the frame's order."""
    features = [column for column in train.columns if column not in (*KEYS, TARGET)]
    rows = lightgbm.Dataset(
        train[features].to_numpy("float64"),
        label=train[TARGET].to_numpy("float64"),
        feature_name=features,
    )
    return lightgbm.train(PARAMETERS, rows, num_boost_round=ROUNDS)


def predict(model: lightgbm.Booster, frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Mean delay in minutes, one per row of `frame`."""
    return np.asarray(model.predict(frame[model.feature_name()].to_numpy("float64"), num_threads=1))
