"""Two confined processes over the same inputs: nobody waits for a free one, nobody reads another's answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.test_host import FREE, with_features
from workbench.errors import PipelineError
from workbench.pipeline.inputs import Inputs

MARKED = """import os
tables['stores']['size'] = tables['stores']['size'] + float(os.getppid())"""
# Runs until the other one has begun: each says so by a lock on the code tree, which both can only read.
MEETING = """import fcntl, os, time
mine = os.open(__file__, os.O_RDONLY)
fcntl.flock(mine, fcntl.LOCK_SH)
end = time.monotonic() + 30
def others():
    return sum(line.split()[-3].endswith(':' + str(os.stat(__file__).st_ino)) for line in open('/proc/locks'))
while others() < 2:
    assert time.monotonic() < end, 'nobody came'
tables['stores']['size'] = tables['stores']['size'] + float(os.getppid())"""


def test_two_who_ask_at_once_are_served_by_two_processes_and_get_their_own(tmp_path: Path) -> None:
    with with_features(tmp_path, MEETING, contract=FREE) as one, ThreadPoolExecutor(2) as both:
        tables = one.load()
        given = [{**tables, "stores": tables["stores"].assign(size=size)} for size in (1e9, 2e9)]
        runs = list(both.map(lambda changed: one.run(changed, until="features"), given))
    sizes = [run.frame["size"].iloc[0] for run in runs if run.frame is not None]
    assert [round(size / 1e9) for size in sizes] == [1, 2]
    assert sizes[0] % 1e9 != sizes[1] % 1e9  # the zygotes' process ids


def test_one_who_asks_twice_is_served_by_the_same_process(tmp_path: Path) -> None:
    with with_features(tmp_path, MARKED, contract=FREE) as one:
        tables = one.load()
        one.warm(2)
        runs = [one.run(tables, until="features").frame for _ in range(2)]
    assert runs[0] is not None and runs[1] is not None
    assert runs[0]["size"].iloc[0] == runs[1]["size"].iloc[0]


def test_who_waits_is_told_when_it_is_closed(tmp_path: Path) -> None:
    with with_features(tmp_path, "import os\nos.getppid()\nwhile True:\n    pass") as one, ThreadPoolExecutor(1) as beside:
        tables = one.load()
        waiting = beside.submit(one.run, tables, until="features")
        process = one.hosts.first._process
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text().split():
            assert not waiting.done()
        one.end()
        with pytest.raises(PipelineError):
            waiting.result(30)
        with pytest.raises(PipelineError, match="were ended"):
            one.run(tables, until="features")


def test_stages_run_in_each_thread_are_counted_for_it(tmp_path: Path) -> None:
    with with_features(tmp_path, "pass") as one:
        tables = one.load()
        with one.counted() as mine:
            one.run(tables, until="features")
            other = threading.Thread(target=one.run, args=(tables,), kwargs={"until": "features"})
            other.start()
            other.join()
        assert mine["features"] == 1 and one.runs["features"] == 2


LAZY = """import importlib, sys
known = float('{library}' in sys.modules)
import {library}
tables['stores']['size'] = known + 10.0 * ('pipelines.shop.aside' in sys.modules)
from pipelines.shop import aside"""


def test_what_a_run_imports_from_libraries_later_runs_have_and_modules_of_the_workspace_run_anew(tmp_path: Path) -> None:
    with with_features(tmp_path, LAZY.format(library="joblib"), contract=FREE, files={"pipelines/shop/aside.py": ""}) as one:
        tables = one.load()
        runs = [one.run(tables, until="features").frame for _ in range(2)]
    assert [run["size"].iloc[0] for run in runs if run is not None] == [0.0, 1.0]


def test_inputs_of_a_request_under_way_stay_and_old_ones_go(tmp_path: Path) -> None:
    inputs = Inputs(lambda: tmp_path)
    with inputs.request() as long:
        held = long.put(pd.DataFrame({"a": [0.5]}), "held")
        for number in range(40):
            with inputs.request() as given:
                given.put(pd.DataFrame({"a": [number]}), "short")
        assert Path(held).exists()
        assert len(list(tmp_path.iterdir())) <= 17
    for number in range(20):
        with inputs.request() as given:
            given.put(pd.DataFrame({"a": [number]}), "short")
    assert not Path(held).exists()
