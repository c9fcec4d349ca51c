"""Pattern 20: as-of join to the nearest or the next."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=20,
    title="As-of join to the nearest or the next",
    taxonomy="L3.1",
    why="the nearest row may be one that comes later",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
frame["made"] = frame["date"] - HORIZON
grades = tables["grades"].rename(columns={"since": "made"}).sort_values("made")
frame = pd.merge_asof(frame.sort_values("made"), grades, on="made", by="store", direction="nearest").drop(columns="made")
frame = frame.sort_values(["store", "date"], ignore_index=True)
"""
                }
            ),
            Plant(
                {
                    "extra": """\
frame["made"] = frame["date"] - HORIZON
grades = tables["grades"].rename(columns={"since": "made"}).sort_values("made")
frame = pd.merge_asof(frame.sort_values("made"), grades, on="made", by="store", direction="backward").drop(columns="made")
frame = frame.sort_values(["store", "date"], ignore_index=True)
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
issues = pd.DatetimeIndex(tables["settlement"].sort_values("published")["published"]).as_unit("ns").asi8
prices = tables["settlement"].sort_values("published")["price"].to_numpy()
made = (axis - pd.Timedelta("24h")).asi8
part["price"] = prices[np.minimum(np.searchsorted(issues, made, side="left"), len(prices) - 1)]
"""
                }
            ),
            Plant(
                {
                    "part": """\
issues = pd.DatetimeIndex(tables["settlement"].sort_values("published")["published"]).as_unit("ns").asi8
prices = tables["settlement"].sort_values("published")["price"].to_numpy()
made = (axis - pd.Timedelta("24h")).asi8
part["price"] = prices[np.maximum(np.searchsorted(issues, made, side="right") - 1, 0)]
"""
                }
            ),
        ),
        "rides": (
            Plant(
                {
                    "extra": """\
moves = parsed(tables["moves"], "done").dropna(subset=["done"]).sort_values("done")
frame = pd.merge_asof(frame.sort_values("made"), moves, left_on="made", right_on="done", by=KEY, direction="nearest")
frame = frame.drop(columns="done")
"""
                }
            ),
            Plant(
                {
                    "extra": """\
moves = parsed(tables["moves"], "done").dropna(subset=["done"]).sort_values("done")
frame = pd.merge_asof(frame.sort_values("made"), moves, left_on="made", right_on="done", by=KEY, direction="backward")
frame = frame.drop(columns="done")
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="grade", sources=("grades.grade", "grades.since")),
        "power": expected(
            "leakage/future-feature", stage="features", columns="price", sources=("settlement.price", "settlement.published")
        ),
        "rides": expected("leakage/future-feature", stage="features", columns="bikes", sources=("moves.bikes", "moves.done")),
    },
)
