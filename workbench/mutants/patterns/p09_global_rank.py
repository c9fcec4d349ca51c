"""Pattern 9: global rank or quantile bin."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=9,
    title="Global rank or quantile bin",
    taxonomy="L1.2",
    why="a rank among all rows moves with rows to come; among planned prices, or between fixed edges, it doesn't",
    plants={
        "shop": (
            Plant({"extra": 'frame["place"] = frame["lag_9"].rank(pct=True)'}),
            Plant({"extra": 'frame["place"] = frame["price"].rank(pct=True)'}),
        ),
        "power": (
            Plant({"part": 'part["bin"] = pd.qcut(part["load_48h"], 10, labels=False).astype(float)'}),
            Plant(
                {
                    "part": """\
capacity = tables["meters"].set_index("meter")["capacity"][name]
part["bin"] = np.digitize(part["load_48h"] / capacity, np.linspace(0.2, 0.7, 10)).astype(float)
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("place", "sales.units"),
        "power": ahead("bin", "readings.load"),
    },
)
