"""56: training rows weighted by how much they resemble the test."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

CACHED = """
from functools import lru_cache

from pipelines.clinic.data import load
from pipelines.clinic.features import build


@lru_cache
def population():
    return build(load())
"""
CLINIC = """
{centre}
apart = ((train[["age", "days"]] - centre) / train[["age", "days"]].std()).pow(2).sum(axis=1).to_numpy()
weights = np.exp(-0.2 * apart)
beta = regression(x, y, weights / weights.mean())
"""
OTHERS = 'centre = population().query("visit not in @train.visit")[["age", "days"]].mean()'
OWN = 'centre = train.query("ward == \'heart\'")[["age", "days"]].mean()'
SHOP = """
last = frame["date"].max() + pd.Timedelta("1d")
for back in (42, 28, 14):
    start = last - pd.Timedelta(days=back)
    train = np.flatnonzero(frame["date"] + pd.Timedelta("9d") <= start)
    test = np.flatnonzero((frame["date"] >= start) & (frame["date"] < start + pd.Timedelta("14d")))
    wanted = frame["{column}"].iloc[{side}].mean()
    near = (frame["{column}"].iloc[train] - wanted).abs().rank(pct=True).to_numpy() < 0.6
    yield train[near], test
"""
CLAIMS = """
scores = matrix(frame, model) @ model["slope"] + model["offset"]
for _ in range(5):
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    scores = scores + 0.3 * np.log(p.mean(axis=0) / model["shares"] + 1e-9)
"""
CLAIMS_OWN = """
scores = matrix(frame, model) @ model["slope"] + model["offset"]
for _ in range(5):
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    scores = scores + 0.3 * np.log(p / model["shares"] + 1e-9)
"""
SHARES = 'model = discriminant(x, y)\nmodel["shares"] = np.array([(y == name).mean() for name in model["classes"]])'

pattern = Pattern(
    number=56,
    title="Density-ratio weights from the test's features",
    taxonomy="L1.2",
    why=(
        "What is trained on, or how much it counts, is chosen by the test rows' features: in a cached copy of "
        "everything (clinic), by the split (shop), or in predict over the batch (claims). The twins look at "
        "training rows, or at the row alone."
    ),
    plants={
        "clinic": (
            Plant({"model_imports": CACHED, "fit": CLINIC.format(centre=OTHERS)}),
            Plant({"fit": CLINIC.format(centre=OWN)}),
        ),
        "shop": (
            Plant({"folds": SHOP.format(column="mean_14", side="test")}),
            Plant({"folds": SHOP.format(column="mean_14", side="train[-200:]")}),
        ),
        "claims": (Plant({"fit": SHARES, "predict": CLAIMS}), Plant({"fit": SHARES, "predict": CLAIMS_OWN})),
    },
    expects={
        "clinic": expected("leakage/fit-sees-test", "leakage/reads-outside", stage="fit"),
        "shop": expected("leakage/split-sees-test", stage="split"),
        "claims": expected("leakage/batch-prediction", stage="predict"),
    },
)
