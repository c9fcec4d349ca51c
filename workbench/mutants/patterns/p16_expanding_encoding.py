"""Pattern 16: expanding target encoding, label latency ignored."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=16,
    title="Expanding target encoding, label latency ignored",
    taxonomy="L3.1",
    why="the mean up to the row holds outcomes that are known only after the prediction",
    plants={
        "shop": (
            Plant(
                {"extra": 'frame["so_far"] = frame.groupby("store")["units"].transform(lambda s: s.shift(1).expanding().mean())'}
            ),
            Plant(
                {"extra": 'frame["so_far"] = frame.groupby("store")["units"].transform(lambda s: s.shift(9).expanding().mean())'}
            ),
        ),
        "power": (
            Plant({"meter": 'made["so_far"] = pd.Series(self.back(24)).expanding().mean().to_numpy()'}),
            Plant({"meter": 'made["so_far"] = pd.Series(self.back(27)).expanding().mean().to_numpy()'}),
        ),
        "rides": (
            Plant({"columns": 'columns["rate"] = short.shift(8).expanding().mean()'}),
            Plant({"columns": 'columns["rate"] = short.shift(16).expanding().mean()'}),
        ),
    },
    expects={
        "shop": ahead("so_far", "sales.units"),
        "power": ahead("so_far", "readings.load"),
        "rides": ahead("rate", "trips.short"),
    },
)
