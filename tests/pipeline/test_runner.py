"""Runs of a small, real use case in the sandbox: order, isolation, what comes back, what is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workspaces import LIGHTGBM_MODEL, SHOP_CONTRACT, SHOP_MODEL, make_workspace
from workbench.errors import PipelineError
from workbench.pipeline.contract import load_contract
from workbench.pipeline.results import Fold
from workbench.pipeline.runner import Pipeline
from workbench.settings import load_settings


def pipeline(root: Path, code: Path | None = None) -> Pipeline:
    return Pipeline(load_settings(root, {}), load_contract(root, "shop"), root=code, cache=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(make_workspace(tmp_path_factory.mktemp("shop"))) as one:
        yield one


@pytest.fixture(scope="module")
def tables(shop: Pipeline) -> dict[str, pd.DataFrame]:
    return shop.load()


def test_a_whole_run(shop: Pipeline, tables: dict[str, pd.DataFrame]) -> None:
    before = shop.runs.copy()
    run = shop.run(tables)
    assert {name: len(table) for name, table in tables.items()} == {"sales": 1152, "prices": 1152, "stores": 2}
    assert run.frame is not None and {"store", "hour", "units", "lag_48h"} <= set(run.frame.columns)
    assert len(run.folds) == len(run.fold_runs) == len(run.scores) == 3
    for fold, one, scores in zip(run.folds, run.fold_runs, run.scores):
        assert fold.train.dtype == fold.test.dtype == np.dtype("int64") and one.fold is fold
        truth = run.frame["units"].to_numpy()[fold.test]
        assert one.predictions.shape == truth.shape and (one.predictions == one.raw).all()
        assert scores["mae"] == pytest.approx(np.abs(truth - one.predictions).mean(), abs=1e-12) and scores["mae"] < 3
        assert one.model_digest and len(one.model_digest) == 64 and one.probe is None
    assert len({one.model_digest for one in run.fold_runs}) == 3
    assert shop.runs - before == {"features": 1, "split": 1, "fit": 3, "predict": 3, "metrics": 3}
    assert set(run.seconds) == {"features", "split", "fit", "predict", "metrics"} and run.opened == []


def test_two_runs_are_the_same_to_the_bit(shop: Pipeline, tables: dict[str, pd.DataFrame]) -> None:
    one, two = shop.run(tables), shop.run(tables)
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)
    for a, b in zip(one.fold_runs, two.fold_runs):
        assert a.predictions.tobytes() == b.predictions.tobytes() and a.model_digest == b.model_digest


def test_it_goes_as_far_as_asked(shop: Pipeline, tables: dict[str, pd.DataFrame]) -> None:
    ran = {}
    for until in ("features", "split", "fit", "predict", "metrics"):
        before = shop.runs.copy()
        run = shop.run(tables, until=until)  # type: ignore[arg-type]
        ran[until] = set(shop.runs - before)
        assert bool(run.folds) == (until != "features") and bool(run.scores) == (until == "metrics")
    assert ran["features"] == {"features"} and ran["split"] == {"features", "split"}
    assert ran["fit"] == {"features", "split", "fit"} and ran["predict"] == ran["fit"] | {"predict"}


def test_frame_folds_and_probe_take_the_stages_places(shop: Pipeline, tables: dict[str, pd.DataFrame]) -> None:
    base = shop.run(tables, until="predict")
    assert base.frame is not None
    before = shop.runs.copy()
    folds = [Fold(base.folds[0].train[:300], base.folds[0].test[:10]), Fold(np.array([5, 3, 5]), np.array([0]))]
    run = shop.run({}, until="predict", frame=base.frame, folds=folds, probe=base.frame.head(7))
    assert shop.runs - before == {"fit": 2, "predict": 4}
    assert [fold.test.tolist() for fold in run.folds] == [fold.test.tolist() for fold in folds]
    assert [len(one.predictions) for one in run.fold_runs] == [10, 1]
    assert all(one.probe is not None and one.probe.shape == (7,) for one in run.fold_runs)
    again = shop.run({}, until="predict", frame=base.frame)
    assert again.fold_runs[2].predictions.tobytes() == base.fold_runs[2].predictions.tobytes()
    pd.testing.assert_frame_equal(again.frame, base.frame)


def test_changed_tables_reach_the_stages_and_callers_tables_stay(shop: Pipeline, tables: dict[str, pd.DataFrame]) -> None:
    base = shop.run(tables, until="features").frame
    changed = {**tables, "sales": tables["sales"].assign(units=tables["sales"]["units"] * 2)}
    copy = tables["sales"].copy()
    frame = shop.run(changed, until="features").frame
    assert frame is not None and base is not None
    pd.testing.assert_series_equal(frame["lag_48h"], base["lag_48h"] * 2)
    tables["sales"].loc[0, "units"] += 1000  # the caller's own change in place is seen, too
    moved = shop.run(tables, until="features").frame
    assert moved is not None
    tables["sales"].loc[0, "units"] -= 1000
    pd.testing.assert_frame_equal(tables["sales"], copy)
    assert (moved["mean_23h"] != base["mean_23h"]).any()


def test_runs_share_no_state(tmp_path: Path) -> None:
    """What a run does in place, to its modules, to the process and on disk is gone in the next."""
    features = """\
import os, pathlib, tempfile
COUNT = 0
def build(tables):
    global COUNT
    COUNT += 1
    marks = [pathlib.Path(place) / "mark" for place in (tempfile.gettempdir(), pathlib.Path.home(), os.environ["TMPDIR"])]
    seen = COUNT > 1 or "MARK" in os.environ or any(m.exists() for m in marks)
    os.environ["MARK"] = "1"
    for mark in marks:
        mark.write_text("x")
    tables["prices"]["price"] += 1
    tables["sales"].drop(columns="units", inplace=True)
    frame = tables["prices"].assign(units=1.0, seen=float(seen))
    del tables["stores"]
    return frame
"""
    contract = SHOP_CONTRACT.replace('"lag_48h", "mean_23h", "price", "size", "hour_of_day"', '"price"')
    with pipeline(make_workspace(tmp_path, features=features, contract=contract)) as one:
        tables = one.load()
        frames = [one.run(tables, until="features").frame for _ in range(2)]
        assert frames[0] is not None and frames[1] is not None
        pd.testing.assert_frame_equal(frames[0], frames[1])
        assert (frames[0]["seen"] == 0).all() and "units" in tables["sales"]
        assert (frames[0]["price"] == tables["prices"]["price"] + 1).all()


def test_a_stage_cannot_change_what_the_next_one_sees(tmp_path: Path) -> None:
    split = "import numpy as np\ndef folds(f):\n    f['units'] = 0.0\n    return [(np.arange(500), range(600, 700))]\n"
    model = SHOP_MODEL.replace("def predict(model, frame):", "def predict(model, frame):\n    frame['units'] = -1.0")
    model = model.replace("def fit(train):", "def fit(train):\n    assert (train['units'] != 0).any()\n    train['units'] *= 1.0")
    contract = SHOP_CONTRACT.replace("metrics  =", 'postprocess = "pipelines.shop.post:clip"\nmetrics  =')
    post = "def clip(p, frame):\n    assert (frame['units'] != -1).any()\n    p[:] = p + 1000\n    return list(p)\n"
    root = make_workspace(tmp_path, split=split, model=model, contract=contract, files={"pipelines/shop/post.py": post})
    with pipeline(root) as one:
        run = one.run(one.load())
        assert run.frame is not None and (run.frame["units"] > 0).any()
        assert run.fold_runs[0].predictions == pytest.approx(run.fold_runs[0].raw + 1000)
        assert run.scores[0]["mae"] > 900


def test_validate_and_preprocess_come_before_features(tmp_path: Path) -> None:
    before = 'validate = "pipelines.shop.pre:check"\npreprocess = "pipelines.shop.pre:scale"\n'
    contract = SHOP_CONTRACT.replace("features =", before + "features =", 1)
    pre = (
        "def check(tables):\n    assert (tables['stores']['size'] < 100).all(), 'a store is too large'\n    return tables\n"
        "def scale(tables):\n    return {**tables, 'stores': tables['stores'].assign(size=tables['stores']['size'] * 100)}\n"
    )
    with pipeline(make_workspace(tmp_path, contract=contract, files={"pipelines/shop/pre.py": pre})) as one:
        tables = one.load()
        frame = one.run(tables, until="features").frame
        assert frame is not None and set(frame["size"]) == {100.0, 200.0}
        assert one.runs == {"load": 1, "validate": 1, "preprocess": 1, "features": 1}
        with pytest.raises(PipelineError, match="a store is too large") as error:
            one.run({**tables, "stores": tables["stores"].assign(size=1000.0)}, until="features")
        assert error.value.stage == "validate"


def test_randomness_is_fresh_in_each_run_unless_seeded(tmp_path: Path) -> None:
    features = """\
import random
import numpy as np
def build(tables):
    rng = np.random.default_rng()
    return tables["prices"].assign(units=1.0, legacy=np.random.rand(), python=random.random(), new=rng.random())
"""
    contract = SHOP_CONTRACT.replace('"lag_48h", "mean_23h", "price", "size", "hour_of_day"', '"price"')
    values = {}
    for seeded in (False, True):
        text = features.replace("def build", "np.random.seed(3); random.seed(3)\ndef build" if seeded else "def build")
        with pipeline(make_workspace(tmp_path / str(seeded), features=text, contract=contract)) as one:
            tables = one.load()
            rows = [one.run(tables, until="features").frame.iloc[0] for _ in range(2)]  # type: ignore[union-attr]
            values[seeded] = {name: rows[0][name] == rows[1][name] for name in ("legacy", "python", "new")}
    assert values[False] == {"legacy": False, "python": False, "new": False}
    assert values[True] == {"legacy": True, "python": True, "new": False}


def test_what_stages_open_is_recorded(tmp_path: Path) -> None:
    model = SHOP_MODEL.replace(
        "def fit(train):",
        "def fit(train):\n"
        "    import json, pathlib, socket, subprocess, warnings, zoneinfo\n"
        "    import pipelines.shop.late\n"
        "    warnings.warn('look')\n"
        "    zoneinfo.ZoneInfo('Europe/Zurich')\n"
        "    open('pipelines/shop/answers.csv').read()\n"
        "    (pathlib.Path.home() / 'own').write_text('x')\n"
        "    try:\n        socket.create_connection(('127.0.0.1', 9), 1)\n    except OSError:\n        pass\n"
        "    try:\n        open('/etc/shadow')\n    except OSError:\n        pass\n"
        "    subprocess.run(['true'])\n",
    )
    files = {"pipelines/shop/answers.csv": "1", "pipelines/shop/late.py": "import colorsys, wave, numpy.fft"}
    with pipeline(make_workspace(tmp_path, model=model, files=files)) as one:
        run = one.run(one.load(), until="fit")
        assert "fit: read: pipelines/shop/answers.csv" in run.opened
        assert "fit: read: /etc/shadow" in run.opened
        assert any(line.startswith("fit: start: ") and "true" in line for line in run.opened)
        assert any(line.startswith(("fit: connect:", "fit: resolve:")) for line in run.opened)
        assert len(run.opened) in (4, 5), run.opened


def test_no_secret_no_history_no_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    data = """\
import os, pathlib
import pandas as pd
def attempt(action):
    try:
        return str(action())
    except OSError as error:
        return type(error).__name__
def load():
    root = pathlib.Path(__file__).parents[2]
    rows = {
        "git": attempt((root / ".git/HEAD").read_text), "policy": attempt((root / "review_policies/p.toml").read_text),
        "state": attempt((root / ".workbench/x").read_text), "write": attempt(lambda: (root / "pipelines/x.py").write_text("x")),
        "environment": "hunter2" in str(os.environ), "cwd": os.getcwd() == str(root),
        "pyc": list(root.rglob("*.pyc")) == [],
    }
    when = pd.Timestamp("2024")
    return {"sales": pd.DataFrame({"hour": when, "store": list(rows), "units": [str(v) for v in rows.values()]}),
            "prices": pd.DataFrame({"hour": [when], "store": "A", "price": 1}), "stores": pd.DataFrame({"a": [1]})}
"""
    files = {".git/HEAD": "x", "review_policies/p.toml": "x", ".workbench/x": "x"}
    root = make_workspace(tmp_path, data=data, files=files)
    with pipeline(root) as one:
        sales = one.load()["sales"]
    seen = dict(zip(sales["store"], sales["units"]))
    assert {key: seen[key] for key in ("git", "policy", "state", "write")} == dict.fromkeys(
        ("git", "policy", "state", "write"), "PermissionError"
    )
    assert (seen["environment"], seen["cwd"], seen["pyc"]) == ("False", "True", "True")


def test_a_further_path_is_readable_when_the_settings_say_so(tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("5")
    data = "import pathlib\nfrom pipelines.shop.real import load as real\n"
    data += f"def load():\n    pathlib.Path({str(outside)!r}).read_text()\n    return real()\n"
    from tests.workspaces import SHOP_DATA

    files = {"pipelines/shop/real.py": SHOP_DATA}
    with pipeline(make_workspace(tmp_path / "a", data=data, files=files)) as one, pytest.raises(PipelineError) as error:
        one.load()
    assert "PermissionError" in error.value.message and "[sandbox] read" in error.value.hint
    with pipeline(
        make_workspace(tmp_path / "b", data=data, files=files, settings=f"[sandbox]\nread = [{str(outside)!r}]")
    ) as one:
        assert set(one.load()) == {"sales", "prices", "stores"}


def test_another_code_root_is_what_runs(tmp_path: Path) -> None:
    """A change under review runs from its own checkout, which may lie in the hidden state directory."""
    root = make_workspace(tmp_path)
    other = make_workspace(
        tmp_path / ".workbench/trees/x", model=SHOP_MODEL.replace("@ model", "* 0 @ model"), files={".git/HEAD": "x"}
    )
    with pipeline(root, other) as one, pipeline(root) as base:
        assert one.code_digest != base.code_digest
        run = one.run(base.load(), until="predict")
        assert (run.fold_runs[0].predictions == 0).all()


def test_compiled_files_of_the_workspace_are_not_run(tmp_path: Path) -> None:
    """A compiled file with the source's size and time, but other code, must not be what is audited."""
    import importlib.util
    import py_compile

    root = make_workspace(tmp_path)
    source = root / "pipelines/shop/model.py"
    forged = tmp_path / "forged.py"
    forged.write_text(SHOP_MODEL.replace("def predict(model, frame):", "def predict(model, frame):\n    raise SystemExit\n"))
    cached = Path(importlib.util.cache_from_source(str(source)))
    py_compile.compile(str(forged), cfile=str(cached), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    with pipeline(root) as one:
        assert len(one.run(one.load(), until="predict").fold_runs) == 3


def test_fit_final_writes_a_lightgbm_text(tmp_path: Path) -> None:
    import lightgbm

    with pipeline(make_workspace(tmp_path, model=LIGHTGBM_MODEL)) as one:
        tables = one.load()
        run = one.run(tables, until="predict")
        assert run.frame is not None
        model = one.fit_final(run.frame, tmp_path / "out/model.txt")
        again = one.fit_final(run.frame, tmp_path / "out/model.txt")
        assert run.fold_runs[0].model_digest == one.run(tables, until="fit").fold_runs[0].model_digest
    content = model.path.read_bytes()
    assert (model.flavor, model.train_rows, model.size) == ("lightgbm", len(run.frame), len(content))
    assert model.sha256 == again.sha256 == hashlib.sha256(content).hexdigest()
    assert model.features == ("lag_48h", "mean_23h", "price", "size", "hour_of_day")
    booster = lightgbm.Booster(model_file=str(model.path))
    assert np.isfinite(booster.predict(run.frame[list(model.features)])).all()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["model.txt"]


def test_fit_final_takes_a_scikit_learn_style_lightgbm(tmp_path: Path) -> None:
    model = """\
import lightgbm as lgb
def fit(t):
    return lgb.LGBMRegressor(n_estimators=3, verbose=-1).fit(t[["price"]], t["units"].fillna(0))
def predict(m, f):
    return m.predict(f[["price"]])
"""
    with pipeline(make_workspace(tmp_path, model=model)) as one:
        frame = one.run(one.load(), until="features").frame
        assert frame is not None
        assert one.fit_final(frame, tmp_path / "m.txt").features == ("price",)


def test_a_model_without_a_safe_format_is_refused(tmp_path: Path) -> None:
    with pipeline(make_workspace(tmp_path)) as one:
        frame = one.run(one.load(), until="features").frame
        assert frame is not None
        with pytest.raises(PipelineError, match=r"builtins\.dict.*no safe file format") as error:
            one.fit_final(frame, tmp_path / "m.txt")
    assert error.value.stage == "fit" and "lightgbm" in error.value.hint and not (tmp_path / "m.txt").exists()


BACKTEST = """\
import pandas as pd
def run(tables):
    frame = tables["sales"].tail(10).assign(prediction=1.0, fold=0)
    return frame
"""


def test_a_backtest_stage(tmp_path: Path) -> None:
    import re

    stages = 'load = "pipelines.shop.data:load"\nbacktest = "pipelines.shop.old:run"\n\n'
    contract = re.sub(r"load  (.*\n)*?\n", stages, SHOP_CONTRACT, count=1)
    with pipeline(make_workspace(tmp_path, contract=contract, files={"pipelines/shop/old.py": BACKTEST})) as one:
        frame = one.backtest(one.load())
        assert len(frame) == 10 and {"store", "hour", "units", "prediction", "fold"} <= set(frame.columns)
        with pytest.raises(PipelineError, match="can't be run stage by stage"):
            one.run(one.load())
    broken = BACKTEST.replace("prediction=1.0", "predicted=1.0")
    root = make_workspace(tmp_path / "b", contract=contract, files={"pipelines/shop/old.py": broken})
    with pipeline(root) as one, pytest.raises(PipelineError, match="without the column `prediction`"):
        one.backtest(one.load())


def test_unsafe_runs_the_same(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    settings = load_settings(root, {}, unsafe_no_sandbox=True)
    with Pipeline(settings, load_contract(root, "shop"), cache=False) as one:
        assert len(one.run(one.load(), until="predict").fold_runs) == 3
