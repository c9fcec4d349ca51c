"""Pattern 28: row existence, survivorship."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

TABLES = """\
sales = sales[~((sales["store"] == "S04") & (sales["date"] > dates[-12]))].reset_index(drop=True)
tables["sales"] = sales
"""
FINISH = 'frame = frame.dropna(subset=["units"]).reset_index(drop=True)'

pattern = Pattern(
    number=28,
    title="Row existence, survivorship",
    taxonomy="L3.1",
    why="that there are later rows says that the store goes on; that there were earlier ones is known",
    plants={
        "shop": pair(
            "extra",
            """\
edge = sales.groupby("store")["date"].<?>()
frame["days"] = (frame["date"] - frame["store"].map(edge)).dt.days.astype("float64")
""",
            leak="max",
            twin="min",
            beside={"tables": TABLES, "finish": FINISH},
        ),
        "power": (
            Plant({"part": 'part["coverage"] = (readings["meter"] == name).sum() / len(axis)'}),
            Plant({"part": 'part["coverage"] = part["load"].shift(27).notna().cumsum() / np.arange(1, len(axis) + 1)'}),
        ),
        "rides": pair(
            "extra",
            """\
moves = parsed(tables["moves"], "done")
moves = moves<?>
frame = frame.merge(moves.groupby(KEY).size().rename("moves").reset_index(), on=KEY, how="left")
frame["moves"] = frame["moves"].fillna(0)
""",
            leak='.dropna(subset=["done"])',
            twin='[moves["done"] <= frame["slot"].min() + pd.Timedelta("7d")]',
        ),
    },
    expects={
        "shop": ahead("days", "sales.date", "sales.store", "sales.units"),
        "power": ahead("coverage", "readings.meter", "readings.ts", "readings.load", "readings.volts"),
        "rides": ahead("moves", "moves.bikes", "moves.done", "moves.city", "moves.station"),
    },
)
