"""Stage validate, and the facts that the other stages share. The same facts stand in `contract.toml`; a test compares them.

Judged here is what no stage could work with: a column that isn't there or holds another kind of value, and a broken
schedule. Whether measured values are plausible is declared in the contract and judged by the schema gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

AIRPORTS = ("EWR", "JFK", "LGA")
ZONE = "America/New_York"
HORIZON = pd.Timedelta("24h")
"""How far ahead of the target hour a prediction is made."""
LABEL_KNOWN_AFTER = pd.Timedelta("6h")
"""When the mean delay of an hour is settled, counted from the beginning of that hour."""

# What the features read, and what it has to be. Numbers are never taken for times.
READ = {
    "flights": {
        "time_hour": "time",
        "minute": "number",
        "origin": "string",
        "carrier": "string",
        "distance": "number",
        "dep_delay": "number",
        "departed_at": "time",
    },
    "weather": {
        "time_hour": "time",
        "origin": "string",
        **dict.fromkeys(("temp", "humid", "wind_speed", "precip", "pressure", "visib"), "number"),
    },
}
KINDS: dict[str, Callable[[Any], bool]] = {
    "time": pd.api.types.is_datetime64_any_dtype,
    "number": pd.api.types.is_numeric_dtype,
    "string": pd.api.types.is_string_dtype,
}


def check(tables: Mapping[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    """The tables as they came. Raises ValueError naming everything about them that can't be worked with."""
    wrong = [problem for table, columns in READ.items() for problem in _wrong_kinds(table, tables[table], columns)]
    if not wrong:
        wrong = _wrong_schedule(tables["flights"])
    if wrong:
        changed = "If upstream changed a column, say so in RENAMED or RETYPED of pipelines/departures/data.py"
        raise ValueError(f"{'; '.join(wrong)}. {changed}")
    return tables


def _wrong_kinds(table: str, frame: pd.DataFrame, columns: Mapping[str, str]) -> list[str]:
    wrong = []
    for column, kind in columns.items():
        if column not in frame.columns:
            wrong.append(f"{table} has no column {column}")
        elif not KINDS[kind](frame[column].dtype) and frame[column].notna().any():
            wrong.append(f"{table}.{column} holds {frame[column].dtype} where a {kind} is expected")
    return wrong


def _wrong_schedule(flights: pd.DataFrame) -> list[str]:
    if flights.empty:
        return ["flights has no rows"]
    wrong = []
    for column in ("time_hour", "origin", "carrier", "minute"):
        if missing := int(flights[column].isna().sum()):
            wrong.append(f"flights.{column} is missing in {missing} of {len(flights)} rows of the schedule")
    if unknown := sorted(set(flights["origin"].dropna().unique()) - set(AIRPORTS)):
        wrong.append(f"flights.origin has airports that this use case doesn't know: {', '.join(unknown[:5])}")
    if not flights["minute"].dropna().between(0, 59).all():
        wrong.append("flights.minute leaves the hour (0 to 59)")
    if (flights["time_hour"].dropna().dt.floor("h") != flights["time_hour"].dropna()).any():
        wrong.append("flights.time_hour holds times that aren't full hours")
    return wrong
