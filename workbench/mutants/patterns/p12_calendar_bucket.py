"""Pattern 12: calendar-bucket aggregate."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

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
        "power": (
            Plant(
                {
                    "part": """\
day = pd.Series(local.date)
daily = part["load"].groupby(day).mean()
part["day_load"] = (day - pd.Timedelta("2d")).map(daily).to_numpy()
"""
                },
                share=0.085,
            ),
            Plant(
                {
                    "part": """\
day = pd.Series(local.date)
daily = part["load"].groupby(day).mean()
part["day_load"] = (day - pd.Timedelta("3d")).map(daily).to_numpy()
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="week_units", sources="sales.units"),
        "power": expected("leakage/future-feature", stage="features", columns="day_load", sources="readings.load"),
    },
)
