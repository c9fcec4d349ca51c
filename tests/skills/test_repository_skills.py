"""The repository's own skills: every one valid, locked, with tests and a script."""

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.skills import lock
from workbench.skills.discover import discover, names

REPOSITORY = Path(__file__).parents[2]


def test_every_skill_is_locked_as_it_lies() -> None:
    lock.check(REPOSITORY)
    assert set(lock.read(REPOSITORY)) == set(discover(REPOSITORY))


def test_the_set_is_complete() -> None:
    wanted = "audit build deleak evaluate explain migrate profile promote register resplit rollback upgrade validate"
    assert set(wanted.split()) <= set(names(REPOSITORY))


@pytest.mark.parametrize("name", names(REPOSITORY))
def test_it_is_an_agent_skill_with_tests_and_a_script(name: str) -> None:
    folder = REPOSITORY / "skills" / name
    assert (folder / "test_skill.py").is_file() and (folder / "scripts" / "run.py").is_file()
    validator = Path(sys.executable).with_name("agentskills")
    done = subprocess.run([str(validator), "validate", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
