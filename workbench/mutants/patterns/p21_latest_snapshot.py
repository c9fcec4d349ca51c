"""Pattern 21: join to the latest snapshot."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

pattern = Pattern(
    number=21,
    title="Join to the latest snapshot",
    taxonomy="L3.1",
    why=("today's state is joined to rows of the past; the state before the first prediction is known to all of them"),
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
snapshot = tables["grades"].sort_values("since").groupby("store", as_index=False).last()
frame = frame.merge(snapshot[["store", "grade"]], on="store", how="left")
"""
                }
            ),
            Plant(
                {
                    "extra": """\
grades = tables["grades"][tables["grades"]["since"] <= frame["date"].min() + pd.Timedelta("27d")]
snapshot = grades.sort_values("since").groupby("store", as_index=False).last()
frame = frame.merge(snapshot[["store", "grade"]], on="store", how="left")
"""
                }
            ),
        ),
        "power": pair(
            "part",
            """\
outages = tables["outages"]<?>
part["outages"] = float((outages["meter"] == name).sum())
""",
            leak="",
            twin='[tables["outages"]["reported"] <= axis[0] + pd.Timedelta("7d")]',
        ),
        "rides": (
            Plant(
                {
                    "extra": """\
moves = parsed(tables["moves"], "done").sort_values("done")
moves = moves[moves["done"] <= frame["slot"].max()]
frame = frame.merge(moves.groupby(KEY)["bikes"].last().rename("last_move").reset_index(), on=KEY, how="left")
"""
                }
            ),
            Plant(
                {
                    "extra": """\
moves = parsed(tables["moves"], "done").sort_values("done")
moves = moves[moves["done"] <= frame["slot"].min() + pd.Timedelta("7d")]
frame = frame.merge(moves.groupby(KEY)["bikes"].last().rename("last_move").reset_index(), on=KEY, how="left")
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("grade", "grades.grade", "grades.since"),
        "power": ahead("outages", "outages.meter", "outages.begin", "outages.reported", "outages.hours"),
        "rides": ahead("last_move", "moves.bikes", "moves.done", "moves.city", "moves.station"),
    },
)
