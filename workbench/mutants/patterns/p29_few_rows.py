"""Pattern 29: leak on few rows."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

pattern = Pattern(
    number=29,
    title="Leak on few rows",
    taxonomy="L3.1",
    why="the feature reads ahead on one day of the month (one hour of the week) only",
    plants={
        "shop": pair(
            "extra",
            """\
units = frame.groupby("store")["units"]
frame["recent"] = np.where(frame["date"].dt.day == 24, units.shift(<?>), units.shift(9))
""",
            leak="-1",
            twin="+10",
            share=0.032,
        ),
        "power": pair(
            "meter",
            """\
local = self.axis.tz_convert(ZONE)
odd = (local.dayofweek == 6) & (local.hour == 3)
made["recent"] = np.where(odd, self.back(<?>), self.back(48))
""",
            leak="20",
            twin="30",
            share=0.006,
        ),
        "rides": pair(
            "columns",
            """\
odd = (calendar.index.dayofweek == 5) & (calendar.index.hour == 21)
columns["before"] = left.shift(16).mask(np.repeat(odd[:, None], len(places), axis=1), left.shift(<?>))
""",
            leak="2",
            twin="24",
            share=0.018,
        ),
    },
    expects={
        "shop": ahead("recent", "sales.units"),
        "power": ahead("recent", "readings.load"),
        "rides": ahead("before", "trips.left"),
    },
)
