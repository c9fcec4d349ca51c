"""The whole story, as `make run` tells it, and then the README's commands on the workspace that it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.sessions.reader import read_session


def workbench(*argv: str, expect: int = 0) -> str:
    done = subprocess.run([sys.executable, "-m", "workbench", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_story_comes_to_its_end_and_leaves_a_workspace_that_holds(tmp_path: Path) -> None:
    told = json.loads(workbench("-C", str(tmp_path), "demo", "--json"))
    root = told["workspace"]
    assert 0 <= told["prediction"] < 600
    assert Path(told["report"]).is_file()
    session = read_session(Path(root) / "sessions" / told["session"])
    kinds = [event.kind for event in session.events]
    assert kinds.index("queued") < kinds.index("decided") < kinds.index("registered")
    skills = [event.name for event in session.events if event.kind == "skill"]
    for wanted in ("migrate", "upgrade", "deleak", "resplit", "register", "promote"):
        assert wanted in skills, wanted
    assert json.loads(workbench("-C", root, "review", "list", "--json"))["changes"] == []
    git = ["git", "-C", root, "rev-list", "--first-parent", "main"]
    before = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()[2]
    assert "signed" in workbench("-C", root, "verify", "--base", before)
    assert "champion" in workbench("-C", root, "status", "departures")
    report = json.loads(workbench("-C", root, "audit", "departures", "--json"))
    assert report["verdict"] == "pass"
    workbench("-C", root, "replay", told["session"])
    workbench("-C", root, "replay", told["session"], "--check")
