"""45: a merge that multiplies rows, or a boundary that both sides have."""

from workbench.mutants.folds import dealt
from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

NO_GROUPS = (('groups = ["street"]\n', ""),)
BY_ROW = dealt(3, "np.random.RandomState(1)")
AGENTS = """
offices = pd.DataFrame({"agent": ["K", "L", "L", "M", "N"], "office": ["old town", "harbour", "hill", "hill", "hill"]})
"""
TWICE = AGENTS + 'frame = frame.merge(offices, on="agent", how="left")\n'
ONCE = AGENTS + 'frame = frame.merge(offices.drop_duplicates("agent"), on="agent", how="left")\n'
BOUNDARY = """
last = frame["date"].max() + pd.Timedelta("1d")
start = last - pd.Timedelta("21d")
known = frame["date"] + pd.Timedelta("9d") <= start
train = pd.concat([frame[known], frame[frame["date"] == {day}]])
yield train.index.to_numpy(), np.flatnonzero(frame["date"] >= start)
"""

pattern = Pattern(
    number=45,
    title="Test rows appended by a bad merge",
    taxonomy="L1.4",
    why=(
        "A lookup with two rows for one key doubles homes before rows are shared out; a concatenation adds the "
        "test's first day to the training part. The twins merge with one row a key, and add a day that is over."
    ),
    plants={
        "homes": (
            Plant({"features": TWICE, "split": BY_ROW}, NO_GROUPS),
            Plant({"features": ONCE, "split": BY_ROW}, NO_GROUPS),
        ),
        "shop": (
            Plant({"folds": BOUNDARY.format(day="start")}),
            Plant({"folds": BOUNDARY.format(day='start - pd.Timedelta("9d")')}),
        ),
    },
    expects={
        "homes": expected("leakage/overlap", "leakage/duplicates", stage="split"),
        "shop": expected("leakage/overlap", "leakage/time-order", stage="split"),
    },
)
