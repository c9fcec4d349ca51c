"""Pattern 20: as-of join to the nearest or the next."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

pattern = Pattern(
    number=20,
    title="As-of join to the nearest or the next",
    taxonomy="L3.1",
    why="the nearest row may be one that comes later",
    plants={
        "shop": pair(
            "extra",
            """\
frame["made"] = frame["date"] - HORIZON
grades = tables["grades"].rename(columns={"since": "made"}).sort_values("made")
frame = pd.merge_asof(frame.sort_values("made"), grades, on="made", by="store", direction="<?>").drop(columns="made")
frame = frame.sort_values(["store", "date"], ignore_index=True)
""",
            leak="nearest",
            twin="backward",
        ),
        "power": pair(
            "part",
            """\
issues = pd.DatetimeIndex(tables["settlement"].sort_values("published")["published"]).as_unit("ns").asi8
prices = tables["settlement"].sort_values("published")["price"].to_numpy()
made = (axis - pd.Timedelta("24h")).asi8
part["price"] = prices[<?>]
""",
            leak='np.minimum(np.searchsorted(issues, made, side="left"), len(prices) - 1)',
            twin='np.maximum(np.searchsorted(issues, made, side="right") - 1, 0)',
        ),
        "rides": pair(
            "extra",
            """\
moves = parsed(tables["moves"], "done").dropna(subset=["done"]).sort_values("done")
frame = pd.merge_asof(frame.sort_values("made"), moves, left_on="made", right_on="done", by=KEY, direction="<?>")
frame = frame.drop(columns="done")
""",
            leak="nearest",
            twin="backward",
        ),
    },
    expects={
        "shop": ahead("grade", "grades.grade", "grades.since"),
        "power": ahead("price", "settlement.price", "settlement.published"),
        "rides": ahead("bikes", "moves.bikes", "moves.done"),
    },
)
