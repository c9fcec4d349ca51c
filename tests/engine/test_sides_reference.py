"""DuckDB gives the answers that plain Python gives, whatever the columns hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.engine.reference import answers, asked, rows
from workbench.engine.backend import Engine, EngineError, Incomparable, open_engine, parquet_files
from workbench.errors import UsageError

BIG = 2**53
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 2.0, 1.5, float("nan"), None, float(BIG)])
TYPES: dict[str, list[tuple[pa.DataType, st.SearchStrategy[Any]]]] = {
    # Either type on either side: what is compared has to be the values, not how they are stored.
    "store": [
        (pa.int64(), st.sampled_from([1, 2, None, BIG, BIG + 1, 2**63 - 1])),
        (pa.int8(), st.sampled_from([1, 2, None])),
        (pa.uint64(), st.sampled_from([1, 2, BIG + 1, None, 2**64 - 1])),
        (pa.float64(), st.sampled_from([1.0, 2.0, 1.5, None, float("nan"), float(BIG)])),
    ],
    "shelf": [
        (pa.string(), st.sampled_from(["a", "", "1", None])),
        (pa.large_string(), st.sampled_from(["a", "b", None])),
        (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "1", None])),
    ],
    "owner": [(pa.string(), st.sampled_from(["p", "q", None])), (pa.string(), st.sampled_from(["q", "r", None]))],
    "x": [
        (pa.float64(), NUMBERS),
        (pa.float32(), st.sampled_from([0.0, 1.0, 1.5, None])),
        (pa.int32(), st.sampled_from([0, 1, None])),
    ],
    "kind": [(pa.bool_(), st.sampled_from([True, False, None])), (pa.int16(), st.sampled_from([0, 1, 2]))],
    "y": [(pa.float64(), NUMBERS), (pa.int64(), st.sampled_from([0, 1, 2, None, BIG + 1]))],
}
DAYS = [dt.datetime(2024, 1, 1, hour) for hour in range(6)] + [None]
CLOCKS = [
    pa.timestamp("us"),
    pa.timestamp("ns"),
    pa.timestamp("ms"),
    pa.timestamp("us", tz="UTC"),
    pa.timestamp("us", tz="Asia/Tokyo"),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine("duckdb", threads=2) as opened:
        yield opened


@st.composite
def side(draw: st.DrawFn, types: dict[str, int]) -> pa.Table:
    count = draw(st.integers(0, 12))
    columns: dict[str, pa.Array] = {}
    for name, choice in types.items():
        kind, cells = TYPES[name][choice]
        columns[name] = pa.array([draw(cells) for _ in range(count)], pa.string() if pa.types.is_dictionary(kind) else kind)
        columns[name] = columns[name].cast(kind) if pa.types.is_dictionary(kind) else columns[name]
    clock = draw(st.sampled_from(CLOCKS))
    days = [draw(st.sampled_from(DAYS)) for _ in range(count)]
    columns["day"] = pa.array([d.replace(tzinfo=dt.UTC) if d and clock.tz else d for d in days], clock)
    return pa.table(columns)


@st.composite
def both(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    one, other = ({name: draw(st.integers(0, len(kinds) - 1)) for name, kinds in TYPES.items()} for _ in range(2))
    # 2**64 - 1 is no float and a float beyond 2**53 no exact number: that pair alone isn't compared here.
    for name in ("store",):
        if {one[name], other[name]} == {2, 3}:
            other[name] = one[name]
    return draw(side(one)), draw(side(other))


@settings(max_examples=4, deadline=None, phases=[p for p in Phase if p is not Phase.shrink])
@given(tables=both())
def test_duckdb_answers_as_plain_python_does(engine: Engine, tables: tuple[pa.Table, pa.Table]) -> None:
    train, test = tables
    assert asked(engine, train, test) == answers(rows(train), rows(test))


@pytest.mark.slow
@settings(max_examples=60, deadline=None, phases=[p for p in Phase if p is not Phase.shrink])
@given(tables=both())
def test_duckdb_answers_as_plain_python_does_at_length(engine: Engine, tables: tuple[pa.Table, pa.Table]) -> None:
    train, test = tables
    assert asked(engine, train, test) == answers(rows(train), rows(test))


def test_what_can_never_be_equal_is_incomparable(engine: Engine) -> None:
    train = pa.table({"store": [1], "shelf": ["a"], "owner": ["p"], "x": [1.0], "kind": [1], "y": [1.0], "day": [DAYS[0]]})
    for name, other in (("store", ["1"]), ("kind", [b"1"]), ("owner", [3])):
        test = train.set_column(train.column_names.index(name), name, pa.array(other))
        with pytest.raises(Incomparable, match=f"`{name}` holds"):
            asked(engine, train, test)
    empty = train.set_column(1, "shelf", pa.nulls(1))
    assert asked(engine, empty, train)["shared keys"] == 0, "a column of nothing holds no equal value, and is no error"


def test_nothing_is_left_of_an_engine_that_is_closed(tmp_path: Path) -> None:
    with open_engine("duckdb", memory="500MB", threads=1, scratch=tmp_path) as opened:
        assert len(opened.fetch(opened.arrow(pa.table({"a": [1]})))) == 1
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_none_are_said_to_be(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no")
    assert parquet_files(["*.parquet", "."], tmp_path) == [str(tmp_path / "a.parquet")]
    with pytest.raises(EngineError, match="can't be read"):
        engine.parquet([str(tmp_path / "a.parquet")])
    with pytest.raises(UsageError, match="No Parquet file matches"):
        parquet_files(["b*.parquet"], tmp_path)
