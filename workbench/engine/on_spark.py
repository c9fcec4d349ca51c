"""Spark, for tables that one machine can't hold: the session of the cluster this runs on, or a local one.

Needs the extra `spark` (PySpark 4.0 on Java 17). Spark keeps times to the microsecond.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis

from workbench.engine.backend import Engine, EngineError, builtin, nan_for_missing
from workbench.errors import ConfigError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


class Spark(Engine):
    """One Spark session; a session that is already there is used and left running."""

    name = "pyspark"

    def __init__(self, *, memory: str = "", threads: int = 0, scratch: Path | None = None) -> None:
        try:
            from pyspark import SparkConf
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession
        except ImportError:
            raise ConfigError(
                '`engine.backend = "pyspark"` needs PySpark, which isn\'t installed.',
                "pip install 'workbench[spark]', with Java 17",
            ) from None
        self._faults: tuple[type[Exception], ...] = (PySparkException,)
        self._own = SparkSession.getActiveSession() is None
        self._spill = Path(tempfile.mkdtemp(prefix="engine-", dir=scratch))
        builder = SparkSession.builder.appName("workbench")
        if self._own and not SparkConf().contains("spark.master"):
            # No cluster is named: a session in this process that nothing outside the machine can reach.
            builder = builder.master(f"local[{threads or '*'}]").config("spark.driver.bindAddress", "127.0.0.1")
            builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.ui.enabled", "false")
            builder = builder.config("spark.ui.showConsoleProgress", "false")
            builder = builder.config("spark.sql.shuffle.partitions", str(2 * (threads or os.cpu_count() or 4)))
            builder = builder.config("spark.sql.warehouse.dir", str(self._spill / "warehouse"))
            builder = builder.config("spark.local.dir", str(self._spill))
            builder = builder.config("spark.driver.memory", memory.lower().removesuffix("b")) if memory else builder
        try:
            self._session = builder.getOrCreate()
        except (*self._faults, RuntimeError, OSError) as error:
            shutil.rmtree(self._spill, ignore_errors=True)
            raise ConfigError(f"Spark can't start: {_first(error)}.", "it needs Java 17: set JAVA_HOME") from None
        self._session.conf.set("spark.sql.session.timeZone", "UTC")
        self._connection = ibis.pyspark.connect(self._session)
        self._kept: list[Any] = []

    def arrow(self, table: pa.Table) -> ir.Table:
        # Through a file: on the way over pandas, missing text would come out as text.
        import pyarrow.parquet as pq

        file = self._spill / f"{ibis.util.gen_name('memory')}.parquet"
        pq.write_table(table, file, coerce_timestamps="us", allow_truncated_timestamps=True)
        return self.parquet([str(file)])

    def parquet(self, files: Sequence[str]) -> ir.Table:
        name = ibis.util.gen_name("parquet")
        try:
            self._session.read.parquet(*[Path(file).absolute().as_uri() for file in files]).createOrReplaceTempView(name)
        except self._faults as error:
            raise EngineError(
                f"The Parquet files can't be read: {_first(error)}.", "all files of a side need one schema"
            ) from None
        return self._connection.table(name)

    def hashed(self, cells: Sequence[ir.Value]) -> ir.Value:
        # Spark's hash passes over what is missing, so that (1, missing) would be (missing, 1).
        plain = [nan_for_missing(cell) + 0.0 if cell.type().is_floating() else cell for cell in cells]
        marked = [part for cell in plain for part in (cell, cell.isnull())]
        return builtin("xxhash64", marked, "int64")

    def local_to_utc(self, column: ir.Value, zone: str) -> ir.Value:
        # Where a clock passes an hour twice Spark takes the first; an hour later is the second if the clock shows the same.
        naive = column.cast("timestamp")
        first = builtin("to_utc_timestamp", [naive, ibis.literal(zone)], "timestamp")
        second = first + ibis.interval(hours=1)
        again = builtin("from_utc_timestamp", [second, ibis.literal(zone)], "timestamp")
        return (again == naive).ifelse(second, first)

    def nanoseconds(self, column: ir.Value) -> ir.Value:
        return builtin("unix_micros", [column.cast("timestamp('UTC')")], "int64") * 1000

    def kept(self, table: ir.Table) -> ir.Table:
        try:
            cached = table.cache()
        except self._faults as error:
            raise EngineError(f"Spark failed: {_first(error)}.", "see Spark's own log") from None
        self._kept.append(cached)
        return cached

    def fetch(self, table: ir.Table) -> pa.Table:
        try:
            return self._connection.to_pyarrow(table)
        except self._faults as error:
            raise EngineError(f"Spark failed: {_first(error)}.", "see Spark's own log") from None

    def close(self) -> None:
        for cached in self._kept:
            cached.release()
        if self._own:
            self._session.stop()
        shutil.rmtree(self._spill, ignore_errors=True)


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
