"""51: training stops where the test is best."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

KEEP = """
SEEN = []
"""
REMEMBER = """
SEEN.append(frame)
"""
STOP = """
{watched}
watch_x, watch_y = matrix(watch, fitted), watch["readmitted"].to_numpy(dtype=float)
best, beta = np.inf, None
for steps in range(1, 9):
    tried = regression(x, y, ridge=0.1, steps=steps)
    p = 1 / (1 + np.exp(-np.clip(watch_x @ tried, -30, 30)))
    loss = -np.mean(np.log(np.where(watch_y == 1, p, 1 - p) + 1e-9))
    if loss >= best:
        break
    best, beta = loss, tried
"""
SHOP_FIT = """
train = train[train["units"].notna()]
{watched}
names = columns(train)
centre, spread = learn[names].mean(), learn[names].std().replace(0, 1)
design, target = (np.nan_to_num(((rows[names] - centre) / spread).to_numpy(dtype=float)) for rows in (learn, watch))
y, mean = learn["units"].to_numpy(), learn["units"].mean()
weights, best, kept = np.zeros(len(names)), np.inf, None
for step in range(400):
    weights = weights + 0.05 * design.T @ (y - mean - design @ weights) / len(y)
    error = np.abs(watch["units"].to_numpy() - mean - target @ weights).mean()
    if error < best:
        best, kept = error, weights.copy()
return {{"columns": names, "centre": centre, "spread": spread, "weights": kept, "mean": mean}}
"""

pattern = Pattern(
    number=51,
    title="Early stopping on the test",
    taxonomy="L1.2",
    why=(
        "`fit` may know its training rows and nothing else; here it watches rows that another stage has left in a "
        "module, or loads them again. The twins watch a part of the training rows."
    ),
    plants={
        "clinic": (
            Plant(
                {
                    "feature_imports": KEEP,
                    "features": REMEMBER,
                    "model_imports": "from pipelines.clinic.features import SEEN",
                    "fit": STOP.format(watched='watch = SEEN[-1][~SEEN[-1]["visit"].isin(train["visit"])]'),
                }
            ),
            Plant(
                {
                    "fit_prepare": 'late = train["patient"].str[-1].isin(["3", "7"])',
                    "fit": "watch = train[late]\nx, y = x[~late.to_numpy()], y[~late.to_numpy()]" + STOP.format(watched=""),
                }
            ),
        ),
        "shop": (
            Plant(
                {
                    "model_top": "from pipelines.shop.data import load\nfrom pipelines.shop.features import build",
                    "fit": SHOP_FIT.format(
                        watched='learn, whole = train, build(load())\nwatch = whole[whole["date"] > train["date"].max()].dropna()'
                    ),
                }
            ),
            Plant(
                {
                    "fit": SHOP_FIT.format(
                        watched='late = train["date"] > train["date"].quantile(0.85)\nlearn, watch = train[~late], train[late]'
                    )
                }
            ),
        ),
    },
    expects={
        "clinic": expected("leakage/fit-sees-test", stage="fit"),
        "shop": expected("leakage/fit-sees-test", "leakage/reads-outside", stage="fit"),
    },
)
