"""Times as the contract means them: every clock in UTC, to the nanosecond, and the three times of a row of the feature frame.

Columns come as stored: aware or naive datetimes, strings, dates, periods. A naive time is in the column's zone, or in UTC
where none is declared. An hour that a clock passes twice is taken as its second pass (the later time: nothing counts as
known too early); an hour that a clock skips is taken as the first instant after the gap. What is known when is in `asof.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import PipelineError
from workbench.warned import filtered

if TYPE_CHECKING:
    from workbench.pipeline.contract import Contract

UTC = "UTC"
_FIRST = pd.Timestamp.min.tz_localize(UTC).ceil("D")
_DAYS = re.compile(r"(?<=[0-9 ])d\b")  # newer pandas wants days in capitals
_LAST = pd.Timestamp.max.tz_localize(UTC).floor("D")


def to_utc(values: pd.Series, zone: str | None = None) -> pd.Series:
    """`values` as datetime64[ns, UTC] with the same index; missing stays NaT, times beyond nanoseconds' range are clipped.

    Raises PipelineError where the column holds something that isn't a time.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return to_utc(values.astype(dtype.categories.dtype), zone)
    if isinstance(dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    elif pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype):
        values = _parsed(values)
    elif pd.api.types.is_extension_array_dtype(dtype) and not isinstance(dtype, pd.DatetimeTZDtype):
        kind = getattr(dtype, "numpy_dtype", np.dtype(object))
        values = values.astype("datetime64[us]") if kind.kind == "M" else values
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        aware = values.dt.tz_convert(UTC)
    elif pd.api.types.is_datetime64_dtype(values.dtype):
        second_pass = np.zeros(len(values), dtype=bool)
        aware = values.dt.tz_localize(zone or UTC, ambiguous=second_pass, nonexistent="shift_forward").dt.tz_convert(UTC)
    else:
        raise PipelineError(
            f"Column `{values.name}` holds {values.dtype}, not times.",
            "make it a datetime column where the table is loaded, or name another time column in the contract",
        )
    if aware.dt.unit == "ns":
        return aware
    try:
        return aware.dt.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:
        return aware.clip(_FIRST.as_unit(aware.dt.unit), _LAST.as_unit(aware.dt.unit)).dt.as_unit("ns")


def _parsed(values: pd.Series) -> pd.Series:
    """Strings and Python date objects as datetimes, naive or aware as they are written."""
    attempts: tuple[dict[str, Any], ...] = ({"format": "ISO8601"}, {}, {"utc": True})
    text = values.dropna()
    if len(text) and not isinstance(text.iloc[0], str):
        attempts = ({}, {"utc": True})
    reason = ""
    for arguments in attempts:
        try:
            with filtered("ignore"):
                parsed = pd.to_datetime(values, **arguments)
        except (ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            continue
        if pd.api.types.is_datetime64_any_dtype(parsed.dtype):
            return parsed
        reason = "the values have different kinds of times"
    raise PipelineError(
        f"Column `{values.name}` can't be read as times: {reason}",
        "write times as ISO 8601, or make it a datetime column where the table is loaded",
    )


def from_utc(moments: pd.Series, like: pd.Series, zone: str | None = None) -> pd.Series:
    """`moments` (datetime64[ns, UTC]) written the way the column `like` writes its times: dtype, zone, string format.

    The inverse of `to_utc`, up to the column's own resolution (a date column keeps the date); categories are given up.
    """
    if isinstance(like.dtype, pd.CategoricalDtype):
        like = like.astype(like.dtype.categories.dtype)
    dtype = like.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return moments.dt.tz_convert(dtype.tz).astype(dtype)
    local = moments.dt.tz_convert(zone or UTC).dt.tz_localize(None)
    if isinstance(dtype, pd.PeriodDtype):
        return local.dt.to_period(dtype.freq).astype(dtype)
    if pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype):
        present = like.dropna()
        example = present.iloc[0] if len(present) else ""
        if isinstance(example, str):
            return _as_text(moments, local, like, example)
        if isinstance(example, pd.Timestamp):
            return (moments.dt.tz_convert(example.tz) if example.tz else local).astype(object)
        dates = local.dt.date if not hasattr(example, "hour") else local.dt.to_pydatetime()
        return pd.Series(dates, index=moments.index, dtype=object).where(moments.notna().to_numpy(), None)
    return local.astype(dtype)


def _as_text(moments: pd.Series, local: pd.Series, like: pd.Series, example: str) -> pd.Series:
    aware = pd.Timestamp(example).tz if example else None
    pattern = pd.tseries.api.guess_datetime_format(example) if example else None
    if aware is not None:
        local = moments.dt.tz_convert(aware)
    if pattern is not None:
        text = local.dt.strftime(pattern)
    else:
        text = local.map(lambda moment: moment.isoformat(), na_action="ignore")
    return text.astype(object).where(moments.notna().to_numpy(), None).astype(like.dtype)


def duration(value: Any) -> pd.Timedelta:
    """A contract's duration (`"36h"`, `"7d"`, or its model) as a Timedelta; None is no time at all."""
    if value is None:
        return pd.Timedelta(0)
    inner = getattr(value, "timedelta", None)
    if inner is not None and not isinstance(value, pd.Timedelta):
        value = inner() if callable(inner) else inner
    if isinstance(value, str):
        value = _DAYS.sub("D", value)
    return pd.Timedelta(value)


def frame_zone(contract: Contract) -> str | None:
    """The zone of naive times in the feature frame: the one zone in which all timed sources stand, if they share one."""
    own = getattr(contract.prediction, "zone", None)
    if own:
        return str(own)
    zones = {source.zone for source in contract.sources.values() if source.time is not None}
    return zones.pop() if len(zones) == 1 else None


def target_times(contract: Contract, frame: pd.DataFrame) -> pd.Series:
    """The time each row is about: datetime64[ns, UTC] by position. Raises PipelineError where the frame lacks the column."""
    return _frame_times(contract, frame, contract.prediction.target_time, "target_time")


def prediction_times(contract: Contract, frame: pd.DataFrame) -> pd.Series:
    """The time each row's prediction is made: its own column, or target time - horizon; datetime64[ns, UTC] by position."""
    if contract.prediction.prediction_time is not None:
        return _frame_times(contract, frame, contract.prediction.prediction_time, "prediction_time")
    return target_times(contract, frame) - duration(contract.prediction.horizon)


def label_known_times(contract: Contract, frame: pd.DataFrame) -> pd.Series:
    """When each row's outcome is known: target time + `label_known_after`; datetime64[ns, UTC] by position."""
    return target_times(contract, frame) + duration(contract.prediction.label_known_after)


def _frame_times(contract: Contract, frame: pd.DataFrame, column: str | None, field: str) -> pd.Series:
    if column is None:
        raise PipelineError(f"The contract declares no `{field}`.", "times of rows exist only where the contract has a time")
    if column not in frame.columns:
        raise PipelineError(
            f"The feature frame has no column `{column}`, which the contract names as `{field}`.",
            "let the features stage return it, or correct the contract",
            stage="features",
        )
    return to_utc(frame[column].reset_index(drop=True), frame_zone(contract))


def nanoseconds(moments: pd.Series, missing: int) -> np.ndarray:
    """Times in UTC as int64 nanoseconds since 1970, with `missing` for NaT."""
    numbers: np.ndarray = moments.astype("int64").to_numpy(copy=True)
    numbers[moments.isna().to_numpy()] = missing
    return numbers


def moment(nanos: int) -> pd.Timestamp:
    """Nanoseconds since 1970 as a time in UTC."""
    return pd.Timestamp(int(nanos), unit="ns", tz=UTC)


def short(span: pd.Timedelta) -> str:
    """A duration in the contract's own writing: `23h`, `7d`, `1d6h`, `15min`; pandas reads it back."""
    if span < pd.Timedelta(0):
        return "-" + short(-span)
    seconds = int(span.total_seconds())
    if seconds >= 10 * 86400:
        seconds -= seconds % 3600  # minutes say nothing in weeks
    if seconds == 0:
        return "0h" if span.value == 0 else f"{span.value}ns"
    if seconds % 86400 == 0 and seconds >= 2 * 86400:
        return f"{seconds // 86400}d"
    if seconds % 3600 == 0 and seconds <= 72 * 3600:
        return f"{seconds // 3600}h"
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            parts.append(f"{seconds // size}{unit}")
            seconds %= size
    return "".join(parts)
