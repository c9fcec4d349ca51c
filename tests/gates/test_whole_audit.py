"""The audit as a whole, on workspaces that really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.subjects import NO_GAP
from tests.workspaces import SHOP_DATA, SHOP_FEATURES, SHOP_MODEL, make_workspace
from workbench.errors import UsageError
from workbench.findings import MovedCell, Trace
from workbench.gates.audit import audit
from workbench.gates.registry import documents, gate_names, rules
from workbench.report.model import AuditReport
from workbench.settings import Settings


def _audit(root: Path, *gates: str) -> AuditReport:
    return audit(Settings(root=root), "shop", gates=gates or None)


def test_every_rule_has_its_file_its_page_and_an_id_that_says_where() -> None:
    assert len(rules()) >= 25 and gate_names()[:4] == ["features", "split", "fit", "metric"]
    folder = Path(__file__).parents[2] / "workbench" / "gates"
    for doc in documents():
        family, name = doc.id.split("/")
        assert (folder / family / f"{name.replace('-', '_')}.py").is_file()
        assert doc.help.startswith(tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) and len(doc.summary) <= 80
        for part in ("What it does", "Why it is bad", "How it can be wrong"):
            assert part in doc.help, (doc.id, part)


def test_a_clean_pipeline_passes_and_says_what_that_rests_on(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    report = _audit(tmp_path)
    assert report.verdict == "pass" and report.errors == []
    assert [gate.name for gate in report.gates] == ["features", "split", "fit", "metric", "availability", "parity", "proxy"]
    assert [gate.runs for gate in report.gates[-3:]] == [0, 0, 0]
    split = report.gate("split")
    assert split is not None and split.probed == 3 and "prediction.label_known_after = 2h" in split.facts
    assert report.cost.audit_seconds > report.cost.pipeline_seconds > 0
    assert set(report.scores) == {"mae", "mae of mean"} and report.scores["mae"] < report.scores["mae of mean"]


def test_the_split_that_looks_right_fails_the_split_gate_alone(tmp_path: Path) -> None:
    make_workspace(tmp_path, split=NO_GAP)
    report = _audit(tmp_path, "split", "fit")
    assert report.verdict == "fail"
    assert [(gate.name, gate.status) for gate in report.gates] == [("split", "fail"), ("fit", "pass")]
    (finding,) = report.errors
    assert (finding.rule, finding.stage) == ("leakage/label-embargo", "split")
    assert finding.location is not None and finding.location.path == "pipelines/shop/split.py" and finding.location.line == 7


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        # What each stage can do wrong is in `tests/pipeline/test_bad_input.py`.
        pytest.param({"data": SHOP_DATA.replace("def load", "def loaded")}, "has no `load`", marks=pytest.mark.slow),
        ({"features": SHOP_FEATURES + "\nraise ValueError('no')\n"}, "ValueError: no"),
        ({"model": SHOP_MODEL.replace("return design(frame)", "return 1 / 0 * design(frame)")}, "ZeroDivisionError"),
        pytest.param(
            {
                "features": SHOP_FEATURES.replace(
                    'frame["hour_of_day"] =', 'frame["units"] = float("nan")\n    frame["hour_of_day"] ='
                )
            },
            "`units`",
            marks=pytest.mark.slow,
        ),
        ({"edits": [('primary = "mae"', 'primary = "maee"')]}, "`maee`"),
        ({"edits": [('horizon = "24h"', 'horizon = "soon"')]}, "horizon"),
    ],
)
def test_what_cannot_be_used_is_an_error_of_every_gate(tmp_path: Path, parts: dict[str, str], said: str) -> None:
    make_workspace(tmp_path, **parts)
    report = _audit(tmp_path)
    assert report.verdict == "error" and report.findings == []
    assert report.error is not None and said in report.error.message and report.error.hint
    assert {gate.status for gate in report.gates} == {"error"} and report.gates[0].reason == report.error.message


def test_a_missing_column_is_explained(tmp_path: Path) -> None:
    make_workspace(
        tmp_path, data=SHOP_DATA.replace("assign(price=price)", 'assign(price=price).rename(columns={"price": "price_eur"})')
    )
    report = _audit(tmp_path, "schema")
    assert report.error is not None and "`price` looks renamed to `price_eur`" in report.error.hint


def test_a_changed_world_that_the_pipeline_cannot_stand_is_not_a_pass(tmp_path: Path) -> None:
    model = SHOP_MODEL.replace(
        "def predict(model, frame):",
        "def predict(model, frame):\n    assert len(frame) >= 144\n    assert abs(frame['units'].mean()) < 40",
    )
    make_workspace(tmp_path, model=model)
    report = _audit(tmp_path, "fit")
    gate = report.gate("fit")
    assert gate is not None and gate.status == "not exercised" and "failed in a changed world" in gate.reason
    assert report.verdict == "fail"


def test_an_unknown_gate_or_use_case_is_refused(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    with pytest.raises(UsageError, match="no gate `splits`"):
        _audit(tmp_path, "splits")
    with pytest.raises(UsageError):
        audit(Settings(root=tmp_path), "nothing")


BACKTEST = """
import numpy as np
import pandas as pd

from pipelines.shop.features import build
from pipelines.shop.model import fit, predict


def backtest(tables):
    frame = build(tables)
    parts = []
    for number, back in enumerate((6, 3)):
        start = pd.Timestamp("2024-01-25") - pd.Timedelta(days=back)
        train = frame[frame["hour"] <= start - pd.Timedelta("GAP")]
        test = frame[(frame["hour"] >= start) & (frame["hour"] < start + pd.Timedelta(days=3))]
        model = fit(train)
        parts.append(test[["store", "hour", "units"]].assign(prediction=predict(model, test), fold=number))
    return pd.concat(parts, ignore_index=True)
"""
TAKEN_APART = """features = "pipelines.shop.features:build"
split    = "pipelines.shop.split:folds"
fit      = "pipelines.shop.model:fit"
predict  = "pipelines.shop.model:predict"
metrics  = "pipelines.shop.metrics:score"
"""


@pytest.mark.parametrize(("gap", "verdict"), [("26h", "pass"), ("1h", "fail")])
def test_an_undivided_backtest_is_judged_by_its_predictions(tmp_path: Path, gap: str, verdict: str) -> None:
    edits = [(TAKEN_APART, 'backtest = "pipelines.shop.backtest:backtest"\n')]
    make_workspace(tmp_path, edits=edits, files={"pipelines/shop/backtest.py": BACKTEST.replace("GAP", gap)})
    report = _audit(tmp_path)
    assert report.verdict == verdict, report.model_dump_json(indent=1)
    assert [finding.rule for finding in report.errors] == ([] if verdict == "pass" else ["leakage/future-prediction"])
    for finding in report.errors:
        cell, trace = finding.evidence
        assert isinstance(cell, MovedCell) and isinstance(trace, Trace)
        shown = dict(zip(trace.times, zip(trace.with_future, trace.without_future)))[
            str(cell.prediction_time).replace("Z", "+00:00")
        ]
        assert shown == (pytest.approx(float(cell.before), rel=1e-5), pytest.approx(float(cell.after), rel=1e-5))
