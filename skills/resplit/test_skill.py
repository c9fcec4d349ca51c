"""Tests of the `resplit` skill: the text of a repaired split is run, and its folds held against the contract's facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skills.resplit.forward import Shape, walk_forward
from skills.resplit.gaps import needed_gaps, widen
from skills.resplit.purge import purge
from skills.resplit.seeds import seeded
from skills.resplit.skill import Facts, Input, repair, run
from skills.resplit.writing import Clock
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.results import Fold
from workbench.skills.source import Module
from workbench.testing import make_workspace, skill_context

LATE = pd.Timedelta("25h")
"""Horizon and label delay of the contract together."""
HEAD = "import numpy as np\nimport pandas as pd\n"
ORDERED = (
    HEAD
    + '''

def folds(frame):
    """Two periods, in the order of time."""
    for days in (4, 2):  # keep me
        cut = frame["hour"].max() - pd.Timedelta(days=days)
        yield np.flatnonzero(frame["hour"] < cut), np.flatnonzero(frame["hour"] >= cut)


def other():
    return folds
'''
)
RANDOM = '''from sklearn.model_selection import KFold


def folds(frame):
    """Random."""
    return KFold(n_splits=4, shuffle=True, random_state=0).split(frame)
'''


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return load_contract(make_workspace(tmp_path_factory.mktemp("visits")), "visits")


def frame(kind: str = "naive") -> pd.DataFrame:
    hours = pd.date_range("2024-03-20", periods=24 * 14, freq="h")
    made = pd.DataFrame(
        {"door": "A", "hour": hours, "visitors": np.arange(len(hours), dtype=float), "group": np.arange(len(hours)) % 7}
    )
    if kind == "aware":
        return made.assign(hour=made["hour"].dt.tz_localize("UTC"))
    return made.assign(hour=made["hour"].astype(str)) if kind == "text" else made


def folds_of(text: str, rows: pd.DataFrame) -> list[tuple[Any, Any]]:
    names: dict[str, Any] = {}
    exec(compile(text, "split.py", "exec"), names)
    return [(np.asarray(train), np.asarray(test)) for train, test in names["folds"](rows)]


def hours_of(rows: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(rows["hour"], utc=True)


def late(text: str, rows: pd.DataFrame) -> int:
    hours = hours_of(rows)
    return sum(int((hours.iloc[train] + LATE > hours.iloc[test].min()).sum()) for train, test in folds_of(text, rows))


@pytest.mark.parametrize("kind", ["naive", "aware", "text"])
@pytest.mark.parametrize(
    "text",
    [
        ORDERED,
        ORDERED.replace("yield np.flatnonzero(frame", "pairs = [np.flatnonzero(frame").replace(
            " >= cut)\n", " >= cut)]\n        yield pairs\n"
        ),
        ORDERED.replace("import pandas as pd", "import pandas").replace("pd.", "pandas."),
        ORDERED.replace("\n\ndef other():\n    return folds\n", ""),
        ORDERED.replace("def folds(frame):", "HORIZON = 24\n\n\ndef folds(frame: pd.DataFrame, *, days=(4, 2)):"),
        ORDERED.replace("def folds", "def walk").replace("return folds", "return walk") + "\n\nfolds = walk\n",
    ],
)
def test_purging_keeps_the_folds_and_takes_out_what_is_late(contract: Contract, text: str, kind: str) -> None:
    rows = frame(kind)
    if kind == "text":
        text = text.replace(
            'frame["hour"]', 'pandas.to_datetime(frame["hour"])' if "import pandas\n" in text else 'pd.to_datetime(frame["hour"])'
        )
    assert late(text, rows) > 0
    new = purge(Module(text), "folds", contract, Clock(kind), ["known"])
    assert new is not None and "# keep me" in new
    assert late(new, rows) == 0
    for (train, test), (before, same) in zip(folds_of(new, rows), folds_of(text, rows), strict=True):
        assert test.tolist() == same.tolist() and set(train) < set(before)
        hours = hours_of(rows)
        assert set(before) - set(train) == {i for i in before if hours[i] + LATE > hours.iloc[test].min()}


def test_local_times_are_compared_in_utc(tmp_path: Path) -> None:
    edit = ('[sources.visits]\ntime = "hour"', '[sources.visits]\ntime = "hour"\nzone = "Europe/Berlin"')
    contract = load_contract(make_workspace(tmp_path, {"pipelines/visits/contract.toml": edit}), "visits")
    new = purge(Module(ORDERED), "folds", contract, Clock("naive", "Europe/Berlin"), ["known"])
    assert new is not None and 'tz_localize("Europe/Berlin"' in new
    rows = frame()  # the clocks change on 31 March, between train and test of the first fold
    hours = rows["hour"].dt.tz_localize("Europe/Berlin", ambiguous=False, nonexistent="shift_forward").dt.tz_convert("UTC")
    for train, test in folds_of(new, rows):
        assert (hours.iloc[train] + LATE <= hours.iloc[test].min()).all() and len(train)


@pytest.mark.parametrize(
    ("line", "steps", "broken"),
    [
        ("yield np.r_[train, test[:9]], test", ["apart"], lambda rows, a, b: np.intersect1d(a, b).size),
        ("yield train, np.r_[test, test[:9]]", ["once"], lambda rows, a, b: len(b) - len(np.unique(b))),
        ("yield train[rows['group'].to_numpy()[train] < 5], test[rows['group'].to_numpy()[test] > 3]", ["groups"],
         lambda rows, a, b: len(set(rows["group"].iloc[a]) & set(rows["group"].iloc[b]))),
        ("yield train, test", ["labelled"],
         lambda rows, a, b: int(rows["visitors"].iloc[np.r_[a, b]].isna().sum())),
    ],
)  # fmt: skip
def test_other_steps(tmp_path: Path, line: str, steps: list[str], broken: Any) -> None:
    edit = ('target = "visitors"', 'target = "visitors"\ngroups = ["group"]')
    contract = load_contract(make_workspace(tmp_path, {"pipelines/visits/contract.toml": edit}), "visits")
    text = HEAD + (
        "\n\ndef folds(rows):\n    for cut in (100, 200):\n        train, test = np.arange(cut), np.arange(cut, cut + 100)\n"
        f"        {line}\n"
    )
    new = purge(Module(text), "folds", contract, Clock(), steps)
    assert new is not None
    rows = frame().assign(visitors=lambda made: made["visitors"].where(made.index % 5 > 0))
    assert any(broken(rows, *fold) for fold in folds_of(text, rows))
    found = folds_of(new, rows)
    assert len(found) == 2 and all(len(train) for train, _ in found)
    assert not any(broken(rows, *fold) for fold in found)


@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize("text", [RANDOM, RANDOM.replace("return KFold", "yield from KFold")])
def test_a_random_split_becomes_as_many_folds_in_order(contract: Contract, text: str, count: int) -> None:
    rows = frame("aware")
    new = walk_forward(Module(text), "folds", contract, Clock("aware"), Shape(count, 1 / max(2, count)))
    assert new is not None and "sklearn" not in new
    found = folds_of(new, rows)
    assert len(found) == count and late(new, rows) == 0
    ends = [int(test.max()) for _, test in found]
    assert ends == sorted(ends) and ends[-1] == len(rows) - 1
    assert all(len(train) and len(test) for train, test in found)
    assert len(np.unique(np.concatenate([test for _, test in found]))) == sum(len(test) for _, test in found)


@pytest.mark.parametrize(
    ("code", "gap", "after"),
    [
        ('GAP = pd.Timedelta("2h")\n', "GAP", 'pd.Timedelta("25h")'),
        ("EMBARGO_HOURS = 3  # why\n", "EMBARGO_HOURS", "25"),
        ("purge = 1\nx = pd.Timedelta(days=purge)\n", "purge", "2"),
        ("gap = timedelta(hours=0)\n", "gap", "timedelta(hours=25)"),
        ('def folds(frame, *, embargo: str = "1D"): ...\n', "embargo", '"25h"'),
        ('walk(frame, gap="90min")\n', "gap", '"25h"'),
        ("TimeSeriesSplit(n_splits=3, gap=10)\n", "gap", "60"),
    ],
)
def test_a_gap_that_is_named_is_widened(code: str, gap: str, after: str) -> None:
    module = Module(f"import pandas as pd\n{code}")
    found = list(needed_gaps(module, LATE.total_seconds(), rows=50))
    assert [(g.name, g.text) for g in found] == [(gap, after)]
    assert after in widen(module, found[0]) and widen(module, found[0]).endswith(code[code.index("\n") :])


@pytest.mark.parametrize(
    "code", ['GAP = pd.Timedelta("30h")\n', "singapore = 1\n", "gap = compute()\n", "gap = 5\n", 'GAP = "wide"\n']
)
def test_what_is_wide_enough_or_no_gap_is_left_alone(code: str) -> None:
    assert list(needed_gaps(Module(code), LATE.total_seconds(), rows=50)) == []


def test_draws_get_a_seed() -> None:
    text = (
        "import numpy as np\nKFold(5, shuffle=True)\nKFold(5)\nShuffleSplit(random_state=None)\n"
        "np.random.permutation(9)\nf.sample(frac=1)\n"
    )
    assert seeded(Module(text)) == (
        "import numpy as np\nKFold(5, shuffle=True, random_state=0)\nKFold(5)\nShuffleSplit(random_state=0)\n"
        "np.random.default_rng(0).permutation(9)\nf.sample(frac=1, random_state=0)\n"
    )
    assert seeded(Module("KFold(5)\n")) is None


def facts_of(contract: Contract, text: str) -> Facts:
    rows = frame()
    return Facts(contract, rows, [Fold(train, test) for train, test in folds_of(text, rows)])


def test_the_first_candidate_that_is_proven_is_kept_and_the_others_are_named(contract: Contract, tmp_path: Path) -> None:
    text = ORDERED.replace("def folds", 'GAP = pd.Timedelta("0h")\n\n\ndef folds')
    root = make_workspace(tmp_path)
    (root / "pipelines/visits/split.py").write_text(text)

    def proof(edits: Mapping[str, str]) -> str:
        return "still late" if late(edits["pipelines/visits/split.py"], frame()) else ""

    output = repair(root, facts_of(contract, text), ["leakage/label-embargo"], proof)
    assert output.ok and "purged" in output.kept
    assert [line.rpartition(": ")[2] for line in output.tried] == ["still late", "works"]
    assert (root / "pipelines/visits/split.py").read_text() == text


def test_without_a_proven_candidate_it_says_so(contract: Contract, tmp_path: Path) -> None:
    output = repair(make_workspace(tmp_path), facts_of(contract, ORDERED), ["leakage/label-embargo"], lambda edits: "no")
    assert not output.ok and not output.edits and "person" in output.reason and len(output.tried) == 1


def test_a_real_pipeline_is_repaired_and_proven_by_the_gate(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/split.py": ('pd.Timedelta("25h")', 'pd.Timedelta("1h")')})
    (root / "pipelines/visits/model.py").write_text(
        "def fit(train):\n    return {'mean': float(train['visitors'].mean())}\n\n\n"
        "def predict(model, frame):\n    return frame['hour_of_day'].to_numpy() * 0 + model['mean']\n"
    )
    before = (root / "pipelines/visits/split.py").read_text()
    output = run(skill_context(root), Input())
    assert output.ok and "leakage/label-embargo" in output.summary, output
    assert (root / "pipelines/visits/split.py").read_text() == before
    assert list(output.edits) == ["pipelines/visits/split.py"]


def test_findings_that_only_a_person_can_judge_are_not_touched(tmp_path: Path) -> None:
    finding = {"rule": "leakage/outcome-filter", "severity": "error", "stage": "split", "message": "m", "remedy": "r"}
    output = run(skill_context(make_workspace(tmp_path)), Input(findings=[finding]))
    assert not output.ok and "leakage/outcome-filter" in output.reason
