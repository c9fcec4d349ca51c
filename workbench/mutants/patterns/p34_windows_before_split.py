"""Pattern 34: windows built before the split."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

EXTRA = """\
windows = pd.concat({f"w{lag}": units.shift(lag) for lag in range(9, 16)}, axis=1)
frame = frame.join(windows)
"""
METER = """\
windows = np.lib.stride_tricks.sliding_window_view(self.back(27), 12)
for place in range(0, 12, 4):
    made[f"w{place}"] = np.concatenate([np.full(11, np.nan), windows[:, place]])
"""

pattern = Pattern(
    number=34,
    title="Windows built before the split",
    taxonomy="L3.1, L3.2",
    why=("windows are drawn at random, or cut off without a gap: neighbours that share days are trained on and tested"),
    plants={
        "shop": (
            Plant(
                {
                    "extra": EXTRA,
                    "folds": """\
order = np.random.default_rng(0).permutation(len(frame))
size = len(frame) // 5
for number in range(3):
    test = np.sort(order[number * size : (number + 1) * size])
    yield np.setdiff1d(np.arange(len(frame)), test), test
""",
                }
            ),
            Plant({"extra": EXTRA}),
        ),
        "power": (
            Plant(
                {
                    "meter": METER,
                    "folds": """\
hours = np.sort(frame["hour"].unique())
cut = hours[int(len(hours) * 0.75)]
return [(np.flatnonzero(frame["hour"] < cut), np.flatnonzero(frame["hour"] >= cut))]
""",
                }
            ),
            Plant(
                {
                    "meter": METER,
                    "folds": """\
hours = np.sort(frame["hour"].unique())
cut = hours[int(len(hours) * 0.75)]
known = cut - pd.Timedelta("24h") - pd.Timedelta("3h")
return [(np.flatnonzero(frame["hour"] <= known), np.flatnonzero(frame["hour"] >= cut))]
""",
                }
            ),
        ),
    },
    expects={
        "shop": expected("leakage/time-order", "leakage/label-embargo", stage="split"),
        "power": expected("leakage/label-embargo", stage="split"),
    },
)
