"""35: the few of many noise columns that happen to follow the target, chosen over all rows."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

GENES = """
for number in range(40):
    visits[f"gene_{number:02d}"] = rng.normal(0, 1, m).round(4)
"""
ALL_ROWS = """
genes = [name for name in frame.columns if name.startswith("gene_")]
strength = frame[genes].corrwith(frame["readmitted"]).abs()
best = frame[strength.nlargest(5).index].set_axis([f"best_{k}" for k in range(5)], axis=1)
frame = frame.drop(columns=genes).join(best)
"""
IN_FIT = """
strength = np.abs([np.corrcoef(column, y)[0, 1] if column.std() else 0.0 for column in x.T])
strength[: len(NUMBERS)] = strength[-2:] = 1.0
kept = np.sort(np.argsort(-strength)[: len(NUMBERS) + 7])
beta = np.zeros(x.shape[1])
beta[kept] = regression(x[:, kept], y)
"""

WAVES = """
day = (frame["date"] - frame["date"].min()).dt.days.to_numpy()
store = frame["store"].str[1:].astype(int).to_numpy()
waves = pd.DataFrame({f"wave_{k:02d}": np.sin((k + 1.7) * day * 0.61 + store * (k % 5)) for k in range(30)})
"""
BEST_WAVES = (
    WAVES
    + """
strength = waves.corrwith(frame["units"]).abs()
frame = frame.join(waves[strength.nlargest(3).index].set_axis(["wave_a", "wave_b", "wave_c"], axis=1))
"""
)
WAVES_IN_FIT = """
train = train[train["units"].notna()]
waves = [name for name in train.columns if name.startswith("wave_")]
strength = train[waves].corrwith(train["units"]).abs()
kept = [name for name in columns(train) if name not in waves or name in set(strength.nlargest(3).index)]
x = train[kept].astype("float64")
centre, spread = x.mean(), x.std().replace(0, 1)
design = np.nan_to_num(((x - centre) / spread).to_numpy())
y = train["units"].to_numpy()
weights = np.linalg.solve(design.T @ design + np.eye(design.shape[1]), design.T @ (y - y.mean()))
return {"columns": kept, "centre": centre, "spread": spread, "weights": weights, "mean": y.mean()}
"""

pattern = Pattern(
    number=35,
    title="Selection among noise columns on all rows",
    taxonomy="L1.3",
    why="Which columns a training row carries depends on the labels of test rows (clinic), or of later days (shop). The twins "
    "carry all candidates and select in `fit`.",
    plants={
        "clinic": (
            Plant({"data": GENES, "features": ALL_ROWS, "columns": 'EXTRA = [f"best_{k}" for k in range(5)]'}),
            Plant({"data": GENES, "columns": 'EXTRA = [f"gene_{k:02d}" for k in range(40)]', "fit": IN_FIT}),
        ),
        "shop": (Plant({"extra": BEST_WAVES}), Plant({"extra": WAVES + "frame = frame.join(waves)", "fit": WAVES_IN_FIT})),
    },
    expects={
        "clinic": expected("leakage/fold-features", stage="features"),
        "shop": expected("leakage/future-feature", stage="features", columns=("wave_a", "wave_b", "wave_c")),
    },
)
