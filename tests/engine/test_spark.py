"""Spark gives the answers that plain Python and DuckDB give: local mode, loopback only. Needs the extra `spark` and Java 17."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.engine.reference import ROLES, answers, asked, rows
from tests.gates.subjects import HOURS, shop_frame
from workbench.engine.backend import Engine, open_engine
from workbench.engine.sides import Sides

pytest.importorskip("pyspark", reason="PySpark isn't installed (extra `spark`)")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17")]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with open_engine("pyspark", threads=2, memory="1GB", scratch=tmp_path_factory.mktemp("spark")) as opened:
        yield opened


def _table(seed: int, kind: pa.DataType) -> pa.Table:
    draw = random.Random(seed)
    count = draw.randint(0, 40)
    pick: Any = lambda *cells: [draw.choice(cells) for _ in range(count)]  # noqa: E731
    return pa.table(
        {
            "store": pa.array(pick(1, 2, 3, None), kind),
            "shelf": pa.array(pick("a", "b", "", None), pa.string()),
            "owner": pa.array(pick("p", "q", None), pa.string()),
            "x": pa.array(pick(0.0, -0.0, 1.5, float("nan"), None), pa.float64()),
            "kind": pa.array(pick(True, False, None), pa.bool_()),
            "y": pa.array(pick(0.0, 1.0, 2.5, None, 2.0**53), pa.float64()),
            "day": pa.array(pick(*[dt.datetime(2024, 1, 1, hour) for hour in range(6)], None), pa.timestamp("us")),
        }
    )


@pytest.mark.parametrize("seed", range(4))
def test_spark_answers_as_plain_python_does(spark: Engine, seed: int, tmp_path: Path) -> None:
    kinds = (pa.int64(), pa.float64())
    train, test = _table(2 * seed, kinds[seed % 2]), _table(2 * seed + 1, kinds[seed // 2 % 2])
    assert asked(spark, train, test) == answers(rows(train), rows(test))


def test_files_are_read_in_place_and_clocks_are_understood(spark: Engine, tmp_path: Path) -> None:
    """An hour that a clock passes twice is its second pass on both engines."""
    hours = [dt.datetime(2024, 11, 3, 0, 30), dt.datetime(2024, 11, 3, 1, 30), dt.datetime(2024, 6, 1, 12), None]
    table = _table(0, pa.int64()).slice(0, 0)
    cells = {
        name: pa.array([1 if pa.types.is_integer(f.type) else None] * 4, f.type)
        for name, f in zip(table.column_names, table.schema)
    }
    pq.write_table(pa.table({**cells, "day": pa.array(hours, pa.timestamp("us"))}), tmp_path / "a.parquet")
    local = ROLES.__class__(**{**ROLES.__dict__, "zone": "America/New_York"})
    seen = []
    with open_engine("duckdb") as duck:
        for engine in (duck, spark):
            file = engine.parquet([str(tmp_path / "a.parquet")])
            seen.append(Sides.of_tables(engine, local, file, file).bounds())
    assert seen[0] == seen[1]
    assert seen[0][0][0].timeless == 1
    utc = dt.datetime(2024, 11, 3, 6, 30, tzinfo=dt.UTC)  # 01:30 EST, not EDT
    assert seen[0][0][0].last == int(utc.timestamp()) * 10**9


def test_a_whole_audit_says_the_same_on_both_engines(spark: Engine, tmp_path: Path) -> None:
    """Keys, groups, times, copies and near copies: rule by rule, to the row and the word."""
    from tests.gates.test_tables_audit import OWNED
    from tests.workspaces import make_workspace
    from workbench.gates.tables import audit_tables
    from workbench.settings import load_settings

    frame = shop_frame()
    frame["owner"] = np.where(frame["hour"] < HOURS[480], "old", "new")
    frame["hour"] = frame["hour"].astype("datetime64[us, UTC]")
    train, test = frame[frame["hour"] < HOURS[483]].copy(), frame[frame["hour"] >= HOURS[480]].copy()
    numbers = [test.columns.get_loc(name) for name in ("lag", "mean", "price", "units")]
    test.iloc[50:70, numbers] = train.iloc[100:120, numbers].to_numpy()
    test.iloc[90:110, numbers] = train.iloc[200:220, numbers].to_numpy() * (1 + 1e-5)
    make_workspace(tmp_path, edits=OWNED)
    train.to_parquet(tmp_path / "train.parquet")
    test.to_parquet(tmp_path / "test.parquet")
    said = []
    for backend in ("duckdb", "pyspark"):
        (tmp_path / "workbench.toml").write_text(f'[engine]\nbackend = "{backend}"\n')
        report = audit_tables(load_settings(tmp_path, {}), "shop", train=["train.parquet"], test=["test.parquet"])
        said.append([(f.rule, f.severity, f.rows, f.message) for f in report.findings])
    assert said[0] == said[1]
    assert {rule for rule, *_ in said[0]} >= {"leakage/duplicates", "leakage/near-duplicates", "leakage/overlap"}
