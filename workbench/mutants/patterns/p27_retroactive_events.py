"""Pattern 27: retroactive holiday or event table."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant, pair

TABLES = """\
days = dates[np.sort(rng.choice(np.arange(30, DAYS), 40, replace=False))]
told = pd.to_timedelta(rng.integers(-2, 40, 40), unit="D")
where, weight = rng.choice(["DE", "US", "JP"], 40), rng.integers(1, 4, 40)
tables["events"] = pd.DataFrame({"country": where, "date": days, "announced": days - told, "weight": weight})
"""
SOURCE = """\
[sources.events]                      # strikes, fairs, holidays; entered when announced
time = "announced"
"""

pattern = Pattern(
    number=27,
    title="Retroactive holiday or event table",
    taxonomy="L3.1",
    why="some events are entered after the prediction, or after the event",
    plants={
        "shop": (
            Plant(
                {
                    "tables": TABLES,
                    "contract_sources": SOURCE,
                    "extra": """\
events = tables["events"]
weight = events.groupby(["country", "date"])["weight"].sum().rename("event")
frame = frame.merge(weight.reset_index(), on=["country", "date"], how="left")
frame["event"] = frame["event"].fillna(0)
""",
                }
            ),
            Plant(
                {
                    "tables": TABLES,
                    "contract_sources": SOURCE,
                    "extra": """\
events = tables["events"]
events = events[events["announced"] + HORIZON <= events["date"]]
weight = events.groupby(["country", "date"])["weight"].sum().rename("event")
frame = frame.merge(weight.reset_index(), on=["country", "date"], how="left")
frame["event"] = frame["event"].fillna(0)
""",
                }
            ),
        ),
        "power": pair(
            "part",
            """\
out = np.zeros(len(axis))
for outage in tables["outages"][tables["outages"]["meter"] == name].itertuples():
    out[(axis >= outage.<?> + pd.Timedelta("24h")) & (axis < outage.<?> + pd.Timedelta("72h"))] += 1
part["recent_outages"] = out
""",
            leak="begin",
            twin="reported",
        ),
    },
    expects={
        "shop": ahead("event", "events.weight", "events.date", "events.country", "events.announced"),
        "power": ahead("recent_outages", "outages.begin", "outages.meter", "outages.reported"),
    },
)
