"""Features of a use case without a time: what they may know of other rows and of labels. Really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.subjects import found, running
from workbench.gates.leakage import fold_features, time_order
from workbench.gates.rule import NotApplicable

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


@pytest.mark.parametrize(
    ("feature", "caught"),
    [
        ('frame["log"] = np.log(frame["income"])', set()),
        ('frame["scaled"] = frame["income"] / frame["income"].mean()', {("scaled", "test rows")}),
        (
            'frame["rate"] = frame["region"].map(frame.groupby("region")["default"].mean())',
            {("rate", "test rows"), ("rate", "default")},
        ),
        ('frame["code"] = frame["default"] * 7 + 1', {("code", "default")}),
    ],
)
def test_features_without_a_time(tmp_path: Path, feature: str, caught: set[tuple[str, str]]) -> None:
    files = {"pipelines/shop/loans.py": CODE.replace("FEATURE", feature)}
    with running(tmp_path, contract=CONTRACT, files=files) as subject:
        assert {(f.column, f.source) for f in found(fold_features.rule, subject)} == caught
        with pytest.raises(NotApplicable):
            found(time_order.rule, subject)
