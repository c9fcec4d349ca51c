"""68: predictions reconciled with what really happened."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

STAGE = (
    (
        'metrics  = "pipelines.power.metrics:score"',
        'metrics  = "pipelines.power.metrics:score"\npostprocess = "pipelines.power.post:fit_in"',
    ),
)
POST = '''\
"""Makes predictions of a meter add up."""

import numpy as np


def fit_in(predictions, frame):
    out = predictions.copy()
    for meter, rows in frame.groupby("meter").indices.items():
        out[rows] = np.clip(out[rows], {low}, {high})
    return out
'''
STREETS = """
made = model.predict(frame)
told = frame.groupby("street")["{column}"].transform("mean").to_numpy()
return 0.9 * made + 0.1 * {level}
"""
CLINIC = """
predictions = np.clip(predictions, 0.001, 0.999)
predictions = predictions * {total} / predictions.sum()
"""

pattern = Pattern(
    number=68,
    title="Post-processing with actuals",
    taxonomy="L2",
    why="Limits and totals are those of the outcomes. The twins take them from what is known when the prediction is made.",
    plants={
        "power": (
            Plant(
                {},
                STAGE,
                {
                    "pipelines/power/post.py": POST.format(
                        low='frame["load"].to_numpy()[rows].min()', high='frame["load"].to_numpy()[rows].max()'
                    )
                },
            ),
            Plant(
                {},
                STAGE,
                {
                    "pipelines/power/post.py": POST.format(
                        low='0.2 * np.nan_to_num(frame["load_168h"].to_numpy()[rows])',
                        high='10 + 5 * np.nan_to_num(frame["load_168h"].to_numpy()[rows], nan=100.0)',
                    )
                },
            ),
        ),
        "homes": (
            Plant({"predict": STREETS.format(column="price", level="told")}),
            Plant({"predict": 'made = model.predict(frame)\nreturn 0.9 * made + 0.1 * (60 + 2.5 * frame["area"].to_numpy())'}),
        ),
        "clinic": (
            Plant({"postprocess": CLINIC.format(total='frame["readmitted"].sum()')}),
            Plant({"postprocess": "predictions = np.clip(predictions * 0.98, 0.001, 0.999)"}),
        ),
    },
    expects={
        "power": expected("leakage/predict-sees-label", stage="postprocess"),
        "homes": expected("leakage/predict-sees-label", stage="predict"),
        "clinic": expected("leakage/predict-sees-label", stage="postprocess"),
    },
)
