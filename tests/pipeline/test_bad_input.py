"""Bad stages, bad results, bad tables: one clear sentence, a hint, exit code 2, and never a traceback of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.workspaces import SHOP_CONTRACT, SHOP_DATA, SHOP_FEATURES, SHOP_METRICS, SHOP_MODEL, SHOP_SPLIT, make_workspace
from workbench.errors import ExitCode, PipelineError
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline, check_tables
from workbench.settings import load_settings


def pipeline(root: Path) -> Pipeline:
    return Pipeline(load_settings(root, {}), load_contract(root, "shop"), cache=False)


def failure(one: Pipeline) -> PipelineError:
    """Loads and runs everything; the error that comes of it."""
    with pytest.raises(PipelineError) as error:
        one.run(one.load())
    assert error.value.code == ExitCode.USAGE and error.value.hint and "\n" not in error.value.message
    assert error.value.message.endswith(".")
    return error.value


# What cannot be imported: (file, text, stage, what is said, hint).
IMPORTS = [
    (
        "model",
        None,
        "fit",
        "`pipelines.shop.model:fit` can't be imported: ModuleNotFoundError",
        "the module's name in the contract",
    ),
    ("model", SHOP_MODEL.replace("def fit(", "def fitt("), "fit", "`pipelines.shop.model` has no `fit`", "did you mean `fitt`?"),
    ("model", SHOP_MODEL + "\nfit = 3", "fit", "is not callable", ""),
    ("split", "def folds(frame:\n    pass", "split", "SyntaxError", "mend pipelines/shop/split.py:1"),
    (
        "features",
        "import tensorflow_of_nowhere\n",
        "features",
        "No module named 'tensorflow_of_nowhere'",
        "install `tensorflow_of_nowhere`",
    ),
    ("features", "x = 1\ny = {}['k']\n", "features", "KeyError: 'k' (pipelines/shop/features.py:2)", "mend"),
    ("data", "import sys\nsys.exit(0)\n", "load", "SystemExit: 0 (pipelines/shop/data.py:2)", ""),
    ("metrics", "from pipelines.shop.model import nothing\n", "metrics", "ImportError", "mend pipelines/shop/metrics.py:1"),
]


@pytest.mark.parametrize(("file", "text", "stage", "said", "hint"), IMPORTS, ids=[f"{f}-{s}" for f, _, _, s, _ in IMPORTS])
def test_a_stage_that_cannot_be_imported(tmp_path: Path, file: str, text: str | None, stage: str, said: str, hint: str) -> None:
    root = make_workspace(tmp_path, files={f"pipelines/shop/{file}.py": text})
    if text is None:
        assert not (root / f"pipelines/shop/{file}.py").exists()
    with pipeline(root) as one:
        error = failure(one)
    assert error.stage == stage and said in error.message and hint in error.hint


# What a stage does wrong: (stage, body, what is said). All bodies live in one workspace, chosen by the stores' size.
WRONG = [
    ("features", "return None", "Stage `features` returned None, not a DataFrame"),
    ("features", "return frame['units']", "Stage `features` returned a Series, not a DataFrame"),
    ("features", "return frame.head(0)", "The feature frame is empty"),
    ("features", "return frame.assign(units=float('nan'))", "The target `units` is missing in all"),
    ("features", "return frame.drop(columns='units')", "without the column `units`"),
    ("features", "return frame.drop(columns='store')", "without the column `store`"),
    ("features", "return frame.set_index('hour')", "without the column `hour`"),
    ("features", "return frame.drop(columns='lag_48h')", "without the column `lag_48h`"),
    ("features", "return frame.assign(**{'x': object()})", "column `x` holds a value of type object"),
    ("features", "return frame.drop(columns='price')", "without the column `price`"),
    ("features", "return pd.concat([frame, frame[['size']]], axis=1)", "with the column `size` twice"),
    ("features", "return frame.assign(extra=1).rename(columns={'extra': 5})", "with a column named 5"),
    (
        "features",
        "raise ValueError('first line\\nsecond line')",
        "Stage `features` failed: ValueError: first line (pipelines/shop/features.py:",
    ),
    ("features", "return frame['missing']", "KeyError: 'missing' (pipelines/shop/features.py:"),
    ("features", "import sys; sys.exit(3)", "SystemExit: 3"),
    ("features", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("features", "class Odd(Exception):\n    def __str__(self): raise TypeError('x')\nraise Odd", "Stage `features` failed: Odd"),
    ("features", "import pathlib; pathlib.Path('pipelines/x').write_text('x')", "PermissionError"),
    ("features", "import socket; socket.create_connection(('127.0.0.1', 1))", "PermissionError"),
    ("features", "def deep(): return deep()\nreturn deep()", "RecursionError"),
    ("split", "return None", "Stage `split` returned None, not (train, test) pairs"),
    ("split", "return []", "Stage `split` returned no folds"),
    ("split", "return frame", "Stage `split` returned a DataFrame, not"),
    ("split", "return [np.arange(5)]", "returned a ndarray as a fold"),
    ("split", "return [(np.arange(5), np.arange(5), 1)]", "returned a tuple as a fold"),
    ("split", "return [(frame['price'] > 0, np.arange(5))]", "the train side of fold 0 is a mask"),
    ("split", "return [(np.arange(5.0), np.arange(5))]", "is not a 1-d array of integers"),
    ("split", "return [(np.arange(6).reshape(2, 3), np.arange(5))]", "is not a 1-d array of integers"),
    ("split", "return [(np.arange(5), np.array([len(frame)]))]", "the test side of fold 0 has positions outside"),
    ("split", "return [(np.arange(5), np.array([-1]))]", "has positions outside the frame's"),
    ("split", "return (pair for pair in [1 / 0])", "Stage `split` failed: ZeroDivisionError"),
    ("fit", "raise RuntimeError('no convergence')", "Stage `fit` failed: RuntimeError: no convergence"),
    ("predict", "return None", "Stage `predict` returned an array of shape ()"),
    ("predict", "return np.zeros((len(frame), 2))", "of shape (144, 2) for 144 rows"),
    ("predict", "return np.zeros(len(frame) - 1)", "of shape (143,) for 144 rows"),
    ("predict", "return [object()] * len(frame)", "values of type object"),
    ("predict", "return [[1], [1, 2]]", "Stage `predict` returned a list that isn't an array"),
    ("predict", "return np.full(len(frame), np.datetime64('2024'))", "values of type datetime64"),
    ("metrics", "return 3.0", "Stage `metrics` returned a float, not a mapping"),
    ("metrics", "return {'mae': 'small'}", "Stage `metrics` returned a str for `mae`"),
]
FIRST_LINE = {
    "features": "def build(tables):\n",
    "split": "def folds(frame):\n",
    "fit": "def fit(train):\n",
    "predict": "def predict(model, frame):\n",
    "metrics": "def score(y_true, y_pred, frame):\n",
}


def sabotaged(stage: str, text: str) -> str:
    """Each stage looks at the size of the first store, which travels in the frame, for the number of its sabotage."""
    body = ""
    where = {"features": "tables['stores']['size'].iloc[0]", "fit": "train['size'].min()"}.get(stage, "frame['size'].min()")
    for number, (of, lines, _) in enumerate(WRONG, start=1):
        if of == stage:
            body += f"    if {where} == {-number}:\n"
            if stage == "features":
                body += "        import pandas as pd\n        frame = _real(tables)\n"
            body += "".join(f"        {line}\n" for line in lines.splitlines())
    first = FIRST_LINE[stage]
    if stage == "split":  # a generator function would hide what is returned
        return (
            f"import numpy as np\n{text.replace(first, 'def _real(frame):' + chr(10))}\n\n{first}{body}    return _real(frame)\n"
        )
    if stage == "features":
        return f"{text.replace(first, 'def _real(tables):' + chr(10))}\n\n{first}{body}    return _real(tables)\n"
    return text.replace(first, first + body)


def test_whatever_a_stage_does_wrong_is_said(tmp_path: Path) -> None:
    model = sabotaged("predict", sabotaged("fit", SHOP_MODEL))
    root = make_workspace(
        tmp_path,
        features=sabotaged("features", SHOP_FEATURES),
        split=sabotaged("split", SHOP_SPLIT),
        model=model,
        metrics=sabotaged("metrics", SHOP_METRICS),
    )
    with pipeline(root) as one:
        tables = one.load()
        for number, (stage, body, said) in enumerate(WRONG, start=1):
            with pytest.raises(PipelineError) as raised:
                one.run({**tables, "stores": tables["stores"].assign(size=-float(number))})
            error = raised.value
            assert said in error.message, (body, error.message)
            assert error.stage == stage or "The feature frame" in said or "The target" in said, (body, error.stage)
            assert error.code == ExitCode.USAGE and error.hint and "\n" not in error.message, body
            if " failed: " in said:
                assert "Traceback" in error.detail and re.search(r"pipelines/shop/\w+\.py", error.detail)
        assert len(one.run(tables).scores) == 3


def test_what_is_odd_but_right_is_taken(tmp_path: Path) -> None:
    split = """\
import pandas as pd
def folds(frame):
    return iter([[list(range(300)), pd.Index([400, 401])], (range(300), pd.Series([500]))])
"""
    model = SHOP_MODEL.replace(
        'return design(frame) @ model["coefficients"]',
        "import pandas as pd\n"
        "    return pd.Series(design(frame) @ model['coefficients'], index=frame.index + 7).astype('Float64')",
    )
    features = SHOP_FEATURES.replace(".reset_index(drop=True)", ".set_index('hour', drop=False).rename_axis('h')")
    metrics = """\
import numpy as np
def score(y_true, y_pred, frame):
    return {"n": len(frame), "bias": np.float32((y_true - y_pred).mean())}
"""
    with pipeline(make_workspace(tmp_path, split=split, model=model, features=features, metrics=metrics)) as one:
        run = one.run(one.load())
    assert [(len(f.train), len(f.test)) for f in run.folds] == [(300, 2), (300, 1)]
    assert run.fold_runs[0].predictions.dtype == "float64" and run.scores[0]["n"] == 2.0
    assert run.frame is not None and list(run.frame.index[:2]) == [0, 1]


def test_class_labels_are_predictions_too(tmp_path: Path) -> None:
    model = "def fit(t): return 1\ndef predict(m, f): return ['yes' if v > 20 else 'no' for v in f['price']]\n"
    metrics = "def score(t, p, f): return {'share': float((p == 'yes').mean())}\n"
    with pipeline(make_workspace(tmp_path, model=model, metrics=metrics)) as one:
        run = one.run(one.load())
    assert set(run.fold_runs[0].predictions) == {"no"} and run.scores[0] == {"share": 0.0}


def test_a_fold_with_an_empty_side_is_not_fitted(tmp_path: Path) -> None:
    split = """\
import numpy as np
def folds(frame):
    return [([], [1, 2]), (np.arange(300), np.arange(0)), (np.arange(300), [400])]
"""
    with pipeline(make_workspace(tmp_path, split=split)) as one:
        run = one.run(one.load())
        assert one.runs["fit"] == 1
    assert [len(fold.predictions) for fold in run.fold_runs] == [2, 0, 1]
    assert pd.isna(run.fold_runs[0].predictions).all() and run.scores[:2] == [{}, {}]


def test_empty_and_missing_only_frames_are_fine_as_far_as_features(tmp_path: Path) -> None:
    """A world cut off early has no rows and no outcomes yet; that is for the gate to judge."""
    with pipeline(make_workspace(tmp_path)) as one:
        tables = one.load()
        nothing = {name: table.head(0) for name, table in tables.items()}
        with pytest.raises(PipelineError):
            one.run({**tables, "sales": tables["sales"].assign(units=float("nan"))})
        frame = one.run({**tables, "sales": tables["sales"].assign(units=float("nan"))}, until="features").frame
        assert frame is not None and frame["units"].isna().all()
        assert len(one.run({**nothing, "stores": tables["stores"]}, until="features").frame) == 0  # type: ignore[arg-type]


# What load does wrong: (the text of its result, what takes its place, what is said, hint).
TABLES = [
    ('"sales": keys', '"sale": keys', "the table `sale`, which the contract doesn't declare", "[sources.sale]"),
    ('"stores": stores,', "", "no table `stores`, which the contract declares", "sales, prices"),
    ('"prices": keys.assign(price=price)', '"prices": keys', "`prices` has no column `price`", "store, hour"),
    ("price=price)", 'price=price).rename(columns={"hour": "at"})', "no column `hour`", ""),
    ('"stores": stores,', '"stores": stores.head(0),', "The table `stores` is empty", "load"),
    ("    return {\n", "    return None\n    return {\n", "returned None, not a mapping of tables", ""),
    ('"stores": stores,', '"stores": stores.to_dict(),', "returned a dict as table `stores`", "DataFrame"),
    ('"stores": stores,', "5: stores,", "as table `5`", ""),
    ('"stores": stores,', '"stores": stores.assign(x=[{1}, {2}]),', "`stores`: column `x` holds a value of type set", ""),
    ("    return {\n", "    raise OSError('disk')\n    return {\n", "failed: OSError: disk", "mend pipelines/shop/bad9.py"),
]


def test_tables_that_are_not_what_the_contract_says(tmp_path: Path) -> None:
    files: dict[str, str | None] = {}
    for number, (old, new, _, _) in enumerate(TABLES):
        assert old in SHOP_DATA
        files[f"pipelines/shop/bad{number}.py"] = SHOP_DATA.replace(old, new)
    data = "import importlib\ndef load():\n    which = open('which').read()\n"
    data += "    return importlib.import_module('pipelines.shop.bad' + which).load()\n"
    root = make_workspace(tmp_path, data=data, files={**files, "which": ""})
    with pipeline(root) as one:
        for number, (_, _, said, hint) in enumerate(TABLES):
            (root / "which").write_text(str(number))
            error = failure(one)
            assert error.stage == "load" and said in error.message and hint in error.hint
            if "has no column" in said or "is empty" in said:
                tables = one.load(check=False)
                with pytest.raises(PipelineError, match=re.escape(error.message)):
                    check_tables(one.contract, tables)


def test_a_column_that_says_when_another_is_known_has_to_be_there(tmp_path: Path) -> None:
    contract = SHOP_CONTRACT.replace('price = { known = "always" }', 'price = { known_at = "published" }')
    with pipeline(make_workspace(tmp_path, contract=contract)) as one:
        assert "no column `published`" in failure(one).message


def test_a_caller_cannot_pass_what_does_not_cross(tmp_path: Path) -> None:
    with pipeline(make_workspace(tmp_path)) as one:
        tables = one.load()
        with pytest.raises(PipelineError, match="Table `stores`: column `x` holds a value of type set"):
            one.run({**tables, "stores": tables["stores"].assign(x=[{1}, {2}])})
