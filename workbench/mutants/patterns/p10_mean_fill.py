"""Pattern 10: fill with the mean of all rows."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

ROWS = """\
visitors = tables["footfall"][["store", "date", "visitors"]]
frame = frame.merge(visitors, on=["store", "date"], how="left")
"""

pattern = Pattern(
    number=10,
    title="Fill with the mean of all rows",
    taxonomy="L1.2",
    why="the mean of all rows knows rows to come; the mean of the days before the first prediction doesn't",
    plants={
        "shop": (
            Plant(
                {
                    "rows": ROWS,
                    "extra": """\
known = frame.groupby("store")["visitors"].shift(8)
frame["visitors"] = known.fillna(known.mean())
""",
                }
            ),
            Plant(
                {
                    "rows": ROWS,
                    "extra": """\
known = frame.groupby("store")["visitors"].shift(8)
frame["visitors"] = known.fillna(known[frame["date"] < frame["date"].min() + pd.Timedelta("28d")].mean())
""",
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
temp = tables["observed"].dropna(subset=["hour"]).set_index("hour")["temp"].reindex(axis)
old = temp.shift(25).to_numpy()
part["temp_25h"] = np.where(np.isnan(old), np.nanmean(old), old)
"""
                }
            ),
            Plant(
                {
                    "part": """\
temp = tables["observed"].dropna(subset=["hour"]).set_index("hour")["temp"].reindex(axis)
old = temp.shift(25).to_numpy()
part["temp_25h"] = np.where(np.isnan(old), np.nanmean(old[:150]), old)
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="visitors", sources="footfall.visitors"),
        "power": expected("leakage/future-feature", stage="features", columns="temp_25h", sources="observed.temp"),
    },
)
