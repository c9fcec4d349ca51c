"""Loans: a use case without a time that really runs, in one module; tests put their feature or their fold in its place."""

from __future__ import annotations

CONTRACT = """
name = "shop"
kind = "binary"
[stages]
load = "pipelines.shop.loans:load"
features = "pipelines.shop.loans:features"
split = "pipelines.shop.loans:split"
fit = "pipelines.shop.loans:fit"
predict = "pipelines.shop.loans:predict"
metrics = "pipelines.shop.loans:metrics"
[sources.loans]
static = true
[prediction]
entity = ["loan"]
target = "default"
"""
CODE = """
import numpy as np
import pandas as pd


def load():
    rng = np.random.default_rng(0)
    income = rng.lognormal(10, 0.5, 200)
    loans = pd.DataFrame({"loan": np.arange(200), "income": income, "region": rng.choice(list("NSEW"), 200)})
    return {"loans": loans.assign(default=(rng.random(200) < 0.3).astype(int))}


def features(tables):
    frame = tables["loans"].copy()
    FEATURE
    return frame


def split(frame):
    yield np.arange(120), np.arange(120, 200)


def fit(train):
    return float(train["default"].mean())


def predict(model, frame):
    return np.full(len(frame), model)


def metrics(y_true, y_pred, frame):
    return {"brier": float(np.mean((y_true - y_pred) ** 2))}
"""
