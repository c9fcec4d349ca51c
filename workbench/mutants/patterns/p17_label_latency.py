"""Pattern 17: label latency."""

from __future__ import annotations

from workbench.mutants.model import ahead
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
        "shop": ahead("last_known", "sales.units"),
        "power": ahead("last_known", "readings.load"),
        "rides": ahead("yesterday", "trips.left"),
    },
)
