"""Ways by which fit, split and predict get at the test past their arguments, each next to an honest one. Really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.loans import CODE, CONTRACT
from tests.gates.subjects import errors, found, running
from tests.workspaces import SHOP_DATA, SHOP_MODEL, SHOP_SPLIT
from workbench.gates.leakage import batch_prediction, outcome_filter, reads_outside, split_sees_test
from workbench.gates.metric import permuted_labels

LOAD = "from pipelines.shop.data import load\n"
LOADS = {
    "in fit": (SHOP_MODEL.replace("import numpy as np\n", f"import numpy as np\n{LOAD}", 1), "load()['sales']['units'].mean()"),
    "when imported": (
        SHOP_MODEL.replace("import numpy as np\n", f"import numpy as np\n{LOAD}MEAN = load()['sales']['units'].mean()\n", 1),
        "MEAN",
    ),
}


@pytest.mark.parametrize("way", LOADS)
def test_a_fit_that_loads_the_tables_again(tmp_path: Path, way: str) -> None:
    text, mean = LOADS[way]
    model = text.replace('return {"coefficients": coefficients}', f'return {{"coefficients": coefficients * {mean} / {mean}}}')
    with running(tmp_path, model=model) as subject:
        (finding,) = errors(reads_outside.rule, subject)
        assert finding.stage == "fit" and str(finding.source).startswith("load (pipelines/shop/model.py:")


@pytest.mark.parametrize(("use", "caught"), [("data.TABLES['sales']['units'].mean()", True), ("train['units'].mean()", False)])
def test_a_table_that_the_module_of_load_keeps(tmp_path: Path, use: str, caught: bool) -> None:
    data = SHOP_DATA.replace("def load():", "def make():") + "\n\nTABLES = make()\n\n\ndef load():\n    return TABLES\n"
    model = SHOP_MODEL.replace("import numpy as np\n", "import numpy as np\nfrom pipelines.shop import data\n", 1)
    model = model.replace('return {"coefficients": coefficients}', f'return {{"coefficients": coefficients + 0 * {use}}}')
    with running(tmp_path, data=data, model=model) as subject:
        assert [f.stage for f in errors(reads_outside.rule, subject)] == ["fit"] * caught


def test_a_file_that_is_read_when_a_module_is_imported(tmp_path: Path) -> None:
    reading = 'import numpy as np\n\nRATES = open("pipelines/shop/rates.csv").read()\n'
    files = {"pipelines/shop/rates.csv": "a,1\n"}
    with running(tmp_path / "model", model=SHOP_MODEL.replace("import numpy as np\n", reading, 1), files=files) as subject:
        (finding,) = errors(reads_outside.rule, subject)
        assert finding.source == "pipelines/shop/rates.csv"
    with running(tmp_path / "data", data=SHOP_DATA.replace("import numpy as np\n", reading, 1), files=files) as subject:
        assert found(reads_outside.rule, subject) == []


def test_training_rows_chosen_by_the_test(tmp_path: Path) -> None:
    near = 'train = train[(frame["price"].iloc[train] - frame["price"].iloc[{side}].mean()).abs().to_numpy() < 1.2]\n'
    for side, caught in (("test", 1), ("train", 0)):
        split = SHOP_SPLIT.replace("yield train, test", near.format(side=side) + "        yield train, test")
        with running(tmp_path / side, split=split) as subject:
            assert len(found(split_sees_test.rule, subject)) == caught


def test_groups_of_the_test_left_out_of_the_training(tmp_path: Path) -> None:
    """The right thing to do, though which rows it leaves out is decided by the test."""
    purged = (
        "train = np.arange(120)\n    told = frame['serial'].iloc[120:]\n"
        "    yield train[~frame['serial'].iloc[train].isin(told).to_numpy()], np.arange(120, 200)"
    )
    code = CODE.replace("FEATURE", "frame['serial'] = (frame['loan'] * 7919) % 151").replace(
        "yield np.arange(120), np.arange(120, 200)", purged
    )
    with running(tmp_path, contract=CONTRACT, files={"pipelines/shop/loans.py": code}) as subject:
        assert len(subject.folds[0].train) < 120
        assert found(split_sees_test.rule, subject) == []


SPLITS = {
    "filtered": ("yield np.arange(120), np.flatnonzero((np.arange(200) >= 120) & (frame['default'] == 0))", True),
    "filtered in turn": (
        "part = np.arange(200) % 4\n    hard = ((frame['default'] == 1) & (frame['income'] > 20000)).to_numpy()\n"
        "    for k in range(4):\n        yield np.flatnonzero(part != k), np.flatnonzero((part == k) & ~hard)",
        True,
    ),
    "stratified": (
        "order = np.argsort(frame['default'].to_numpy(), kind='stable')\n"
        "    yield np.sort(order[np.arange(200) % 3 > 0]), np.sort(order[::3])",
        False,
    ),
    "by a fact": ("yield np.arange(120), np.flatnonzero((np.arange(200) >= 120) & (frame['income'] > 20000))", False),
}


@pytest.mark.parametrize("way", SPLITS)
def test_test_rows_chosen_by_their_outcome(tmp_path: Path, way: str) -> None:
    lines, caught = SPLITS[way]
    code = CODE.replace("FEATURE", "").replace("yield np.arange(120), np.arange(120, 200)", lines)
    with running(tmp_path, contract=CONTRACT, files={"pipelines/shop/loans.py": code}) as subject:
        assert bool(found(outcome_filter.rule, subject)) == caught
        assert found(split_sees_test.rule, subject) == []


@pytest.mark.parametrize(("by", "caught"), [("frame", True), ("frame.groupby('region')", False)])
def test_predictions_scaled_by_their_batch_without_a_time(tmp_path: Path, by: str, caught: bool) -> None:
    """Rows of one declared group may be ranked against each other; all rows that happen to be asked about may not."""
    contract = CONTRACT.replace('target = "default"', 'target = "default"\ngroups = ["region"]')
    code = CODE.replace("FEATURE", 'frame["region"] = frame["region"] + (frame["loan"] // 40).astype(str)').replace(
        "return np.full(len(frame), model)", f"return model * {by}['income'].rank(pct=True).to_numpy()"
    )
    with running(tmp_path, contract=contract, files={"pipelines/shop/loans.py": code}) as subject:
        assert bool(errors(batch_prediction.rule, subject)) == caught


@pytest.mark.parametrize("told", [True, False])
def test_classes_that_come_in_past_the_labels(tmp_path: Path, told: bool) -> None:
    contract = CONTRACT.replace('kind = "binary"', 'kind = "multiclass"')
    kinds = 'return {"loans": loans.assign(default=rng.choice(["no", "late", "never"], 200, p=[0.5, 0.3, 0.2]))}'
    code = CODE.replace("FEATURE", "").replace(
        ('return {"loans": loans.assign(default=(rng.random(200) < 0.3).astype(int))}'), kinds
    )
    code = code.replace('return float(train["default"].mean())', 'return train.groupby("region")["default"].first().to_dict()')
    answer = (
        'ANSWERS = load()["loans"].set_index("loan")["default"]\n'
        "\n"
        "\n"
        "def predict(model, frame):\n"
        '    return frame["loan"].map(ANSWERS).where(frame.index % 4 > 0, frame["region"].map(model)).to_numpy()'
    )
    code = code.replace(
        ("def predict(model, frame):\n    return np.full(len(frame), model)"),
        answer if told else 'def predict(model, frame):\n    return frame["region"].map(model).to_numpy()',
    )
    code = code.replace('"brier": float(np.mean((y_true - y_pred) ** 2))', '"accuracy": float(np.mean(y_true == y_pred))')
    with running(tmp_path, contract=contract, files={"pipelines/shop/loans.py": code}) as subject:
        assert [f.severity for f in found(permuted_labels.rule, subject)] == (["error"] if told else [])
