"""Pattern 10: fill with the mean of all rows."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

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
        "shop": pair(
            "extra",
            """\
known = frame.groupby("store")["visitors"].shift(8)
frame["visitors"] = known.fillna(known<?>.mean())
""",
            leak="",
            twin='[frame["date"] < frame["date"].min() + pd.Timedelta("28d")]',
            beside={"rows": ROWS},
        ),
        "power": pair(
            "part",
            """\
temp = tables["observed"].dropna(subset=["hour"]).set_index("hour")["temp"].reindex(axis)
old = temp.shift(25).to_numpy()
part["temp_25h"] = np.where(np.isnan(old), np.nanmean(old<?>), old)
""",
            leak="",
            twin="[:150]",
        ),
    },
    expects={
        "shop": ahead("visitors", "footfall.visitors"),
        "power": ahead("temp_25h", "observed.temp"),
    },
)
