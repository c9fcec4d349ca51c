"""Pattern 25: per-country clock."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

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
        "shop": pair(
            "extra",
            """\
recent = frame.groupby("store")["units"].shift(<?>)
frame["all_stores"] = recent.groupby(frame["date"]).transform("mean")
""",
            leak="8",
            twin="9",
        ),
        "power": pair(
            "extra",
            """\
recent = frame.groupby("meter")["load"].shift(<?>)
frame["all_meters"] = recent.groupby(frame["hour"]).transform("sum")
""",
            leak="25",
            twin="27",
            beside={"tables": TABLES, "contract_readings": ARRIVAL},
        ),
    },
    expects={
        "shop": ahead("all_stores", "sales.units"),
        "power": ahead("all_meters", "readings.load"),
    },
)
