"""50: clipped, or filtered, at quantiles of all rows."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

CLINIC = """
frame["days"] = frame["days"].clip(upper={limit})
"""
HOMES = """
frame = frame[frame["area"] < {limit}].reset_index(drop=True)
"""

pattern = Pattern(
    number=50,
    title="Clip at quantiles of all rows",
    taxonomy="L1.2",
    why="Whether a training row is clipped, or there at all, depends on test rows (or on later days). The twins use constants.",
    plants={
        "clinic": (
            Plant({"features": CLINIC.format(limit='frame["days"].quantile(0.97)')}),
            Plant({"features": CLINIC.format(limit="14.0")}),
        ),
        "homes": (
            Plant({"features": HOMES.format(limit='frame["area"].quantile(0.98)')}),
            Plant({"features": HOMES.format(limit="190.0")}),
        ),
        "shop": (
            Plant({"extra": 'frame["calm"] = frame["lag_9"].clip(upper=frame["lag_9"].quantile(0.98))'}),
            Plant({"extra": 'frame["calm"] = frame["lag_9"].clip(upper=frame["size"] / 4)'}),
        ),
    },
    expects={
        "clinic": expected("leakage/fold-features", stage="features", columns="days"),
        "homes": expected("leakage/fold-features", stage="features"),
        "shop": expected("leakage/future-feature", stage="features", columns="calm"),
    },
)
