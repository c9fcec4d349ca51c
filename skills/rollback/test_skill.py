"""Tests of the `rollback` skill by itself; with a registered model it is tested in `register`."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from skills.rollback.skill import Input, run
from workbench.errors import Refusal
from workbench.testing import make_workspace, skill_context


def test_without_a_champion_there_is_nothing_to_roll_back(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no champion"):
        run(skill_context(make_workspace(tmp_path)), Input(reason="slow"))


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"actor": ""}, {"more": 1}])
def test_a_move_says_why(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Input.model_validate({"reason": "r", **wrong})
