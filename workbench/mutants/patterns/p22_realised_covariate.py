"""Pattern 22: realised covariate of the target's time."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=22,
    title="Realised covariate of the target's time",
    taxonomy="L3.1",
    why=(
        "visitors (the temperature) of the day to be predicted are counted on that day; prices (forecasts) of that "
        "day are known before"
    ),
    plants={
        "shop": (
            Plant(
                {
                    "rows": """\
visitors = tables["footfall"][["store", "date", "visitors"]]
frame = frame.merge(visitors, on=["store", "date"], how="left")
""",
                    "extra": """\
frame["ahead"] = frame.groupby("store")["visitors"].shift(7).groupby(frame["store"]).shift(-7)
frame = frame.drop(columns="visitors")
""",
                }
            ),
            Plant({"extra": 'frame["ahead"] = frame.groupby("store")["price"].shift(7).groupby(frame["store"]).shift(-14)'}),
        ),
        "power": (
            Plant(
                {
                    "part": """\
seen = tables["observed"].drop_duplicates("hour").set_index("hour")["temp"]
part["temp"] = seen.reindex(axis).to_numpy()
"""
                }
            ),
            Plant(
                {
                    "part": """\
known = tables["outlook"]
known = known[known["issued"] <= known["hour"] - pd.Timedelta("24h")].sort_values("issued")
part["temp"] = known.drop_duplicates("hour", keep="last").set_index("hour")["temp"].reindex(axis).to_numpy()
"""
                }
            ),
        ),
        "rides": (
            Plant(
                {
                    "columns": """\
docked = trips.pivot_table(index="slot", columns=KEY, values="docked")
columns["returned"] = docked.reindex(index=calendar.index, columns=places)
"""
                }
            ),
            Plant(
                {
                    "columns": """\
tomorrow = np.repeat(calendar["event"].shift(-8).to_numpy()[:, None], len(places), axis=1)
columns["tomorrow"] = pd.DataFrame(tomorrow, index=calendar.index, columns=places)
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("ahead", "footfall.visitors"),
        "power": ahead("temp", "observed.temp"),
        "rides": ahead("returned", "trips.docked"),
    },
)
