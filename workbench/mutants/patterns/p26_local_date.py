"""Pattern 26: UTC date against local date, and the change to summer time."""

from __future__ import annotations

from workbench.mutants.model import ahead
from workbench.mutants.pattern import Pattern, Plant

TABLES = """\
ticks = pd.date_range(START, periods=DAYS * 4, freq="6h")
clicks = pd.MultiIndex.from_product([["DE", "US", "JP"], ticks], names=["country", "ts"]).to_frame(index=False)
tables["clicks"] = clicks.assign(clicks=rng.poisson(40, len(clicks)))
"""
SOURCE = """\
[sources.clicks]                      # on the shop's web pages, UTC
time = "ts"
"""

pattern = Pattern(
    number=26,
    title="UTC date against local date, and the change to summer time",
    taxonomy="L3.1",
    why=(
        "a local day west of Greenwich ends after the UTC day of the same name; 27 hours on the wall clock are 26 "
        "when an hour is skipped"
    ),
    plants={
        "shop": (
            Plant(
                {
                    "tables": TABLES,
                    "contract_sources": SOURCE,
                    "extra": """\
clicks = tables["clicks"].dropna(subset=["ts"])
day = (clicks["ts"] - pd.to_timedelta(clicks["country"].map({"US": 8, "JP": -9, "DE": -1}), unit="h")).dt.floor("D")
daily = clicks.assign(date=day + pd.Timedelta("8d")).groupby(["country", "date"])["clicks"].sum().rename("clicks_8")
frame = frame.merge(daily.reset_index(), on=["country", "date"], how="left")
""",
                }
            ),
            Plant(
                {
                    "tables": TABLES,
                    "contract_sources": SOURCE,
                    "extra": """\
clicks = tables["clicks"].dropna(subset=["ts"])
day = clicks["ts"].dt.floor("D")
daily = clicks.assign(date=day + pd.Timedelta("8d")).groupby(["country", "date"])["clicks"].sum().rename("clicks_8")
frame = frame.merge(daily.reset_index(), on=["country", "date"], how="left")
""",
                }
            ),
        ),
        "power": (
            Plant(
                {
                    "part": """\
wall = local.tz_localize(None)
known = pd.Series(part["load"].to_numpy(), index=wall)
part["load_27h"] = known[~known.index.duplicated()].reindex(wall - pd.Timedelta("27h")).to_numpy()
"""
                },
                share=0.018,
            ),
            Plant(
                {
                    "part": """\
known = pd.Series(part["load"].to_numpy(), index=local)
part["load_27h"] = known[~known.index.duplicated()].reindex(local - pd.Timedelta("27h")).to_numpy()
"""
                }
            ),
        ),
    },
    expects={
        "shop": ahead("clicks_8", "clicks.clicks", "clicks.ts"),
        "power": ahead("load_27h", "readings.load"),
    },
)
