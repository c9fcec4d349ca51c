from __future__ import annotations

from pathlib import Path

import pytest

from tests.changesets import FILES, edited, judged, kinds, replaced, workspace
from workbench.changes import RiskKind, classify
from workbench.repo import Repo

P = "pipelines/sales/"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return workspace(tmp_path_factory.mktemp("ws"))


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (replaced(P + "split.py", "GAP = 3", "GAP = 0"), {"split"}),
        (replaced(P + "split.py", "[edge + GAP]", "[edge]"), {"split"}),
        (replaced(P + "calendar_days.py", "day.month", "day.month + 1"), {"split"}),
        (replaced(P + "calendar_days.py", "isocalendar()[1]", "isocalendar()[0]"), {"feature"}),
        (replaced(P + "model.py", "ROUNDS = 50", "ROUNDS = 60"), {"model"}),
        (replaced(P + "metrics.py", ".mean()", ".max()"), {"metric"}),
        (replaced(P + "finish.py", "clip(0)", "clip(1)"), {"postprocessing"}),
        (replaced(P + "features.py", "['count']", "['count'] * 2"), {"feature", "label"}),
        (replaced(P + "features.py", "frame['week']", "frame['w']"), {"feature", "label"}),
        (replaced(P + "prepare.py", "table.copy()", "table.rename(columns={'a': 'b'})"), {"preprocessing"}),
        (replaced(P + "paths.py", "data/orders.csv", "data/new.csv"), {"data", "label"}),
        (replaced(P + "paths.py", "folds.csv", "other.csv"), set()),
        (replaced(P + "features.py", "import week as", "import month as"), {"feature"}),
    ],
)  # fmt: skip
def test_a_change_is_the_kind_of_every_stage_that_reaches_it(repo: Repo, edit: dict[str, str], expected: set[str]) -> None:
    assert kinds(repo, edit) == expected


def test_an_import_that_nothing_uses_reaches_nothing_but_an_opaque_module_reaches_all(repo: Repo) -> None:
    opaque = replaced(P + "split.py", "GAP = 3", "GAP = globals().get('X', 3)")
    assert {"split", "unknown"} <= kinds(repo, opaque)


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("model.py", "ROUNDS)", "ROUNDS )", {"format"}),
        ("model.py", "def fit(train):", "def fit(train):\n    # fewer is worse", {"docs"}),
        ("model.py", "def fit(train):", 'def fit(train):\n    """Fits."""', {"docs"}),
        ("model.py", "def fit(train):", "def fit(train: object) -> object:", {"docs"}),
        ("model.py", "ROUNDS)", "ROUNDS)  # noqa", {"gate", "docs"}),
        ("model.py", "ROUNDS)", "ROUNDS)  # type: ignore[x]", {"gate", "docs"}),
        ("model.py", "\n", "\r\n", {"format"}),
        ("model.py", "return str(model)", "return repr(model)", set()),
    ],
)  # fmt: skip
def test_what_does_not_run_is_words_and_what_silences_a_check_is_gate(
    repo: Repo, path: str, old: str, new: str, expected: set[str]
) -> None:
    assert kinds(repo, {P + path: FILES[P + path].replace(old, new).encode()}) == expected


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("tables.py", "pd.read_csv(paths.ORDERS).dropna()", {"data", "split"}),
        ("tables.py", "pd.read_csv(paths.ORDERS)[lambda t: t]", {"data"}),
        ("tables.py", "pd.read_csv(paths.ORDERS).query('a > 1')", {"data", "split"}),
        ("tables.py", "pd.read_csv(paths.ORDERS).bfill()", {"data", "feature", "label"}),
        ("tables.py", "pd.read_csv(paths.ORDERS).assign(revenue=1)", {"data", "label"}),
        ("tables.py", "pd.read_pickle(paths.ORDERS)", {"data", "unknown"}),
        ("tables.py", "eval('1')", {"data", "unknown"}),
        ("tables.py", "getattr(pd, paths.ORDERS)(1)", {"data", "unknown"}),
    ],
)  # fmt: skip
def test_a_stage_that_does_another_stages_work_is_that_kind_too(repo: Repo, path: str, code: str, expected: set[str]) -> None:
    assert kinds(repo, replaced(P + path, "pd.read_csv(paths.ORDERS)", code)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "import lightgbm\nlightgbm.train = None",
        "import sklearn.model_selection as m\nm.KFold.split = None",
        "setattr(lgb, 'train', None)",
        "import sys\nsys.path.insert(0, 'x')",
        "from os import environ as e\nROUNDS = int(e['R'])",
        "import datetime\nROUNDS = datetime.date.today().day",
        "import importlib\nx = importlib.import_module('a' + 'b')",
        "lgb.reset_everything()",
    ],
)  # fmt: skip
def test_what_acts_at_a_distance_or_by_circumstance_is_unknown(repo: Repo, line: str) -> None:
    edit = {P + "model.py": FILES[P + "model.py"].replace("ROUNDS = 50", f"ROUNDS = 50\n{line}")}
    assert "unknown" in kinds(repo, edit)


def test_a_split_inside_the_model_is_a_split(repo: Repo) -> None:
    code = FILES[P + "model.py"].replace(
        "import lightgbm as lgb", "import lightgbm as lgb\nfrom sklearn.model_selection import train_test_split as t"
    )
    edit = {P + "model.py": code.replace("return lgb.train({}, train, ROUNDS)", "return lgb.train({}, t(train)[0], ROUNDS)")}
    assert {"split", "model", "dependency"} <= kinds(repo, edit)


def test_a_module_moved_elsewhere_is_still_found(repo: Repo) -> None:
    edit = {P + "split.py": "from lib.any import folds\n", "lib/any.py": FILES[P + "split.py"].replace("GAP = 3", "GAP = 0")}
    found = judged(repo, edit)
    assert "split" in {risk.kind for risk in found.risks if risk.path == "lib/any.py"}


@pytest.mark.parametrize(
    "entry",
    [
        "import importlib\nfolds = importlib.import_module('lib.any').folds\n",
        "import lib.any as n\nfolds = getattr(n, 'folds')\n",
        "from functools import partial\nimport lib.any\nfolds = partial(lib.any.folds)\n",
        "from lib import any as other\n\n\ndef folds(frame):\n    return other.folds(frame)\n",
        "from lib.any import *\n",
    ],
)  # fmt: skip
def test_indirection_does_not_hide_the_stage(tmp_path: Path, entry: str) -> None:
    repo = workspace(tmp_path, {P + "split.py": entry, "lib/any.py": "def folds(frame):\n    return []\n"})
    edit = {"lib/any.py": "def folds(frame):\n    return [1]\n"}
    assert "split" in kinds(repo, edit)


def test_code_that_nothing_reaches_carries_no_risk_until_something_does(repo: Repo) -> None:
    assert kinds(repo, {"tools/report.py": "def summary(rows):\n    return 1\n"}) == set()
    assert kinds(repo, {"tools/plot.py": "def draw():\n    return 1\n"}) == set()
    assert kinds(
        repo, {"tools/report.py": "def summary(rows):\n    return 1\n\n\nif __name__ == '__main__':\n    summary(1)\n"}
    ) == {"unknown"}


@pytest.mark.parametrize(
    ("user", "text", "expected"),
    [
        ("tests/test_tools.py", "from tools.report import summary\n\n\ndef test_it():\n    assert summary([]) == 0\n", "test"),
        (".ci/run", "python -m tools.report\n", "gate"),
        ("Makefile", "all:\n\tpython tools/report.py\n", "gate"),
        ("Dockerfile", "RUN python tools/report.py\n", "deployment"),
        ("job.sh", "python tools/report.py\n", "unknown"),
        ("app.py", "import tools.report\n\n\nif __name__ == '__main__':\n    tools.report.summary([])\n", "unknown"),
    ],
)  # fmt: skip
def test_who_uses_unstaged_code_decides_its_kind(tmp_path: Path, user: str, text: str, expected: str) -> None:
    repo = workspace(tmp_path, {user: text})
    assert kinds(repo, {"tools/report.py": "def summary(rows):\n    return 1\n"}) == {expected}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("sitecustomize.py", "x = 1\n"),
        ("sklearn/__init__.py", ""),
        ("sklearn/model_selection.py", "x = 1\n"),
        ("pandas.py", "x = 1\n"),
        ("json.py", "x = 1\n"),
        ("lightgbm.py", "x = 1\n"),
        ("evil.pth", "import os\n"),
        ("conftest.py", "x = 1\n"),
        ("pipelines/sales/split/__init__.py", "def folds(frame):\n    return []\n"),
    ],
)  # fmt: skip
def test_names_that_python_runs_or_finds_first_are_unknown(repo: Repo, path: str, text: str) -> None:
    assert "unknown" in kinds(repo, {path: text})


@pytest.mark.parametrize(
    "text",
    [
        "ROUNDS = 50 # \u202e hidden\n",
        "RO\u200bUNDS = 50\n",
        "ｅxec = 1\n",
        "аccess = 1\n",
        "# -*- coding: utf-7 -*-\nx = 1\n",
        "def broken(:\n",
        "x = 1\x00\n",
    ],
)  # fmt: skip
def test_what_reads_other_than_it_looks_is_unknown(repo: Repo, text: str) -> None:
    assert "unknown" in kinds(repo, {P + "model.py": text.encode("utf-8")})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n\ndef test_more():\n    assert 1\n", {"test"}),
        ("\n\n@pytest.mark.skip\ndef test_score():\n    assert 1\n", {"gate"}),
        ("\n\npytestmark = 1\n", {"gate"}),
        ("\n\nmetrics.score = None\n", {"gate"}),
        ("\n\n@pytest.fixture(autouse=True)\ndef quiet():\n    return 1\n", {"gate"}),
    ],
)  # fmt: skip
def test_a_test_added_is_test_anything_else_is_gate(repo: Repo, text: str, expected: set[str]) -> None:
    found = kinds(repo, {"tests/test_sales.py": FILES["tests/test_sales.py"] + text})
    assert found == expected


def test_weakened_and_removed_tests_are_gate(repo: Repo) -> None:
    assert kinds(repo, {"tests/test_sales.py": FILES["tests/test_sales.py"].replace("assert True", "pass")}) == {"gate"}
    assert kinds(repo, {"tests/test_sales.py": None}) == {"gate"}
    assert kinds(repo, {"tests/test_new.py": "def test_x():\n    assert 1\n"}) == {"test"}
    assert kinds(repo, {"tests/expected.json": '{"a": 1}'}) == {"gate"}


def test_every_risk_says_why_and_the_chain(repo: Repo) -> None:
    risks = judged(repo, replaced(P + "calendar_days.py", "day.month", "day.month + 1")).risks
    assert [(risk.kind, risk.symbol, risk.stage, risk.use_case) for risk in risks] == [
        (RiskKind.SPLIT, "month", "split", "sales")
    ]
    assert "folds → _edges → month" in risks[0].reason and risks[0].line == 5


def test_the_same_trees_always_give_the_same_risks(repo: Repo) -> None:
    change = edited(repo, replaced(P + "split.py", "GAP = 3", "GAP = 0"))
    assert classify(repo, change).risk_digest == classify(repo, change).risk_digest
