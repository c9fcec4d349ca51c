"""67: a score without the rows that went wrong."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SHOP = """
error = np.abs(np.asarray(y_true) - y_pred)
usual = error[error < np.quantile(error, 0.95)]
return {{"mae": float({mae}.mean()), "mae_usual": float(usual.mean())}}
"""
UNSURE = "predictions = np.where((predictions > {low}) & (predictions < {high}), {instead}, predictions)"
CLAIMS = """
hit = np.asarray(y_true) == np.asarray(y_pred)
plain = (frame["amount"] < 5000).to_numpy()
return {{"accuracy": float({hits}.mean()), "accuracy_plain": float(hit[plain].mean())}}
"""

pattern = Pattern(
    number=67,
    title="Metric after dropping failures or outliers",
    taxonomy="L3.3",
    why=(
        "The score is about other rows than the split says: the worst are left out (shop), the unsure get no "
        "prediction (clinic), large claims aren't counted (claims). The twins show such numbers beside the whole "
        "one, and answer every row."
    ),
    plants={
        "shop": (Plant({"score": SHOP.format(mae="usual")}), Plant({"score": SHOP.format(mae="error")})),
        "clinic": (
            Plant({"postprocess": UNSURE.format(low=0.45, high=0.55, instead="np.nan")}),
            Plant({"postprocess": UNSURE.format(low=0.499, high=0.501, instead="0.5")}),
        ),
        "claims": (Plant({"metrics": CLAIMS.format(hits="hit[plain]")}), Plant({"metrics": CLAIMS.format(hits="hit")})),
    },
    expects={
        "shop": expected("metric/recomputed", stage="metrics"),
        "clinic": expected("metric/dropped-rows", stage="postprocess"),
        "claims": expected("metric/recomputed", stage="metrics"),
    },
)
