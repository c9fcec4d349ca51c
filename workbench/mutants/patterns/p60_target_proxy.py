"""60: a column of the same row that is the target in other words."""

from workbench.mutants.model import ahead, expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=60,
    title="Same-row target proxy",
    taxonomy="L2",
    why="The column is computed from the row's own outcome (clinic), from the day's units (shop), from what is paid out at the "
    "settlement (claims). The twins compute the like from what is known.",
    plants={
        "shop": (
            Plant({"extra": 'frame["revenue"] = frame["units"] * frame["price"]'}),
            Plant({"extra": 'frame["revenue"] = frame["lag_9"] * frame["price"]'}),
        ),
        "clinic": (
            Plant({"features": 'frame["cost"] = 120 * frame["days"] + 900 * frame["readmitted"]', "columns": 'EXTRA = ["cost"]'}),
            Plant({"features": 'frame["cost"] = 120 * frame["days"] + 900 * frame["stay"]', "columns": 'EXTRA = ["cost"]'}),
        ),
        "claims": (
            Plant({"features": 'frame["share"] = (frame["paid"] / frame["amount"]).fillna(0.5)', "columns": 'EXTRA = ["share"]'}),
            Plant(
                {"features": 'frame["share"] = (frame["premium"] / frame["amount"]).fillna(0.5)', "columns": 'EXTRA = ["share"]'}
            ),
        ),
    },
    expects={
        "shop": expected(
            "leakage/future-feature", "availability/late-column", "proxy/target-copy", stage="features", columns="revenue"
        ),
        "clinic": expected("leakage/fold-features", stage="features", columns="cost"),
        "claims": ahead("share", "claims.paid"),
    },
)
