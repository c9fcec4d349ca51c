"""Whole scripts: a leaking one gets a finding, a clean one none."""

from __future__ import annotations

import pytest
from lint_scripts import SCRIPTS

from workbench.lint.check import lint_text
from workbench.lint.model import fails


@pytest.mark.parametrize(("leaks", "code"), [pytest.param(leaks, code, id=name) for name, leaks, code in SCRIPTS])
def test_script(leaks: bool, code: str) -> None:
    found = [f for f in lint_text(code).findings if fails(f)]
    assert bool(found) == leaks, [(f.rule, f.message) for f in found]
