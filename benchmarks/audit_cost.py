"""What an audit costs: its time over the time of one plain run of the pipeline, for departures and two generated pipelines.

A plain run is a process of its own that imports the stages, loads, and runs all of them, confined as always. The audit follows
it, as it does in a session: what the plain run left behind (tables and results by content) is used again. Both are whole
processes, timed from outside, in one run, one after the other. `runs`: of the features stage, the plain one included.

    python benchmarks/audit_cost.py [--json] [--rounds 1] [--only NAME]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PLAIN = """
import sys
from pathlib import Path
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.settings import load_settings

settings = load_settings(Path(sys.argv[1]))
with Pipeline(settings, load_contract(settings.root, sys.argv[2])) as pipeline:
    pipeline.run(pipeline.load(), until="metrics", reuse=True)
"""
AUDIT = """
import sys
from pathlib import Path
from workbench.gates.audit import audit
from workbench.settings import load_settings

print(audit(load_settings(Path(sys.argv[1])), sys.argv[2]).model_dump_json())
"""
STORES, DAYS = 600, 380
WIDE = """
import numpy as np
import pandas as pd

def load():
    rng = np.random.default_rng(5)
    stores = [f"s{{number:03d}}" for number in range({stores})]
    days = pd.date_range("2024-01-01", periods={days}, freq="D")
    grid = pd.MultiIndex.from_product([stores, days], names=["store", "day"]).to_frame(index=False)
    level = rng.gamma(4, 5, len(stores))[np.repeat(np.arange(len(stores)), len(days))]
    week = 1 + 0.3 * np.sin(2 * np.pi * grid["day"].dt.dayofweek / 7)
    grid["units"] = rng.poisson(level * week).astype("float64")
    grid["price"] = np.round(rng.uniform(1, 3, len(grid)), 2)
    grid["visits"] = grid["units"] * 4 + rng.normal(0, 3, len(grid)).round()
    return {{"sales": grid}}

def build(tables):
    sales = tables["sales"].sort_values(["store", "day"], ignore_index=True)
    frame = sales[["store", "day", "units", "price"]].copy()
    for name in ("units", "visits"):
        for lag in (8, 9, 10, 14, 21):
            frame[f"{{name}}_{{lag}}"] = sales.groupby("store")[name].shift(lag)
        late = sales.groupby("store")[name].shift(8)
        for window in (7, 14, 28):
            rolled = late.groupby(sales["store"]).rolling(window, min_periods=2)
            frame[f"{{name}}_mean_{{window}}"] = rolled.mean().reset_index(drop=True)
            frame[f"{{name}}_max_{{window}}"] = rolled.max().reset_index(drop=True)
    frame["weekday"], frame["month"] = frame["day"].dt.dayofweek.astype(float), frame["day"].dt.month.astype(float)
    frame["price_change"] = frame["price"] - sales.groupby("store")["price"].shift(7)
    return frame[frame["day"] >= sales["day"].min() + pd.Timedelta("40D")].reset_index(drop=True)

def folds(frame):
    day = frame["day"]
    for start in pd.to_datetime(["2024-10-01", "2024-11-01", "2024-12-01"]):
        gap = pd.Timedelta("8D")
        yield np.flatnonzero(day < start - gap), np.flatnonzero((day >= start) & (day < start + pd.Timedelta("28D")))

def columns(frame):
    return [c for c in frame.columns if c not in ("store", "day", "units")]

def fit(train):
    import lightgbm
    known = train[train["units"].notna()]
    settings = dict(objective="regression", num_leaves=31, verbose=-1, seed=1, deterministic=True, num_threads=2)
    return lightgbm.train(settings, lightgbm.Dataset(known[columns(known)], known["units"]), num_boost_round=60)

def predict(model, frame):
    return model.predict(frame[columns(frame)])

def score(truth, made, frame):
    return {{"mae": float(np.nanmean(np.abs(truth - made)))}}
"""
CONTRACT = """
name = "wide"
kind = "regression"
[stages]
load = "pipelines.wide.code:load"
features = "pipelines.wide.code:build"
split = "pipelines.wide.code:folds"
fit = "pipelines.wide.code:fit"
predict = "pipelines.wide.code:predict"
metrics = "pipelines.wide.code:score"
[sources.sales]
time = "day"
known_after = "1d"
columns = { price = { known = "always" }, day = { known = "always" }, store = { known = "always" } }
[prediction]
entity = ["store"]
target = "units"
target_time = "day"
horizon = "7d"
label_known_after = "1d"
[metrics]
primary = "mae"
direction = "minimize"
baseline = "mean"
margin = 0.02
"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, root in _pipelines(Path(folder)):
            if args.only in (None, name):
                rows.append(_measured(name, root, args.rounds))
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    print("| pipeline | frame | plain run | audit after it | ratio | features gate | runs | cohorts | verdict | memory |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['pipeline']} | {row['frame']} | {row['plain_seconds']:.1f} s | {row['audit_seconds']:.1f} s "
            f"| {row['ratio']:.2f} | {row['features_seconds']:.1f} s | {row['runs']} | {row['cohorts']} | {row['verdict']} "
            f"| {row['megabytes']:.0f} MB |"
        )
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def _pipelines(folder: Path) -> list[tuple[str, Path]]:
    """Workspaces with no state of their own: departures, a generated one of many stores, and a small one of the catalogue."""
    from workbench.mutants.catalogue import honest
    from workbench.mutants.model import write

    departures = folder / "departures"
    departures.mkdir()
    for name in ("pipelines", "workbench.toml"):
        if (ROOT / name).exists():
            subprocess.run(["cp", "-r", str(ROOT / name), str(departures)], check=True)
    (departures / "workbench.toml").touch()
    wide = folder / "wide"
    (wide / "pipelines" / "wide").mkdir(parents=True)
    (wide / "workbench.toml").touch()
    (wide / "pipelines" / "wide" / "contract.toml").write_text(CONTRACT.strip() + "\n")
    (wide / "pipelines" / "wide" / "code.py").write_text(WIDE.format(stores=STORES, days=DAYS).lstrip())
    power = folder / "power"
    write(honest("power"), power)
    return [("departures", departures), ("wide", wide), ("power", power)]


def _measured(name: str, root: Path, rounds: int) -> dict[str, object]:
    plain, audits, said = [], [], {}
    for _ in range(rounds):
        subprocess.run(["rm", "-rf", str(root / ".workbench")], check=True)
        plain.append(_timed(PLAIN, root, name)[0])
        seconds, out = _timed(AUDIT, root, name)
        audits.append(seconds)
        said = json.loads(out)
    features = next(gate for gate in said["gates"] if gate["name"] == "features")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "pipeline": name,
        "frame": {"departures": "19,486 x 26", "wide": "204,000 x 26", "power": "4,176 x 10"}[name],
        "plain_seconds": statistics.median(plain),
        "audit_seconds": statistics.median(audits),
        "ratio": statistics.median(audits) / statistics.median(plain),
        "features_seconds": features["seconds"],
        "runs": features["runs"] + 1,
        "cohorts": features["probed"],
        "verdict": said["verdict"],
        "megabytes": peak,
    }


def _timed(code: str, root: Path, name: str) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), name], cwd=ROOT, check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return time.perf_counter() - begin, done.stdout


if __name__ == "__main__":
    main()
