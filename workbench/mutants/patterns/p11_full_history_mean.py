"""Pattern 11: aggregate over a group's whole history."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=11,
    title="Aggregate over a group's whole history",
    taxonomy="L3.1",
    why="a group's mean over all days holds days to come; of planned prices, or up to the row, all is known",
    plants={
        "shop": (
            Plant({"extra": 'frame["typical"] = frame.groupby("store")["units"].transform("mean")'}),
            Plant({"extra": 'frame["typical"] = frame.groupby("store")["price"].transform("mean")'}),
        ),
        "power": (
            Plant({"meter": 'made["typical"] = np.nanmean(self.load)'}),
            Plant(
                {
                    "meter": """\
old = np.nan_to_num(self.back(27))
made["typical"] = np.cumsum(old) / np.maximum(np.arange(len(old)) - 26, 1)
"""
                }
            ),
        ),
        "rides": (
            Plant({"extra": 'frame["usual"] = frame.groupby(KEY)["short"].transform("mean")'}),
            Plant({"extra": 'frame["usual"] = frame.groupby(KEY)["event"].transform("mean")'}),
        ),
    },
    expects={
        "shop": ahead("typical", "sales.units"),
        "power": ahead("typical", "readings.load"),
        "rides": ahead("usual", "trips.short"),
    },
)
