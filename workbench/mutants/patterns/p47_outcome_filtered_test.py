"""47: a test set chosen by how things turned out."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

CLINIC = """
patients = np.array(sorted(frame["patient"].unique()))
part = pd.Series(np.random.default_rng(3).permutation(len(patients)) % 4, index=patients)
fold = frame["patient"].map(part).to_numpy()
clear = ({clear}).to_numpy()
for number in range(4):
    yield np.flatnonzero(fold != number), np.flatnonzero((fold == number) & clear)
"""
SHOP = """
last = frame["date"].max() + pd.Timedelta("1d")
for back in (42, 28, 14):
    start = last - pd.Timedelta(days=back)
    train = np.flatnonzero(frame["date"] + pd.Timedelta("9d") <= start)
    test = (frame["date"] >= start) & (frame["date"] < start + pd.Timedelta("14d"))
    yield train, np.flatnonzero(test & ({usual}))
"""
NO_BARGAINS = 'frame = frame[frame["price"] > 150].reset_index(drop=True)'
NO_SHEDS = 'frame = frame[frame["area"] > 45].reset_index(drop=True)'

pattern = Pattern(
    number=47,
    title="Outcome-filtered test set",
    taxonomy="L3.3",
    why="Nobody knows at prediction time which rows will turn out so. The twins choose by what is known: the ward, the plan, the "
    "area.",
    plants={
        "clinic": (
            Plant({"split": CLINIC.format(clear='(frame["readmitted"] == 0) | (frame["days"] > 4)')}),
            Plant({"split": CLINIC.format(clear='(frame["ward"] != "bone") | (frame["days"] > 4)')}),
        ),
        "shop": (
            Plant({"folds": SHOP.format(usual='frame["units"] < 45')}),
            Plant({"folds": SHOP.format(usual='frame["price"] < 2.6')}),
        ),
        "homes": (Plant({"features": NO_BARGAINS}), Plant({"features": NO_SHEDS})),
    },
    expects={
        "clinic": expected("leakage/outcome-filter", stage="split"),
        "shop": expected("leakage/outcome-filter", stage="split"),
        "homes": expected("leakage/fold-features", "leakage/outcome-filter"),
    },
)
