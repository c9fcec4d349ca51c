"""Pattern 17: label latency."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=17,
    title="Label latency",
    taxonomy="L3.1",
    why="as old as the horizon is not old enough: the outcome is known a while after its time",
    plants={
        "shop": (
            Plant({"extra": 'frame["last_known"] = frame.groupby("store")["units"].shift(7)'}),
            Plant({"extra": 'frame["last_known"] = frame.groupby("store")["units"].shift(10)'}),
        ),
        "power": (
            Plant({"meter": 'made["last_known"] = self.back(25)'}),
            Plant({"meter": 'made["last_known"] = self.back(27)'}),
        ),
        "rides": (
            Plant({"columns": 'columns["yesterday"] = left.shift(8)'}),
            Plant(
                {"columns": 'columns["yesterday"] = left.shift(8).where(calendar.index.to_series().dt.hour < 18, left.shift(16))'}
            ),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns="last_known", sources="sales.units"),
        "power": expected("leakage/future-feature", stage="features", columns="last_known", sources="readings.load"),
        "rides": expected("leakage/future-feature", stage="features", columns="yesterday", sources="trips.left"),
    },
)
