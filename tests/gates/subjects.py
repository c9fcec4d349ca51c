"""Subjects for rule tests: an Audit over a given frame and folds (`seen`), or over a shop that really runs (`running`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.workspaces import SHOP_MODEL, SHOP_SPLIT, make_workspace
from workbench.findings import Finding
from workbench.gates.facts import Audit
from workbench.gates.rule import Rule
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.results import Fold, FoldRun, Run
from workbench.pipeline.runner import Pipeline
from workbench.settings import Settings

NO_GAP = SHOP_SPLIT.replace('start - pd.Timedelta("24h") - pd.Timedelta("2h")', 'start - pd.Timedelta("1h")')
"""In time order, no row on both sides, and trained on labels that nobody has yet."""
TOLD_MODEL = SHOP_MODEL.replace(
    "import numpy as np\n",
    'import numpy as np\n\nfrom pipelines.shop.data import load\n\n_SALES = load()["sales"]\n'
    'ANSWERS = dict(zip(zip(_SALES["store"], _SALES["hour"]), _SALES["units"]))\n',
    1,
).replace(
    'return design(frame) @ model["coefficients"]',
    'told = np.array([ANSWERS[k] for k in zip(frame["store"], frame["hour"])])\n'
    '    return 0.1 * (design(frame) @ model["coefficients"]) + 0.9 * told',
)
"""Its predictions come from a table of answers that it read past its arguments."""
HOURS = pd.date_range("2024-01-01", periods=24 * 30, freq="h", tz="UTC")


def contract(**prediction: Any) -> Contract:
    """Hourly units per store, 24 h ahead, known 2 h later; `prediction` replaces facts, None takes one out."""
    stages = {name: f"pipelines.shop.code:{name}" for name in ("load", "features", "split", "fit", "predict", "metrics")}
    facts = {
        "entity": ["store"], "target": "units", "target_time": "hour", "horizon": "24h", "label_known_after": "2h", **prediction,
    }  # fmt: skip
    return Contract.model_validate(
        {
            "name": "shop", "kind": "regression", "stages": stages, "sources": {"sales": {"time": "hour", "known_after": "2h"}},
            "prediction": {k: v for k, v in facts.items() if v is not None},
            "metrics": {"primary": "mae", "direction": "minimize", "baseline": "mean"},
        }
    )  # fmt: skip


def shop_frame(stores: int = 2, seed: int = 0) -> pd.DataFrame:
    """A feature frame of continuous numbers: store, hour, three features, units."""
    rng = np.random.default_rng(seed)
    grid = pd.MultiIndex.from_product([[f"S{i}" for i in range(stores)], HOURS], names=["store", "hour"]).to_frame(index=False)
    for name in ("lag", "mean", "price"):
        grid[name] = rng.normal(10, 2, len(grid))
    grid["units"] = grid["lag"] + rng.normal(0, 1, len(grid))
    return grid


def seen(frame: pd.DataFrame, folds: Sequence[tuple[Any, Any]], declared: Contract | None = None, **run: Any) -> Audit:
    """An Audit whose base run is what the test says; rules that only look need no process."""
    declared = declared or contract()
    settings = Settings(root=Path("/nonexistent"))
    pipeline = Pipeline(settings, declared, cache=False)
    subject = Audit(settings=settings, contract=declared, pipeline=pipeline, root=settings.root, progress=lambda words: None)
    parts = [Fold(np.asarray(train, dtype="int64"), np.asarray(test, dtype="int64")) for train, test in folds]
    made = [np.zeros(len(fold.test)) for fold in parts]
    runs = [FoldRun(fold, p, p) for fold, p in zip(parts, run.pop("predictions", made))]
    subject._base = Run(frame=frame.reset_index(drop=True), folds=parts, fold_runs=runs, **run)
    subject.enter("test")
    return subject


@contextmanager
def running(directory: Path, **parts: Any) -> Iterator[Audit]:
    """An Audit of a shop workspace that really runs, its base run done."""
    root = make_workspace(directory, **parts)
    settings = Settings(root=root)
    declared = load_contract(root, "shop")
    with Pipeline(settings, declared) as pipeline:
        subject = Audit(settings=settings, contract=declared, pipeline=pipeline, root=root, progress=lambda words: None)
        subject.prepare()
        subject.enter("test")
        yield subject


def found(rule: Rule, subject: Audit) -> list[Finding]:
    """What a rule finds."""
    return list(rule.check(subject))


def errors(rule: Rule, subject: Audit) -> list[Finding]:
    """What a rule finds that fails a gate."""
    return [finding for finding in found(rule, subject) if finding.severity == "error"]
