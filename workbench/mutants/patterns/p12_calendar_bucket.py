"""Pattern 12: calendar-bucket aggregate."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

pattern = Pattern(
    number=12,
    title="Calendar-bucket aggregate",
    taxonomy="L3.1",
    why="the bucket isn't over, or not booked, when the prediction is made; the third bucket before it is",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
week = frame["date"].dt.to_period("W")
frame["week_units"] = frame.groupby([frame["store"], week])["units"].transform("sum")
"""
                }
            ),
            Plant(
                {
                    "extra": """\
weekly = frame.assign(week=frame["date"].dt.to_period("W") + 3).groupby(["store", "week"])["units"].sum().rename("week_units")
frame["week"] = frame["date"].dt.to_period("W")
frame = frame.merge(weekly.reset_index(), on=["store", "week"], how="left").drop(columns="week")
"""
                }
            ),
        ),
        "power": pair(
            "part",
            """\
day = pd.Series(local.date)
daily = part["load"].groupby(day).mean()
part["day_load"] = (day - pd.Timedelta("<?>")).map(daily).to_numpy()
""",
            leak="2d",
            twin="3d",
            share=0.085,
        ),
    },
    expects={
        "shop": ahead("week_units", "sales.units"),
        "power": ahead("day_load", "readings.load"),
    },
)
