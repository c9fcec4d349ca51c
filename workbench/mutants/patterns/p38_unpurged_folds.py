"""38: folds in blocks whose neighbours' labels overlap the test."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

BLOCKS = """
day = frame["date"].rank(method="dense").to_numpy().astype(int)
block = 5 * (day - 1) // day.max()
for number in range(5):
    yield np.flatnonzero(block != number), np.flatnonzero(block == number)
"""
FORWARD = """
day = frame["date"].rank(method="dense").to_numpy().astype(int)
block = 5 * (day - 1) // day.max()
for number in range(2, 5):
    first = day[block == number].min()
    yield np.flatnonzero(day <= first - 9), np.flatnonzero(block == number)
"""
NEXT_ROWS = """
step = len(frame) // 5
for number in range(2, 5):
    yield np.arange(number * step), np.arange(number * step, min((number + 1) * step, len(frame)))
"""
PURGED = """
step = len(frame) // 5
settled = frame["filed_at"] + pd.Timedelta("60d")
for number in range(2, 5):
    test = np.arange(number * step, min((number + 1) * step, len(frame)))
    before = np.arange(number * step)
    yield before[(settled.iloc[before] <= frame["filed_at"].iloc[test].min()).to_numpy()], test
"""

pattern = Pattern(
    number=38,
    title="Unpurged folds on overlapping labels",
    taxonomy="L3.1",
    why="Blocked folds train on both sides of the test (shop), rows cut by count leave no room for labels that take 60 days "
    "(claims). The twins use the blocks before, purged by when labels are known.",
    plants={
        "shop": (Plant({"folds": BLOCKS}), Plant({"folds": FORWARD})),
        "claims": (Plant({"split": NEXT_ROWS}), Plant({"split": PURGED})),
    },
    expects={
        "shop": expected("leakage/time-order", "leakage/label-embargo", stage="split"),
        "claims": expected("leakage/label-embargo", stage="split"),
    },
)
