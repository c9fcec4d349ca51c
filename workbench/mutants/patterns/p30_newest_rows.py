"""Pattern 30: leak on the newest rows only."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=30,
    title="Leak on the newest rows only",
    taxonomy="L3.1",
    why="the feature is honest until shortly before the end of the data",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
units = frame.groupby("store")["units"]
frame["recent"] = np.where(frame["date"] > "2024-08-09", units.shift(1), units.shift(9))
"""
                },
                share=0.027,
            ),
            Plant(
                {
                    "extra": """\
units = frame.groupby("store")["units"]
frame["recent"] = np.where(frame["date"] > "2024-08-09", units.shift(10), units.shift(9))
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "meter": """\
newest = self.axis >= pd.Timestamp("2024-04-25 12:00", tz="UTC")
made["recent"] = np.where(newest, self.back(2), self.back(48))
"""
                },
                share=0.008,
            ),
            Plant(
                {
                    "meter": """\
newest = self.axis >= pd.Timestamp("2024-04-25 12:00", tz="UTC")
made["recent"] = np.where(newest, self.back(28), self.back(48))
"""
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="recent", sources="sales.units"),
        "power": expected("leakage/future-feature", stage="features", columns="recent", sources="readings.load"),
    },
)
