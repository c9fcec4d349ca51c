"""66: a metric that is scaled by the test it is computed on."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SHOP = """
error = np.abs(np.asarray(y_true) - y_pred).mean()
naive = np.abs(np.asarray(y_true) - np.mean(y_true)).mean()
return {{"mae": float({mae}), "mae_of_naive": float(error / naive)}}
"""
CLINIC = """
reached = area(y_true, y_pred)
spread = np.std(y_pred) / np.std(y_true)
return {{"roc_auc": float({auc}), "spread": float(spread)}}
"""

pattern = Pattern(
    number=66,
    title="Metric scaled by test statistics",
    taxonomy="L1.1",
    why="The number under the metric's name isn't that metric. The twins return the scaled number under a name of its own.",
    plants={
        "shop": (Plant({"score": SHOP.format(mae="error / naive")}), Plant({"score": SHOP.format(mae="error")})),
        "clinic": (
            Plant({"metrics": CLINIC.format(auc="0.5 + (reached - 0.5) / (0.5 + spread)")}),
            Plant({"metrics": CLINIC.format(auc="reached")}),
        ),
    },
    expects={
        "shop": expected("metric/recomputed", stage="metrics", columns="mae"),
        "clinic": expected("metric/recomputed", stage="metrics", columns="roc_auc"),
    },
)
