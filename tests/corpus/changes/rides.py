"""A third workspace of the corpus: two use cases that share a source layout, classes, a query, INI settings and a registry.

It really runs. Files are kept as text, so that no tool takes them for code of this repository.
"""

from __future__ import annotations


def _contract(name: str, kind: str, target: str, features: str, metric: str, baseline: str) -> str:
    case = name.capitalize()
    stages = "\n".join(
        f'{stage} = "src.rides.cases:{case}.{stage}"'
        for stage in ("load", "validate", "preprocess", "features", "split", "fit", "predict", "postprocess", "metrics")
    )
    definition = f'definition = "src.rides.scores:{metric}"\n' if metric == "brier" else ""
    return f"""\
name = "{name}"
kind = "{kind}"

[stages]
{stages}

[sources.rides]
static = true
[sources.rides.columns]
distance = {{ type = "number", min = 0, max = 100 }}
zone = {{ type = "string", categories = ["E", "N", "S", "W"] }}

[prediction]
entity = ["ride"]
target = "{target}"
groups = ["rider"]
features = [{features}]

[metrics]
primary = "{metric}"
{definition}direction = "minimize"
baseline = "{baseline}"
margin = 0.0
"""


RIDES: dict[str, str] = {
    "workbench.toml": "[loop]\ntest_touches = 20\n",
    "README.md": "# Rides\n",
    "pipelines/late/contract.toml": _contract("late", "binary", "late", '"log_distance", "zone_code"', "brier", "prior"),
    "pipelines/fare/contract.toml": _contract("fare", "regression", "fare", '"log_distance", "rush"', "mae", "mean"),
    "settings.ini": "[rides]\nrows = 300\nseed = 5\n\n[folds]\ncount = 3\n\n[model]\nridge = 0.01\n",
    "sql/rides.sql": "select ride, rider, zone, distance, hour, late, fare\nfrom rides\nwhere distance > 0\norder by ride\n",
    "conf/zones.yaml": "E: 0\nN: 1\nS: 2\nW: 3\n",
    "src/rides/__init__.py": "",
    "src/rides/setup.py": '''\
"""Settings of both use cases."""

import configparser
from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    rows: int
    seed: int
    count: int
    ridge: float = 0.01
    rush: tuple[int, ...] = (7, 8, 17, 18)


def read(path="settings.ini"):
    given = configparser.ConfigParser()
    given.read(path)
    return Setup(
        rows=given.getint("rides", "rows"),
        seed=given.getint("rides", "seed"),
        count=given.getint("folds", "count"),
        ridge=given.getfloat("model", "ridge"),
    )


SETUP = read()
''',
    "src/rides/registry.py": '''\
"""Columns by name."""

COLUMNS = {}


def column(name):
    def keep(function):
        COLUMNS[name] = function
        return function

    return keep


def made(names, rides):
    return {name: COLUMNS[name](rides) for name in names}
''',
    "src/rides/columns.py": '''\
"""How each feature comes of the rides."""

from pathlib import Path

import numpy as np
import yaml

from src.rides.registry import column
from src.rides.setup import SETUP

ZONES = yaml.safe_load(Path("conf/zones.yaml").read_text())


@column("log_distance")
def log_distance(rides):
    return np.log1p(rides["distance"])


@column("zone_code")
def zone_code(rides):
    return rides["zone"].map(ZONES).astype(float)


@column("rush")
def rush(rides):
    return rides["hour"].isin(SETUP.rush).astype(float)
''',
    "src/rides/tables.py": '''\
"""Generated rides, as a query gives them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from src.rides.setup import SETUP

QUERY = Path("sql/rides.sql")


def generated():
    rng = np.random.default_rng(SETUP.seed)
    rows = SETUP.rows
    distance = rng.gamma(2.0, 3.0, rows).round(2) + 0.1
    hour = rng.integers(0, 24, rows)
    return pd.DataFrame(
        {
            "ride": np.arange(rows),
            "rider": rng.integers(0, rows // 3, rows),
            "zone": rng.choice(list("NSEW"), rows),
            "distance": distance.clip(0.1, 99),
            "hour": hour,
            "late": (rng.random(rows) < 0.2 + 0.02 * distance.clip(0, 20)).astype(int),
            "fare": (3 + 1.4 * distance + rng.normal(0, 1, rows)).round(2),
        }
    )


def queried():
    with closing(sqlite3.connect(":memory:")) as base:
        generated().to_sql("rides", base, index=False)
        return pd.read_sql(QUERY.read_text(), base)
''',
    "src/rides/linear.py": '''\
"""Ridge regression; the model is a mapping of lists."""

import numpy as np


class Linear:
    ridge = 0.01

    def __init__(self, names):
        self.names = list(names)

    def design(self, frame):
        x = frame[self.names].to_numpy(dtype=float)
        return np.column_stack([x, np.ones(len(x))])

    def fit(self, frame, target):
        x, y = self.design(frame), frame[target].to_numpy(dtype=float)
        weights = np.linalg.solve(x.T @ x + self.ridge * np.eye(x.shape[1]), x.T @ y)
        return {"weights": weights.tolist()}

    def predict(self, model, frame):
        return self.design(frame) @ np.asarray(model["weights"])


class Bounded(Linear):
    low, high = 0.01, 0.99

    def predict(self, model, frame):
        return np.clip(super().predict(model, frame), self.low, self.high)
''',
    "src/rides/cases.py": '''\
"""The stages of both use cases."""

import numpy as np

from src.rides import columns  # registers the columns
from src.rides.linear import Bounded, Linear
from src.rides.registry import made
from src.rides.setup import SETUP
from src.rides.tables import queried


class Case:
    target = ""
    names = ()
    key = "rider"
    learner = Linear

    @classmethod
    def load(cls):
        return {"rides": queried()}

    @classmethod
    def validate(cls, tables):
        rides = tables["rides"]
        if rides["distance"].isna().any() or (rides["distance"] > 100).any():
            raise ValueError("a distance is out of range")
        return tables

    @classmethod
    def preprocess(cls, tables):
        rides = tables["rides"]
        return {"rides": rides.assign(zone=rides["zone"].str.upper())}

    @classmethod
    def features(cls, tables):
        rides = tables["rides"]
        frame = rides[["ride", cls.key, cls.target]].copy()
        return frame.assign(**made(cls.names, rides))

    @classmethod
    def split(cls, frame):
        fold = frame[cls.key].to_numpy() % SETUP.count
        for number in range(SETUP.count):
            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)

    @classmethod
    def fit(cls, train):
        return cls.learner(cls.names).fit(train, cls.target)

    @classmethod
    def predict(cls, model, frame):
        return cls.learner(cls.names).predict(model, frame)

    @classmethod
    def postprocess(cls, predictions, frame):
        return predictions

    @classmethod
    def metrics(cls, y_true, y_pred, frame):
        return cls.score(np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float))


class Late(Case):
    target = "late"
    names = ("log_distance", "zone_code")
    learner = Bounded

    @staticmethod
    def score(y, p):
        return {"brier": float(np.mean((y - p) ** 2))}


class Fare(Case):
    target = "fare"
    names = ("log_distance", "rush")

    @classmethod
    def postprocess(cls, predictions, frame):
        return np.maximum(predictions, 0.0)

    @staticmethod
    def score(y, p):
        return {"mae": float(np.mean(np.abs(y - p)))}
''',
    "src/rides/scores.py": '''\
"""Scores that the contracts name."""

import numpy as np


def brier(y_true, y_pred, frame):
    return float(np.mean((np.asarray(y_true, dtype=float) - np.asarray(y_pred, dtype=float)) ** 2))
''',
    "src/kit/__init__.py": "",
    "src/kit/words.py": "def plural(word):\n    return word + 's'\n",
    "tests/test_rides.py": """\
import numpy as np
import pytest

from src.rides.cases import Fare, Late
from src.rides.setup import SETUP


@pytest.mark.parametrize("case", [Late, Fare])
def test_riders_stay_together(case):
    assert case.key == "rider"


def test_brier():
    assert Late.score(np.array([1.0]), np.array([0.5]))["brier"] == pytest.approx(0.25, rel=1e-9)


def test_folds():
    assert SETUP.count > 2
""",
    "tox.ini": "[tox]\nenvlist = py\n\n[testenv]\ncommands = pytest {posargs}\n",
    ".pre-commit-config.yaml": "repos:\n  - repo: local\n    hooks:\n      - id: audit\n        entry: workbench audit late\n"
    "        language: system\n",
    "Makefile": "all: lint test\n\nlint:\n\truff check .\n\ntest:\n\tpytest -q tests\n",
    "requirements/base.txt": "numpy==2.1.0\npandas==2.3.0\npyyaml==6.0.2\n",
    "compose.yaml": "services:\n  rides:\n    image: rides:3\n    command: workbench serve late\n",
    "skills/refit/SKILL.md": "---\nname: refit\ndescription: fits again\n---\n",
    "skills/refit/skill.py": "def run(context, given):\n    return {}\n",
    "skills.lock": "refit = 1\n",
}
