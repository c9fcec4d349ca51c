"""Pattern 19: revised data."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

pattern = Pattern(
    number=19,
    title="Revised data",
    taxonomy="L3.1",
    why="the revision is published long after the first figure; who stands at the prediction has the first",
    plants={
        "shop": pair(
            "extra",
            """\
frame["made"] = frame["date"] - HORIZON
vintage = tables["macro"].sort_values("published").groupby("period", as_index=False).<?>()
vintage["usable"] = vintage["period"] + pd.Timedelta("45d")
vintage = vintage[["usable", "index"]].sort_values("usable")
frame = pd.merge_asof(frame.sort_values("made"), vintage, left_on="made", right_on="usable")
frame = frame.drop(columns=["made", "usable"])
frame = frame.sort_values(["store", "date"], ignore_index=True)
""",
            leak="last",
            twin="first",
        ),
        "power": pair(
            "part",
            """\
vintage = tables["settlement"].sort_values("published").drop_duplicates("day", keep="<?>")
day = (axis - pd.Timedelta("24h")).floor("D") - pd.Timedelta("3d")
part["price"] = vintage.set_index("day")["price"].reindex(day).to_numpy()
""",
            leak="last",
            twin="first",
        ),
    },
    expects={
        "shop": ahead("index", "macro.index", "macro.period", "macro.published"),
        "power": ahead("price", "settlement.price", "settlement.day", "settlement.published"),
    },
)
