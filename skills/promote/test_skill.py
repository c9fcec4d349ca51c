"""Tests of the `promote` skill by itself; with a registered model it is tested in `register`."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from skills.promote.skill import Input, run
from workbench.errors import UsageError
from workbench.testing import make_workspace, skill_context


def test_a_version_that_is_not_there_is_not_promoted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="version 7"):
        run(skill_context(make_workspace(tmp_path)), Input(version=7, alias="staging", reason="why not"))


def test_only_the_aliases_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`production`"):
        run(skill_context(make_workspace(tmp_path)), Input(version=1, alias="production", reason="why not"))


@pytest.mark.parametrize("wrong", [{"version": 0}, {"reason": ""}, {"actor": ""}, {"more": 1}])
def test_a_move_says_what_and_why(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Input.model_validate({"version": 1, "alias": "staging", "reason": "r", **wrong})
