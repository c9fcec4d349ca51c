"""Pattern 31: lag shorter than the horizon."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

EXTRA = """\
for lag in LAGS:
    frame[f"units_{lag}"] = frame.groupby("store")["units"].shift(lag)
"""

pattern = Pattern(
    number=31,
    title="Lag shorter than the horizon",
    taxonomy="L3.1",
    why="yesterday's value in a model that predicts a week (a day) ahead",
    plants={
        "shop": (
            Plant({"features_top": "LAGS = (1, 21, 28)", "extra": EXTRA}),
            Plant({"features_top": "LAGS = (11, 21, 28)", "extra": EXTRA}),
        ),
        "power": (
            Plant({"meter": 'made |= {f"load_{hours}h": self.back(hours) for hours in (12, 72, 96)}'}),
            Plant({"meter": 'made |= {f"load_{hours}h": self.back(hours) for hours in (36, 72, 96)}'}),
        ),
        "rides": pair(
            "columns",
            """\
for back in (<?>, 24, 40):
    columns[f"left_{back}"] = left.shift(back)
""",
            leak="3",
            twin="20",
        ),
    },
    expects={
        "shop": ahead("units_1", "sales.units"),
        "power": ahead("load_12h", "readings.load"),
        "rides": ahead("left_3", "trips.left"),
    },
)
