"""Pattern 5: backfill."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

ROWS = """\
visitors = tables["footfall"][["store", "date", "visitors"]]
frame = frame.merge(visitors, on=["store", "date"], how="left")
"""

pattern = Pattern(
    number=5,
    title="Backfill",
    taxonomy="L3.1",
    why=("a gap is filled with the next value, which comes later; held to four days and twelve days old, it is known"),
    plants={
        "shop": (
            Plant(
                {
                    "rows": ROWS,
                    "extra": """\
by_store = frame.groupby("store")["visitors"]
frame["visitors"] = by_store.transform(lambda s: s.bfill().shift(8))
""",
                }
            ),
            Plant(
                {
                    "rows": ROWS,
                    "extra": """\
by_store = frame.groupby("store")["visitors"]
frame["visitors"] = by_store.transform(lambda s: s.bfill(limit=4).shift(12))
""",
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
temp = tables["observed"].dropna(subset=["hour"]).set_index("hour")["temp"].reindex(axis)
part["temp_25h"] = temp.bfill().shift(25).to_numpy()
"""
                }
            ),
            Plant(
                {
                    "part": """\
temp = tables["observed"].dropna(subset=["hour"]).set_index("hour")["temp"].reindex(axis)
part["temp_25h"] = temp.ffill().shift(25).to_numpy()
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
