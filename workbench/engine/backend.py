"""What the set operations need of an engine; DuckDB and Spark are siblings (`on_duckdb.py`, `on_spark.py`).

Kept small: tables come in, expressions run, tables go out, and the two scalar functions that engines spell differently.
"""

from __future__ import annotations

import glob
import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

BackendName = Literal["duckdb", "pyspark"]


class EngineError(WorkbenchError):
    """The engine could not do what it was asked: a file it can't read, memory or disk it lacks."""

    kind = "engine"


class Incomparable(Exception):
    """A column holds different kinds of values on the two sides, so that nothing could ever be equal: not a pass."""

    def __init__(self, column: str, train: str, test: str) -> None:
        super().__init__(f"`{column}` holds {train} on the training side and {test} on the test side")
        self.column, self.train, self.test = column, train, test


class Engine(ABC):
    """One open engine. Use as a context manager: what it keeps on disk is gone when it is closed."""

    name: BackendName

    @abstractmethod
    def arrow(self, table: pa.Table) -> ir.Table:
        """A table in memory."""

    @abstractmethod
    def parquet(self, files: Sequence[str]) -> ir.Table:
        """Parquet files as one table, read in place. Raises EngineError for files that are none, or don't fit together."""

    @abstractmethod
    def hashed(self, cells: Sequence[ir.Value]) -> ir.Value:
        """One 64-bit number per row over all cells; missing and NaN are one value of its own, -0.0 is 0.0, and order counts."""

    @abstractmethod
    def local_to_utc(self, column: ir.Value, zone: str) -> ir.Value:
        """A naive timestamp on the clock of an IANA zone as the instant it means; the second of two where it comes twice."""

    @abstractmethod
    def nanoseconds(self, column: ir.Value) -> ir.Value:
        """A timestamp that is an instant, or naive in UTC, as int64 nanoseconds since 1970."""

    @abstractmethod
    def kept(self, table: ir.Table) -> ir.Table:
        """The same table computed once, for several questions. Raises EngineError."""

    @abstractmethod
    def fetch(self, table: ir.Table) -> pa.Table:
        """The rows of a (small) result. Raises EngineError."""

    @abstractmethod
    def close(self) -> None:
        """Ends the engine and removes what it wrote."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def parquet_files(patterns: Sequence[str], base: Path) -> list[str]:
    """The files that paths, directories and globs name, relative ones below `base`; sorted, each once.

    Raises UsageError for a pattern that names no file.
    """
    found: set[str] = set()
    for pattern in patterns:
        path = str(base / pattern)
        if Path(path).is_dir():
            files = [str(file) for file in Path(path).rglob("*.parquet") if file.is_file()]
        else:
            # Path.glob takes no absolute pattern.
            files = [file for file in glob.glob(path, recursive=True) if Path(file).is_file()]  # noqa: PTH207
        if not files:
            raise UsageError(
                f"No Parquet file matches {pattern}.", "give files, a directory, or a glob in quotes: 'train/*.parquet'"
            )
        found.update(files)
    return sorted(found)


def open_engine(backend: BackendName, *, memory: str = "", threads: int = 0, scratch: Path | None = None) -> Engine:
    """Opens an engine: `memory` as "4GB" and `threads` limit it ("" and 0: the engine's own choice), `scratch` takes what
    doesn't fit into memory. Raises EngineError where the backend isn't installed or can't start.
    """
    if backend == "pyspark":
        from workbench.engine.on_spark import Spark

        return Spark(memory=memory, threads=threads, scratch=scratch)
    from workbench.engine.on_duckdb import DuckDB

    return DuckDB(memory=memory, threads=threads, scratch=scratch)


def builtin(name: str, cells: Sequence[Any], result: Any) -> Any:
    """A call of a function that the engine has and Ibis doesn't know."""
    import ibis

    values = [cell if hasattr(cell, "type") else ibis.literal(cell) for cell in cells]
    return _function(name, tuple(value.type() for value in values), result)(*values)


def nan_for_missing(cell: Any) -> Any:
    """A float cell with NaN where it is missing: cheaper than the other way round."""
    import ibis

    return ibis.coalesce(cell, float("nan")) if cell.type().is_floating() else cell


@cache
def _function(name: str, types: tuple[Any, ...], result: Any) -> Any:
    import ibis

    def call() -> None: ...

    call.__name__ = name
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"x{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(len(types))]
    )
    return ibis.udf.scalar.builtin(call, name=name, signature=(types, result))
