"""Pattern 13: resample label on the wrong edge."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=13,
    title="Resample label on the wrong edge",
    taxonomy="L3.1",
    why="a bucket that goes by its left edge is joined before it is over",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
weekly = frame.set_index("date").groupby("store")["units"].resample("W", label="left").mean().rename("week_mean").reset_index()
weekly = weekly.rename(columns={"date": "key"}).sort_values("key")
frame["key"] = frame["date"] - pd.Timedelta("9d")
frame = pd.merge_asof(frame.sort_values("key"), weekly, on="key", by="store").drop(columns="key")
frame = frame.sort_values(["store", "date"], ignore_index=True)
"""
                }
            ),
            Plant(
                {
                    "extra": """\
weekly = frame.set_index("date").groupby("store")["units"].resample("W", label="right").mean().rename("week_mean").reset_index()
weekly = weekly.rename(columns={"date": "key"}).sort_values("key")
frame["key"] = frame["date"] - pd.Timedelta("9d")
frame = pd.merge_asof(frame.sort_values("key"), weekly, on="key", by="store").drop(columns="key")
frame = frame.sort_values(["store", "date"], ignore_index=True)
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
six = pd.Series(part["load"].to_numpy(), index=axis).resample("6h", label="left").mean()
part["six_hours"] = six.reindex(axis - pd.Timedelta("27h"), method="ffill").to_numpy()
"""
                }
            ),
            Plant(
                {
                    "part": """\
six = pd.Series(part["load"].to_numpy(), index=axis).resample("6h", label="right").mean()
part["six_hours"] = six.reindex(axis - pd.Timedelta("27h"), method="ffill").to_numpy()
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="week_mean", sources="sales.units"),
        "power": expected("leakage/future-feature", stage="features", columns="six_hours", sources="readings.load"),
    },
)
