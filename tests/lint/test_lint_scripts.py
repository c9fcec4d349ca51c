"""Whole scripts: a leaking one gets a finding, a clean one none."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from workbench.lint.check import lint_text
from workbench.lint.model import fails

SCRIPTS = tomllib.loads((Path(__file__).parents[1] / "corpus" / "lint" / "scripts.toml").read_text("utf-8"))


@pytest.mark.parametrize("script", [pytest.param(script, id=script["name"]) for script in SCRIPTS["script"]])
def test_script(script: Mapping[str, Any]) -> None:
    code = (SCRIPTS["imports"] if script.get("imported") else "") + script["code"]
    found = [f for f in lint_text(code).findings if fails(f)]
    assert bool(found) == script["leaks"], [(f.rule, f.message) for f in found]
