"""A small problem without time that really runs: will a customer leave, from facts about them; no target_time, static tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.gates.subjects import running
from tests.workspaces import SHOP_STAGES
from workbench.gates.facts import Audit

CONTRACT = f"""\
name = "shop"
kind = "binary"

{SHOP_STAGES}serve    = "pipelines.shop.online:row"

[sources.customers]
static = true

[prediction]
entity = ["customer"]
target = "left"

[metrics]
primary = "roc_auc"
direction = "maximize"
baseline = "prior"
"""

FILES = {
    "pipelines/shop/contract.toml": CONTRACT,
    "pipelines/shop/data.py": """
import numpy as np
import pandas as pd


def load():
    rng = np.random.default_rng(0)
    rows = 900
    age, visits = rng.normal(40, 10, rows), rng.poisson(5, rows).astype(float)
    left = (0.1 * (age - 40) - 0.6 * (visits - 5) + rng.logistic(0, 1, rows) > 0).astype(int)
    frame = pd.DataFrame({"customer": [f"c{i:04d}" for i in rng.permutation(rows)], "age": age, "visits": visits, "left": left})
    return {"customers": frame}
""",
    "pipelines/shop/features.py": """
def build(tables):
    return tables["customers"][["customer", "age", "visits", "left"]].copy()
""",
    "pipelines/shop/split.py": """
import numpy as np


def folds(frame):
    order = np.random.default_rng(1).permutation(len(frame))
    for part in np.array_split(order, 3):
        yield np.setdiff1d(order, part), np.sort(part)
""",
    "pipelines/shop/model.py": """
import numpy as np


def design(frame):
    return np.column_stack([frame[["age", "visits"]].to_numpy(dtype=float), np.ones(len(frame))])


def fit(train):
    return {"w": np.linalg.lstsq(design(train), train["left"].to_numpy(dtype=float), rcond=None)[0]}


def predict(model, frame):
    return design(frame) @ model["w"]
""",
    "pipelines/shop/metrics.py": """
def score(y_true, y_pred, frame):
    return {"n": float(len(y_true))}
""",
    "pipelines/shop/online.py": """
def row(request, tables):
    found = tables["customers"].set_index("customer").loc[request["customer"]]
    return {"age": found["age"], "visits": found["visits"] * FACTOR}
""",
}


@contextmanager
def timeless(directory: Path, files: Mapping[str, str | None]) -> Iterator[Audit]:
    """An Audit of it that really runs, some of its files replaced."""
    with running(directory, files={**FILES, "pipelines/shop/online.py": FILES["pipelines/shop/online.py"].replace("FACTOR", "1"),
                                   **files}) as subject:  # fmt: skip
        yield subject
