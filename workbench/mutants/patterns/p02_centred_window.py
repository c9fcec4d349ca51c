"""Pattern 2: centred window."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=2,
    title="Centred window",
    taxonomy="L3.1",
    why="a centred window reaches past the row it stands on; lagged far enough, all of it is known",
    plants={
        "shop": (
            Plant({"extra": 'frame["level"] = units.transform(lambda s: s.rolling(15, center=True).mean())'}),
            Plant({"extra": 'frame["level"] = units.transform(lambda s: s.shift(16).rolling(15, center=True).mean())'}),
        ),
        "power": (
            Plant({"meter": 'made["level"] = np.convolve(self.load, np.ones(25) / 25, mode="same")'}),
            Plant({"meter": 'made["level"] = np.convolve(self.back(39), np.ones(25) / 25, mode="same")'}),
        ),
        "rides": (
            Plant({"columns": 'columns["level"] = left.rolling(9, center=True).mean()'}),
            Plant({"columns": 'columns["level"] = left.shift(20).rolling(9, center=True).mean()'}),
        ),
    },
    expects={
        "shop": ahead("level", "sales.units"),
        "power": ahead("level", "readings.load"),
        "rides": ahead("level", "trips.left"),
    },
)
