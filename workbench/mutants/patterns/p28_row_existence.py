"""Pattern 28: row existence, survivorship."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

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
        "shop": (
            Plant(
                {
                    "tables": TABLES,
                    "finish": FINISH,
                    "extra": """\
edge = sales.groupby("store")["date"].max()
frame["days"] = (frame["date"] - frame["store"].map(edge)).dt.days.astype("float64")
""",
                }
            ),
            Plant(
                {
                    "tables": TABLES,
                    "finish": FINISH,
                    "extra": """\
edge = sales.groupby("store")["date"].min()
frame["days"] = (frame["date"] - frame["store"].map(edge)).dt.days.astype("float64")
""",
                }
            ),
        ),
        "power": (
            Plant({"part": 'part["coverage"] = (readings["meter"] == name).sum() / len(axis)'}),
            Plant({"part": 'part["coverage"] = part["load"].shift(27).notna().cumsum() / np.arange(1, len(axis) + 1)'}),
        ),
        "rides": (
            Plant(
                {
                    "extra": """\
moves = parsed(tables["moves"], "done")
moves = moves.dropna(subset=["done"])
frame = frame.merge(moves.groupby(KEY).size().rename("moves").reset_index(), on=KEY, how="left")
frame["moves"] = frame["moves"].fillna(0)
"""
                }
            ),
            Plant(
                {
                    "extra": """\
moves = parsed(tables["moves"], "done")
moves = moves[moves["done"] <= frame["slot"].min() + pd.Timedelta("7d")]
frame = frame.merge(moves.groupby(KEY).size().rename("moves").reset_index(), on=KEY, how="left")
frame["moves"] = frame["moves"].fillna(0)
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected(
            "leakage/future-feature", stage="features", columns="days", sources=("sales.date", "sales.store", "sales.units")
        ),
        "power": expected(
            "leakage/future-feature",
            stage="features",
            columns="coverage",
            sources=("readings.meter", "readings.ts", "readings.load", "readings.volts"),
        ),
        "rides": expected(
            "leakage/future-feature",
            stage="features",
            columns="moves",
            sources=("moves.bikes", "moves.done", "moves.city", "moves.station"),
        ),
    },
)
