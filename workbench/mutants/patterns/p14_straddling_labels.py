"""Pattern 14: aggregated labels straddling the cut."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant, pair

FINISH = """\
frame["units"] = frame.groupby("store")["units"].transform(lambda s: s[::-1].rolling(7).sum()[::-1])
frame = frame.dropna(subset=["units"]).reset_index(drop=True)
"""
CONTRACT = (('label_known_after = "2d"', 'label_known_after = "8d"'),)
POWER_FINISH = """\
block = frame.groupby([frame["meter"], frame["hour"].dt.floor("6h")])["load"]
frame["load"] = block.transform("mean")
"""

pattern = Pattern(
    number=14,
    title="Aggregated labels straddling the cut",
    taxonomy="L3.1",
    why="the label is a sum that ends days after its row; rows whose label isn't whole yet are trained on",
    plants={
        "shop": pair(
            "folds",
            """\
last = frame["date"].max() + pd.Timedelta("1d")
for back in (42, 28, 14):
    start = last - pd.Timedelta(days=back)
    train = np.flatnonzero(frame["date"] + pd.Timedelta("<?>") <= start - pd.Timedelta("7d"))
    test = np.flatnonzero((frame["date"] >= start) & (frame["date"] < start + pd.Timedelta("14d")))
    yield train, test
""",
            leak="2d",
            twin="8d",
            beside={"finish": FINISH},
            contract=CONTRACT,
        ),
        "power": (
            Plant({"finish": POWER_FINISH}),
            Plant(
                {
                    "finish": POWER_FINISH,
                    "folds": """\
walk = Walk()
hours = pd.DatetimeIndex(frame["hour"])
kept = []
for train, test in walk.split(frame):
    made = hours[test].min() - pd.Timedelta("24h")
    kept.append((train[hours[train] + pd.Timedelta("8h") <= made], test))
return kept
""",
                },
                contract=(('label_known_after = "3h"', 'label_known_after = "8h"'),),
            ),
        ),
    },
    expects={
        "shop": expected("leakage/label-embargo", stage="split"),
        "power": expected("leakage/late-label"),
    },
)
