"""`workbench lint` as a program: exit codes, streams, formats, start-up."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import pytest
import yaml

from workbench.cli.main import main

SCHEMA = Path(__file__).parents[1] / "report" / "sarif-2.1.0-used.json"
LEAK = """import pandas as pd
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import cross_val_score
from sklearn.linear_model import Ridge
df = pd.read_csv("t.csv")
X = StandardScaler().fit_transform(df[["a"]])
print(cross_val_score(Ridge(), X, df["y"]))
"""


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return int(code), out, err


def test_findings_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "leak.py").write_text(LEAK)
    (tmp_path / "clean.py").write_text("x = 1\n")
    base = ("-C", str(tmp_path), "lint", ".")
    code, out, err = _run(capsys, *base)
    assert code == 1 and out.startswith("leak.py:6: error lint/fit-before-split\n") and "1 finding in 2 files" in err
    assert "\x1b" not in out and max(map(len, out.splitlines())) <= 80
    code, out, _ = _run(capsys, *base, "--json")
    body = json.loads(out)
    assert code == 1 and body["format"] == 1 and body["verdict"] == "fail"
    (finding,) = next(f for f in body["files"] if f["path"] == "leak.py")["findings"]
    assert finding["location"] == {"path": "leak.py", "line": 6, "column": 5} and len(finding["fingerprint"]) == 16
    code, out, _ = _run(capsys, *base, "--format", "sarif", "--quiet")
    log = json.loads(out)
    jsonschema.validate(log, json.loads(SCHEMA.read_text("utf-8")))
    (result,) = log["runs"][0]["results"]
    assert code == 1 and result["ruleId"] == "lint/fit-before-split"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "leak.py"
    code, out, _ = _run(capsys, *base, "--format", "junit", "--quiet")
    suites = ElementTree.fromstring(out)
    assert code == 1 and (suites.attrib["tests"], suites.attrib["failures"]) == ("2", "1")
    code, out, _ = _run(capsys, *base, "--format", "github")
    assert code == 1 and out.startswith("::error file=leak.py,line=6,")


def test_nothing_found_is_0_and_no_promise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clean.py").write_text("x = 1\n")
    code, out, err = _run(capsys, "lint", str(tmp_path))
    assert (code, out) == (0, "") and "not a proof" in err
    assert _run(capsys, "lint", str(tmp_path), "--quiet", "--format", "github") == (0, "", "")


def test_what_cannot_be_analysed_is_2_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.py").write_text("def (\n")
    (tmp_path / "leak.py").write_text(LEAK)
    code, out, err = _run(capsys, "-C", str(tmp_path), "lint", ".")
    assert code == 2 and "leak.py:6" in out and "broken.py isn't Python 3 at line 1" in err and "1 not analysed" in err
    code, out, _ = _run(capsys, "-C", str(tmp_path), "lint", ".", "--json")
    broken = next(f for f in json.loads(out)["files"] if f["path"] == "broken.py")
    assert code == 2 and json.loads(out)["verdict"] == "error" and broken["error"]["kind"] == "source"
    for format_ in ("sarif", "junit", "github"):
        assert _run(capsys, "-C", str(tmp_path), "lint", "broken.py", "--format", format_)[0] == 2


def test_wrong_command_lines_are_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("nothing.py",), (str(tmp_path), "--json", "--format", "text"), ("--explain", "nothing")):
        code, _, err = _run(capsys, "lint", *words)
        assert code == 2 and "error:" in err and "hint:" in err


def test_rules_explain_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "lint", "--explain", "all")
    assert code == 0 and len(out.splitlines()) >= 15
    code, out, _ = _run(capsys, "lint", "--explain", "future-shift")
    assert code == 0 and out.startswith("# lint/future-shift (gate static)") and "**Repaired**" in out


def test_it_is_cheap_to_start(tmp_path: Path) -> None:
    (tmp_path / "leak.py").write_text(LEAK)
    heavy = ("pandas", "numpy", "sklearn", "mlflow", "langgraph", "textual", "pyarrow")
    code = (
        "import sys\nfrom workbench.cli.main import main\n"
        f"code = main(['lint', {str(tmp_path)!r}, '--quiet'])\n"
        f"assert code == 1, code\nassert not [n for n in {heavy!r} if n in sys.modules]\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0


def test_the_hook_calls_this_command() -> None:
    (hook,) = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["id"] == "workbench-lint" and hook["entry"].split()[:2] == ["workbench", "lint"]
