"""Pattern 29: leak on few rows."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=29,
    title="Leak on few rows",
    taxonomy="L3.1",
    why="the feature reads ahead on one day of the month (one hour of the week) only",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
units = frame.groupby("store")["units"]
frame["recent"] = np.where(frame["date"].dt.day == 24, units.shift(-1), units.shift(9))
"""
                },
                share=0.032,
            ),
            Plant(
                {
                    "extra": """\
units = frame.groupby("store")["units"]
frame["recent"] = np.where(frame["date"].dt.day == 24, units.shift(+10), units.shift(9))
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "meter": """\
local = self.axis.tz_convert(ZONE)
odd = (local.dayofweek == 6) & (local.hour == 3)
made["recent"] = np.where(odd, self.back(20), self.back(48))
"""
                },
                share=0.006,
            ),
            Plant(
                {
                    "meter": """\
local = self.axis.tz_convert(ZONE)
odd = (local.dayofweek == 6) & (local.hour == 3)
made["recent"] = np.where(odd, self.back(30), self.back(48))
"""
                }
            ),
        ),
        "rides": (
            Plant(
                {
                    "columns": """\
odd = (calendar.index.dayofweek == 5) & (calendar.index.hour == 21)
columns["before"] = left.shift(16).mask(np.repeat(odd[:, None], len(places), axis=1), left.shift(2))
"""
                },
                share=0.018,
            ),
            Plant(
                {
                    "columns": """\
odd = (calendar.index.dayofweek == 5) & (calendar.index.hour == 21)
columns["before"] = left.shift(16).mask(np.repeat(odd[:, None], len(places), axis=1), left.shift(24))
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="recent", sources="sales.units"),
        "power": expected("leakage/future-feature", stage="features", columns="recent", sources="readings.load"),
        "rides": expected("leakage/future-feature", stage="features", columns="before", sources="trips.left"),
    },
)
