"""pandas frames ↔ Arrow IPC files, bit by bit: how tables cross the border of the confined process.

Nothing is unpickled, and what a frame holds is what comes out: dtypes, NaN against None, time zones, categories, column
order. The index is positional and isn't kept. This file also runs inside the confined process, where it is loaded by its
path, so it imports nothing of this package.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

_NULLS: dict[str, Any] = {"none": None, "nan": float("nan"), "na": pd.NA, "nat": pd.NaT}
_META = b"workbench"
# What reading a forged file can raise on the way.
_INVALID = (
    pa.ArrowException, LookupError, TypeError, AttributeError, ArithmeticError, OSError, RuntimeError, MemoryError,
)  # fmt: skip


class Unwritable(Exception):
    """A frame that can't cross: `column` names the column, empty when the frame itself is the reason."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"column `{column}` {reason}" if column else reason)
        self.column = column


def encode(frame: pd.DataFrame) -> pa.Table:
    """The frame as an Arrow table whose metadata says how to get the same frame back. Raises Unwritable."""
    fields: list[tuple[str, pa.Array]] = []
    columns: list[dict[str, Any]] = []
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str):
            raise Unwritable("", f"has a column named {name!r}; column names have to be text")
    if len(set(names)) < len(names):
        raise Unwritable(next(name for name in names if names.count(name) > 1), "is there twice")
    for position, name in enumerate(names):
        arrays, facts = _encoded(frame.iloc[:, position], name)
        columns.append({"name": name, "arrays": [len(fields) + i for i in range(len(arrays))], **facts})
        fields += [(str(len(fields) + i), array) for i, array in enumerate(arrays)]
    meta = json.dumps({"rows": len(frame), "columns": columns}).encode()
    schema = pa.schema([(name, array.type) for name, array in fields]).with_metadata({_META: meta})
    return pa.Table.from_arrays([array for _, array in fields], schema=schema)


def decode(table: pa.Table) -> pd.DataFrame:
    """The frame that `encode` was given, with memory of its own. Raises ValueError for a table that isn't from `encode`."""
    metadata = table.schema.metadata or {}
    if _META not in metadata:
        raise ValueError("not a frame written by the pipeline host")
    meta = json.loads(metadata[_META])
    columns = meta["columns"]
    values = {i: _decoded([table.column(j) for j in c["arrays"]], c) for i, c in enumerate(columns)}
    frame = pd.DataFrame(values, index=pd.RangeIndex(int(meta["rows"])), copy=True)
    frame.columns = pd.Index([c["name"] for c in columns], dtype=pd.Index(["a"]).dtype)
    return frame


def content_id(table: pa.Table) -> str:
    """BLAKE2b (hex, 256 bits) over the bytes that `write` would write."""
    sink = _Hashing()
    with pa.ipc.new_file(pa.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table)
    return sink.digest.hexdigest()


def write(table: pa.Table, path: Path) -> None:
    """Writes an encoded frame, uncompressed, so that it can be memory-mapped."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read(path: Path) -> pd.DataFrame:
    """Reads a frame by memory-mapping a file that nobody changes meanwhile."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        return decode(reader.read_all())


def read_untrusted(path: Path, limit: int) -> pd.DataFrame:
    """Reads a frame that confined code wrote: follows no link, maps no memory, believes nothing.

    Raises ValueError for anything that isn't a whole, valid frame of at most `limit` bytes.
    """
    content = read_regular(path, limit)
    try:
        with pa.ipc.open_file(pa.BufferReader(content)) as reader:
            table = reader.read_all()
        table.validate(full=True)
        return decode(table)
    except (
        pa.ArrowException,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        OSError,
        RuntimeError,
        MemoryError,
    ) as error:
        raise ValueError(f"not a valid frame: {error}") from None


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file. Raises ValueError for a link, a device, a missing or too large file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError(f"{path.name} can't be read: {error.strerror}") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > limit:
            raise ValueError(f"{path.name} is not a regular file of at most {limit} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(facts.st_size)
    finally:
        os.close(descriptor)


class _Hashing:
    """A sink that keeps the hash of what is written and nothing else."""

    closed = False

    def __init__(self) -> None:
        self.digest = hashlib.blake2b(digest_size=32)

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        return len(piece)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _encoded(series: pd.Series, name: str) -> tuple[list[pa.Array], dict[str, Any]]:
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        series = series.sparse.to_dense()
        dtype = series.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind == "O":
            return _encoded_objects(series.to_numpy(), name)
        return _encoded_numpy(series.to_numpy(), name)
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _packed(encode(pd.DataFrame({"c": pd.Series(dtype.categories)})), name)
        codes = pa.array(np.ascontiguousarray(series.cat.codes.to_numpy()))
        return [codes], {"kind": "category", "ordered": bool(dtype.ordered), "categories": categories}
    if isinstance(dtype, pd.DatetimeTZDtype):
        if pd.api.types.pandas_dtype(str(dtype)) != dtype:
            raise Unwritable(name, f"has a time zone that has no name ({dtype.tz})")
        ticks = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().view("i8")
        return [pa.array(np.ascontiguousarray(ticks))], {"kind": "zoned", "unit": dtype.unit, "zone": str(dtype.tz)}
    if isinstance(dtype, pd.StringDtype):
        missing = "nan" if isinstance(dtype.na_value, float) else "na"
        return [_strings(series, name)], {"kind": "string", "storage": dtype.storage, "missing": missing}
    if isinstance(dtype, pd.ArrowDtype):
        array = pa.array(series.array)
        return [array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array], {"kind": "arrow"}
    if isinstance(dtype, pd.PeriodDtype):
        return [pa.array(series.astype("int64").to_numpy())], {"kind": "period", "dtype": str(dtype)}
    if isinstance(dtype, pd.IntervalDtype):
        left, facts = _encoded(pd.Series(series.array.left), name)
        right, _ = _encoded(pd.Series(series.array.right), name)
        return [*left, *right], {"kind": "interval", "closed": dtype.closed, "bounds": facts, "dtype": str(dtype)}
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    if isinstance(numpy_dtype, np.dtype) and numpy_dtype.kind in "iufb":  # pandas' own nullable types
        mask = series.isna().to_numpy()
        plain = series.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0))
        arrays, facts = _encoded_numpy(plain, name)
        return [*arrays, pa.array(mask)], {"kind": "masked", "plain": facts, "dtype": str(dtype)}
    raise Unwritable(name, f"has the type `{dtype}`, which can't be passed on")


def _encoded_numpy(values: np.ndarray, name: str) -> tuple[list[pa.Array], dict[str, Any]]:
    kind = values.dtype.kind
    if kind not in "iufbmM" or values.dtype.itemsize > 8:
        raise Unwritable(name, f"has the type `{values.dtype}`, which can't be passed on")
    values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    facts = {"kind": "numpy", "dtype": values.dtype.str}
    view = {"b": "u1", "m": "i8", "M": "i8"}.get(kind)
    return [pa.array(values.view(view) if view else values, from_pandas=False)], facts


def _strings(values: Any, name: str, mask: np.ndarray | None = None) -> pa.Array:
    try:
        array = pa.array(values, type=pa.large_string(), from_pandas=True, **({"mask": mask} if mask is not None else {}))
    except (pa.ArrowException, UnicodeEncodeError) as error:
        raise Unwritable(name, f"holds text that isn't Unicode ({error})") from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _encoded_objects(values: np.ndarray, name: str) -> tuple[list[pa.Array], dict[str, Any]]:
    """Columns of Python objects: text, numbers, times and plain JSON values, one kind or mixed; nothing else crosses."""
    mask = np.asarray(pd.isna(pd.Series(values, dtype=object)), dtype=bool)
    facts: dict[str, Any] = {"kind": "object", "of": "text", "null": "none"}
    extra: list[pa.Array] = []
    if mask.any():
        kinds = np.array([_null_kind(value, name) for value in values[mask]])
        facts["null"] = str(kinds[0])
        if (kinds != kinds[0]).any():
            full = np.full(len(values), "", dtype=object)
            full[mask] = kinds
            extra = [pa.array(full, type=pa.large_string())]
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in ("string", "empty"):
        return [_strings(values, name, mask), *extra], facts
    if inferred == "boolean":
        return [pa.array(values, type=pa.bool_(), mask=mask), *extra], {**facts, "of": "plain"}
    tagged = [None if missing else _tagged(value, name) for value, missing in zip(values, mask)]
    return [pa.array(tagged, type=pa.large_string()), *extra], {**facts, "of": "tagged"}


def _null_kind(value: Any, name: str) -> str:
    if value is None:
        return "none"
    if value is pd.NA:
        return "na"
    if value is pd.NaT or isinstance(value, (np.datetime64, np.timedelta64)):
        return "nat"
    if isinstance(value, (float, np.floating)):
        return "nan"
    raise Unwritable(name, f"holds a missing value of type {type(value).__name__}, which can't be passed on")


def _tagged(value: Any, name: str) -> str:
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, (bool, np.bool_)):
        return f"b{int(value)}"
    if isinstance(value, (int, np.integer)):
        return f"i{int(value)}"
    if isinstance(value, (float, np.floating)):
        return f"f{float(value).hex()}"
    if isinstance(value, bytes):
        return f"x{value.hex()}"
    if isinstance(value, pd.Timestamp):
        return f"t{value.isoformat()}"
    if isinstance(value, datetime.datetime):
        return f"p{value.isoformat()}"
    if isinstance(value, datetime.date):
        return f"d{value.isoformat()}"
    if isinstance(value, datetime.time):
        return f"h{value.isoformat()}"
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return f"l{pd.Timedelta(value).isoformat()}"
    if isinstance(value, np.datetime64):
        return f"t{pd.Timestamp(value).isoformat()}"
    if isinstance(value, decimal.Decimal):
        return f"D{value}"
    if isinstance(value, (list, dict)):
        try:
            text = json.dumps(value)
        except (TypeError, ValueError, RecursionError):
            text = ""
        if text and json.loads(text) == value:
            return f"j{text}"
    raise Unwritable(name, f"holds a value of type {type(value).__name__}, which can't be passed on")


_UNTAG: dict[str, Any] = {
    "s": str, "b": lambda t: t == "1", "i": int, "f": float.fromhex, "x": bytes.fromhex, "t": pd.Timestamp,
    "p": datetime.datetime.fromisoformat, "d": datetime.date.fromisoformat, "h": datetime.time.fromisoformat,
    "l": pd.Timedelta, "D": decimal.Decimal, "j": json.loads,
}  # fmt: skip


def _packed(table: pa.Table, name: str) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue().to_pybytes()).decode()


def _unpacked(text: str) -> pd.Series:
    with pa.ipc.open_file(pa.BufferReader(base64.b64decode(text))) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return decode(table)["c"]


def _numpy(column: pa.ChunkedArray) -> np.ndarray:
    chunks = column.chunks
    values: np.ndarray = chunks[0].to_numpy(zero_copy_only=False) if len(chunks) == 1 else column.to_numpy()
    return values


def _decoded(arrays: list[pa.ChunkedArray], facts: dict[str, Any]) -> Any:
    kind = facts["kind"]
    if kind == "numpy":
        return _numpy(arrays[0]).view(np.dtype(facts["dtype"]))
    if kind == "object":
        return _decoded_objects(arrays, facts)
    if kind == "category":
        categories = pd.Index(_unpacked(facts["categories"])).rename(None)
        return pd.Categorical.from_codes(_numpy(arrays[0]), categories=categories, ordered=facts["ordered"])
    if kind == "zoned":
        ticks = pd.DatetimeIndex(_numpy(arrays[0]).view(f"M8[{facts['unit']}]"))
        return ticks.tz_localize("UTC").tz_convert(facts["zone"])
    if kind == "string":
        dtype = pd.StringDtype(facts["storage"], na_value=_NULLS[facts["missing"]])
        return dtype.__from_arrow__(arrays[0])
    if kind == "arrow":
        return pd.arrays.ArrowExtensionArray(arrays[0])
    if kind == "period":
        return pd.PeriodIndex.from_ordinals(_numpy(arrays[0]), freq=pd.api.types.pandas_dtype(facts["dtype"]).freq)
    if kind == "interval":
        half = len(arrays) // 2
        left, right = (pd.Index(_decoded(part, facts["bounds"])) for part in (arrays[:half], arrays[half:]))
        return pd.IntervalIndex.from_arrays(left, right, closed=facts["closed"], dtype=facts["dtype"])
    if kind == "masked":
        plain = _decoded(arrays[:1], facts["plain"])
        dtype = pd.api.types.pandas_dtype(facts["dtype"])
        return dtype.construct_array_type()(plain.copy(), _numpy(arrays[1]).astype(bool))
    raise ValueError(f"unknown kind of column {kind!r}")


def _decoded_objects(arrays: list[pa.ChunkedArray], facts: dict[str, Any]) -> pd.Series:
    column = arrays[0]
    mask = column.is_null().to_numpy()
    values = np.empty(len(column), dtype=object)
    if facts["of"] == "tagged":
        values[:] = [None if t is None else _UNTAG[t[0]](t[1:]) for t in column.to_pylist()]
    else:
        values[:] = column.to_numpy() if facts["of"] == "text" else column.to_pylist()
    if mask.any():
        if len(arrays) > 1:
            kinds = arrays[1].to_pylist()
            for position in np.flatnonzero(mask):
                values[position] = _NULLS[kinds[position]]
        elif facts["null"] != "none":
            values[mask] = _NULLS[facts["null"]]
    return pd.Series(values, dtype=object)  # an array alone would be guessed to be something better
