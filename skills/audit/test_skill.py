"""Tests of the `audit` skill."""

from pathlib import Path

import pytest

from skills.audit.skill import Input, run
from workbench.errors import UsageError
from workbench.testing import make_workspace, skill_context


def test_a_clean_use_case_passes_every_gate(tmp_path: Path) -> None:
    output = run(skill_context(make_workspace(tmp_path)), Input())
    assert output.ok and output.verdict == "pass", output.report["findings"]
    assert {gate["name"] for gate in output.report["gates"]} >= {"features", "split", "fit", "metric"}


def test_a_split_without_a_gap_fails_with_a_finding(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/split.py": ('start - pd.Timedelta("25h")', 'start - pd.Timedelta("1h")')})
    output = run(skill_context(root), Input(gates=["split"]))
    assert not output.ok and output.verdict == "fail"
    assert [gate["name"] for gate in output.report["gates"]] == ["split"]
    assert any(finding["stage"] == "split" and finding["severity"] == "error" for finding in output.report["findings"])


def test_a_pipeline_that_cannot_run_is_the_verdict_error(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pipelines/visits/features.py": ("visitors", "visitor")})
    output = run(skill_context(root), Input())
    assert not output.ok and output.verdict == "error" and "visitor" in output.report["error"]["message"]


def test_an_unknown_gate_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(skill_context(make_workspace(tmp_path)), Input(gates=["no-such-gate"]))
