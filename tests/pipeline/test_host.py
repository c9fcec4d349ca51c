"""The confined process: it never hangs, never outlives us, never mixes its words into ours, and is not believed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.workspaces import SHOP_CONTRACT, SHOP_FEATURES, SHOP_MODEL, make_workspace
from workbench.errors import ConfigError, PipelineError, SandboxError
from workbench.pipeline import host as host_module
from workbench.pipeline.contract import load_contract
from workbench.pipeline.runner import Pipeline
from workbench.sandbox import SandboxStatus
from workbench.settings import load_settings

FREE = SHOP_CONTRACT.replace('"lag_48h", "mean_23h", "price", "size", "hour_of_day"', '"price"')


def pipeline(root: Path) -> Pipeline:
    return Pipeline(load_settings(root, {}), load_contract(root, "shop"), cache=False)


def with_body(body: str) -> str:
    """The text of the features stage with `body` at the start of its function."""
    first = "def build(tables):\n"
    return SHOP_FEATURES.replace(first, first + "".join(f"    {line}\n" for line in body.splitlines()))


def with_features(tmp_path: Path, body: str, settings: str = "", **more: str) -> Pipeline:
    """The use case `shop` with `body` at the start of its features stage."""
    return pipeline(make_workspace(tmp_path, features=with_body(body), settings=settings, **more))  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def wait_until_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 30)[0], f"{pid} is still running"
    finally:
        os.close(descriptor)


def test_a_stage_that_takes_too_long_is_ended_and_the_next_run_works(tmp_path: Path) -> None:
    body = "import os\nif os.environ.get('SLOW', tables['stores']['size'].iloc[0] < 0):\n    while True:\n        pass"
    with with_features(tmp_path, body, "[sandbox]\nwall_seconds = 5") as one:
        tables = one.load()
        slow = {**tables, "stores": tables["stores"].assign(size=-1.0)}
        with pytest.raises(PipelineError, match="took longer than 5 s") as error:
            one.run(slow, until="features")
        assert "wall_seconds" in error.value.hint
        assert one.run(tables, until="features").frame is not None


def test_an_import_that_never_ends_is_ended(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, features="while True:\n    pass", settings="[sandbox]\nwall_seconds = 1")
    with pipeline(root) as one, pytest.raises(PipelineError, match="took longer than 1 s"):
        one.load()


def test_processes_that_a_stage_leaves_behind_are_ended(tmp_path: Path) -> None:
    body = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'], start_new_session=True)
daemon = os.fork()
if daemon == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    signal = __import__('signal')
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
    os._exit(0)
os.waitpid(daemon, 0)
tables['stores']['size'] = float(child.pid)"""
    with with_features(tmp_path, body) as one:
        frame = one.run(one.load(), until="features").frame
        assert frame is not None
        wait_until_gone(int(frame["size"].iloc[0]))
        process = one.hosts.first._process
        assert process is not None
        assert Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split() == []


CRASHES = {
    "import os\nos._exit(3)": "died (exit code 3)",
    "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)": "died (SIGSEGV)",
    "import ctypes\nctypes.string_at(0)": "died (SIGSEGV)",
    "import os\nos._exit(0)": "left an answer that can't be used",
    "import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)": "died (SIGXCPU)",
    "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)": "died (without an answer)",
}
FORGED = (
    "not json",
    "[]",
    "{}",
    '{"folds": [], "scores": [], "digests": []}',
    '{"folds": [[1, 2]], "scores": 3, "digests": [], "ran": {}, "seconds": {}}',
    '{"folds": [], "scores": [], "digests": [], "ran": {"fit": "x"}, "seconds": {}}',
    '{"error": "x"}',
    "[" * 100_000,
)


def chosen(bodies: list[str]) -> str:
    """The body of a features stage that does nothing special, or what the (negative) size of the first store says."""
    lines = ["which = int(-tables['stores']['size'].iloc[0])"]
    for number, body in enumerate(bodies, start=1):
        lines += [f"if which == {number}:", *(f"    {line}" for line in body.splitlines())]
    return "\n".join(lines)


def test_a_crash_is_an_error_and_the_next_run_works(tmp_path: Path) -> None:
    with with_features(tmp_path, chosen(list(CRASHES))) as one:
        tables = one.load()
        for number, said in enumerate(CRASHES.values(), start=1):
            with pytest.raises(PipelineError) as error:
                one.run({**tables, "stores": tables["stores"].assign(size=-float(number))}, until="features")
            assert said in error.value.message and error.value.hint
        assert one.run(tables, until="features").frame is not None


def test_a_forged_answer_is_an_error(tmp_path: Path) -> None:
    bodies = [
        f"import os, pathlib\n(pathlib.Path(os.environ['HOME']).parent / 'answer.json').write_text({forged!r})\nos._exit(0)"
        for forged in FORGED
    ]
    with with_features(tmp_path, chosen(bodies)) as one:
        tables = one.load()
        for number in range(1, len(bodies) + 1):
            with pytest.raises(PipelineError) as error:
                one.run({**tables, "stores": tables["stores"].assign(size=-float(number))})
            assert error.value.message and error.value.hint


def test_a_link_in_place_of_a_result_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"folds": [], "scores": [], "digests": []}))
    body = "import os, pathlib\nanswer = pathlib.Path(os.environ['HOME']).parent / 'answer.json'\n"
    body += f"answer.symlink_to({str(secret)!r})\nos._exit(0)"
    with with_features(tmp_path / "w", body) as one, pytest.raises(PipelineError, match="can't be used"):
        one.run(one.load())


def test_output_is_kept_apart_and_bounded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    body = "import os, sys\nos.write(1, b'x' * 3_000_000)\nprint('hello', file=sys.stderr)\nprint('\\x1b[2Jlast', flush=True)"
    with with_features(tmp_path, body) as one:
        assert one.run(one.load(), until="features").frame is not None
        one.hosts.first._settle()
        assert one.output.endswith("\x1b[2Jlast\n") and "hello" in one.output and len(one.output) <= 200_000
    assert capfd.readouterr() == ("", "")


def test_stage_code_has_no_input(tmp_path: Path) -> None:
    with with_features(tmp_path, "import sys\nassert sys.stdin.read() == ''") as one:
        assert one.run(one.load(), until="features").frame is not None


def test_it_ends_with_close_and_leaves_nothing(tmp_path: Path) -> None:
    one = pipeline(make_workspace(tmp_path))
    one.load()
    process = one.hosts.first._process
    assert process is not None and alive(process.pid)
    one.close()
    one.close()
    assert not alive(process.pid)
    assert list((tmp_path / ".workbench/scratch").iterdir()) == []


def test_it_ends_with_us_even_when_we_are_killed(tmp_path: Path) -> None:
    """While a stage is busy, the whole tree goes when its owner is killed; the next owner removes what was left."""
    body = "import os, pathlib\npathlib.Path(os.environ['HOME'], 'busy').write_text(str(os.getpid()))\nwhile True:\n    pass"
    root = make_workspace(tmp_path, features=with_body(body))
    owner = (
        "import sys; from pathlib import Path; from workbench.settings import load_settings\n"
        "from workbench.pipeline.contract import load_contract; from workbench.pipeline.runner import Pipeline\n"
        f"root = Path({str(root)!r}); one = Pipeline(load_settings(root, {{}}), load_contract(root, 'shop'), cache=False)\n"
        "tables = one.load(); print(one.hosts.first._process.pid, flush=True); one.run(tables)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        marks: list[Path] = []
        deadline = threading.Event()
        for _ in range(600):
            marks = list((root / ".workbench/scratch").glob("*/out*/*/tmp/busy"))
            if marks and marks[0].read_text():
                break
            deadline.wait(0.05)
        assert marks, "the stage never got busy"
        busy = int(next(line for line in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
        process.kill()
    wait_until_gone(pid)
    wait_until_gone(busy)
    assert len(list((root / ".workbench/scratch").iterdir())) == 1
    with pipeline(make_workspace(tmp_path)) as one:
        one.load()
        assert len(list((root / ".workbench/scratch").iterdir())) == 1
    assert list((root / ".workbench/scratch").iterdir()) == []


def test_an_interrupted_request_does_not_answer_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pipeline(make_workspace(tmp_path)) as one:
        tables = one.load()
        host = one.hosts.first
        received = host._received

        def interrupted(seconds: float) -> dict[str, object]:
            monkeypatch.setattr(host, "_received", received)
            raise KeyboardInterrupt

        monkeypatch.setattr(host, "_received", interrupted)
        with pytest.raises(KeyboardInterrupt):
            one.run(tables, until="features")
        assert len(one.run(tables, until="split").folds) == 3


def test_without_a_sandbox_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SandboxStatus(available=False, mechanisms=[], lacking=["Landlock"], hint="use Linux")
    monkeypatch.setattr("workbench.sandbox.probe", lambda: nothing)
    with pipeline(make_workspace(tmp_path)) as one, pytest.raises(SandboxError, match="Landlock") as error:
        one.load()
    assert error.value.hint == "use Linux"


def test_a_size_that_is_none_is_a_configuration_error(tmp_path: Path) -> None:
    with (
        pipeline(make_workspace(tmp_path, settings='[sandbox]\nmemory = "lots"')) as one,
        pytest.raises(ConfigError, match=r"sandbox\.memory"),
    ):
        one.load()


def test_memory_is_limited(tmp_path: Path) -> None:
    body = "if tables['stores']['size'].iloc[0] < 0:\n    bytearray(6_000_000_000)"
    with with_features(tmp_path, body, '[sandbox]\nmemory = "4GB"') as one:
        tables = one.load()
        with pytest.raises(PipelineError, match="MemoryError") as error:
            one.run({**tables, "stores": tables["stores"].assign(size=-1.0)}, until="features")
        assert "[sandbox] memory" in error.value.hint


def test_cpu_time_is_limited_for_each_run(tmp_path: Path) -> None:
    body = "if tables['stores']['size'].iloc[0] < 0:\n    while True:\n        pass"
    with with_features(tmp_path, body, "[sandbox]\ncpu_seconds = 2") as one:
        tables = one.load()
        with pytest.raises(PipelineError, match=r"died \((SIGXCPU|SIGKILL)\)") as error:
            one.run({**tables, "stores": tables["stores"].assign(size=-1.0)}, until="features")
        assert "cpu_seconds" in error.value.hint
        assert one.run(tables, until="features").frame is not None


def test_a_silent_process_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process inside keeps the deadline itself; when it can't, being stopped, we do."""
    monkeypatch.setattr(host_module, "_GRACE_SECONDS", 1.0)
    with with_features(
        tmp_path, "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\nwhile True:\n    pass", "[sandbox]\nwall_seconds = 2"
    ) as one:
        tables = one.load()
        process = one.hosts.first._process
        assert process is not None
        with pytest.raises(PipelineError, match="took longer"):
            one.run(tables, until="features")
        assert process.returncode == -signal.SIGKILL


def test_models_and_metrics_run_where_the_workspace_has_modules_named_like_ours(tmp_path: Path) -> None:
    files = dict.fromkeys(("frames.py", "stages.py", "opened.py", "workbench/__init__.py"), "raise RuntimeError('the wrong one')")
    root = make_workspace(tmp_path, model=SHOP_MODEL, files=files)
    with pipeline(root) as one:
        assert len(one.run(one.load()).scores) == 3
