"""Each plant is a small edit that really has its effect; where it doesn't fit, it fails and writes nothing."""

import difflib
import importlib
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest

from workbench.demo import plants
from workbench.errors import UsageError

HOME = Path(__file__).parents[2] / "pipelines" / "departures"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(HOME, tmp_path / "pipelines" / "departures", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def planted(root: Path) -> Iterator[ModuleType]:
    """The copy as a package under a name of its own; its modules are imported when asked for, so after the plants."""
    folder = root / "pipelines" / "departures"
    spec = importlib.util.spec_from_file_location("planted", folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec and spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules["planted"] = package
    spec.loader.exec_module(package)
    yield package
    for name in [name for name in sys.modules if name == "planted" or name.startswith("planted.")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Real tables up to mid-May."""
    from pipelines.departures.data import load

    end = pd.Timestamp("2013-05-15", tz="UTC")
    return {name: table[table["time_hour"] < end].reset_index(drop=True) for name, table in load().items()}


def changed_lines(root: Path, path: str) -> list[str]:
    before = (HOME / Path(path).name).read_text().splitlines()
    after = (root / path).read_text().splitlines()
    return [line for line in difflib.ndiff(before, after) if line[:1] in "+-"]


def test_a_migrated_upstream_isnt_understood_until_data_py_says_what_changed(root: Path, planted: ModuleType) -> None:
    assert plants.migrate_upstream(root) == ["data/departures/flights.parquet", "data/departures/weather.parquet"]
    schema = parquet.read_schema(root / "data/departures/flights.parquet")
    assert "dep_delay" not in schema.names
    assert str(schema.field("departure_delay_min").type) == str(schema.field("time_hour").type) == "int64"

    data, judge = importlib.import_module("planted.data"), importlib.import_module("planted.schema")
    tables = data.load()
    assert "departure_delay_min" in tables["flights"].columns
    with pytest.raises(
        ValueError, match=r"flights.time_hour holds int64 where a time is expected; flights has no column dep_delay"
    ):
        judge.check(tables)

    data.RENAMED["flights"] = {"departure_delay_min": "dep_delay"}
    data.RETYPED.update(flights={"time_hour": "epoch-seconds"}, weather={"time_hour": "epoch-seconds"})
    repaired = judge.check(data.load())
    from pipelines.departures.data import load

    for name, table in load().items():
        pd.testing.assert_frame_equal(repaired[name], table)


def test_the_removed_argument_raises_in_the_training_call(
    root: Path, planted: ModuleType, tables: dict[str, pd.DataFrame]
) -> None:
    assert plants.use_removed_argument(root) == ["pipelines/departures/model.py"]
    assert len(changed_lines(root, "pipelines/departures/model.py")) == 2
    frame = importlib.import_module("planted.features").build(tables).dropna(subset="delay")
    with pytest.raises(TypeError, match="verbose_eval"):
        importlib.import_module("planted.model").fit(frame)


def test_the_proposed_feature_is_the_weather_of_the_target_hour(
    root: Path, planted: ModuleType, tables: dict[str, pd.DataFrame]
) -> None:
    assert plants.propose_weather(root) == ["pipelines/departures/features.py"]
    assert not [line for line in changed_lines(root, "pipelines/departures/features.py") if line[0] == "-"]
    frame = importlib.import_module("planted.features").build(tables)
    weather = tables["weather"].rename(columns={"time_hour": "target_hour"})[["origin", "target_hour", "wind_speed"]]
    seen = frame.merge(weather, on=["origin", "target_hour"]).dropna(subset="wind_speed")
    sane = seen[seen["wind_speed"] < 150]
    assert len(sane) > 5000
    assert (sane["wind_target"] == sane["wind_speed"]).all()


def test_the_forgotten_embargo_keeps_the_order_of_time_and_trains_on_unsettled_labels(
    root: Path, planted: ModuleType, tables: dict[str, pd.DataFrame]
) -> None:
    from pipelines.departures import features, split

    assert plants.forget_embargo(root) == ["pipelines/departures/split.py"]
    frame = features.build(tables)
    hours = frame["target_hour"].to_numpy()
    for (train, test), (honest, same) in zip(importlib.import_module("planted.split").folds(frame), split.folds(frame)):
        assert hours[train].max() < hours[test].min()
        assert hours[train].max() + np.timedelta64(6, "h") > hours[test].min() - np.timedelta64(24, "h")
        assert (test == same).all()
        assert set(honest) < set(train)


def test_all_plants_fit_into_one_workspace(root: Path, planted: ModuleType, tables: dict[str, pd.DataFrame]) -> None:
    for plant in (plants.use_removed_argument, plants.forget_embargo, plants.propose_weather):
        for path in plant(root):
            assert (root / path).is_file()
    frame = importlib.import_module("planted.features").build(tables)
    assert len(importlib.import_module("planted.split").folds(frame)) == 4


@pytest.mark.parametrize("plant", [plants.use_removed_argument, plants.propose_weather, plants.forget_embargo])
def test_a_plant_that_doesnt_fit_says_so_and_writes_nothing(root: Path, plant) -> None:
    plant(root)
    before = {path: path.read_bytes() for path in root.rglob("*.py")}
    with pytest.raises(UsageError, match="exactly once"):
        plant(root)
    assert {path: path.read_bytes() for path in root.rglob("*.py")} == before
    with pytest.raises(UsageError, match="is not there"):
        plant(root / "elsewhere")
