"""57: predictions of a first model as a feature, made on the rows that model has learnt from."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

CLINIC = """
x = np.column_stack([frame[["age", "days", "glucose"]].to_numpy(dtype=float), np.ones(len(frame))])
frame["first_model"] = x @ np.linalg.lstsq(x, frame["readmitted"].to_numpy(dtype=float), rcond=None)[0]
"""
CLINIC_FIT = """
first = np.linalg.lstsq(x, y, rcond=None)[0]
beta = regression(np.column_stack([x, x @ first]), y)
beta = beta[:-1] + beta[-1] * first
"""
SHOP = """
known = frame[["lag_9", "lag_14", "price", "promo"]].fillna(20.0).to_numpy(dtype=float)
x = np.column_stack([known, np.ones(len(known))])
rows = frame["units"].notna().to_numpy()
frame["first_model"] = x @ np.linalg.lstsq(x[rows], frame["units"].to_numpy()[rows], rcond=None)[0]
"""
SHOP_FIXED = """
known = frame[["lag_9", "lag_14", "price", "promo"]].fillna(20.0).to_numpy(dtype=float)
x = np.column_stack([known, np.ones(len(known))])
frame["first_model"] = x @ np.array([0.5, 0.3, -4.0, 3.0, 12.0])
"""

pattern = Pattern(
    number=57,
    title="Stacking on rows the first model has learnt from",
    taxonomy="L1.2",
    why=(
        "The first model is fitted on all rows, test and their own labels included, before the split. Inside "
        "`fit` (clinic's twin) the same in-sample stacking only overfits: no outcome of the test is in it. shop's "
        "twin has fixed weights."
    ),
    plants={
        "clinic": (
            Plant({"features": CLINIC, "columns": 'EXTRA = ["first_model"]'}),
            Plant({"fit": CLINIC_FIT}),
        ),
        "shop": (Plant({"extra": SHOP}), Plant({"extra": SHOP_FIXED})),
    },
    expects={
        "clinic": expected("leakage/fold-features", stage="features", columns="first_model"),
        "shop": expected("leakage/future-feature", stage="features", columns="first_model"),
    },
)
