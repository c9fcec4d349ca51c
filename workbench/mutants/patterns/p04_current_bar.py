"""Pattern 4: the running day or hour is included."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

pattern = Pattern(
    number=4,
    title="The running day or hour is included",
    taxonomy="L3.1",
    why="the window's newest value is booked (read) only after the prediction is made",
    plants={
        "shop": (
            Plant({"extra": 'frame["mean_7"] = units.transform(lambda s: s.shift(8).rolling(7).mean())'}),
            Plant({"extra": 'frame["mean_7"] = units.transform(lambda s: s.shift(9).rolling(7).mean())'}),
        ),
        "power": (
            Plant({"meter": 'made["mean_6h"] = np.mean([self.back(hours) for hours in range(24, 30)], axis=0)'}),
            Plant({"meter": 'made["mean_6h"] = np.mean([self.back(hours) for hours in range(27, 33)], axis=0)'}),
        ),
        "rides": pair(
            "columns",
            """\
made = pd.DatetimeIndex(calendar["made"])<?>
places = left.index.searchsorted(made, side="right") - 1
lines = left.to_numpy()[np.maximum(places, 0)]
columns["last_slot"] = pd.DataFrame(lines, index=left.index, columns=left.columns)
""",
            leak="",
            twin=' - pd.Timedelta("3h")',
        ),
    },
    expects={
        "shop": ahead("mean_7", "sales.units"),
        "power": ahead("mean_6h", "readings.load"),
        "rides": ahead("last_slot", "trips.left"),
    },
)
