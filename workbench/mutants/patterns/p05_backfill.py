"""Pattern 5: backfill."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

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
        "shop": pair(
            "extra",
            """\
by_store = frame.groupby("store")["visitors"]
frame["visitors"] = by_store.transform(lambda s: s.bfill(<?>))
""",
            leak=").shift(8",
            twin="limit=4).shift(12",
            beside={"rows": ROWS},
        ),
        "power": pair(
            "part",
            """\
temp = tables["observed"].dropna(subset=["hour"]).set_index("hour")["temp"].reindex(axis)
part["temp_25h"] = temp.<?>().shift(25).to_numpy()
""",
            leak="bfill",
            twin="ffill",
        ),
    },
    expects={
        "shop": ahead("visitors", "footfall.visitors"),
        "power": ahead("temp_25h", "observed.temp"),
    },
)
