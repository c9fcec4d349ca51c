"""64: columns that are written after the outcome."""

from workbench.mutants.model import ahead, expected
from workbench.mutants.pattern import Pattern, Plant

WAIT = """
frame["wait"] = (frame["settled_at"] - frame["filed_at"]).dt.total_seconds().fillna(0.0) / 86400
"""
PAST_WAIT = """
done = frame[frame["settled_at"].notna()].sort_values("settled_at", kind="stable")
done = done.assign(wait=(done["settled_at"] - done["filed_at"]).dt.total_seconds() / 86400)[["assessor", "settled_at", "wait"]]
done = done.rename(columns={"settled_at": "told_at"})
frame = pd.merge_asof(frame, done, left_on="filed_at", right_on="told_at", by="assessor").drop(columns="told_at")
frame["wait"] = frame["wait"].fillna(0.0)
"""
OVERTIME = """
bell = frame.merge(sales[["store", "date", "booked"]], on=["store", "date"], how="left")
frame["overtime"] = bell["booked"].notna() * frame["units"].notna() * frame["units"].fillna(0).round() // 10
"""
PAST_OVERTIME = """
frame["overtime"] = frame["lag_9"].fillna(0).round() // 10
"""

pattern = Pattern(
    number=64,
    title="Post-outcome columns",
    taxonomy="L2",
    why=(
        "How long a claim takes is known when it is settled, and overtime when the day is over. The twins take "
        "the last case that is known."
    ),
    plants={
        "claims": (
            Plant({"features": WAIT, "columns": 'EXTRA = ["wait"]'}),
            Plant({"features": PAST_WAIT, "columns": 'EXTRA = ["wait"]'}),
        ),
        "shop": (Plant({"extra": OVERTIME}), Plant({"extra": PAST_OVERTIME})),
    },
    expects={
        "claims": ahead("wait", "claims.settled_at"),
        "shop": expected("leakage/future-feature", stage="features", columns="overtime"),
    },
)
