"""Pattern 30: leak on the newest rows only."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, pair

pattern = Pattern(
    number=30,
    title="Leak on the newest rows only",
    taxonomy="L3.1",
    why="the feature is honest until shortly before the end of the data",
    plants={
        "shop": pair(
            "extra",
            """\
units = frame.groupby("store")["units"]
frame["recent"] = np.where(frame["date"] > "2024-08-09", units.shift(<?>), units.shift(9))
""",
            leak="1",
            twin="10",
            share=0.027,
        ),
        "power": pair(
            "meter",
            """\
newest = self.axis >= pd.Timestamp("2024-04-25 12:00", tz="UTC")
made["recent"] = np.where(newest, self.back(<?>), self.back(48))
""",
            leak="2",
            twin="28",
            share=0.008,
        ),
    },
    expects={
        "shop": ahead("recent", "sales.units"),
        "power": ahead("recent", "readings.load"),
    },
)
