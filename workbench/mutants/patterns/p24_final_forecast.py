"""Pattern 24: final instead of issued forecast."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=24,
    title="Final instead of issued forecast",
    taxonomy="L3.1",
    why="the last forecast for a day is issued after the prediction; the last one issued by then is honest",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
sheets = tables["forecasts"].sort_values("issued")
latest = sheets.groupby("date", as_index=False)["temp"].last()
frame = frame.merge(latest, on="date", how="left")
"""
                }
            ),
            Plant(
                {
                    "extra": """\
sheets = tables["forecasts"].sort_values("issued")
sheets = sheets[sheets["issued"] <= sheets["date"] - HORIZON]
latest = sheets.groupby("date", as_index=False)["temp"].last()
frame = frame.merge(latest, on="date", how="left")
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
outlook = {}
for row in tables["outlook"].sort_values("issued").itertuples():
    outlook[row.hour] = row.temp
part["outlook"] = pd.Series([outlook.get(hour, np.nan) for hour in axis]).ffill(limit=2)
"""
                }
            ),
            Plant(
                {
                    "part": """\
outlook = {}
for row in tables["outlook"].sort_values("issued").itertuples():
    if row.issued + pd.Timedelta("24h") <= row.hour:
        outlook[row.hour] = row.temp
part["outlook"] = pd.Series([outlook.get(hour, np.nan) for hour in axis]).ffill(limit=2)
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("temp", "forecasts.temp", "forecasts.date"),
        "power": ahead("outlook", "outlook.temp", "outlook.hour"),
    },
)
