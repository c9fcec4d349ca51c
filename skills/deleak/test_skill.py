"""Tests of the `deleak` skill: leaks of many kinds in a small frame; the rule itself, run in this process, is the proof."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skills.deleak.column import dropped
from skills.deleak.locate import Code
from skills.deleak.skill import Input, Output, repair, run
from workbench.findings import Finding, Severity
from workbench.gates.leakage.future_feature import examine
from workbench.gates.rule import NotExercised
from workbench.pipeline.contract import Contract, load_contract
from workbench.skills.source import Module
from workbench.testing import make_workspace, skill_context

FEATURES = "pipelines/visits/features.py"
BEFORE = """\
import numpy as np
import pandas as pd

LAG = 20


def build(tables):
    frame = tables["visits"].sort_values(["door", "hour"], ignore_index=True)
    visitors = frame.groupby("door")["visitors"]
    frame["lag_48h"] = visitors.shift(48)
    frame["hour_of_day"] = frame["hour"].dt.hour.astype("float64")
    {leak}  # leak
    return frame
"""


def tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(5)
    hours = pd.date_range("2024-01-01", periods=24 * 9, freq="h")
    doors = [pd.DataFrame({"door": d, "hour": hours, "visitors": rng.normal(50, 9, len(hours)).round(2)}) for d in ("A", "B")]
    return {"visits": pd.concat(doors, ignore_index=True)}


class Shop:
    """The use case `visits` with other features, built and judged in this process."""

    def __init__(self, directory: Path, text: str) -> None:
        self.root = make_workspace(directory)
        contract = (self.root / "pipelines/visits/contract.toml").read_text()
        self.root.joinpath("pipelines/visits/contract.toml").write_text(
            contract.replace('features = ["lag_48h", "hour_of_day"]\n', "")
        )
        (self.root / FEATURES).write_text(text)
        self.contract: Contract = load_contract(self.root, "visits")
        self.tables = tables()
        self.frame = self.build(text, self.tables)
        self.proofs = 0

    @staticmethod
    def build(text: str, given: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        names: dict[str, Any] = {}
        exec(compile(text, FEATURES, "exec"), names)
        made: pd.DataFrame = names["build"]({name: table.copy() for name, table in given.items()})
        return made

    def findings(self, text: str) -> list[Finding]:
        frame = self.build(text, self.tables)
        try:
            found = examine(self.contract, self.tables, frame, lambda world: self.build(text, world))
        except NotExercised:
            return []
        return [finding for finding in found if finding.severity is Severity.ERROR]

    def proof(self, column: str, edits: Mapping[str, str]) -> str:
        self.proofs += 1
        text = edits[FEATURES]
        try:
            frame = self.build(text, self.tables)
            others = [name for name in self.frame.columns if not name.startswith("leak")]
            pd.testing.assert_frame_equal(self.frame[others], frame[others])
            left = [finding for finding in self.findings(text) if finding.column == column]
        except (AssertionError, AttributeError, TypeError, ValueError, KeyError) as error:
            return str(error).splitlines()[0]
        if column in frame.columns and frame[column].notna().mean() < 0.1 * self.frame[column].notna().mean():
            return "nothing left"
        return left[0].message if left else ""

    def repaired(self) -> Output:
        leaks = self.findings((self.root / FEATURES).read_text())
        assert leaks, "the case doesn't leak"
        return repair(self.root, self.contract, self.frame, leaks, self.proof)


CURES = {
    "negative shift": ('frame["leak"] = visitors.shift(-1)', 'frame["leak"] = visitors.shift(25)'),
    "lag shorter than horizon": ('frame["leak"] = visitors.shift(periods=24)', 'frame["leak"] = visitors.shift(periods=25)'),
    "lag by a name": ('frame["leak"] = visitors.shift(LAG)', 'frame["leak"] = visitors.shift(LAG + 5)'),
    "centred window": (
        'frame["leak"] = visitors.transform(lambda v: v.rolling(9, center=True, min_periods=1).mean())',
        'frame["leak"] = visitors.transform(lambda v: v.shift(25).rolling(9, min_periods=1).mean())',
    ),
    "reversed window": (
        'frame["leak"] = visitors.transform(lambda v: v[::-1].rolling(5, min_periods=1).max()[::-1])',
        'frame["leak"] = visitors.transform(lambda v: v.shift(25).rolling(5, min_periods=1).max())',
    ),
    "window that ends now": (
        "frame = frame.assign(leak=visitors.transform(lambda v: v.ewm(3).mean()))",
        "frame = frame.assign(leak=visitors.transform(lambda v: v.shift(25).ewm(3).mean()))",
    ),
    "back-fill": (
        "gappy = frame['visitors'].where(frame['hour'].dt.hour % 4 == 0).groupby(frame['door'])\n"
        "    frame['leak'] = gappy.transform(lambda v: v.shift(25).bfill())",
        "gappy = frame['visitors'].where(frame['hour'].dt.hour % 4 == 0).groupby(frame['door'])\n"
        "    frame['leak'] = gappy.transform(lambda v: v.shift(25).ffill())",
    ),
    "whole history": (
        'frame["leak"] = visitors.transform("max")',
        'frame["leak"] = visitors.transform(lambda values: values.shift(25).expanding().max())',
    ),
    "global normalisation": (
        'frame["leak"] = frame["lag_48h"] - frame["visitors"].mean()',
        'frame["leak"] = frame["lag_48h"] - frame.groupby("door")["visitors"].transform('
        "lambda values: values.shift(25).expanding().mean())",
    ),
    "target encoding": (
        'frame["leak"] = frame["door"].map(frame.groupby("door")["visitors"].mean())',
        'frame["leak"] = frame.groupby("door")["visitors"].transform(lambda values: values.shift(25).expanding().mean())',
    ),
    "rank": (
        'frame["leak"] = frame["visitors"].rank(pct=True)',
        'frame["leak"] = frame.groupby("door")["visitors"].transform(lambda values: values.shift(25).expanding().rank(pct=True))',
    ),
    "join by event time": (
        'frame["leak"] = frame[["door", "hour"]].merge(tables["visits"], on=["door", "hour"], how="left")["visitors"]',
        'frame["leak"] = frame[["door", "hour"]].merge(tables["visits"].assign('
        'hour=lambda table: table["hour"] + pd.Timedelta("25h")), on=["door", "hour"], how="left")["visitors"]',
    ),
}


@pytest.mark.parametrize(("before", "after"), CURES.values(), ids=CURES)
def test_an_idiom_is_cured_in_place(tmp_path: Path, before: str, after: str) -> None:
    shop = Shop(tmp_path, BEFORE.format(leak=before))
    output = shop.repaired()
    assert output.ok and output.edits == {FEATURES: BEFORE.format(leak=after)}, output.tried
    assert output.tried[-1].endswith("works") and list(output.kept) == ["leak"]


def test_the_leak_is_found_in_a_function_of_another_module(tmp_path: Path) -> None:
    text = BEFORE.format(leak='frame["leak"] = smooth(visitors)').replace(
        "LAG = 20", "from pipelines.visits.smoothing import smooth"
    )
    root = make_workspace(tmp_path)
    (root / FEATURES).write_text(text)
    other = "def smooth(grouped):\n    return grouped.transform(lambda v: v.rolling(7, center=True).median())\n"
    (root / "pipelines/visits/smoothing.py").write_text(other)
    code = Code(root, "pipelines.visits.features:build")
    assert [(spot.path, spot.distance) for spot in code.spots("leak")][:2] == [
        (FEATURES, 0),
        ("pipelines/visits/smoothing.py", 1),
    ]


def test_where_code_says_nothing_the_finished_column_is_lagged(tmp_path: Path) -> None:
    leak = 'frame["leak"] = np.concatenate([np.roll(rows.to_numpy(), -2) for _, rows in visitors])'
    shop = Shop(tmp_path, BEFORE.format(leak=leak))
    output = shop.repaired()
    text = output.edits[FEATURES]
    assert output.ok and text is not None and "value of 27h before" in output.kept["leak"] and leak in text
    frame = shop.build(text, shop.tables)
    moved = shop.frame[["door", "hour", "leak"]].assign(hour=shop.frame["hour"] + pd.Timedelta("27h"))
    expected = frame[["door", "hour"]].merge(moved, how="left")["leak"]
    assert frame["leak"].equals(expected.set_axis(frame.index)) and frame["leak"].notna().sum() > 300


def test_the_last_resort_is_no_column_and_lists_forget_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path, BEFORE.format(leak='frame["leak"] = pd.qcut(frame["visitors"], 5, labels=False)'))
    model = shop.root / "pipelines/visits/model.py"
    model.write_text(model.read_text().replace('"hour_of_day"]', '"hour_of_day", "leak"]'))
    output = shop.repaired()
    assert output.ok and "last resort" in output.kept["leak"]
    assert output.edits == {
        FEATURES: BEFORE.replace("    {leak}  # leak\n", ""),
        "pipelines/visits/model.py": model.read_text().replace(', "leak"', ""),
    }


def test_two_leaks_are_cured_in_one_go(tmp_path: Path) -> None:
    leak = 'frame["leak_a"] = visitors.shift(-2)\n    frame["leak_b"] = visitors.transform("max")'
    output = Shop(tmp_path, BEFORE.format(leak=leak)).repaired()
    assert output.ok and set(output.kept) == {"leak_a", "leak_b"}
    text = str(output.edits[FEATURES])
    assert "shift(25)" in text and "expanding().max()" in text


def test_a_cure_that_changes_another_column_is_not_kept(tmp_path: Path) -> None:
    leak = 'for n in (3, 30):\n        frame[f"leak_{n}"] = frame[f"lead_{n}"] = visitors.shift(n)'
    shop = Shop(tmp_path, BEFORE.format(leak=leak))
    assert {finding.column for finding in shop.findings((shop.root / FEATURES).read_text())} == {"leak_3", "lead_3"}
    leaks = [f for f in shop.findings((shop.root / FEATURES).read_text()) if f.column == "leak_3"]
    output = repair(shop.root, shop.contract, shop.frame, leaks, shop.proof)
    assert output.ok and "value of 22h before" in output.kept["leak_3"]
    assert "shift(n + 22)" in output.tried[0] and not output.tried[0].endswith("works")


def test_without_a_proven_cure_it_says_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path, BEFORE.format(leak='frame["leak"] = visitors.shift(-1)'))
    leaks = shop.findings((shop.root / FEATURES).read_text())
    output = repair(shop.root, shop.contract, shop.frame, leaks, lambda column, edits: "no")
    assert not output.ok and not output.edits and "person" in output.reason and len(output.tried) >= 3


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("def build(t):\n    f = t\n    f['x'] = 1\n    return f\n", "def build(t):\n    f = t\n    return f\n"),
        ("def build(t):\n    return t.assign(x=1, y=2)\n", 'def build(t):\n    return t.assign(x=1, y=2).drop(columns=["x"])\n'),
        ("def build(t):\n    f['x'] = 1\n    f['y'] = f['x']\n    return f\n", None),
    ],
)
def test_how_a_column_is_dropped(tmp_path: Path, text: str, after: str | None) -> None:
    root = make_workspace(tmp_path)
    (root / FEATURES).write_text(text)
    edits = dropped(Code(root, "pipelines.visits.features:build"), load_contract(root, "visits"), root, "x")
    assert edits is not None
    assert edits[FEATURES] == (after or text.replace("return f", 'return f.drop(columns=["x"])'))
    Module(edits[FEATURES])


def test_a_contract_that_lists_the_column_forgets_it(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    edits = dropped(Code(root, "pipelines.visits.features:build"), load_contract(root, "visits"), root, "lag_48h")
    assert edits is not None and 'features = ["hour_of_day"]' in edits["pipelines/visits/contract.toml"]
    assert 'FEATURES = ["hour_of_day"]' in edits["pipelines/visits/model.py"]


def test_a_real_pipeline_is_repaired_and_proven_by_the_rule(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {FEATURES: ("shift(48)", "shift(-1)")})
    (root / "pipelines/visits/model.py").write_text(
        "def fit(train):\n    return {'mean': float(train['visitors'].mean())}\n\n\n"
        "def predict(model, frame):\n    return frame['hour_of_day'].to_numpy() * 0 + model['mean']\n"
    )
    before = (root / FEATURES).read_text()
    output = run(skill_context(root), Input())
    assert output.ok and output.edits == {FEATURES: before.replace("shift(-1)", "shift(25)")}, output
    assert (root / FEATURES).read_text() == before


def test_what_is_no_look_ahead_is_not_repaired(tmp_path: Path) -> None:
    finding = {
        "rule": "leakage/future-feature",
        "severity": "error",
        "stage": "features",
        "column": "a",
        "message": "m",
        "remedy": "r",
    }
    output = run(skill_context(make_workspace(tmp_path)), Input(findings=[finding]))
    assert not output.ok and "no feature that was seen to read the future" in output.reason
