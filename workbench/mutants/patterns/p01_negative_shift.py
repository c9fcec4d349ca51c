"""Pattern 1: negative shift as a feature."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=1,
    title="Negative shift as a feature",
    taxonomy="L3.1",
    why="units of six days after the target's day aren't known a week before it; units of nine days before are",
    plants={
        "shop": (
            Plant({"extra": 'frame["near"] = frame.groupby("store")["units"].shift(-6)'}),
            Plant({"extra": 'frame["near"] = frame.groupby("store")["units"].shift(+16)'}),
        ),
        "power": (
            Plant({"meter": 'made["other"] = self.back(-2)'}),
            Plant({"meter": 'made["other"] = self.back(+72)'}),
        ),
        "rides": (
            Plant({"columns": 'columns["next"] = left.shift(-4)'}),
            Plant({"columns": 'columns["next"] = left.shift(+24)'}),
        ),
    },
    expects={
        "shop": ahead("near", "sales.units"),
        "power": ahead("other", "readings.load"),
        "rides": ahead("next", "trips.left"),
    },
)
