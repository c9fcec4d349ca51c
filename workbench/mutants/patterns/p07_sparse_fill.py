"""Pattern 7: sparse fill."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

TABLES = """\
stock = (sales["units"].rolling(5, min_periods=1).mean() * 3).round()
sales["stock"] = stock.mask(sales.index.isin([777, 2111]))
"""
ROWS = 'frame = frame.merge(sales[["store", "date", "stock"]], on=["store", "date"], how="left")'
POWER_TABLES = 'tables["readings"].loc[[1000, 2500, 4200], "volts"] = np.nan'

pattern = Pattern(
    number=7,
    title="Sparse fill",
    taxonomy="L3.1",
    why="only two or three gaps are filled, but with what came later",
    plants={
        "shop": (
            Plant(
                {
                    "tables": TABLES,
                    "rows": ROWS,
                    "extra": 'frame["stock"] = frame.groupby("store")["stock"].transform(lambda s: s.bfill().shift(9))',
                },
                share=0.0009,
            ),
            Plant(
                {
                    "tables": TABLES,
                    "rows": ROWS,
                    "extra": 'frame["stock"] = frame.groupby("store")["stock"].transform(lambda s: s.ffill().shift(9))',
                }
            ),
        ),
        "power": pair(
            "part",
            """\
volts = readings[readings["meter"] == name].drop_duplicates("hour").set_index("hour")["volts"].reindex(axis)
part["volts"] = volts.<?>().shift(27).to_numpy()
""",
            leak="bfill",
            twin="ffill",
            beside={"tables": POWER_TABLES},
            share=0.0007,
        ),
    },
    expects={
        "shop": ahead("stock", "sales.stock"),
        "power": ahead("volts", "readings.volts"),
    },
)
