"""The workspaces that the corpus edits: `shop` (plain functions), `loans` (classes, TOML, composed steps), and `rides`.

All really run. Files are kept as text, so that no tool takes them for code of this repository.
"""

# Tables of texts are easier to read unbroken.

from __future__ import annotations

import json

from tests.corpus.changes.rides import RIDES
from tests.workspaces import SHOP_CONTRACT

_SHOP_CONTRACT = (
    SHOP_CONTRACT.replace(
        "[sources.sales]\n",
        'validate    = "pipelines.shop.checks:check"\npreprocess  = "pipelines.shop.prepare:clean"\n'
        'postprocess = "pipelines.shop.finish:finish"\nserve       = "pipelines.shop.online:answer"\n\n[sources.sales]\n',
    ).replace(
        'price = { known = "always" }', 'price = { known = "always", type = "number", min = 0, max = 100, max_null_rate = 0.1 }'
    )
    + '\n[budgets]\nlatency_p95 = "50ms"\nbias_gap = 2.0\n'
)

_POLICIES = {
    "review_policies/automatic.toml": (
        '[[rule]]\nname = "repairs"\nwhen.kinds = ["data", "preprocessing", "model", "postprocessing"]\nrequire.approvals = 0\n'
        'require.gates = ["schema"]\n\n[[rule]]\nname = "words"\nwhen.kinds = ["docs", "format"]\nrequire.approvals = 0\n'
    ),
    "review_policies/splits.toml": (
        '[[rule]]\nname = "domain"\nwhen.kinds = ["split", "label", "contract"]\nrequire.approvals = 1\n'
        'require.roles = ["domain"]\nask = ["When is the label known?"]\nexpires = "7d"\n'
    ),
    "review_policies/reviewers.toml": "",
}

_NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A look\n"]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {},
            "outputs": [],
            "source": ["import pandas as pd\n", "x = 1\n"],
        },
    ],
    "metadata": {"kernelspec": {"name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}

SHOP: dict[str, str] = {
    **_POLICIES,
    "workbench.toml": '[loop]\ntest_touches = 20\n\n[mlflow]\ntracking_uri = "sqlite:///mlflow.db"\n',
    "README.md": "# Shop\n\nUnits sold per store and hour.\n",
    "docs/guide.md": "# Guide\n\nRun `make test`.\n",
    "CHANGELOG.md": "# Changes\n\n- first\n",
    ".gitignore": "*.log\nlocal/\n",
    "pipelines/__init__.py": "",
    "pipelines/shop/__init__.py": "",
    "pipelines/shop/contract.toml": _SHOP_CONTRACT,
    "pipelines/shop/settings.py": '''\
"""Numbers that several stages share."""

SEED = 7
DAYS = 24
HORIZON_HOURS = 24
LABEL_HOURS = 2
FOLD_DAYS = 3
FOLDS_BACK = (9, 6, 3)
RIDGE = 0.001
TARGET = "units"
FEATURES = ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]
LOWEST = 0.0
''',
    "pipelines/shop/paths.py": 'STORES = "data/stores.csv"\nLIMITS = "config/limits.json"\n',
    "pipelines/shop/data.py": '''\
"""The source tables of the shop: hourly sales and prices are generated, the stores lie in a file."""

import numpy as np
import pandas as pd

from pipelines.shop import paths
from pipelines.shop.settings import DAYS, SEED


def read_stores():
    return pd.read_csv(paths.STORES)


def all_keys(stores):
    hours = pd.date_range("2024-01-01", periods=24 * DAYS, freq="h")
    return stores[["store"]].merge(pd.DataFrame({"hour": hours}), how="cross")


def load():
    rng = np.random.default_rng(SEED)
    stores = read_stores()
    keys = all_keys(stores)
    price = 10 + rng.integers(-2, 3, len(keys)).astype(float)
    day = np.sin(2 * np.pi * keys["hour"].dt.hour / 24)
    size = keys["store"].map({"A": 1.0, "B": 2.0})
    units = size * (20 + 8 * day) - 1.5 * (price - 10) + rng.normal(0, 1, len(keys))
    return {
        "sales": keys.assign(units=units.round(3)),
        "prices": keys.assign(price=price),
        "stores": stores,
    }
''',
    "pipelines/shop/checks.py": '''\
"""What must hold of the tables before anything is made of them."""

import json

from pipelines.shop import paths


def limits():
    with open(paths.LIMITS) as file:
        return json.load(file)


def check(tables):
    given = limits()
    prices = tables["prices"]["price"]
    if prices.min() < given["lowest_price"] or prices.max() > given["highest_price"]:
        raise ValueError("a price is out of range")
    for name in ("sales", "prices", "stores"):
        if tables[name].empty:
            raise ValueError(f"the table {name} is empty")
    return tables
''',
    "config/limits.json": '{"lowest_price": 0, "highest_price": 100}\n',
    "pipelines/shop/prepare.py": '''\
"""Tables as they should be: prices without gaps."""


def fill_prices(prices):
    filled = prices.copy()
    filled["price"] = filled["price"].fillna(10.0)
    return filled


def clean(tables):
    result = dict(tables)
    result["prices"] = fill_prices(tables["prices"])
    return result
''',
    "pipelines/shop/clock.py": '''\
"""Durations, in one place."""

import pandas as pd

from pipelines.shop.settings import HORIZON_HOURS, LABEL_HOURS


def horizon():
    return pd.Timedelta(hours=HORIZON_HOURS)


def label_delay():
    return pd.Timedelta(hours=LABEL_HOURS)


def hour_of_day(hours):
    return hours.dt.hour.astype("float64")
''',
    "pipelines/shop/features.py": '''\
"""Tables -> one row per store and hour; every feature is known 24 h before its hour."""

import pandas as pd

from pipelines.shop.clock import hour_of_day
from pipelines.shop.settings import TARGET

WARM_UP = "50h"


def joined(tables):
    frame = tables["prices"].merge(tables["stores"], on="store").merge(tables["sales"], on=["store", "hour"], how="left")
    return frame.sort_values(["store", "hour"], ignore_index=True)


def recent_mean(series):
    return series.shift(26).rolling(23, min_periods=1).mean()


def build(tables):
    frame = joined(tables)
    units = frame.groupby("store")[TARGET]
    frame["lag_48h"] = units.shift(48)
    frame["mean_23h"] = units.transform(recent_mean)
    frame["hour_of_day"] = hour_of_day(frame["hour"])
    first = frame["hour"].min() + pd.Timedelta(WARM_UP)
    return frame[frame["hour"] >= first].reset_index(drop=True)
''',
    "pipelines/shop/split.py": '''\
"""Walk-forward folds; a training label is known before the first test prediction is made."""

import numpy as np
import pandas as pd

from pipelines.shop import clock
from pipelines.shop.settings import FOLD_DAYS, FOLDS_BACK


def starts(hours):
    end = hours.max() + pd.Timedelta("1h")
    found = []
    for back in FOLDS_BACK:
        found.append(end - pd.Timedelta(days=back))
    return found


def last_known(start):
    gap = clock.horizon() + clock.label_delay()
    return start - gap


def folds(frame):
    hour = frame["hour"]
    length = pd.Timedelta(days=FOLD_DAYS)
    for start in starts(hour):
        train = np.flatnonzero(hour <= last_known(start))
        test = np.flatnonzero((hour >= start) & (hour < start + length))
        yield train, test
''',
    "pipelines/shop/model.py": '''\
"""A least-squares fit with a little ridge; the model is a plain mapping."""

import numpy as np

from pipelines.shop.settings import FEATURES, RIDGE, TARGET


def design(frame):
    x = frame[FEATURES].to_numpy(dtype=float)
    angle = 2 * np.pi * x[:, 4] / 24
    x = np.column_stack([x[:, :4], np.sin(angle), np.cos(angle), np.ones(len(x))])
    return np.nan_to_num(x)


def fit(train):
    x = design(train)
    y = np.nan_to_num(train[TARGET].to_numpy(dtype=float))
    penalty = RIDGE * np.eye(x.shape[1])
    coefficients = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    return {"coefficients": coefficients}


def predict(model, frame):
    return design(frame) @ model["coefficients"]


def describe(model):
    parts = []
    for name, value in zip(FEATURES, model["coefficients"]):
        parts.append("{}: {}".format(name, round(value, 3)))
    return ", ".join(parts)
''',
    "pipelines/shop/metrics.py": '''\
"""Errors in units."""

import numpy as np


def absolute_errors(y_true, y_pred):
    return np.abs(y_true - y_pred)


def score(y_true, y_pred, frame):
    errors = absolute_errors(y_true, y_pred)
    mae = float(np.mean(errors))
    rmse = float(np.sqrt(np.mean(errors**2)))
    return {"mae": mae, "rmse": rmse}
''',
    "pipelines/shop/finish.py": '''\
"""Predictions as they go out."""

import numpy as np

from pipelines.shop.settings import LOWEST


def finish(predictions, frame):
    return np.maximum(predictions, LOWEST)
''',
    "pipelines/shop/online.py": '''\
"""One request -> the values that the features stage would have."""

import pandas as pd

from pipelines.shop.features import recent_mean


def answer(request, tables):
    hour = pd.Timestamp(request["hour"]).tz_localize(None)
    sales = tables["sales"]
    own = sales[sales["store"] == request["store"]].set_index("hour")["units"]
    whole = own.reindex(pd.date_range(own.index.min(), hour, freq="h"))
    prices = tables["prices"]
    now = prices[(prices["store"] == request["store"]) & (prices["hour"] == hour)]
    stores = tables["stores"].set_index("store")
    return {
        "lag_48h": float(whole.shift(48).iloc[-1]),
        "mean_23h": float(recent_mean(whole).iloc[-1]),
        "price": float(now["price"].iloc[0]),
        "size": float(stores.loc[request["store"], "size"]),
        "hour_of_day": float(hour.hour),
    }
''',
    "pipelines/shop/report.py": '''\
"""Text about a run, for people; nothing calls it yet."""

import math


def line(name, value):
    return "%s: %.3f" % (name, value)


def table(scores):
    rows = []
    for name in sorted(scores):
        rows.append(line(name, scores[name]))
    return "\\n".join(rows)


def spread(values):
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
''',
    "tools/tidy.py": '''\
"""Small things around files; nothing uses it."""

import os
import re


def stems(names):
    result = []
    for name in names:
        if name.endswith(".csv"):
            result.append(os.path.basename(name))
    return result


def slug(text):
    return re.sub(r"\\W+", "-", text).strip("-")
''',
    "data/stores.csv": "store,size\nA,1.0\nB,2.0\n",
    "data/history.csv": "store,hour,units\nA,2023-01-01,4\n",
    "tests/test_shop.py": """\
import numpy as np
import pytest

from pipelines.shop import metrics, settings
from pipelines.shop.finish import finish


def test_score():
    assert metrics.score(np.array([1.0]), np.array([2.0]), None)["mae"] == pytest.approx(1.0, abs=1e-9)


def test_nothing_is_below_zero():
    assert finish(np.array([-1.0]), None)[0] == 0


def test_embargo():
    assert settings.HORIZON_HOURS >= 24


class TestNames:
    def test_features(self):
        assert len(settings.FEATURES) == 5
""",
    "tests/fixtures/expected.json": '{"mae": 0.9}\n',
    "Makefile": "test:\n\tpytest -q\n\naudit:\n\tworkbench audit shop\n",
    ".github/workflows/ci.yml": (
        "on: [push]\njobs:\n  check:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n"
        "      - run: make test\n      - run: make audit\n"
    ),
    "pyproject.toml": (
        '[project]\nname = "shop"\nversion = "1.0"\ndescription = "units"\nrequires-python = ">=3.11"\n'
        'dependencies = ["pandas>=2", "numpy>=2"]\n\n[tool.ruff]\nline-length = 100\n\n'
        '[tool.pytest.ini_options]\naddopts = "-q"\n\n[tool.coverage.report]\nfail_under = 90\n'
    ),
    "requirements.txt": "pandas==2.3.0\nnumpy==2.1.0\n",
    "Dockerfile": 'FROM python:3.11-slim\nCOPY . /app\nCMD ["workbench", "serve", "shop"]\n',
    "deploy/canary.yaml": "model: shop\nalias: champion\ncanary:\n  weight: 1\nrollback:\n  automatic: true\n",
    "notebooks/look.ipynb": json.dumps(_NOTEBOOK, indent=1) + "\n",
    "skills/refit/SKILL.md": "---\nname: refit\ndescription: fits again\n---\n",
    "skills/refit/skill.py": 'def run(context, given):\n    return {"rounds": 3}\n',
    "skills.lock": 'refit = "sha256:00"\n',
    "waivers.toml": "",
}

LOANS: dict[str, str] = {
    **_POLICIES,
    "workbench.toml": "",
    "README.md": "# Loans\n",
    "docs/method.rst": "Method\n======\n",
    "pipelines/loans/contract.toml": """\
name = "loans"
kind = "binary"

[stages]
load = "lib.source:load"
preprocess = "lib.steps:prepare"
features = "lib.features:builder"
split = "lib.folds:folds"
fit = "lib.learner:fit"
predict = "lib.learner:predict"
postprocess = "lib.decide:decide"
metrics = "lib.judge:score"

[sources.loans]
static = true
[sources.loans.columns]
income = { type = "number", min = 0 }
region = { type = "string", categories = ["E", "N", "S", "W"] }

[prediction]
entity = ["loan"]
target = "default"
groups = ["client"]
features = ["income_log", "region_code", "load"]

[metrics]
primary = "brier"
definition = "lib.judge:brier"
direction = "minimize"
baseline = "prior"
margin = 0.0
""",
    "config/loans.toml": """\
seed = 11

[source]
rows = 240

[folds]
count = 4

[learner]
steps = 30
rate = 0.3

[decision]
floor = 0.01
""",
    "lib/__init__.py": "",
    "lib/config.py": '''\
"""Settings of the loans, read once from config/loans.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

CONFIG_FILE = Path("config/loans.toml")


@dataclass(frozen=True)
class Config:
    seed: int
    rows: int
    folds: int
    steps: int
    rate: float
    floor: float


def read(path: Path = CONFIG_FILE) -> Config:
    table = tomllib.loads(path.read_text())
    return Config(
        seed=table["seed"],
        rows=table["source"]["rows"],
        folds=table["folds"]["count"],
        steps=table["learner"]["steps"],
        rate=table["learner"]["rate"],
        floor=table["decision"]["floor"],
    )


CONFIG = read()
''',
    "lib/source.py": '''\
from __future__ import annotations

import numpy as np
import pandas as pd

from lib.config import CONFIG, Config


class Source:
    """Generated loans of clients; some clients have several."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def table(self) -> pd.DataFrame:
        rng = np.random.default_rng(self.config.seed)
        rows = self.config.rows
        income = rng.lognormal(10, 0.5, rows)
        client = rng.integers(0, rows // 2, rows)
        debt = rng.lognormal(9, 0.6, rows)
        chance = 1 / (1 + np.exp(-(debt / income - 0.6) * 3))
        return pd.DataFrame(
            {
                "loan": np.arange(rows),
                "client": client,
                "income": income,
                "debt": debt,
                "region": rng.choice(list("NSEW"), rows),
                "default": (rng.random(rows) < chance).astype(int),
            }
        )


def load() -> dict[str, pd.DataFrame]:
    return {"loans": Source(CONFIG).table()}
''',
    "lib/steps.py": """\
from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import pandas as pd

Step = Callable[[pd.DataFrame], pd.DataFrame]


def compose(*steps: Step) -> Step:
    return lambda frame: reduce(lambda made, step: step(made), steps, frame)


def upper(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.assign(**{column: frame[column].str.upper()})


def cap(frame: pd.DataFrame, column: str, highest: float) -> pd.DataFrame:
    return frame.assign(**{column: frame[column].clip(upper=highest)})


PREPARATION = compose(partial(upper, column="region"), partial(cap, column="income", highest=1e6))


def prepare(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: PREPARATION(table) for name, table in tables.items()}
""",
    "lib/features.py": '''\
from __future__ import annotations

import numpy as np
import pandas as pd

REGIONS = {"E": 0, "N": 1, "S": 2, "W": 3}


class FeatureBuilder:
    """Loans -> the feature frame."""

    columns = ("income_log", "region_code", "load")

    def income_log(self, loans: pd.DataFrame) -> pd.Series:
        return np.log1p(loans["income"])

    def region_code(self, loans: pd.DataFrame) -> pd.Series:
        return loans["region"].map(REGIONS).astype(float)

    def load(self, loans: pd.DataFrame) -> pd.Series:
        return loans["debt"] / loans["income"]

    def __call__(self, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
        loans = tables["loans"]
        frame = loans[["loan", "client", "default"]].copy()
        frame["income_log"] = self.income_log(loans)
        frame["region_code"] = self.region_code(loans)
        frame["load"] = self.load(loans)
        return frame


builder = FeatureBuilder()
''',
    "lib/folds.py": '''\
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lib.config import CONFIG, Config


class GroupedFolds:
    """A client's loans stay on one side."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def fold_of(self, frame: pd.DataFrame) -> np.ndarray:
        return frame["client"].to_numpy() % self.config.folds

    def __call__(self, frame: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        fold = self.fold_of(frame)
        for number in range(self.config.folds):
            inside = fold == number
            yield np.flatnonzero(~inside), np.flatnonzero(inside)


folds = GroupedFolds(CONFIG)
''',
    "lib/learner.py": """\
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.config import CONFIG
from lib.features import FeatureBuilder

COLUMNS = list(FeatureBuilder.columns)


@dataclass
class Logistic:
    weights: np.ndarray
    center: np.ndarray
    scale: np.ndarray

    def scores(self, frame: pd.DataFrame) -> np.ndarray:
        x = (frame[COLUMNS].to_numpy(dtype=float) - self.center) / self.scale
        return np.column_stack([x, np.ones(len(x))]) @ self.weights


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def fit(train: pd.DataFrame) -> dict[str, list[float]]:
    x = train[COLUMNS].to_numpy(dtype=float)
    y = train["default"].to_numpy(dtype=float)
    model = Logistic(np.zeros(x.shape[1] + 1), x.mean(axis=0), x.std(axis=0) + 1e-9)
    design = np.column_stack([(x - model.center) / model.scale, np.ones(len(x))])
    for _ in range(CONFIG.steps):
        gradient = design.T @ (sigmoid(design @ model.weights) - y) / len(y)
        model.weights = model.weights - CONFIG.rate * gradient
    return {"weights": model.weights.tolist(), "center": model.center.tolist(), "scale": model.scale.tolist()}


def predict(model: dict[str, list[float]], frame: pd.DataFrame) -> np.ndarray:
    restored = Logistic(*(np.asarray(model[name]) for name in ("weights", "center", "scale")))
    return sigmoid(restored.scores(frame))
""",
    "lib/decide.py": """\
from __future__ import annotations

import numpy as np
import pandas as pd

from lib.config import CONFIG


def decide(predictions: np.ndarray, frame: pd.DataFrame) -> np.ndarray:
    low, high = CONFIG.floor, 1 - CONFIG.floor
    return np.clip(predictions, low, high)
""",
    "lib/judge.py": """\
from __future__ import annotations

import numpy as np


class Score:
    def __init__(self, name, function):
        self.name = name
        self.function = function

    def of(self, y_true, y_pred):
        return float(self.function(np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)))


SCORES = [
    Score("brier", lambda y, p: np.mean((y - p) ** 2)),
    Score("accuracy", lambda y, p: np.mean((p >= 0.5) == (y == 1))),
]


def brier(y_true, y_pred, frame):
    return SCORES[0].of(y_true, y_pred)


def score(y_true, y_pred, frame):
    return {each.name: each.of(y_true, y_pred) for each in SCORES}
""",
    "lib/plots.py": '''\
"""Charts; used from notebooks only once somebody wants them."""


def bars(values, width=40):
    top = max(values)
    return ["#" * int(width * value / top) for value in values]
''',
    "tests/test_loans.py": """\
import unittest

from lib.folds import folds
from lib.judge import score


class LoansTest(unittest.TestCase):
    def test_score(self):
        self.assertEqual(score([1], [1.0], None)["brier"], 0.0)

    def test_folds_exist(self):
        self.assertTrue(callable(folds))
""",
    "conftest.py": "collect_ignore = []\n",
    "Makefile": "check: test\n\ntest:\n\tpython -m unittest discover tests\n",
    ".gitlab-ci.yml": "test:\n  script:\n    - make check\n    - workbench audit loans\n",
    "setup.cfg": "[metadata]\nname = loans\n\n[flake8]\nmax-line-length = 100\n",
    "pyproject.toml": '[build-system]\nrequires = ["setuptools>=70"]\nbuild-backend = "setuptools.build_meta"\n',
    "requirements.in": "pandas\nnumpy\n",
    "requirements.txt": "numpy==2.1.0 --hash=sha256:aa\npandas==2.3.0 --hash=sha256:bb\n",
    "uv.lock": 'version = 1\n[[package]]\nname = "numpy"\nversion = "2.1.0"\n',
    "k8s/serving.yaml": "kind: Deployment\nspec:\n  replicas: 2\n",
    "charts/values.yaml": "model:\n  alias: champion\n  canary: 1\n",
    "notebooks/explore.ipynb": json.dumps(_NOTEBOOK) + "\n",
    "skills/tune/SKILL.md": "---\nname: tune\n---\n",
    "skills/tune/skill.py": "def run(context, given):\n    return {}\n",
    "skills.lock": "tune = 1\n",
    "sessions/one/events.jsonl": '{"event": "start"}\n',
    "data/branches.csv": "region,branches\nN,4\n",
}

BASES: dict[str, dict[str, str]] = {"shop": SHOP, "loans": LOANS, "rides": {**_POLICIES, **RIDES}}
