"""Base pipeline `clinic`: which visits end in a readmission; no time, several visits a patient, preprocessing inside fit.

Two tables (visits; patients, one row each), folds by patient, a logistic regression in numpy. All there is to learn over rows
(means, scales, the wards' rates) is learnt in `fit`, from its argument. Slots are empty or hold what a plant may replace.
"""

from __future__ import annotations

from workbench.mutants.base import Base

CONTRACT = """\
name = "clinic"
kind = "binary"

[stages]
load = "pipelines.clinic.data:load"
features = "pipelines.clinic.features:build"
split = "pipelines.clinic.split:folds"
fit = "pipelines.clinic.model:fit"
predict = "pipelines.clinic.model:predict"
postprocess = "pipelines.clinic.postprocess:apply"
metrics = "pipelines.clinic.metrics:score"

[sources.visits]
static = true
[sources.visits.columns]
visit = { type = "integer", unique = true }
days = { type = "number", min = 0 }
pressure = { type = "number", max_null_rate = 0.2 }

[sources.patients]
static = true

[prediction]
entity = ["visit"]
target = "readmitted"
groups = ["patient"]

[metrics]
primary = "roc_auc"
direction = "maximize"
baseline = "prior"
margin = 0.05

[slices]
by = ["sex"]
max_regression = 0.05
"""

DATA = '''\
"""Visits to a clinic and its patients, generated."""

import numpy as np
import pandas as pd
#: slot data_imports
#: end


def load():
    rng = np.random.default_rng(11)
    n = 220
    patients = pd.DataFrame(
        {
            "patient": [f"P{i:03d}" for i in range(n)],
            "age": rng.normal(58, 14, n).round(1),
            "sex": rng.choice(["f", "m"], n),
            "income": rng.lognormal(3.4, 0.4, n).round(2),
        }
    )
    frailty = rng.normal(0, 0.8, n)
    who = np.repeat(np.arange(n), rng.integers(2, 7, n))
    m = len(who)
    visits = pd.DataFrame(
        {
            "visit": rng.permutation(m) + 1000,
            "patient": patients["patient"].to_numpy()[who],
            "ward": rng.choice(["heart", "lung", "bone", "general"], m, p=[0.3, 0.2, 0.2, 0.3]),
            "days": rng.gamma(2.0, 2.5, m).round(2),
            "pressure": rng.normal(132, 17, m).round(2),
            "glucose": rng.lognormal(4.6, 0.25, m).round(2),
            "stay": rng.integers(0, 4, m),
        }
    )
    risk = (
        0.045 * (patients["age"].to_numpy()[who] - 58)
        + 0.28 * (visits["days"] - 5)
        + 0.02 * (visits["glucose"] - 100)
        + visits["ward"].map({"heart": 0.9, "lung": 0.5, "bone": -0.9, "general": -0.3})
        + frailty[who]
        - 0.4
    )
    visits["readmitted"] = (rng.random(m) < 1 / (1 + np.exp(-risk))).astype(int)
    visits.loc[rng.random(m) < 0.08, "pressure"] = np.nan
    #: slot data
    #: end
    return {"visits": visits, "patients": patients}
'''

FEATURES = '''\
"""One row per visit, made of the visit and its patient."""

import numpy as np
import pandas as pd
#: slot feature_imports
#: end


def build(tables):
    frame = tables["visits"].merge(tables["patients"], on="patient", how="left")
    frame = frame.sort_values("visit", ignore_index=True)
    #: slot rows
    #: end
    frame["log_glucose"] = np.log(frame["glucose"])
    frame["elderly"] = (frame["age"] >= 70).astype(int)
    #: slot features
    #: end
    return frame
'''

SPLIT = '''\
"""Four folds; a patient is on one side only."""

import numpy as np
import pandas as pd
#: slot split_imports
#: end


def folds(frame):
    #: slot split
    patients = np.array(sorted(frame["patient"].unique()))
    part = pd.Series(np.random.default_rng(3).permutation(len(patients)) % 4, index=patients)
    fold = frame["patient"].map(part).to_numpy()
    for number in range(4):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
    #: end
'''

MODEL = '''\
"""A logistic regression with a ridge; scales, fill values and the wards' rates come from the training rows."""

import numpy as np
import pandas as pd
#: slot model_imports
#: end

NUMBERS = ["age", "days", "pressure", "glucose", "stay", "log_glucose", "elderly"]
#: slot columns
EXTRA = []
#: end


def matrix(frame, fitted):
    x = frame[NUMBERS + EXTRA].to_numpy(dtype=float)
    x = np.where(np.isnan(x), fitted["fill"], x)
    x = (x - fitted["centre"]) / fitted["scale"]
    ward = frame["ward"].map(fitted["ward"]).fillna(fitted["rate"]).to_numpy(dtype=float)
    return np.column_stack([x, ward, np.ones(len(x))])


def learnt(frame):
    """What preprocessing takes from rows."""
    x = frame[NUMBERS + EXTRA].to_numpy(dtype=float)
    rate = float(frame["readmitted"].mean())
    counts = frame.groupby("ward")["readmitted"].agg(["sum", "count"])
    return {
        "fill": np.nanmean(x, axis=0),
        "centre": np.nanmean(x, axis=0),
        "scale": np.nanstd(x, axis=0) + 1e-9,
        "ward": ((counts["sum"] + 10 * rate) / (counts["count"] + 10)).to_dict(),
        "rate": rate,
    }


def regression(x, y, weights=None, ridge=1.0, steps=8):
    """Newton steps for a logistic regression with a ridge."""
    weights = np.ones(len(y)) if weights is None else weights
    beta = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        curvature = x.T @ (x * (weights * p * (1 - p))[:, None]) + ridge * np.eye(x.shape[1])
        beta = beta + np.linalg.solve(curvature, x.T @ (weights * (y - p)) - ridge * beta)
    return beta


def fit(train):
    #: slot fit_rows
    #: end
    fitted = learnt(train)
    #: slot fit_prepare
    #: end
    x, y = matrix(train, fitted), train["readmitted"].to_numpy(dtype=float)
    #: slot fit
    beta = regression(x, y)
    #: end
    return {**fitted, "beta": beta}


def predict(model, frame):
    #: slot predict
    score = matrix(frame, model) @ model["beta"]
    #: end
    return 1 / (1 + np.exp(-np.clip(score, -30, 30)))
'''

POSTPROCESS = '''\
"""Keeps predictions within what a probability can be."""

import numpy as np


def apply(predictions, frame):
    #: slot postprocess
    predictions = np.clip(predictions, 0.001, 0.999)
    #: end
    return predictions
'''

METRICS = '''\
"""The area under the ROC curve, by ranks."""

import numpy as np
import pandas as pd


def area(y_true, y_pred):
    rank = pd.Series(y_pred).rank().to_numpy()
    hits = np.asarray(y_true) == 1
    return (rank[hits].sum() - hits.sum() * (hits.sum() + 1) / 2) / (hits.sum() * (~hits).sum())


def score(y_true, y_pred, frame):
    #: slot metrics
    return {"roc_auc": float(area(y_true, y_pred))}
    #: end
'''

base = Base(
    "clinic",
    {
        "workbench.toml": "",
        "pipelines/clinic/contract.toml": CONTRACT,
        "pipelines/clinic/data.py": DATA,
        "pipelines/clinic/features.py": FEATURES,
        "pipelines/clinic/split.py": SPLIT,
        "pipelines/clinic/model.py": MODEL,
        "pipelines/clinic/postprocess.py": POSTPROCESS,
        "pipelines/clinic/metrics.py": METRICS,
    },
)
