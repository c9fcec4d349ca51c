"""For the tests of skills: a small workspace with a whole use case, and a clock that stands still until it is told.

`visits` is a clean hourly regression: how many visitors, 24 h ahead; one table, a small LightGBM model. A run of it takes
a fraction of a second. Nothing but tests imports this module.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.settings import Settings
from workbench.skills.run import SkillContext

USE_CASE = "visits"

_FILES = {
    "workbench.toml": "",
    "pipelines/visits/contract.toml": """\
name = "visits"
kind = "regression"

[stages]
load     = "pipelines.visits.data:load"
features = "pipelines.visits.features:build"
split    = "pipelines.visits.split:folds"
fit      = "pipelines.visits.model:fit"
predict  = "pipelines.visits.model:predict"
metrics  = "pipelines.visits.metrics:score"

[sources.visits]
time = "hour"
known_after = "1h"
[sources.visits.columns]
door = { known = "always" }

[prediction]
entity = ["door"]
target = "visitors"
target_time = "hour"
horizon = "24h"
label_known_after = "1h"
features = ["lag_48h", "hour_of_day"]

[metrics]
primary = "mae"
direction = "minimize"
baseline = "mean"
margin = 0.02
""",
    "pipelines/visits/data.py": '''\
"""Visitors an hour at two doors, generated."""

import numpy as np
import pandas as pd


def load():
    rng = np.random.default_rng(3)
    hours = pd.date_range("2024-01-01", periods=24 * 20, freq="h")
    day = 40 + 30 * np.sin(2 * np.pi * hours.hour / 24)
    doors = [pd.DataFrame({"door": door, "hour": hours, "visitors": (day * size + rng.normal(0, 2, len(hours))).round(2)})
             for door, size in (("A", 1.0), ("B", 1.5))]
    return {"visits": pd.concat(doors, ignore_index=True)}
''',
    "pipelines/visits/features.py": '''\
"""One row per door and hour; what is used of visitors is two days old."""


def build(tables):
    frame = tables["visits"].sort_values(["door", "hour"], ignore_index=True)
    frame["lag_48h"] = frame.groupby("door")["visitors"].shift(48)
    frame["hour_of_day"] = frame["hour"].dt.hour.astype("float64")
    return frame
''',
    "pipelines/visits/split.py": '''\
"""Walk-forward folds of two days; a training label is known before the first prediction of the test is made."""

import numpy as np
import pandas as pd


def folds(frame):
    end = frame["hour"].max() + pd.Timedelta("1h")
    for back in (4, 2):
        start = end - pd.Timedelta(days=back)
        train = frame["hour"] <= start - pd.Timedelta("25h")
        test = (frame["hour"] >= start) & (frame["hour"] < start + pd.Timedelta(days=2))
        yield np.flatnonzero(train), np.flatnonzero(test)
''',
    "pipelines/visits/model.py": '''\
"""A small LightGBM."""

import lightgbm as lgb

FEATURES = ["lag_48h", "hour_of_day"]
PARAMETERS = {"objective": "l1", "verbosity": -1, "num_threads": 1, "deterministic": True, "seed": 1, "num_leaves": 15}


def fit(train):
    train = train[train["visitors"].notna()]
    return lgb.train(PARAMETERS, lgb.Dataset(train[FEATURES], train["visitors"]), num_boost_round=30)


def predict(model, frame):
    return model.predict(frame[FEATURES], num_threads=1)
''',
    "pipelines/visits/metrics.py": '''\
"""Errors in visitors."""


def score(y_true, y_pred, frame):
    return {"mae": float(abs(y_true - y_pred).mean())}
''',
}


def make_workspace(directory: Path, edits: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """Writes the workspace into `directory` and returns it; `edits` replaces text: path → (old, new).

    Raises ValueError where an edit's old text isn't there, so that a test can't pass for that reason.
    """
    for path, text in _FILES.items():
        old, new = (edits or {}).get(path, ("", ""))
        if old not in text:
            raise ValueError(f"{path} has no {old!r}")
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    return directory


def add_skills(root: Path, source: Path, *names: str) -> Path:
    """Copies skills from the folder `source` into the workspace `root` and locks them; returns `root`."""
    from workbench.skills import lock

    (root / "skills").mkdir(exist_ok=True)
    for name in names:
        shutil.copytree(source / name, root / "skills" / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    lock.write(root)
    return root


def skill_context(root: Path, use_case: str = USE_CASE, **given: object) -> SkillContext:
    """A context for calling a skill's `run` directly on the workspace `root`."""
    return SkillContext(settings=Settings(root=root), root=root, use_case=use_case, **given)  # type: ignore[arg-type]


def ticking_clock(
    start: datetime = datetime(2026, 11, 20, 9, 0, tzinfo=UTC), step: timedelta = timedelta(seconds=1)
) -> Callable[[], datetime]:
    """A clock that begins at `start` and moves on by `step` each time it is looked at."""
    moments = (start + step * count for count in range(sys.maxsize))
    return lambda: next(moments)
