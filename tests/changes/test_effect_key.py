from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.changes.running import P, Running, listed, seen, stands, swapped
from tests.changesets import commit, git
from tests.workspaces import SHOP_CONTRACT, SHOP_DATA, SHOP_FEATURES, SHOP_METRICS, SHOP_MODEL, SHOP_SPLIT
from workbench.cli.main import main

CONFIG_SPLIT = swapped(
    SHOP_SPLIT,
    ("import numpy as np\n", "import json\nfrom pathlib import Path\n\nimport numpy as np\n"),
    ("\n\ndef folds", '\nWAITS = json.loads(Path(__file__).with_name("waits.json").read_text())\n\n\ndef folds'),
    ('pd.Timedelta("24h")', 'pd.Timedelta(WAITS["horizon"])'),
)
FINISH = "def clip(predictions, frame):\n    return predictions.clip(0)\n"
PREPARE = "def clean(tables):\n    return {name: table.drop_duplicates() for name, table in tables.items()}\n"
CHECK = "def check(tables):\n    return tables\n"
SERVE = (
    "import pandas as pd\n\n\ndef answer(request, tables):\n"
    '    at = pd.Timestamp(request["hour"]).tz_localize(None)\n'
    '    rows = tables["prices"]\n'
    '    row = rows[(rows["store"] == request["store"]) & (rows["hour"] == at)].iloc[0]\n'
    '    return {"price": float(row["price"]), "hour_of_day": float(at.hour)}\n'
)
MORE_STAGES = swapped(
    SHOP_CONTRACT,
    (
        "[stages]\n",
        '[stages]\npreprocess = "pipelines.shop.prepare:clean"\npostprocess = "pipelines.shop.finish:clip"\n'
        'serve = "pipelines.shop.online:answer"\nvalidate = "pipelines.shop.check:check"\n',
    ),
)


def test_a_split_changed_through_a_file_that_code_reads_is_a_split(tmp_path: Path) -> None:
    running = Running(tmp_path, split=CONFIG_SPLIT, files={P + "waits.json": '{"horizon": "24h"}\n'})
    found = seen(running.judged({P + "waits.json": '{"horizon": "0h"}\n'}))
    assert set(found) == {"split"} and "48 rows come in" in found["split"] and "is later" in found["split"]


def test_a_result_that_crashes_where_the_base_ran_is_unknown_and_of_the_stage(tmp_path: Path) -> None:
    running = Running(tmp_path)
    found = running.judged({P + "model.py": swapped(SHOP_MODEL, ("return design(frame) @", "return nothing @"))})
    assert set(seen(found)) == {"unknown", "model"} and "NameError" in seen(found)["unknown"]


def test_no_time_is_unknown_and_words_take_no_time_at_all(tmp_path: Path) -> None:
    running = Running(tmp_path)
    found = running.judged({P + "split.py": listed(SHOP_SPLIT)}, timeout=0)
    assert set(seen(found)) == {"unknown"} and "longer than 0 s" in seen(found)["unknown"] and "split" in stands(found)
    assert not seen(running.judged({"README.md": "# more\n"}, timeout=0)) and running.said == []
    assert not (running.settings.state / "scratch").exists() or not list((running.settings.state / "scratch").iterdir())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Running:
    files = {P + "prepare.py": PREPARE, P + "finish.py": FINISH, P + "online.py": SERVE, P + "check.py": CHECK}
    return Running(tmp_path_factory.mktemp("shop"), contract=MORE_STAGES, files=files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "text", "kind", "words"),
    [
        ("features.py", swapped(SHOP_FEATURES, ("shift(48)", "shift(47)")), "feature", "`lag_48h` has other values"),
        ("features.py", swapped(SHOP_FEATURES, ('pd.Timedelta("50h")', 'pd.Timedelta("60h")')), "feature", "rows gone"),
        (
            "features.py",
            swapped(SHOP_FEATURES, ("    return frame[", '    frame["units"] = frame["units"] * 2\n    return frame[')),
            "label",
            "the outcome `units` is another one",
        ),
        ("metrics.py", swapped(SHOP_METRICS, ("np.mean", "np.median")), "metric", "`mae` of the same predictions"),
        ("model.py", swapped(SHOP_MODEL, ("rcond=None", "rcond=0.05")), "model", "the model predicts otherwise"),
        ("finish.py", swapped(FINISH, ("clip(0)", "clip(25)")), "postprocessing", "from the same raw predictions"),
        ("prepare.py", swapped(PREPARE, ("drop_duplicates()", "head(1100)")), "preprocessing", "1,100 rows instead of 1,152"),
        ("check.py", swapped(CHECK, ("return tables", "return {**tables, 'more': tables['stores']}")), "preprocessing", "is new"),
        ("online.py", swapped(SERVE, ("float(at.hour)", "float(at.hour + 1)")), "serving", "8 of 8 requests"),
        ("data.py", swapped(SHOP_DATA, ("default_rng(7)", "default_rng(8)")), "data", "`units` has other values"),
    ],
)  # fmt: skip
def test_each_kind_is_told_by_what_comes_out(shop: Running, path: str, text: str, kind: str, words: str) -> None:
    found = seen(shop.judged({P + path: text}))
    assert kind in found and words in found[kind], found
    if kind in ("metric", "model", "postprocessing", "serving", "preprocessing"):
        assert "split" not in found and "unknown" not in found
    if kind == "metric":
        assert "model" not in found


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit",
    [
        {"sitecustomize.py": "import numpy as np\n\n_real = np.flatnonzero\nnp.flatnonzero = lambda mask: _real(mask)[::2]\n"},
        {"numpy.py": "raise ImportError('not here')\n"},
        {
            P + "metrics.py": SHOP_METRICS
            + "\n\n_real = np.flatnonzero\n\n\ndef some(mask):\n    return _real(mask)[::2]\n\n\nnp.flatnonzero = some\n"
        },
        {
            P + "features.py": swapped(
                SHOP_FEATURES,
                ("import pandas as pd\n", "import pandas as pd\n\nfrom pipelines.shop import split\n"),
                ("    frame[\"hour_of_day\"]", "    split.DAYS = (9, 6)\n    frame[\"hour_of_day\"]"),
            ),
            P + "split.py": swapped(SHOP_SPLIT, ("(9, 6, 3)", "DAYS"), ("\n\ndef folds", "\nDAYS = (9, 6, 3)\n\n\ndef folds")),
        },
    ],
)  # fmt: skip
def test_a_split_changed_from_elsewhere_is_seen_when_it_runs(shop: Running, edit: dict[str, str]) -> None:
    found = seen(shop.judged(edit))
    assert "split" in found or "unknown" in found
    assert "numpy.py" in edit or "split" in found


@pytest.mark.slow
def test_a_stage_that_does_not_end_is_unknown_within_the_time(tmp_path: Path) -> None:
    running = Running(tmp_path)
    text = swapped(SHOP_METRICS, ("    return", "    while True:\n        pass\n    return"))
    running.judged({P + "notes.py": "x = 1\n"})
    found = running.judged({P + "metrics.py": text}, timeout=8)
    assert "unknown" in seen(found) and "longer than 8 s" in seen(found)["unknown"]


@pytest.mark.slow
def test_noise_is_neither_a_change_nor_hides_one(tmp_path: Path) -> None:
    noisy = swapped(SHOP_MODEL, ('@ model["coefficients"]', '@ model["coefficients"] + np.random.normal(0, 0.01, len(frame))'))
    running = Running(tmp_path, model=noisy)
    assert not seen(running.judged({"tests/test_shop.py": "def test_nothing():\n    assert True\n"}))
    same = running.judged(
        {P + "model.py": swapped(noisy, ("def predict(model, frame)", "def predict(model, rows)"), ("(frame)", "(rows)"))}
    )
    assert "unknown" in seen(same) or "model" in stands(same)
    small = running.judged({P + "model.py": swapped(noisy, ("0.01", "0.011"))})
    assert "noise" in seen(small)["unknown"]
    large = running.judged({P + "model.py": swapped(noisy, ("design(frame) @", "5 + design(frame) @"))})
    assert "model" in seen(large)


@pytest.mark.slow
def test_an_opaque_back_test_is_compared_by_its_columns(tmp_path: Path) -> None:
    stages = '[stages]\nload = "pipelines.shop.data:load"\nbacktest = "pipelines.shop.whole:run"\n\n'
    begin, end = SHOP_CONTRACT.index("[stages]"), SHOP_CONTRACT.index("[sources.sales]")
    whole = (
        "def run(tables):\n    frame = tables['sales'].copy()\n    frame['fold'] = frame['hour'].dt.day % 3\n"
        "    frame['prediction'] = frame['units'].mean()\n    return frame\n"
    )
    running = Running(
        tmp_path,
        contract=SHOP_CONTRACT[:begin] + stages + SHOP_CONTRACT[end:].replace("features = [", "# features = ["),
        files={P + "whole.py": whole},
    )
    found = seen(running.judged({P + "whole.py": swapped(whole, ("% 3", "% 2"))}))
    assert set(found) == {"split"}
    found = seen(running.judged({P + "whole.py": swapped(whole, ("mean()", "median()"))}))
    assert set(found) == {"model"}


@pytest.mark.slow
def test_the_command_runs_both_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = Running(tmp_path)
    git(tmp_path, "branch", "renamed")
    change = running.change({P + "split.py": listed(SHOP_SPLIT)})
    commit(running.repo, change.result, "renamed", ref="refs/heads/renamed")
    policy = '[[rule]]\nname = "all"\nwhen.kinds = ["split"]\n'
    commit(running.repo, running.repo.write_tree(change.base, {"review_policies/a.toml": policy.encode()}), "policy")
    code = main(["-C", str(tmp_path), "classify", "--base", "main", "--head", "renamed", "--json", "--effect-timeout", "300"])
    said = capsys.readouterr()
    body = json.loads(said.out)
    assert "base of shop: load" in said.err
    split = next(risk for risk in body["risks"] if risk["kind"] == "split" and risk["path"] == P + "split.py")
    assert split["by"] == "static" and int(code) == 3
    assert set(split) == {"kind", "path", "symbol", "line", "by", "reason", "stage", "use_case", "cleared"}
