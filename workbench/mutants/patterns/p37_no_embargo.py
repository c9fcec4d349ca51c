"""37: a split in time order whose newest training labels nobody has yet when the first test prediction is made."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SHOP = """
last = frame["date"].max() + pd.Timedelta("1d")
for back in (42, 28, 14):
    start = last - pd.Timedelta(days=back)
    train = np.flatnonzero(frame["date"] < start - pd.Timedelta({gap!r}))
    test = np.flatnonzero((frame["date"] >= start) & (frame["date"] < start + pd.Timedelta("14d")))
    yield train, test
"""
CLAIMS = """
filed = frame["filed_at"]
for start in pd.date_range("2023-04-01", periods=3, freq="QS", tz="UTC"):
    end = start + pd.DateOffset(months=3)
    yield np.flatnonzero(filed < start - pd.Timedelta({gap!r})), np.flatnonzero((filed >= start) & (filed < end))
"""
POWER = """
hours = pd.DatetimeIndex(frame["hour"])
end = hours.max() + pd.Timedelta("1h")
for number in (3, 2, 1):
    start = end - number * pd.Timedelta("5d")
    test = np.where((hours >= start) & (hours < start + pd.Timedelta("5d")))[0]
    yield np.where(hours + pd.Timedelta({gap!r}) <= start)[0], test
"""

pattern = Pattern(
    number=37,
    title="No embargo: the horizon and the labels' delay are forgotten",
    taxonomy="L3.1",
    why=(
        "Target time plus `label_known_after` of the last training rows is later than the first test row's target "
        "time minus the horizon: 9 days are needed in shop (the leak leaves 2, the horizon forgotten), 60 in "
        "claims, 27 hours in power (24 are left). The twins leave what is needed."
    ),
    plants={
        "shop": (Plant({"folds": SHOP.format(gap="2d")}), Plant({"folds": SHOP.format(gap="9d")})),
        "claims": (Plant({"split": CLAIMS.format(gap="0d")}), Plant({"split": CLAIMS.format(gap="60d")})),
        "power": (Plant({"folds": POWER.format(gap="24h")}), Plant({"folds": POWER.format(gap="27h")})),
    },
    expects={name: expected("leakage/label-embargo", stage="split") for name in ("shop", "claims", "power")},
)
