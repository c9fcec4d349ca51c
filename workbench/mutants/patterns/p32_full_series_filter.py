"""Pattern 32: decomposition or filter on the full series."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=32,
    title="Decomposition or filter on the full series",
    taxonomy="L3.1",
    why="a trend fitted to the whole series, or a filter run both ways, knows the rest of it",
    plants={
        "shop": (
            Plant(
                {
                    "extra": """\
def trend(s):
    known = s.dropna()
    slope, level = np.polyfit(known.index - s.index[0], known, 1)
    return pd.Series(level + slope * (s.index - s.index[0]), index=s.index)

frame["trend"] = frame.groupby("store")["units"].transform(trend)
"""
                }
            ),
            Plant(
                {
                    "extra": """\
def trend(s):
    known = s.shift(9)
    return known.ewm(halflife=20).mean()

frame["trend"] = frame.groupby("store")["units"].transform(trend)
"""
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "features_top": "from scipy.signal import butter, filtfilt",
                    "meter": """\
b, a = butter(2, 1 / 24)
made["smooth"] = filtfilt(b, a, np.nan_to_num(self.back(27)))
""",
                }
            ),
            Plant(
                {
                    "features_top": "from scipy.signal import butter, lfilter",
                    "meter": """\
b, a = butter(2, 1 / 24)
made["smooth"] = lfilter(b, a, np.nan_to_num(self.back(27)))
""",
                }
            ),
        ),
    },
    expects={
        "shop": ahead("trend", "sales.units"),
        "power": ahead("smooth", "readings.load"),
    },
)
