"""DuckDB: in this process, out of core, Parquet in place. The default engine."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis

from workbench.engine.backend import Engine, EngineError, builtin, nan_for_missing
from workbench.errors import ConfigError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


ibis.duckdb  # noqa: B018 loads the backend, which Ibis would put off until it is asked for


class DuckDB(Engine):
    """A database in memory of its own; nothing is downloaded, no extension is loaded from elsewhere."""

    name = "duckdb"

    def __init__(self, *, memory: str = "", threads: int = 0, scratch: Path | None = None) -> None:
        self._spill = Path(tempfile.mkdtemp(prefix="engine-", dir=scratch))
        limits: dict[str, Any] = {
            "temp_directory": str(self._spill),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            **({"memory_limit": memory} if memory else {}),
            **({"threads": threads} if threads else {}),
        }
        try:
            self._connection = ibis.duckdb.connect(**limits)
        except duckdb.Error as error:
            shutil.rmtree(self._spill, ignore_errors=True)
            raise ConfigError(f"DuckDB can't start: {_first(error)}.", "see `engine` in docs/settings.md") from None
        self._connection.raw_sql("SET TimeZone = 'UTC'")
        self._end = weakref.finalize(self, _end, self._connection, self._spill)

    def arrow(self, table: pa.Table) -> ir.Table:
        return ibis.memtable(table)

    def parquet(self, files: Sequence[str]) -> ir.Table:
        try:
            return self._connection.read_parquet(list(files))
        except duckdb.Error as error:
            raise EngineError(
                f"The Parquet files can't be read: {_first(error)}.", "all files of a side need one schema"
            ) from None

    def hashed(self, cells: Sequence[ir.Value]) -> ir.Value:
        # DuckDB's hash takes 0.0 and -0.0 for one, and every NaN.
        return builtin("hash", [nan_for_missing(cell) for cell in cells], "uint64")

    def local_to_utc(self, column: ir.Value, zone: str) -> ir.Value:
        return builtin("timezone", [ibis.literal(zone), column.cast("timestamp(6)")], "timestamp('UTC')")

    def nanoseconds(self, column: ir.Value) -> ir.Value:
        return builtin("epoch_ns", [column], "int64")

    def kept(self, table: ir.Table) -> ir.Table:
        name = ibis.util.gen_name("kept")
        try:
            return self._connection.create_table(name, table, temp=True)
        except duckdb.Error as error:
            raise _failed(error) from None

    def fetch(self, table: ir.Table) -> pa.Table:
        try:
            return self._connection.to_pyarrow(table)
        except duckdb.Error as error:
            raise _failed(error) from None

    def close(self) -> None:
        self._end()


def _end(connection: Any, spill: Path) -> None:
    connection.disconnect()
    shutil.rmtree(spill, ignore_errors=True)


def _failed(error: duckdb.Error) -> EngineError:
    if isinstance(error, duckdb.OutOfMemoryException):
        return EngineError(
            f"DuckDB ran out of memory: {_first(error)}.",
            "raise `engine.memory` in workbench.toml, or free disk space for what spills",
        )
    return EngineError(f"DuckDB failed: {_first(error)}.", "check the files' columns against the contract")


def _first(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
