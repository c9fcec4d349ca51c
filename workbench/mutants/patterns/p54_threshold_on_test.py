"""54: a bias, threshold or calibration taken from the test's outcomes."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

CLINIC = """
odds = np.log(predictions / (1 - predictions))
known = frame["readmitted"].to_numpy()
for ward in frame["ward"].unique():
    inside = (frame["ward"] == ward).to_numpy()
    odds[inside] += np.log((known[inside].mean() + 0.01) / (1.01 - known[inside].mean())) - odds[inside].mean()
predictions = 1 / (1 + np.exp(-odds))
"""
CLINIC_CONSTANT = """
odds = np.log(predictions / (1 - predictions))
for ward, shift in (("heart", 0.1), ("lung", 0.0), ("bone", -0.1)):
    inside = (frame["ward"] == ward).to_numpy()
    odds[inside] += shift
predictions = 1 / (1 + np.exp(-odds))
"""
STAGE = (
    (
        'metrics  = "pipelines.shop.metrics:score"',
        'metrics  = "pipelines.shop.metrics:score"\npostprocess = "pipelines.shop.post:correct"',
    ),
)
POST = '''\
"""Corrects predictions."""

import numpy as np


def correct(predictions, frame):
    return np.maximum(predictions + {bias}, 0.0)
'''
CLAIMS = """
scores = matrix(frame, model) @ model["slope"] + model["offset"]
for number, name in enumerate(model["classes"]):
    told = (scores.argmax(axis=1) == number).mean()
    scores[:, number] += 0.5 * ({share} - told)
"""

pattern = Pattern(
    number=54,
    title="Threshold, bias or calibration on the test",
    taxonomy="L1.2",
    why="Predictions are moved by the outcomes they are compared with. The twins move them by constants, or by shares of the "
    "training rows.",
    plants={
        "clinic": (Plant({"postprocess": CLINIC}), Plant({"postprocess": CLINIC_CONSTANT})),
        "shop": (
            Plant({}, STAGE, {"pipelines/shop/post.py": POST.format(bias='(frame["units"] - predictions).mean()')}),
            Plant(
                {}, STAGE, {"pipelines/shop/post.py": POST.format(bias='0.02 * (frame["lag_9"].fillna(20.0) - 20.0).to_numpy()')}
            ),
        ),
        "claims": (
            Plant({"predict": CLAIMS.format(share='(frame["outcome"] == name).mean()')}),
            Plant(
                {
                    "fit": 'model = {**discriminant(x, y), "shares": {name: (y == name).mean() for name in set(y)}}',
                    "predict": (
                        'scores = matrix(frame, model) @ model["slope"] + model["offset"]\n'
                        'for number, name in enumerate(model["classes"]):\n'
                        '    scores[:, number] += 0.5 * (model["shares"][name] - 0.3)\n'
                    ),
                }
            ),
        ),
    },
    expects={
        "clinic": expected("leakage/predict-sees-label", stage="postprocess"),
        "shop": expected("leakage/predict-sees-label", "leakage/batch-prediction", stage="postprocess"),
        "claims": expected("leakage/predict-sees-label", "leakage/batch-prediction", stage="predict"),
    },
)
