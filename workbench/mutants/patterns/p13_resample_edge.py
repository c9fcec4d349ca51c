"""Pattern 13: resample label on the wrong edge."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

pattern = Pattern(
    number=13,
    title="Resample label on the wrong edge",
    taxonomy="L3.1",
    why="a bucket that goes by its left edge is joined before it is over",
    plants={
        "shop": pair(
            "extra",
            """\
weekly = frame.set_index("date").groupby("store")["units"].resample("W", label="<?>").mean().rename("week_mean").reset_index()
weekly = weekly.rename(columns={"date": "key"}).sort_values("key")
frame["key"] = frame["date"] - pd.Timedelta("9d")
frame = pd.merge_asof(frame.sort_values("key"), weekly, on="key", by="store").drop(columns="key")
frame = frame.sort_values(["store", "date"], ignore_index=True)
""",
            leak="left",
            twin="right",
        ),
        "power": pair(
            "part",
            """\
six = pd.Series(part["load"].to_numpy(), index=axis).resample("6h", label="<?>").mean()
part["six_hours"] = six.reindex(axis - pd.Timedelta("27h"), method="ffill").to_numpy()
""",
            leak="left",
            twin="right",
        ),
    },
    expects={
        "shop": ahead("week_mean", "sales.units"),
        "power": ahead("six_hours", "readings.load"),
    },
)
