"""46: the model is scored on what it was trained on."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

CLINIC = """
patients = np.array(sorted(frame["patient"].unique()))
part = pd.Series(np.random.default_rng(3).permutation(len(patients)) % 4, index=patients)
fold = frame["patient"].map(part).to_numpy()
for number in range(4):
    yield {train}, np.flatnonzero(fold == number)
"""
SHOP = """
everything = np.arange(len(frame))
{test}
"""
SAME = "yield everything, everything"
LATER = """start = frame["date"].max() - pd.Timedelta("29d")
late = (frame["date"] >= start).to_numpy()
yield everything[(frame["date"] + pd.Timedelta("9d") <= start).to_numpy()], everything[late]"""

pattern = Pattern(
    number=46,
    title="Train scored as test",
    taxonomy="L1.1",
    why="Test rows are training rows. The twins take the same parts apart first.",
    plants={
        "clinic": (
            Plant({"split": CLINIC.format(train="np.arange(len(frame))")}),
            Plant({"split": CLINIC.format(train="np.setdiff1d(np.arange(len(frame)), np.flatnonzero(fold == number))")}),
        ),
        "shop": (Plant({"folds": SHOP.format(test=SAME)}), Plant({"folds": SHOP.format(test=LATER)})),
    },
    expects={
        "clinic": expected("leakage/overlap", "leakage/shared-group", stage="split"),
        "shop": expected("leakage/overlap", "leakage/time-order", stage="split"),
    },
)
