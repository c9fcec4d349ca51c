"""What a skill declares is what it gets: each test runs a skill's own code and looks at what it could do, and what it left."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from workbench.errors import Refusal, SandboxError, SkillFault
from workbench.sandbox import SandboxStatus, probe
from workbench.settings import Settings
from workbench.skills import confined, lock
from workbench.skills.run import SkillContext, SkillRun, run_skill
from workbench.testing import make_workspace

pytestmark = pytest.mark.skipif(not probe().available, reason=f"no sandbox on this machine: {probe().lacking}")

NEEDS = {
    "bare": "",
    "reader": '  reads: "code"\n',
    "keeper": '  reads: "code"\n  writes: "cache"\n',
    "registrar": '  reads: "registry, history"\n  writes: "registry"\n  network: "registry"\n',
    "quick": '  seconds: "1"\n',
}
CODE = """
import os, pathlib, socket, subprocess, sys, time
from typing import Any
from pydantic import BaseModel

class Input(BaseModel):
    code: str

class Output(BaseModel):
    ok: bool = True
    value: Any = None

def run(context, input):
    names = {"context": context, "root": str(context.settings.root), "value": None}
    exec(input.code, {**globals(), **names}, names)
    return Output(value=names["value"])
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_workspace(tmp_path_factory.mktemp("permissions") / "w")
    for name, needs in NEEDS.items():
        folder = root / "skills" / name
        folder.mkdir(parents=True)
        front = f'---\nname: {name}\ndescription: Tries.\nmetadata:\n  version: "1.0.0"\n{needs}---\n'
        (folder / "SKILL.md").write_text(front)
        (folder / "skill.py").write_text(CODE)
    lock.write(root)
    for path in ("sessions/one/events.jsonl", "review_policies/policy.toml", ".workbench/touches/visits.jsonl", ".env"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("secret")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=ana", "-c", "user.email=ana@a", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def attempt(root: Path, skill: str, code: str, **given: object) -> SkillRun:
    context = SkillContext(Settings(root=root), root, "visits", **given)  # type: ignore[arg-type]
    return run_skill(context, skill, {"code": code})


READS = {
    "open(root + '/pipelines/visits/data.py').read()": {"reader", "keeper"},
    "os.listdir(root + '/pipelines/visits')": {"reader", "keeper"},
    "open(root + '/.git/HEAD').read()": {"registrar"},
    "open(root + '/review_policies/policy.toml').read()": {"reader", "keeper"},
    "open(root + '/sessions/one/events.jsonl').read()": set(),
    "open(root + '/.workbench/touches/visits.jsonl').read()": set(),
    "open(root + '/.env').read()": set(),
    "os.listdir(os.path.expanduser('~root/.ssh'))": set(),
    "open('/etc/shadow').read()": set(),
    "open(f'/proc/{os.getppid()}/environ').read()": set(),
}
WRITES = {
    "open(root + '/.workbench/cache/x', 'w').close()": {"keeper"},
    "open(root + '/.workbench/releases/x', 'w').close()": {"registrar"},
    "open(root + '/.workbench/touches/visits.jsonl', 'a').close()": set(),
    "open(root + '/pipelines/visits/data.py', 'a').close()": set(),
    "open(root + '/skills.lock', 'a').close()": set(),
    "open(root + '/review_policies/policy.toml', 'a').close()": set(),
    "open(root + '/sessions/x', 'w').close()": set(),
    "open(root + '/.git/x', 'w').close()": set(),
    "os.unlink(root + '/pipelines/visits/model.py')": set(),
    "open('/tmp/written-by-a-test-of-skills', 'w').close()": set(),
    "open(os.path.join(os.environ['TMPDIR'], 'own'), 'w').close()": set(NEEDS) - {"quick"},
}


@pytest.mark.parametrize("action", [*READS, *WRITES])
def test_each_word_opens_what_it_says_and_nothing_else(root: Path, action: str) -> None:
    allowed = (READS | WRITES)[action]
    code = f"""
try:
    {action}
    value = "done"
except OSError as error:
    value = type(error).__name__
"""
    found = {skill: attempt(root, skill, code).output["value"] for skill in NEEDS if skill != "quick"}
    assert {skill for skill, value in found.items() if value == "done"} == allowed, found
    assert not Path("/tmp/written-by-a-test-of-skills").exists()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("open(root + '/pipelines/visits/data.py', 'a')", "pipelines/visits/data.py"),
        ("open(root + '/sessions/one/events.jsonl')", "sessions/one/events.jsonl"),
        ("socket.create_connection(('127.0.0.1', 9))", "use the network"),
        ("socket.socket(socket.AF_UNIX)", "use the network"),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')", "use the network"),
        ("os.kill(os.getppid(), 9)", "do what it may not"),
        ("value = bytearray(20_000_000_000)", "more memory"),
    ],
)
def test_more_than_declared_is_refused_in_one_sentence(root: Path, code: str, says: str) -> None:
    with pytest.raises(Refusal) as error:
        attempt(root, "bare", code)
    assert says in error.value.message and "\n" not in error.value.message and error.value.code == 1 and error.value.hint


def test_a_skill_that_takes_longer_than_it_says_is_ended_with_all_it_started(root: Path) -> None:
    mark = f"sleeper-{os.getpid()}"
    command = f"[sys.executable, '-c', 'import time; time.sleep(600)', {mark!r}]"
    begin = time.monotonic()
    with pytest.raises(Refusal, match="longer than the 1 s that it declares"):
        attempt(root, "quick", f"subprocess.Popen({command}, start_new_session=True)\ntime.sleep(600)")
    assert time.monotonic() - begin < 60
    deadline = time.monotonic() + 30
    while any(mark in _command(pid) for pid in _processes()):
        assert time.monotonic() < deadline, "still running"


def _processes() -> list[str]:
    return [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def test_who_waits_may_stop_it(root: Path) -> None:
    with pytest.raises(confined.Stopped):
        attempt(root, "bare", "context.say('started')\ntime.sleep(600)", stopped=lambda: True)


def test_its_environment_holds_nothing_of_ours(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    assert "secret" not in str(attempt(root, "registrar", "value = dict(os.environ)").output) + str(
        attempt(root, "bare", "value = open('/proc/self/environ').read()").output
    )


STAGES = '''
import shutil, tempfile
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.errors import PipelineError
copy = pathlib.Path(tempfile.mkdtemp()) / "tree"
shutil.copytree(root + "/pipelines", copy / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
with Pipeline(context.settings, load_contract(copy, "visits"), root=copy) as pipeline:
    value = [len(pipeline.load()["visits"])]
tries = f"""
import os, socket
found = []
for line in (
    "open({root + '/.workbench/cache/poison'!r}, 'w')", "open({root + '/pipelines/visits/data.py'!r})", "socket.socket()",
    "os.kill({os.getpid()}, 9)", "open('/proc/{os.getpid()}/environ')", "open({str(copy)!r} + '/new', 'w')",
):
    try:
        eval(line)
    except PermissionError:
        continue
    found.append(line)
raise ValueError("not denied: " + repr(found))
"""
(copy / "pipelines/visits/data.py").write_text(tries)
with Pipeline(context.settings, load_contract(copy, "visits"), root=copy) as pipeline:
    try:
        pipeline.load()
    except PipelineError as error:
        value.append(error.message)
'''


def test_stage_code_is_confined_further_inside_the_skill(root: Path) -> None:
    """The pipeline that a skill runs reads the code and nothing that the skill was given besides."""
    rows, said = attempt(root, "keeper", STAGES).output["value"]
    assert rows == 960 and "not denied: []" in said
    assert not (root / ".workbench/cache/poison").exists()


def test_what_it_says_and_prints_does_not_get_mixed_up(root: Path) -> None:
    heard: list[str] = []
    ran = attempt(
        root,
        "bare",
        "print('{\"ended\": 0}', flush=True); context.say('one\\ntwo'); os.write(2, b'x' * 200_000); value = 1",
        progress=heard.append,
    )
    assert ran.output["value"] == 1 and heard == ["one\ntwo"]


@pytest.mark.parametrize(
    ("code", "says"),
    [("os._exit(3)", "died"), ("os.kill(os.getpid(), 9)", "SIGKILL"), ("1 / 0", "ZeroDivisionError")],
)
def test_a_skill_that_dies_is_a_fault_that_says_so(root: Path, code: str, says: str) -> None:
    with pytest.raises(SkillFault, match=says):
        attempt(root, "bare", code)
    assert attempt(root, "bare", "value = 2").output["value"] == 2


def test_without_a_sandbox_no_skill_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SandboxStatus(available=False, mechanisms=[], lacking=["Landlock"], hint="do something")
    monkeypatch.setattr("workbench.sandbox.probe", lambda: nothing)
    with pytest.raises(SandboxError, match="Landlock") as error:
        attempt(root, "bare", "value = 1")
    assert error.value.code == 2
    unsafe = SkillContext(Settings(root=root, unsafe_no_sandbox=True), root, "visits")
    assert run_skill(unsafe, "bare", {"code": "value = os.environ['WORKBENCH_CONFINED_BY']"}).output["value"] == "nothing"
