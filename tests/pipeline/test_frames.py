"""Frames come back from the border bit by bit, and what came from the other side is believed only when it is whole."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.pipeline import frames


def back(frame: pd.DataFrame) -> pd.DataFrame:
    return frames.decode(frames.encode(frame))


def everything() -> pd.DataFrame:
    n = 5
    return pd.DataFrame(
        {
            "float": [1.0, np.nan, -0.0, np.inf, 5e-324],
            "float32": np.arange(n, dtype="f4"),
            "float16": np.arange(n, dtype="f2"),
            "int16": np.arange(n, dtype="i2"),
            "uint64": np.array([2**64 - 1] * n, dtype="u8"),
            "bool": [True, False, True, False, True],
            "text": ["a", None, "é", "", "x"],
            "nulls": pd.Series(["a", None, np.nan, pd.NA, pd.NaT], dtype=object),
            "mixed": pd.Series([1, "a", 2.5, None, True], dtype=object),
            "booleans": pd.Series([True, False, None, True, np.nan], dtype=object),
            "nothing": pd.Series([None] * n, dtype=object),
            "big": pd.Series([10**30, 1, 2, 3, None], dtype=object),
            "bytes": [b"a"] * n,
            "when": pd.to_datetime(["2024-01-01", None, "2024-01-02", "2024-01-03", "2024-01-04"]),
            "seconds": np.arange(n).astype("M8[s]"),
            "zoned": pd.date_range("2024-03-30", periods=n, tz="Europe/Zurich", freq="12h"),
            "utc": pd.date_range("2024-03-30", periods=n, tz="UTC", freq="12h"),
            "delta": pd.to_timedelta(np.arange(n), unit="h"),
            "category": pd.Categorical(["a", "b", None, "a", "c"], ordered=True, categories=["c", "b", "a"]),
            "numbers": pd.Categorical([1, 2, 1, None, 2]),
            "cut": pd.cut(np.arange(n), 2),
            "Int64": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "boolean": pd.array([True, None, False, True, None], dtype="boolean"),
            "Float64": pd.array([1.5, None, 3, 4, 5], dtype="Float64"),
            "string": pd.array(["a", None, "c", "d", "e"], dtype="string"),
            "arrow": pd.array([1, 2, None, 4, 5], dtype="int64[pyarrow]"),
            "period": pd.period_range("2024-01", periods=n, freq="M"),
            "interval": pd.arrays.IntervalArray.from_breaks(range(n + 1)),
            "date": [datetime.date(2024, 1, i + 1) for i in range(n)],
            "time": [datetime.time(1, i) for i in range(n)],
            "decimal": [decimal.Decimal("1.10")] * n,
            "json": [[1, 2], {"a": 1}, None, [], [None]],
        }
    )


def test_every_kind_of_column_comes_back_as_it_was(tmp_path: Path) -> None:
    frame = everything()
    frames.write(frames.encode(frame), tmp_path / "x")
    for again in (back(frame), frames.read(tmp_path / "x"), frames.read_untrusted(tmp_path / "x", 10**8)):
        pd.testing.assert_frame_equal(again, frame, check_exact=True)
        assert list(again.dtypes) == list(frame.dtypes)
        assert again["float"].to_numpy().tobytes() == frame["float"].to_numpy().tobytes()
        for column in ("nulls", "mixed", "booleans", "big", "json"):
            assert [type(v) for v in again[column]] == [type(v) for v in frame[column]], column
        assert [type(v) for v in again["nulls"]] == [str, type(None), float, type(pd.NA), type(pd.NaT)]


def test_what_comes_back_can_be_changed_and_does_not_change_its_file(tmp_path: Path) -> None:
    frames.write(frames.encode(everything()), tmp_path / "x")
    before = (tmp_path / "x").read_bytes()
    again = frames.read(tmp_path / "x")
    again.loc[0, ["float", "text"]] = [7.0, "changed"]
    again["int16"] += 1
    assert again.loc[0, "float"] == 7.0 and (tmp_path / "x").read_bytes() == before


def test_shapes_at_the_edge() -> None:
    empty = everything().iloc[:0]
    pd.testing.assert_frame_equal(back(empty), empty.reset_index(drop=True))
    assert back(pd.DataFrame(index=range(3))).shape == (3, 0)
    assert back(pd.DataFrame()).shape == (0, 0)
    indexed = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="k"))
    assert list(back(indexed).index) == [0, 1] and list(back(indexed).columns) == ["x"]
    strided = pd.DataFrame(np.arange(12.0).reshape(3, 4), columns=list("abcd")).iloc[::2]
    pd.testing.assert_frame_equal(back(strided), strided.reset_index(drop=True))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=5), st.dates()),
            *(st.just(pd.NA), st.just(pd.NaT), st.just(float("nan")), st.lists(st.integers(), max_size=2)),
            st.datetimes().map(lambda t: t.replace(fold=0)),
        ),
        max_size=6,
    )
)
def test_any_plain_values_survive(values: list[object]) -> None:
    column = pd.Series(values, dtype=object)
    try:
        again = back(pd.DataFrame({"x": column}))["x"]
    except frames.Unwritable as error:  # text that isn't Unicode
        assert error.column == "x"
        return
    assert [type(v) for v in again] == [type(v) for v in column]
    assert list(map(repr, again)) == list(map(repr, column))


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"a": [object()]}), "column `a` holds a value of type object"),
        (pd.DataFrame({"a": [{1, 2}]}), "column `a` holds a value of type set"),
        (pd.DataFrame({"a": [1 + 2j]}), "column `a` has the type `complex128`"),
        (pd.DataFrame({"a": pd.Series(["\ud800"], dtype=object)}), "column `a` holds text that isn't Unicode"),
        (pd.DataFrame({0: [1]}), "a column named 0"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column `a` is there twice"),
        (pd.DataFrame({("a", "b"): [1]}), "a column named ('a', 'b')"),
    ],
)
def test_what_cannot_cross_is_named(frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(frames.Unwritable) as error:
        frames.encode(frame)
    assert said in str(error.value)


def test_the_content_id_follows_the_content() -> None:
    base = frames.content_id(frames.encode(everything()))
    assert base == frames.content_id(frames.encode(everything().copy()))
    assert base == frames.content_id(frames.encode(everything().set_index("int16", drop=False)))
    for column, value in (
        ("float", 2.0),
        ("text", "b"),
        ("category", "b"),
        ("zoned", pd.Timestamp("2020", tz="UTC")),
        ("nulls", "b"),
    ):
        changed = everything()
        changed.loc[0, column] = value
        assert frames.content_id(frames.encode(changed)) != base, column
    swapped = everything()
    swapped.loc[1, "nulls"], swapped.loc[2, "nulls"] = np.nan, None
    for other in (everything().rename(columns={"float": "f"}), everything().iloc[::-1], everything().astype({"int16": "i4"})):
        assert frames.content_id(frames.encode(other)) != base


def test_a_file_from_the_other_side_is_not_believed(tmp_path: Path) -> None:
    frames.write(frames.encode(everything()), tmp_path / "good")
    good = (tmp_path / "good").read_bytes()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "good")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name, content in {"cut": good[: len(good) // 2], "empty": b"", "text": b"hello" * 100, "noise": os.urandom(5000)}.items():
        (tmp_path / name).write_bytes(content)
    for name in ("link", "folder", "fifo", "missing", "cut", "empty", "text", "noise"):
        with pytest.raises(ValueError, match=r"."):
            frames.read_untrusted(tmp_path / name, 10**8)
    with pytest.raises(ValueError, match="at most"):
        frames.read_untrusted(tmp_path / "good", 100)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_byte_gets_further_than_a_value_error(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x"
        frames.write(
            frames.encode(pd.DataFrame({"t": ["a", "bb", None], "f": [1.0, 2, 3], "c": pd.Categorical(["x", "y", "x"])})), path
        )
        content = bytearray(path.read_bytes())
        for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
            content[position] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        with contextlib.suppress(ValueError):
            assert isinstance(frames.read_untrusted(path, 10**6), pd.DataFrame)
