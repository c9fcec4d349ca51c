"""Pattern 18: publication lag."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

pattern = Pattern(
    number=18,
    title="Publication lag",
    taxonomy="L3.1",
    why="a period's figure is published weeks (hours) after the period, and joined by the period",
    plants={
        "shop": pair(
            "extra",
            """\
frame["made"] = frame["date"] - HORIZON
first = tables["macro"].sort_values("published").drop_duplicates("period").sort_values("<?>")
frame = pd.merge_asof(frame.sort_values("made"), first[["<?>", "index"]], left_on="made", right_on="<?>")
frame = frame.drop(columns=["made", "<?>"])
frame = frame.sort_values(["store", "date"], ignore_index=True)
""",
            leak="period",
            twin="published",
        ),
        "power": pair(
            "part",
            """\
first = tables["settlement"].sort_values("published").drop_duplicates("day")
day = (axis - pd.Timedelta("24h")).floor("D") - pd.Timedelta("<?>")
part["price"] = first.set_index("day")["price"].reindex(day).to_numpy()
""",
            leak="1d",
            twin="3d",
        ),
    },
    expects={
        "shop": ahead("index", "macro.index", "macro.period", "macro.published"),
        "power": ahead("price", "settlement.price", "settlement.day", "settlement.published"),
    },
)
