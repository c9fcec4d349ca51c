"""Figures of what a change did: counts that add up, values around the cutoff, errors with their noise; never an error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.changes import Measured
from workbench.changes.figures import FoldRows
from workbench.changes.fingerprints import Keys
from workbench.changes.measured import RanUseCase
from workbench.changes.sketches import Sketch
from workbench.pipeline.contract import Contract, load_contract
from workbench.pipeline.results import Fold, FoldRun, Run
from workbench.testing import make_workspace

KEYS = Keys(("door", "hour"), "visitors", "hour")
HOURS = pd.Series(pd.date_range("2024-01-01", periods=200, freq="h", tz="UTC"))


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return load_contract(make_workspace(tmp_path_factory.mktemp("ws")), "visits")


def rows_of(contract: Contract, before: list[Fold], after: list[Fold]) -> list[FoldRows]:
    sketch = Sketch(contract)
    sketch.moved_rows(HOURS, before, after)
    return sketch.figures.folds


positions = st.sets(st.integers(0, 199), max_size=120).map(lambda rows: np.array(sorted(rows), dtype="int64"))


@settings(max_examples=60, deadline=None)
@given(was=positions, now=positions, test=positions)
def test_what_came_and_went_adds_up_in_every_stretch_of_time(
    contract: Contract, was: np.ndarray, now: np.ndarray, test: np.ndarray
) -> None:
    found = rows_of(contract, [Fold(was, test)], [Fold(now, test)])
    assert bool(found) is (set(was) != set(now))
    for one in found:
        assert one.side == "training" and sum(one.before) == len(was) and sum(one.after) == len(now)
        assert [b + c - w for b, c, w in zip(one.before, one.came, one.went)] == one.after
        for where, moved in ((one.came_where, one.came), (one.went_where, one.went)):
            assert where.earlier + where.among + where.later + where.alone == sum(moved)


def test_the_direction_of_time_is_told(contract: Contract) -> None:
    was, now = np.arange(50, 100), np.arange(40, 130)
    (one,) = rows_of(contract, [Fold(was, np.arange(150, 200))], [Fold(now, np.arange(150, 200))])
    assert (one.came_where.earlier, one.came_where.later, one.came_where.among) == (10, 30, 0) and one.begin.startswith(
        "2024-01-01"
    )


def frame() -> pd.DataFrame:
    doors = [
        pd.DataFrame({"door": door, "hour": HOURS.dt.tz_localize(None), "visitors": 10.0, "lag": np.arange(200.0)})
        for door in "AB"
    ]
    return pd.concat(doors, ignore_index=True)


def test_values_come_from_the_entity_that_changed_most_and_lie_around_the_cutoff(contract: Contract) -> None:
    before, after = frame(), frame()
    after.loc[(after["door"] == "B") & (after.index >= 330), "lag"] += 5
    after.loc[0, "lag"] = np.nan
    sketch = Sketch(contract)
    sketch.moved_values(before, after, [Fold(np.arange(100), np.array([150, 151]))], KEYS)
    (trace,) = sketch.figures.values
    assert trace.column == "lag" and trace.entity == {"door": "B"} and trace.cutoff == "2024-01-07T06:00:00+00:00"
    assert trace.state.count("moved") > 10 and 0 < trace.made < len(trace.times) <= 64
    moved = trace.state.index("moved")
    assert trace.without_future[moved] == trace.with_future[moved] + 5  # type: ignore[operator]


def scored(contract: Contract, before: np.ndarray, after: np.ndarray) -> Sketch:
    rows = np.arange(len(before))
    old, new = (FoldRun(Fold(np.array([0]), rows), said, said) for said in (before, after))
    sketch = Sketch(contract)
    sketch.moved_scores(frame(), [old], Run(frame=frame(), folds=[new.fold], fold_runs=[new]), KEYS)
    return sketch


def test_errors_by_slice_say_what_is_noise_and_what_is_not(contract: Contract) -> None:
    rng = np.random.default_rng(0)
    before = 10 + rng.normal(0, 1, 400)
    worse = before + np.where(np.arange(400) < 200, np.sign(before - 10) * 3, 0.0)
    found = scored(contract, before, worse)
    assert found.error == "mean absolute error" and [one.value for one in found.slices] == ["", "A", "B"]
    whole, door_a, door_b = found.slices
    assert door_a.after - door_a.before == pytest.approx(3) and door_b.before == door_b.after and whole.rows == 400
    assert door_a.noise is not None and door_a.after - door_a.before > door_a.noise
    shaken = scored(contract, before, before + rng.normal(0, 0.01, 400)).slices[0]
    assert shaken.noise is not None and abs(shaken.after - shaken.before) < 3 * shaken.noise
    assert scored(contract, before, before).slices == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.binary(max_size=3)),
        min_size=6,
        max_size=6,
    ),
    st.sampled_from(["door", "hour", "visitors", "lag"]),
)
def test_no_frame_whatever_is_in_it_makes_an_error(contract: Contract, values: list[object], column: str) -> None:
    before, after = frame().iloc[:6].copy(), frame().iloc[:6].copy()
    after[column] = pd.Series(values, dtype=object)
    sketch = Sketch(contract)
    sketch.moved_values(before, after, [Fold(np.array([0]), np.array([3]))], KEYS)
    said = pd.Series(values, dtype=object).to_numpy()
    runs = [FoldRun(Fold(np.array([0]), np.arange(6)), one, one) for one in (np.ones(6), said)]
    sketch.moved_scores(before, runs[:1], Run(frame=after, fold_runs=runs[1:]), KEYS)
    sketch.moved_rows(HOURS, [Fold(np.array([0]), np.array([3]))], [])
    assert len(sketch.figures.values) <= 3
    assert Measured.read(
        Measured(base="a", result="b", use_cases=[RanUseCase(use_case="v", equal=False, figures=sketch.figures)]).content
    )


def test_evidence_recorded_before_there_were_figures_is_still_read() -> None:
    old = {"format": 1, "base": "a", "result": "b", "use_cases": [{"use_case": "v", "equal": True, "tables": "", "compared": ""}]}
    read = Measured.read(json.dumps(old).encode())
    assert read is not None and read.use_cases[0].figures is None


def test_a_change_that_is_run_brings_its_figures(tmp_path: Path) -> None:
    from tests.changes.running import P, Running, swapped
    from tests.workspaces import SHOP_SPLIT
    from workbench.changes import classify, measure

    running = Running(tmp_path)
    change = running.change({P + "split.py": swapped(SHOP_SPLIT, ('pd.Timedelta("24h")', 'pd.Timedelta("0h")'))})
    said = Measured.read(measure(running.settings, running.repo, change, classify(running.repo, change)).content)
    assert said is not None and said.use_cases[0].figures is not None
    rows = said.use_cases[0].figures.folds
    assert rows and all(sum(one.came) == 48 and one.came_where.later == 48 for one in rows)
