"""What an audit's rules ask about rows on both sides: the folds of its frame, or the files it was given, in the engine's form.

The rules see counts, positions or examples, and bounds of time; where the rows lie (a frame, Parquet, Spark) they don't see.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.findings import Rows
from workbench.gates.rule import NotApplicable, NotExercised
from workbench.pipeline.contract import Contract, Duration
from workbench.pipeline.times import frame_zone, to_utc

if TYPE_CHECKING:
    from workbench.engine.sides import Hits, Roles, Sides
    from workbench.gates.facts import Audit


def sides_of(audit: Audit) -> Sides:
    """Both sides of all folds. Raises NotExercised where a column is missing that the contract names."""
    made: Sides = audit.once("sides", lambda: _of_frame(audit))
    return made


def begin_import() -> None:
    """Imports the engine in a thread of its own, while the pipeline runs in another process: a second that nobody waits for."""
    threading.Thread(target=import_module, args=("workbench.engine.on_duckdb",), daemon=True).start()


def timed_sides(audit: Audit) -> Sides:
    """The same, for rules about time. Raises NotApplicable without a time, NotExercised where rows lack theirs."""
    if not audit.timed:
        raise NotApplicable("the contract declares no target_time")
    sides = sides_of(audit)
    if sides.positions:
        _ = audit.times  # raises where rows lack theirs
    empty = sum(side.timeless for part in sides.bounds() for side in part)
    if empty:
        raise NotExercised(f"{empty:,} rows have no target or prediction time")
    return sides


def two_sided(sides: Sides) -> list[int]:
    """Folds with rows on both sides; an empty one has its own rule."""
    train, test = sides.bounds()
    return [i for i in range(sides.folds) if train[i].rows and test[i].rows]


def tested(sides: Sides, index: int) -> int:
    """Test rows of a fold, each once."""
    return sides.bounds()[1][index].rows


def total(hits: Mapping[int, Hits]) -> int:
    """Rows found in all folds together."""
    return sum(found.count for found in hits.values())


def worst(hits: Mapping[int, Hits]) -> int:
    """The fold with the most rows found; the first of several."""
    return max(hits, key=lambda i: hits[i].count)


def evidence(audit: Audit, hits: Hits, of: int, extra: Sequence[str] = ()) -> Rows:
    """How many rows, and the first few of them written out by key (and the `extra` columns)."""
    if hits.rows is not None:
        return audit.rows(hits.rows, of, extra)
    return Rows(count=hits.count, of=of, examples=hits.examples)


def roles_of(contract: Contract, judged: Sequence[str]) -> Roles:
    """The contract's columns as the engine needs them; `judged` are features and target."""
    from workbench.engine.sides import Roles

    prediction = contract.prediction
    return Roles(
        entity=tuple(prediction.entity),
        target=prediction.target,
        at=prediction.target_time,
        made=prediction.prediction_time,
        horizon=(prediction.horizon or Duration("0h")).nanoseconds,
        late=prediction.label_known_after.nanoseconds,
        zone=frame_zone(contract) or "UTC",
        groups=tuple(prediction.groups),
        judged=tuple(dict.fromkeys([*judged, prediction.target])),
    )


def _of_frame(audit: Audit) -> Sides:
    from workbench.engine.backend import open_engine
    from workbench.engine.copies import identifiers
    from workbench.engine.sides import AT, MADE, Sides

    frame, folds = audit.frame, audit.folds
    roles = roles_of(audit.contract, [name for name in audit.features if name in frame.columns])
    columns = {name: _arrow(audit.column(name)) for name in roles.columns()}
    if audit.timed:
        columns |= {AT: pa.array(audit.times.target), MADE: pa.array(audit.times.prediction)}
    rows = pa.table(columns)
    # Frames are small enough for DuckDB wherever the big tables are.
    engine = open_engine("duckdb", threads=audit.settings.engine.threads)
    named = identifiers(engine.arrow(rows), [name for name in roles.judged if name != roles.target], engine)
    roles = roles_of(audit.contract, [name for name in roles.judged if name not in named])
    return Sides.of_frame(engine, roles, rows, _parts(folds), len(folds))


def _parts(folds: Sequence[Any]) -> pa.Table:
    fold, row, test, both = [], [], [], []
    for i, part in enumerate(folds):
        train, tested = np.unique(part.train), np.unique(part.test)
        shared = np.intersect1d(train, tested, assume_unique=True)
        for side, positions in ((False, train), (True, tested)):
            fold.append(np.full(len(positions), i, dtype="int64"))
            row.append(positions.astype("int64"))
            test.append(np.full(len(positions), side))
            both.append(np.isin(positions, shared, assume_unique=True))
    return pa.table(
        {name: np.concatenate(parts) for name, parts in (("fold", fold), ("row", row), ("test", test), ("both", both))}
    )


def _arrow(values: pd.Series) -> pa.Array:
    """A column as whole numbers, floats, booleans or text: times are nanoseconds, mixed objects are told apart by kind."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes, kinds = values.cat.codes.to_numpy(), _arrow(pd.Series(dtype.categories))
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), kinds).dictionary_decode()
    if isinstance(dtype, pd.SparseDtype):
        return _arrow(values.sparse.to_dense())
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return _arrow(values.astype(str).where(values.notna()))
    if pd.api.types.is_datetime64_any_dtype(dtype):
        moments = to_utc(values)
        return pa.array(moments.astype("int64").to_numpy(), mask=moments.isna().to_numpy())
    if pd.api.types.is_timedelta64_dtype(dtype):
        return pa.array(values.astype("int64").to_numpy(), mask=values.isna().to_numpy())
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return _plain(pa.array(values, from_pandas=True))
    if pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty"):
        return _plain(pa.array(values, type=pa.large_string(), from_pandas=True))
    missing = pd.isna(values).to_numpy()
    return pa.array([None if empty else _tagged(value) for value, empty in zip(values, missing)], type=pa.large_string())


def _plain(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _tagged(value: Any) -> str:
    """One text per value of a mixed column: 1, 1.0 and True are equal, "1" is something else."""
    if isinstance(value, bool | int | np.integer | np.bool_):
        return f"number {int(value)}"
    if isinstance(value, float | np.floating):
        return f"number {int(value)}" if float(value).is_integer() else f"number {float(value)!r}"
    return f"{type(value).__name__} {value}"
