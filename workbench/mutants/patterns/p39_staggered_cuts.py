"""39: each country, or meter, is cut at a time of its own within one fold."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SHOP = """
cut = frame["country"].map({"DE": pd.Timestamp("2024-06-20"), "US": pd.Timestamp("2024-07-02"), "JP": pd.Timestamp("2024-07-14")})
"""
POWER = """
hours = pd.DatetimeIndex(frame["hour"])
begin = frame["meter"].map({"M1": "2024-04-08", "M2": "2024-04-12", "M3": "2024-04-16"})
begin = pd.DatetimeIndex(pd.to_datetime(begin, utc=True))
"""

pattern = Pattern(
    number=39,
    title="Staggered cut per country",
    taxonomy="L3.1, L3.2",
    why=(
        "One entity's training rows lie in another's test period. The twins test each from a day of its own, too, "
        "but train on what was known before the first of them."
    ),
    plants={
        "shop": (
            Plant(
                {
                    "folds": SHOP
                    + 'yield np.flatnonzero(frame["date"] + pd.Timedelta("9d") <= cut), np.flatnonzero(frame["date"] >= cut)'
                }
            ),
            Plant(
                {
                    "folds": SHOP
                    + (
                        'yield np.flatnonzero(frame["date"] + pd.Timedelta("9d") <= cut.min()), np.flatnonzero(frame["date"] >= '
                        "cut)"
                    )
                }
            ),
        ),
        "power": (
            Plant({"folds": POWER + 'return [(np.where(hours + pd.Timedelta("27h") <= begin)[0], np.where(hours >= begin)[0])]'}),
            Plant(
                {
                    "folds": POWER
                    + 'return [(np.where(hours + pd.Timedelta("27h") <= begin.min())[0], np.where(hours >= begin)[0])]'
                }
            ),
        ),
    },
    expects={"shop": expected("leakage/time-order", stage="split"), "power": expected("leakage/time-order", stage="split")},
)
