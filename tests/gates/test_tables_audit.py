"""Two sets of Parquet files, split elsewhere: judged in place, by the rules that judge folds, through the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.gates.subjects import HOURS, contract, found, seen, shop_frame
from tests.workspaces import make_workspace
from workbench.cli.main import main
from workbench.errors import ExitCode, UsageError
from workbench.gates.leakage import duplicates, label_embargo, near_duplicates, overlap, shared_group, time_order, unknown_label
from workbench.gates.tables import audit_tables
from workbench.report.model import AuditReport
from workbench.settings import Settings, load_settings

OWNED = [('features = ["lag_48h", "mean_23h", "price", "size", "hour_of_day"]\n', 'groups = ["owner"]\n')]
"""The contract's edits: owners may not stand on both sides, and every column of the files is a feature."""
SPLIT_RULES = (overlap, duplicates, near_duplicates, shared_group, time_order, label_embargo, unknown_label)


@pytest.fixture
def workspace(tmp_path: Path) -> Settings:
    return load_settings(make_workspace(tmp_path / "work", edits=OWNED), {})


def _frame() -> pd.DataFrame:
    frame = shop_frame()
    frame["owner"] = np.where(frame["hour"] < HOURS[24 * 20], "old", "new")
    return frame


def _clean(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return frame[frame["hour"] < HOURS[24 * 20 - 26]], frame[frame["hour"] >= HOURS[24 * 20]]


def _audited(settings: Settings, train: pd.DataFrame, test: pd.DataFrame) -> AuditReport:
    place = settings.root / "sets"
    for side, frame in (("train", train), ("test", test)):
        (place / side).mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(np.array_split(np.arange(len(frame)), 3)):
            frame.iloc[part].to_parquet(place / side / f"{number}.parquet", index=False)
    return audit_tables(settings, "shop", train=["sets/train/*.parquet"], test=["sets/test"])


def _said(report: AuditReport) -> dict[str, tuple[str, int | None]]:
    return {finding.rule: (finding.severity.value, finding.rows) for finding in report.findings}


def test_clean_files_pass_and_say_on_what_the_pass_rests(workspace: Settings) -> None:
    report = _audited(workspace, *_clean(_frame()))
    assert (report.verdict, report.findings) == ("pass", [])
    (gate,) = report.gates
    assert set(gate.rules) >= {module.rule.id for module in SPLIT_RULES}
    assert "leakage/outcome-filter" not in gate.rules, "the pipeline isn't run"
    assert "prediction.horizon = 24h" in gate.facts
    assert not list((workspace.state / "engine").iterdir()), "nothing is left behind"


def test_files_and_folds_get_the_same_findings(workspace: Settings) -> None:
    """Every fault at once: what files are told is what folds of the same rows are told, to the row and the word."""
    frame = _frame()
    train, test = _clean(frame)
    numbers = ["lag", "mean", "price", "units"]
    train = frame[frame["hour"] < HOURS[24 * 20 + 3]].copy()  # in the test's time, and without a gap
    copied, noisy = train.iloc[100:120][numbers].to_numpy(), train.iloc[200:220][numbers].to_numpy()
    test = test.copy()
    test.iloc[50:70, [test.columns.get_loc(n) for n in numbers]] = copied
    test.iloc[90:110, [test.columns.get_loc(n) for n in numbers]] = noisy * (1 + 1e-5)
    test.iloc[5:8, test.columns.get_loc("units")] = np.nan
    report = _audited(workspace, train, test)
    both = pd.concat([train, test], ignore_index=True)
    positions = np.arange(len(both))
    subject = seen(both, [(positions[: len(train)], positions[len(train) :])], contract(groups=["owner"]))
    in_memory = [finding for module in SPLIT_RULES for finding in found(module.rule, subject)]
    assert {f.rule for f in in_memory} == {module.rule.id for module in SPLIT_RULES}
    assert {(f.rule, f.severity, f.rows, f.message) for f in report.findings} == {
        (f.rule, f.severity, f.rows, f.message) for f in in_memory
    }
    assert report.verdict == "fail"


def test_types_may_differ_between_the_sides_where_values_can_be_equal(workspace: Settings) -> None:
    train, test = _clean(_frame())
    train = train.assign(
        store=train["store"].str[1:].astype(int), hour=train["hour"].dt.tz_localize(None).astype("datetime64[us]")
    )
    test = test.assign(store=test["store"].str[1:].astype(float))
    doubled = pd.concat(
        [test, train.head(4).assign(hour=train["hour"].head(4).dt.tz_localize("UTC"), store=train["store"].head(4) * 1.0)]
    )
    assert _said(_audited(workspace, train, doubled))["leakage/overlap"] == ("error", 4)


def test_what_cannot_be_compared_is_never_a_pass(workspace: Settings) -> None:
    train, test = _clean(_frame())
    with pytest.raises(UsageError, match="`store` holds text on the training side and whole numbers on the test side"):
        _audited(workspace, train, test.assign(store=test["store"].str[1:].astype(int)))
    with pytest.raises(UsageError, match="test files have no column `owner`"):
        _audited(workspace, train, test.drop(columns="owner"))
    with pytest.raises(UsageError, match="not times"):
        _audited(workspace, train, test.assign(hour=test["hour"].astype(str)))
    with pytest.raises(UsageError, match="No Parquet file matches"):
        audit_tables(workspace, "shop", train=["nothing/*.parquet"], test=["sets/test"])


def test_rows_without_a_time_and_empty_sides_fail(workspace: Settings) -> None:
    train, test = _clean(_frame())
    test = test.reset_index(drop=True)
    test.loc[3, "hour"] = pd.NaT
    report = _audited(workspace, train, test)
    assert report.verdict == "fail" and report.gates[0].status == "not exercised"
    assert "1 rows have no target or prediction time" in report.gates[0].reason
    report = _audited(workspace, train, test.head(0))
    assert _said(report)["leakage/fold-coverage"] == ("error", 0)


def test_the_same_through_the_command(workspace: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = _clean(_frame())
    _audited(workspace, train, pd.concat([test, train.tail(6)]))
    sets = workspace.root / "sets"
    asked = ["-C", str(workspace.root), "--json", "audit", "shop", "--train", f"{sets}/train/*.parquet", "--test", f"{sets}/test"]
    assert main(asked) == ExitCode.FINDINGS
    report = json.loads(capsys.readouterr().out)
    shared = next(f for f in report["findings"] if f["rule"] == "leakage/overlap")
    assert shared["rows"] == 6 and set(shared["evidence"][0]["examples"][0]) == {"store", "hour", "owner"}
    assert main([*asked[:-2]]) == ExitCode.USAGE
    capsys.readouterr()


def test_columns_that_files_lack_and_the_contract_lists_are_an_error(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w")
    pq.write_table(pa.table({"store": ["a"], "hour": pa.array([0], pa.timestamp("us")), "units": [1.0]}), root / "a.parquet")
    with pytest.raises(UsageError, match="no column `lag_48h`"):
        audit_tables(load_settings(root, {}), "shop", train=["a.parquet"], test=["a.parquet"])
