"""Stage features: one row per airport and scheduled hour, made of what is known 24 h before that hour begins.

Everything is laid out on a grid of airports x hours (UTC) by the hour in which it becomes *known*: a departure counts from
the first full hour after it happened, whatever its schedule says. A feature is a look back over that grid from the time of
prediction. Delays are whole minutes, so their sums are exact and come out the same to the bit whatever the future holds.
Rows exist for hours to come as well: the schedule is known, and only `delay` is missing there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

from .schema import AIRPORTS, HORIZON, LABEL_KNOWN_AFTER, ZONE

Array = np.ndarray[Any, Any]
NANOSECONDS = 3_600_000_000_000
NEVER = np.iinfo(np.int64).max
AHEAD = int(HORIZON / pd.Timedelta("1h"))
SETTLED = int(LABEL_KNOWN_AFTER / pd.Timedelta("1h"))
DAY, WEEK = 24, 168
OBSERVED = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
STORM = 150.0
"""Wind in mph beyond which a reading is taken for a broken instrument, and so for missing."""
STALE = 3
"""Hours for which an observation stands when the next ones are missing."""


@dataclass(frozen=True)
class Grid:
    """Airports x hours; hour 0 is `start`, in hours since 1970 UTC."""

    start: int
    hours: int

    def cells(self, airport: pd.Series, hour: Array) -> tuple[Array, Array]:
        """The flat cell of every (airport, hour), and whether it is on the grid at all."""
        row = pd.Index(AIRPORTS).get_indexer(airport)
        on = (row >= 0) & (hour >= self.start) & (hour < self.start + self.hours)
        return np.where(on, row * self.hours + (hour - self.start), 0), on

    def total(self, cell: Array, weights: Array | None = None) -> Array:
        """Counts, or sums of `weights`, per cell: float64 of shape (airports, hours)."""
        flat = np.bincount(cell, weights=weights, minlength=len(AIRPORTS) * self.hours)
        return flat.astype("float64").reshape(len(AIRPORTS), self.hours)


@dataclass(frozen=True)
class Flights:
    """The flights on the grid, as arrays of one length: cell, carrier, delay in minutes, and the hour it was known."""

    cell: Array
    carrier: Array
    carriers: int
    distance: Array
    delay: Array
    known: Array
    """In hours of the grid; NEVER where the flight hasn't left."""


def build(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The feature frame in the order of `target_hour` and `origin`: the keys, the target `delay` (minutes) and the features."""
    grid, flights = _on_grid(tables["flights"])
    scheduled = grid.total(flights.cell)
    hour, airport = np.nonzero(scheduled.T)

    planes = {**_schedule(grid, flights, scheduled), **_delays(grid, flights), **_weather(_observed(grid, tables["weather"]))}
    delay = planes.pop("delay")
    columns = {name: plane[airport, hour] for name, plane in planes.items()}
    moments = pd.to_datetime((grid.start + hour) * NANOSECONDS, utc=True).as_unit("ns")
    keys = {"origin": np.array(AIRPORTS, dtype=object)[airport], "target_hour": moments}
    return pd.DataFrame({**keys, "delay": delay[airport, hour], "airport": airport, **_calendar(moments), **columns})


def _on_grid(table: pd.DataFrame) -> tuple[Grid, Flights]:
    hour = _full_hours(table["time_hour"])
    timed = hour[hour != NEVER]
    grid = Grid(int(timed.min()), int(timed.max() - timed.min()) + 1)
    cell, on = grid.cells(table["origin"], hour)
    carrier, names = pd.factorize(table["carrier"], sort=True, use_na_sentinel=False)
    delay = _numbers(table["dep_delay"])
    known = _full_hours(table["departed_at"])
    left = (known != NEVER) & np.isfinite(delay)
    known = np.where(left, np.maximum(known - grid.start, 0), NEVER)
    distance = _numbers(table["distance"])
    return grid, Flights(cell[on], carrier[on], len(names), distance[on], delay[on], known[on])


def _schedule(grid: Grid, flights: Flights, scheduled: Array) -> dict[str, Array]:
    """The schedule of the target hour and of the hours around it; a schedule is known in advance."""
    ahead = np.cumsum(scheduled, axis=1)
    return {
        "n_scheduled": scheduled,
        "n_hour_before": _back(scheduled, 1),
        "n_hour_after": _back(scheduled, -1),
        "n_six_hours_before": _back(ahead, 1) - _back(ahead, 7, missing=0.0),
        "mean_distance": _ratio(grid.total(flights.cell, flights.distance), scheduled),
    }


def _delays(grid: Grid, flights: Flights) -> dict[str, Array]:
    """The label, and the delays that were known at the time of prediction."""
    counted = flights.known <= flights.cell % grid.hours + SETTLED
    total = grid.total(flights.cell[counted], flights.delay[counted])
    count = grid.total(flights.cell[counted])
    label = _ratio(total, count)

    seen = flights.known < grid.hours
    cell = flights.cell[seen] // grid.hours * grid.hours + flights.known[seen]
    sums, counts = grid.total(cell, flights.delay[seen]), grid.total(cell)
    features = {"delay": label, "delay_2d_ago": _back(label, 2 * DAY), "delay_7d_ago": _back(label, WEEK)}
    for name, hours in (("6h", 6), ("24h", DAY), ("7d", WEEK), ("28d", 4 * WEEK)):
        features[f"delay_last_{name}"] = _ratio(_window(sums, hours), _window(counts, hours))
    features["delay_city_24h"] = np.broadcast_to(
        _ratio(_window(sums, DAY).sum(axis=0), _window(counts, DAY).sum(axis=0)), sums.shape
    )
    # The same hour of the day, from two days ago (the youngest that is settled) to four weeks ago.
    days = range(2 * DAY, 29 * DAY, DAY)
    features["delay_same_hour_28d"] = _ratio(_sum(_back(total, day) for day in days), _sum(_back(count, day) for day in days))
    features["delay_of_carriers_14d"] = _of_carriers(grid, flights, 2 * WEEK)
    return features


def _of_carriers(grid: Grid, flights: Flights, hours: int) -> Array:
    """Over the flights of the target hour: the mean of how late their carriers' departures at this airport were lately."""
    shape = (len(AIRPORTS), flights.carriers, grid.hours)
    group = (flights.cell // grid.hours * flights.carriers + flights.carrier) * grid.hours
    seen = flights.known < grid.hours
    when = group[seen] + flights.known[seen]
    size = shape[0] * shape[1] * shape[2]
    sums = np.bincount(when, flights.delay[seen], minlength=size).reshape(-1, grid.hours)
    counts = np.bincount(when, minlength=size).astype("float64").reshape(-1, grid.hours)
    recent = _ratio(_window(sums, hours), _window(counts, hours)).reshape(shape)
    scheduled = np.bincount(group + flights.cell % grid.hours, minlength=size).reshape(shape)
    return _ratio(np.nansum(scheduled * recent, axis=1), (scheduled * np.isfinite(recent)).sum(axis=1))


def _observed(grid: Grid, table: pd.DataFrame) -> dict[str, Array]:
    """Each observed quantity by the hour it was observed in, gaps of up to STALE hours filled with the last one."""
    cell, on = grid.cells(table["origin"], _full_hours(table["time_hour"]))
    planes = {}
    for name in OBSERVED:
        values = _numbers(table[name])
        if name == "wind_speed":
            values = np.where(values > STORM, np.nan, values)
        plane = np.full(len(AIRPORTS) * grid.hours, np.nan)
        plane[cell[on]] = values[on]
        planes[name] = _carried_on(plane.reshape(len(AIRPORTS), grid.hours))
    return planes


def _weather(observed: Mapping[str, Array]) -> dict[str, Array]:
    """The weather at the time of prediction. The newest known observation is the hour before's: it takes an hour to arrive."""
    newest = AHEAD + 1
    features = {f"{name}_now": _back(plane, newest) for name, plane in observed.items()}
    features["precip_6h"] = _sum(_back(observed["precip"], newest + hours) for hours in range(6))
    features["pressure_change_6h"] = features["pressure_now"] - _back(observed["pressure"], newest + 6)
    return features


def _calendar(moments: pd.DatetimeIndex) -> dict[str, Array]:
    """The airports' own clock and calendar at the target hour."""
    local = moments.tz_convert(ZONE)
    day = local.tz_localize(None).normalize()
    holidays = USFederalHolidayCalendar().holidays(day[0] - pd.Timedelta("8D"), day[-1] + pd.Timedelta("8D"))
    away = (day.to_numpy()[:, None] - holidays.to_numpy()[None, :]) / np.timedelta64(1, "D")
    nearest = np.abs(away).argmin(axis=1)
    return {
        "local_hour": local.hour.to_numpy("int64"),
        "weekday": local.weekday.to_numpy("int64"),
        "days_from_holiday": np.clip(away[np.arange(len(day)), nearest], -4, 4),
    }


def _back(plane: Array, hours: int, missing: float = np.nan) -> Array:
    """The plane as it was `hours` ago (ahead where negative); `missing` where that is off the grid."""
    moved = np.full(plane.shape, missing)
    if hours >= 0:
        moved[:, hours:] = plane[:, : plane.shape[1] - hours]
    else:
        moved[:, :hours] = plane[:, -hours:]
    return moved


def _window(plane: Array, hours: int) -> Array:
    """Sums over the last `hours` hours that were known at the time of prediction."""
    running = np.cumsum(plane, axis=1)
    return _back(running, AHEAD, missing=0.0) - _back(running, AHEAD + hours, missing=0.0)


def _carried_on(plane: Array) -> Array:
    there = np.isfinite(plane)
    now = np.arange(plane.shape[1])
    last = np.maximum.accumulate(np.where(there, now, -1), axis=1)
    held = np.take_along_axis(plane, np.maximum(last, 0), axis=1)
    return np.where((last >= 0) & (now - last <= STALE), held, np.nan)


def _ratio(total: Array, count: Array) -> Array:
    ratio: Array = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return ratio


def _sum(planes: Iterable[Array]) -> Array:
    """The sum of planes in their order; what is missing counts as nothing."""
    total: Array = np.nansum(list(planes), axis=0)
    return total


def _full_hours(moments: pd.Series) -> Array:
    """Hours since 1970 (UTC), rounded up: the first full hour at which the moment has passed; NEVER where it is missing."""
    utc = pd.to_datetime(moments, utc=True).dt.as_unit("ns")
    hours = -(-utc.astype("int64").to_numpy() // NANOSECONDS)
    return np.where(utc.isna().to_numpy(), NEVER, hours)


def _numbers(column: pd.Series) -> Array:
    numbers: Array = pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)
    return numbers
