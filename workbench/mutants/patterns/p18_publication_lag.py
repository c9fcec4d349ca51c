"""Pattern 18: publication lag."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=18,
    title="Publication lag",
    taxonomy="L3.1",
    why="a period's figure is published weeks (hours) after the period, and joined by the period",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
frame["made"] = frame["date"] - HORIZON
first = tables["macro"].sort_values("published").drop_duplicates("period").sort_values("period")
frame = pd.merge_asof(frame.sort_values("made"), first[["period", "index"]], left_on="made", right_on="period")
frame = frame.drop(columns=["made", "period"])
frame = frame.sort_values(["store", "date"], ignore_index=True)
"""
                }
            ),
            Plant(
                {
                    "extra": """\
frame["made"] = frame["date"] - HORIZON
first = tables["macro"].sort_values("published").drop_duplicates("period").sort_values("published")
frame = pd.merge_asof(frame.sort_values("made"), first[["published", "index"]], left_on="made", right_on="published")
frame = frame.drop(columns=["made", "published"])
frame = frame.sort_values(["store", "date"], ignore_index=True)
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
first = tables["settlement"].sort_values("published").drop_duplicates("day")
day = (axis - pd.Timedelta("24h")).floor("D") - pd.Timedelta("1d")
part["price"] = first.set_index("day")["price"].reindex(day).to_numpy()
"""
                }
            ),
            Plant(
                {
                    "part": """\
first = tables["settlement"].sort_values("published").drop_duplicates("day")
day = (axis - pd.Timedelta("24h")).floor("D") - pd.Timedelta("3d")
part["price"] = first.set_index("day")["price"].reindex(day).to_numpy()
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected(
            "leakage/future-feature",
            stage="features",
            columns="index",
            sources=("macro.index", "macro.period", "macro.published"),
        ),
        "power": expected(
            "leakage/future-feature",
            stage="features",
            columns="price",
            sources=("settlement.price", "settlement.day", "settlement.published"),
        ),
    },
)
