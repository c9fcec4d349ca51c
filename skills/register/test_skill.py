"""Tests of the `register` skill; what comes after it is tested with `workbench.release`."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from skills.audit.skill import Input as AuditInput
from skills.audit.skill import run as audit
from skills.register.skill import Input, run
from workbench.errors import Refusal, UsageError
from workbench.repo import Repo
from workbench.testing import add_skills, make_workspace, skill_context

SKILLS = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_tree_whose_gates_passed_is_registered_once(tmp_path: Path) -> None:
    root = add_skills(make_workspace(tmp_path), SKILLS, "audit", "build", "register")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", str(root)], check=True, env=environment)
    with Repo.open(root) as repo:
        tree = repo.snapshot()
    context = skill_context(root, tree=tree)
    report = audit(context, AuditInput()).report
    wrong: list[dict[str, Any]] = [{"verdict": "fail"}, {"code_digest": "0" * 64}]
    for changed in wrong:
        with pytest.raises(Refusal):
            run(context, Input(report={**report, **changed}, tree=tree, session="s1"))
    given = Input(report=report, tree=tree, session="s1", signoffs=["5f"])
    first = run(context, given)
    assert first.ok and first.version == "1" and first.features == ["lag_48h", "hour_of_day"] and first.train_rows == 960
    assert run(context, given) == first, "the same build twice is one version"


def test_what_is_no_report_or_another_tree_registers_nothing(tmp_path: Path) -> None:
    context = skill_context(make_workspace(tmp_path), tree="a" * 40)
    with pytest.raises(UsageError, match="not a gate report"):
        run(context, Input(report={"verdict": "pass"}, tree="a" * 40, session="s1"))
    with pytest.raises(UsageError, match="tree"):
        run(context, Input(report={}, tree="b" * 40, session="s1"))
    with pytest.raises(ValidationError):
        Input(report={}, tree="HEAD", session="s1")
