"""`action.yml`, the GitLab snippet and `hooks/pre-push`: their own shell lines, run by real shells on real clones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.changesets import NOW, OWNER, commit, edited, git, replaced
from tests.reviews import MAIN, SPLIT_EDIT, Desk, desk, passed
from workbench.review.apply import apply

ROOT = Path(__file__).parents[1]
METRIC_EDIT = replaced("pipelines/sales/metrics.py", "mean", "max")
RECORD = "refs/workbench/*:refs/workbench/*"


class Host:
    """A desk whose branch and record lie in a bare repository, and a command line with `workbench` on it."""

    def __init__(self, place: Path) -> None:
        self.here: Desk = desk(place)
        self.root = self.here.repo.root
        self.bare = place / "origin.git"
        subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(self.bare)], check=True)
        git(self.root, "remote", "add", "origin", str(self.bare))
        git(self.root, "push", "-q", "origin", "main")
        self.base = self.here.repo.head()
        bin_dir = place / "bin"
        bin_dir.mkdir()
        command = bin_dir / "workbench"
        command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m workbench "$@"\n')
        command.chmod(0o755)
        self.environment = {
            "PATH": f"{bin_dir}:{os.environ['PATH']}",
            "HOME": str(place),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def sign(self) -> None:
        change = self.here.propose(SPLIT_EDIT)
        self.here.approve(change)
        apply(self.here.repo, change.id, target_ref=MAIN, gates=passed(change), now=NOW)

    def edit(self) -> None:
        commit(self.here.repo, edited(self.here.repo, METRIC_EDIT).result, "by hand")

    def share(self, *, record: bool = True) -> None:
        git(self.root, "push", "-q", "--no-verify", "origin", "main", *(["refs/workbench/*:refs/workbench/*"] if record else []))

    def clone(self, place: Path, *options: str) -> Path:
        subprocess.run(["git", "clone", "-q", *options, self.bare.as_uri(), str(place)], check=True)
        return place

    def shell(self, script: str, where: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(
            words, cwd=where, env={**self.environment, **variables}, capture_output=True, text=True, check=False
        )

    def action(self, where: Path, *, head: str = "", steps: tuple[str, ...] = (), **inputs: str) -> tuple[int, str]:
        """Runs the action's shell steps as the host does: each by itself, up to the first that fails."""
        action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        given = {name: str(entry["default"]) for name, entry in action["inputs"].items()}
        given |= {"base": self.base, "head": head or "HEAD", "static-only": "true", **inputs}
        for step in action["runs"]["steps"]:
            if step["name"] not in (steps or ("Fetch the record", "Verify the sign-offs")):
                continue
            variables = {name: _filled(text, given) for name, text in step["env"].items()}
            done = self.shell(step["run"], where, **variables, GITHUB_OUTPUT=str(where.parent / "output"))
            if done.returncode:
                return done.returncode, done.stdout + done.stderr
        return 0, done.stdout + done.stderr


def _filled(text: str, given: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: given[found[1]], text)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_action_and_the_snippet_are_complete() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    assert action["runs"]["using"] == "composite"
    assert all(entry["description"] and "default" in entry for entry in action["inputs"].values())
    steps: list[dict[str, Any]] = action["runs"]["steps"]
    for step in (step for step in steps if "run" in step):
        assert step["shell"] == "bash" and "set -euo pipefail" in step["run"] and "${{" not in step["run"]
    used = set(re.findall(r"inputs\.([a-z-]+)", str(steps)))
    assert used == set(action["inputs"])
    document = (ROOT / "docs/ci.md").read_text("utf-8")
    assert all(f"`{name}`" in document for name in action["inputs"])
    for path in ("action.yml", "docs/ci/gitlab.yml", "hooks/pre-push"):
        assert not re.search(r"\|\|\s*(true|:)\b|continue-on-error|allow_failure", (ROOT / path).read_text("utf-8"))


@pytest.mark.slow
def test_the_action_passes_what_is_signed_and_fails_what_is_not(host: Host, tmp_path: Path) -> None:
    host.sign()
    host.share()
    clone = host.clone(tmp_path / "clone")
    code, said = host.action(clone)
    assert code == 0 and "signed by ana@shop.example" in said
    host.edit()
    host.share()
    git(clone, "pull", "-q")
    code, said = host.action(clone)
    assert code == 3 and "nobody signed it" in said


@pytest.mark.slow
def test_without_the_record_the_action_fails_and_says_how_to_get_it(host: Host, tmp_path: Path) -> None:
    host.edit()
    host.share(record=False)
    clone = host.clone(tmp_path / "clone")
    code, said = host.action(clone)
    assert code == 3 and "git fetch origin 'refs/workbench/*" in said
    assert host.action(clone, remote="nowhere")[0] == 128
    assert host.action(clone, **{"static-only": "yes"})[0] == 2
    assert host.action(clone, base="0" * 40)[0] == 2 and host.action(clone, base="")[0] == 2


@pytest.mark.slow
def test_a_signed_change_without_the_record_or_with_half_the_history_fails(host: Host, tmp_path: Path) -> None:
    host.sign()
    host.share(record=False)
    code, said = host.action(host.clone(tmp_path / "clone"))
    assert code != 0 and "git fetch origin 'refs/workbench/*" in said
    assert host.action(host.clone(tmp_path / "shallow", "--depth=1"))[0] != 0


@pytest.mark.slow
def test_the_audit_step_writes_sarif_and_keeps_the_exit_code(tmp_path: Path) -> None:
    import json

    from tests.workspaces import make_workspace

    host = Host(tmp_path)
    shop = make_workspace(tmp_path / "shop")
    subprocess.run(["git", "init", "-q", str(shop)], check=True)
    place = tmp_path / "found.sarif"
    codes = [host.action(shop, steps=("Audit",), audit=name, sarif=str(place))[0] for name in ("shop", "all")]
    assert codes == [0, 0] and json.loads(place.read_text())["version"] == "2.1.0"
    assert f"sarif={place}" in (tmp_path / "output").read_text()
    assert host.action(shop, steps=("Audit",), audit="nothing", sarif=str(place))[0] == 2


@pytest.mark.slow
def test_the_lines_for_gitlab_do_the_same(host: Host, tmp_path: Path) -> None:
    task = yaml.safe_load((ROOT / "docs/ci/gitlab.yml").read_text("utf-8"))["workbench"]
    assert task["variables"]["GIT_DEPTH"] == "0"
    host.sign()
    host.share()
    clone = host.clone(tmp_path / "clone")
    for expected in (0, 3):
        given = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": host.base, "CI_COMMIT_SHA": git(clone, "rev-parse", "HEAD")}
        done = host.shell("\n".join(task["script"]), clone, **given, WORKBENCH_VERIFY="--static-only")
        assert done.returncode == expected, done.stderr
        host.edit()
        host.share()
        git(clone, "pull", "-q")
    unset = host.shell(task["before_script"][0], clone)
    assert unset.returncode != 0 and "WORKBENCH_SOURCE" in unset.stderr


def push(host: Host, *what: str) -> tuple[int, str]:
    hooks = ROOT / "hooks"
    settings = ["-c", f"core.hooksPath={hooks}", "-c", "workbench.staticOnly=true"]
    words = ["git", *settings, "push", "-q", "origin", *(what or ("main",))]
    done = subprocess.run(words, cwd=host.root, env=host.environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def at(host: Host, branch: str) -> str:
    return git(host.bare, "rev-parse", branch)


@pytest.mark.slow
def test_the_hook_lets_a_signed_change_out_and_keeps_an_unsigned_one(host: Host) -> None:
    host.sign()
    code, said = push(host)
    assert code == 0, said
    out = at(host, "main")
    assert out == host.here.repo.head()
    host.edit()
    code, said = push(host)
    assert code != 0 and "workbench verify ended with 3" in said and "git fetch origin" in said
    assert at(host, "main") == out
    assert push(host, "main:feature")[0] == 0 and at(host, "feature") == host.here.repo.head()


def test_the_hook_fails_closed(host: Host) -> None:
    host.edit()
    git(host.root, "config", "workbench.command", "/nonexistent/workbench")
    assert "ended with 127" in push(host)[1]
    git(host.root, "config", "--unset", "workbench.command")
    assert "can't be verified" in push(host, ":main")[1]
    assert "nothing to compare with" in push(host, "main:master")[1]
    other = host.here.repo.commit(host.here.repo.tree_of("main"), [], "from nothing", author=OWNER)
    assert "ended with 2" in push(host, f"+{other}:refs/heads/main")[1]
    git(host.root, "config", "--add", "workbench.protect", "release")
    assert "nothing to compare with" in push(host, "main:release")[1]
    assert at(host, "main") == host.base
