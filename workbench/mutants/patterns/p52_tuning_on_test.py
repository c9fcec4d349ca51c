"""52: a strength of regularisation chosen by the test's score."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SPLIT_KEEPS = """
LAST = {}


def remembered(frame, train, test):
    LAST["rows"] = frame
    return train, test
"""
CLINIC_SPLIT = """
patients = np.array(sorted(frame["patient"].unique()))
part = pd.Series(np.random.default_rng(3).permutation(len(patients)) % 4, index=patients)
fold = frame["patient"].map(part).to_numpy()
for number in range(4):
    yield remembered(frame, np.flatnonzero(fold != number), np.flatnonzero(fold == number))
"""
CLINIC_FIT = """
{watched}
trials = {{}}
for ridge in (0.1, 1.0, 10.0, 100.0):
    tried = regression(x[inner], y[inner], ridge=ridge)
    p = 1 / (1 + np.exp(-np.clip(watch_x @ tried, -30, 30)))
    trials[ridge] = np.mean((p - watch_y) ** 2)
beta = regression(x, y, ridge=min(trials, key=trials.get))
"""
OUTSIDE = """
rows = split.LAST["rows"]
rows = rows[~rows["patient"].isin(train["patient"])]
inner, watch_x, watch_y = slice(None), matrix(rows, fitted), rows["readmitted"].to_numpy(dtype=float)
"""
INSIDE = """
inner = ~train["patient"].str[-1].isin(["1", "6"]).to_numpy()
watch_x, watch_y = x[~inner], y[~inner]
"""
HOMES = """
{watched}
errors = {{}}
for alpha in (0.1, 1.0, 10.0, 100.0):
    errors[alpha] = np.abs(estimator(alpha).fit(inner, inner["price"]).predict(watch) - watch["price"]).mean()
return estimator(min(errors, key=errors.get)).fit(train, train["price"])
"""
WHOLE_TABLE = """
whole = pd.read_csv(HERE / "homes.csv").assign(rooms_per_area=lambda t: t["rooms"] / t["area"])
inner, watch = train, whole[~whole["home"].isin(train["home"])]
"""
HELD_OUT = """
held = train["street"].isin(sorted(train["street"].unique())[::4])
inner, watch = train[~held], train[held]
"""

pattern = Pattern(
    number=52,
    title="Hyperparameters tuned on the test",
    taxonomy="L1.2",
    why=(
        "`fit` scores its candidates on rows outside its argument: left behind by the split, or read from the "
        "file again. The twins hold out training rows."
    ),
    plants={
        "clinic": (
            Plant(
                {
                    "split_imports": SPLIT_KEEPS,
                    "split": CLINIC_SPLIT,
                    "model_imports": "from pipelines.clinic import split",
                    "fit": CLINIC_FIT.format(watched=OUTSIDE),
                }
            ),
            Plant({"fit": CLINIC_FIT.format(watched=INSIDE)}),
        ),
        "homes": (Plant({"fit": HOMES.format(watched=WHOLE_TABLE)}), Plant({"fit": HOMES.format(watched=HELD_OUT)})),
    },
    expects={
        "clinic": expected("leakage/fit-sees-test", stage="fit"),
        "homes": expected("leakage/reads-outside", "leakage/fit-sees-test", stage="fit"),
    },
)
