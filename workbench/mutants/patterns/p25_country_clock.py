"""Pattern 25: per-country clock."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

TABLES = """\
readings = tables["readings"]
late = readings["meter"].map({"M1": 1, "M2": 2, "M3": 3})
readings["arrived"] = readings["ts"] + pd.to_timedelta(late, unit="h")
"""
ARRIVAL = """\
[sources.readings.columns]
load = { known_at = "arrived" }
"""

pattern = Pattern(
    number=25,
    title="Per-country clock",
    taxonomy="L3.1",
    why="what one country (meter) has booked by then, another hasn't: a mean over all of them waits for the last",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
recent = frame.groupby("store")["units"].shift(8)
frame["all_stores"] = recent.groupby(frame["date"]).transform("mean")
"""
                }
            ),
            Plant(
                {
                    "extra": """\
recent = frame.groupby("store")["units"].shift(9)
frame["all_stores"] = recent.groupby(frame["date"]).transform("mean")
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "tables": TABLES,
                    "contract_readings": ARRIVAL,
                    "extra": """\
recent = frame.groupby("meter")["load"].shift(25)
frame["all_meters"] = recent.groupby(frame["hour"]).transform("sum")
""",
                }
            ),
            Plant(
                {
                    "tables": TABLES,
                    "contract_readings": ARRIVAL,
                    "extra": """\
recent = frame.groupby("meter")["load"].shift(27)
frame["all_meters"] = recent.groupby(frame["hour"]).transform("sum")
""",
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="all_stores", sources="sales.units"),
        "power": expected("leakage/future-feature", stage="features", columns="all_meters", sources="readings.load"),
    },
)
