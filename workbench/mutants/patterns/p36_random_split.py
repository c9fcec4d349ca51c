"""36: a random split of rows that have a time."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SHUFFLED = """
order = np.random.default_rng(0).permutation(len(frame))
for part in np.array_split(order, 3):
    yield np.setdiff1d(order, part), np.sort(part)
"""
THINNED = """
order = np.random.default_rng(0).permutation(len(frame))
last = frame["date"].max() + pd.Timedelta("1d")
for back in (42, 28, 14):
    start = last - pd.Timedelta(days=back)
    known = (frame["date"] + pd.Timedelta("9d") <= start).to_numpy()
    test = np.flatnonzero((frame["date"] >= start) & (frame["date"] < start + pd.Timedelta("14d")))
    yield order[known[order]][:1200], test
"""
SHUFFLED_CLAIMS = """
order = np.random.default_rng(0).permutation(len(frame))
cut = int(0.8 * len(order))
yield order[:cut], order[cut:]
"""
ORDERED_CLAIMS = """
order = np.random.default_rng(0).permutation(len(frame))
filed = frame["filed_at"]
start = pd.Timestamp("2023-07-01", tz="UTC")
yield order[(filed.iloc[order] <= start - pd.Timedelta("60d")).to_numpy()], order[(filed.iloc[order] >= start).to_numpy()]
"""

pattern = Pattern(
    number=36,
    title="Random split on a time series",
    taxonomy="L3.1",
    why=(
        "The contract has a target time, and training rows lie after test rows. The twins shuffle too, but only "
        "within a side that was cut by time before."
    ),
    plants={
        "shop": (Plant({"folds": SHUFFLED}), Plant({"folds": THINNED})),
        "claims": (Plant({"split": SHUFFLED_CLAIMS}), Plant({"split": ORDERED_CLAIMS})),
    },
    expects={"shop": expected("leakage/time-order", stage="split"), "claims": expected("leakage/time-order", stage="split")},
)
