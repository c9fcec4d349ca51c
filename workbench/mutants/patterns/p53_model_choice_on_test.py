"""53: of two models, or several starts, the one that the test likes."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

TWO = """
beta = {"small": regression(x, y, ridge=300.0), "large": regression(x, y, ridge=0.3)}
"""
BY_TEST = """
scores = {name: matrix(frame, model) @ beta for name, beta in model["beta"].items()}
apart = {name: np.mean((1 / (1 + np.exp(-s)) - frame["readmitted"]) ** 2) for name, s in scores.items()}
score = scores[min(apart, key=apart.get)]
"""
BY_TRAINING = """
inner = train["patient"].str[-1].isin(["2", "8"]).to_numpy()
apart = {}
for name, ridge in (("small", 300.0), ("large", 0.3)):
    tried = regression(x[~inner], y[~inner], ridge=ridge)
    apart[name] = np.mean((1 / (1 + np.exp(-x[inner] @ tried)) - y[inner]) ** 2)
beta = regression(x, y, ridge={"small": 300.0, "large": 0.3}[min(apart, key=apart.get)])
"""
SHOP_FIT = """
train = train[train["units"].notna()]
x = train[columns(train)].astype("float64")
centre, spread = x.mean(), x.std().replace(0, 1)
design = np.nan_to_num(((x - centre) / spread).to_numpy())
y = train["units"].to_numpy()
weights = {}
for seed in range(6):
    drawn = np.random.default_rng(seed).choice(len(y), len(y) // 3)
    part = design[drawn]
    weights[seed] = np.linalg.solve(part.T @ part + np.eye(part.shape[1]), part.T @ (y[drawn] - y.mean()))
"""
SHOP_MODEL = 'return {{"columns": list(x), "centre": centre, "spread": spread, "weights": {weights}, "mean": y.mean()}}\n'
SHOP_PREDICT = """
x = np.nan_to_num(((frame[model["columns"]].astype("float64") - model["centre"]) / model["spread"]).to_numpy())
made = {seed: x @ weights + model["mean"] for seed, weights in model["weights"].items()}
best = min(made, key=lambda seed: (frame["units"] - made[seed]).abs().mean())
return made[best]
"""
SEEDS_IN_FIT = """errors = {seed: np.abs(y - y.mean() - design @ w).mean() for seed, w in weights.items()}
best = weights[min(errors, key=errors.get)]
"""

pattern = Pattern(
    number=53,
    title="Model or seed chosen on the test",
    taxonomy="L1.2",
    why="`predict` compares its candidates with the outcomes of the rows it is asked about. The twins choose in `fit`.",
    plants={
        "clinic": (Plant({"fit": TWO, "predict": BY_TEST}), Plant({"fit": BY_TRAINING})),
        "shop": (
            Plant({"fit": SHOP_FIT + SHOP_MODEL.format(weights="weights"), "predict": SHOP_PREDICT}),
            Plant({"fit": SHOP_FIT + SEEDS_IN_FIT + SHOP_MODEL.format(weights="best")}),
        ),
    },
    expects={
        "clinic": expected("leakage/predict-sees-label", stage="predict"),
        "shop": expected("leakage/predict-sees-label", stage="predict"),
    },
)
