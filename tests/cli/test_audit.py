"""`workbench audit` as a program: exit codes, streams, formats."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.gates.subjects import NO_GAP
from tests.workspaces import SHOP_DATA, make_workspace
from workbench.cli.main import main


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return int(code), out, err


def test_a_failed_gate_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_workspace(tmp_path, split=NO_GAP)
    base = ("-C", str(tmp_path), "audit", "shop", "--gate", "split")
    code, out, err = _run(capsys, *base, "--html", str(tmp_path / "out" / "report.html"))
    assert code == 1 and "too late" in out and "✗ split" in out
    assert "shop: gate split" in err and "\x1b" not in out
    assert "<svg" in (tmp_path / "out" / "report.html").read_text("utf-8")
    code, out, _ = _run(capsys, *base, "--json")
    body = json.loads(out)
    assert (
        code == 1 and body["format"] == 1 and body["verdict"] == "fail" and body["findings"][0]["rule"] == "leakage/label-embargo"
    )
    base = (*base, "--quick")
    code, out, _ = _run(capsys, *base, "--format", "sarif", "--quiet")
    assert code == 1 and json.loads(out)["runs"][0]["results"][0]["ruleId"] == "leakage/label-embargo"
    code, out, _ = _run(capsys, *base, "--format", "github")
    assert code == 1 and out.startswith("::error file=pipelines/shop/split.py,line=7,")


def test_a_contract_that_cannot_be_used_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_workspace(tmp_path, edits=[('kind = "regression"', 'kind = "ranking"')])
    base = ("-C", str(tmp_path), "audit", "shop", "--gate", "split")
    code, out, err = _run(capsys, *base, "--format", "junit", "--quiet")
    assert code == 2 and err == "" and ElementTree.fromstring(out).attrib["errors"] == "1"
    code, out, _ = _run(capsys, *base, "--format", "github")
    assert code == 2 and out.startswith("::error file=pipelines/shop/contract.toml,")
    code, out, _ = _run(capsys, *base, "--format", "sarif")
    assert code == 2 and json.loads(out)["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_all_use_cases_and_the_worst_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_workspace(tmp_path)
    make_workspace(tmp_path, name="broken", data=SHOP_DATA.replace("return {", "return {}  # {"))
    code, out, _ = _run(capsys, "-C", str(tmp_path), "--json", "audit", "--gate", "split")
    body = json.loads(out)
    assert code == 2 and body["format"] == 1
    assert {r["use_case"]: r["verdict"] for r in body["reports"]} == {"broken": "error", "shop": "pass"}


def test_what_cannot_be_asked_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "workbench.toml").write_text("")
    assert _run(capsys, "-C", str(tmp_path), "audit")[0] == 2
    assert _run(capsys, "-C", str(tmp_path), "audit", "--json", "--format", "text")[0] == 2
    assert _run(capsys, "-C", str(tmp_path), "audit", "nothing")[0] == 2
    code, out, err = _run(capsys, "-C", str(tmp_path / "nowhere"), "audit", "--json")
    assert code == 2 and json.loads(out)["error"]["exit"] == 2 and "hint" in err
