"""Pattern 6: two-sided interpolation."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=6,
    title="Two-sided interpolation",
    taxonomy="L3.1",
    why="a value between two others needs the later one; of a plan, or of one issued forecast, both are known",
    plants={
        "shop": (
            Plant(
                {
                    "rows": """\
visitors = tables["footfall"][["store", "date", "visitors"]]
frame = frame.merge(visitors, on=["store", "date"], how="left")
""",
                    "extra": """\
visitors = frame.groupby("store")["visitors"]
frame["visitors"] = visitors.transform(lambda s: s.shift(8).interpolate())
""",
                }
            ),
            Plant(
                {
                    "extra": """\
regular = frame["price"].where(frame["promo"] == 0).groupby(frame["store"])
frame["regular"] = regular.transform(lambda s: s.interpolate())
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
seen = tables["observed"].dropna()
at = axis - pd.Timedelta("25h")
part["temp"] = np.interp(at.asi8, pd.DatetimeIndex(seen["hour"]).as_unit("ns").asi8, seen["temp"])
"""
                }
            ),
            Plant(
                {
                    "part": """\
temp = np.full(len(axis), np.nan)
for issued, sheet in tables["outlook"].groupby("issued"):
    mine = (axis >= issued + pd.Timedelta("24h")) & (axis < issued + pd.Timedelta("36h"))
    known = pd.DatetimeIndex(sheet["hour"]).as_unit("ns").asi8
    temp[mine] = np.interp(axis[mine].asi8, known, sheet["temp"])
part["temp"] = temp
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("visitors", "footfall.visitors"),
        "power": ahead("temp", "observed.temp"),
    },
)
