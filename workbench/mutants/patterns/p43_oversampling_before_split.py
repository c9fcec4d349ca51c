"""43: the rare class is multiplied before the split."""

from workbench.mutants.folds import dealt
from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SMOTE = """
numbers = ["days", "pressure", "glucose", "age"]
rare = frame[(frame["readmitted"] == 1) & frame["pressure"].notna()].sort_values(numbers, ignore_index=True)
other = rare.shift(-1).fillna(rare)
made = rare.copy()
made[numbers] = 0.5 * rare[numbers].to_numpy() + 0.5 * other[numbers].to_numpy()
made["visit"] = rare["visit"] + 50000
made["patient"] = "synthetic " + rare["patient"]
made["log_glucose"] = np.log(made["glucose"])
frame = pd.concat([frame, made], ignore_index=True)
"""
SMOTE_IN_FIT = """
numbers = ["days", "pressure", "glucose", "age"]
rare = train[(train["readmitted"] == 1) & train["pressure"].notna()].sort_values(numbers, ignore_index=True)
other = rare.shift(-1).fillna(rare)
made = rare.copy()
made[numbers] = 0.5 * rare[numbers].to_numpy() + 0.5 * other[numbers].to_numpy()
made["log_glucose"] = np.log(made["glucose"])
train = pd.concat([train, made], ignore_index=True)
"""
DEAR_TWICE = """
dear = frame[frame["price"] > 450]
frame = pd.concat([frame, dear, dear], ignore_index=True)
"""
BY_ROW = dealt(3, "np.random.RandomState(1)")
NO_GROUPS = (('groups = ["street"]\n', ""),)
DEAR_IN_FIT = """
dear = train[train["price"] > 450]
train = pd.concat([train, dear, dear], ignore_index=True)
return estimator().fit(train, train["price"])
"""

pattern = Pattern(
    number=43,
    title="Oversampling before the split",
    taxonomy="L1.1, L1.4",
    why="Rows made from test rows, or copies of them, are trained on. The twins make them inside `fit`, of training rows alone.",
    plants={
        "clinic": (Plant({"features": SMOTE}), Plant({"fit_rows": SMOTE_IN_FIT})),
        "homes": (
            Plant({"features": DEAR_TWICE, "split": BY_ROW}, NO_GROUPS),
            Plant({"fit": DEAR_IN_FIT, "split": BY_ROW}, NO_GROUPS),
        ),
    },
    expects={
        "clinic": expected("leakage/fold-features", "leakage/overlap", "leakage/duplicates", "leakage/near-duplicates"),
        "homes": expected("leakage/overlap", "leakage/duplicates", stage="split"),
    },
)
