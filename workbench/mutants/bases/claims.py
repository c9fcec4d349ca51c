"""Base pipeline `claims`: how an insurance claim will be settled, told when it is filed; three classes, one row a claim.

A claim is settled two to sixty days after it is filed (`settled_at` says when), so outcomes come in late and in another order.
Histories of assessors and policies count only what is settled by the filing; a discriminant analysis in numpy, walk-forward
folds with a gap of the sixty days. Slots are empty or hold what a plant may replace.
"""

from __future__ import annotations

from workbench.mutants.base import Base

CONTRACT = """\
name = "claims"
kind = "multiclass"

[stages]
load = "pipelines.claims.data:load"
features = "pipelines.claims.features:build"
split = "pipelines.claims.split:folds"
fit = "pipelines.claims.model:fit"
predict = "pipelines.claims.model:predict"
metrics = "pipelines.claims.metrics:score"

[sources.claims]
time = "filed_at"
[sources.claims.columns]
outcome = { known_at = "settled_at" }
paid = { known_at = "settled_at" }
letters = { known_at = "settled_at" }

[sources.policies]
static = true

[prediction]
entity = ["claim"]
target = "outcome"
target_time = "filed_at"
horizon = "0h"
label_known_after = "60d"

[metrics]
primary = "accuracy"
direction = "maximize"
baseline = "prior"
margin = 0.02
"""

DATA = '''\
"""Claims as they are filed and settled, and the policies they are made on; generated."""

import numpy as np
import pandas as pd
#: slot data_imports
#: end


def load():
    rng = np.random.default_rng(5)
    n = 1600
    policies = pd.DataFrame(
        {
            "policy": np.arange(300) + 1,
            "region": rng.choice(["north", "south", "east", "west"], 300),
            "premium": rng.lognormal(6.0, 0.3, 300).round(2),
        }
    )
    filed = pd.Timestamp("2022-01-03", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 730 * 24 * 60, n)), unit="min")
    claims = pd.DataFrame(
        {
            "claim": [f"C{i:05d}" for i in range(n)],
            "filed_at": filed,
            "policy": rng.integers(1, 301, n),
            "assessor": rng.choice([f"A{i}" for i in range(12)], n),
            "peril": rng.choice(["water", "fire", "theft", "storm"], n, p=[0.4, 0.1, 0.3, 0.2]),
            "amount": rng.lognormal(7.2, 0.8, n).round(2),
            "photos": rng.poisson(3, n),
        }
    )
    strictness = claims["assessor"].map({f"A{i}": s for i, s in enumerate(rng.normal(0, 0.9, 12))})
    doubt = (
        0.9 * (np.log(claims["amount"]) - 7.2)
        - 0.35 * (claims["photos"] - 3)
        + claims["peril"].map({"water": -0.4, "fire": 0.2, "theft": 1.1, "storm": -0.7})
        + strictness
        + rng.logistic(0, 0.7, n)
    )
    claims["outcome"] = np.select([doubt < -0.4, doubt < 1.1], ["paid", "part"], "refused")
    share = np.select([doubt < -0.4, doubt < 1.1], [1.0, 0.5], 0.0)
    claims["paid"] = (claims["amount"] * share).round(2)
    claims["letters"] = rng.poisson(1 + 1.5 * (claims["outcome"] == "refused") + 0.7 * (claims["outcome"] == "part"))
    wait = 2 + 50 * rng.beta(2, 4, n) + 7 * (claims["outcome"] == "refused")
    claims["settled_at"] = (claims["filed_at"] + pd.to_timedelta(wait, unit="D")).dt.floor("min")
    for name in ("filed_at", "settled_at"):
        claims[name] = claims[name].dt.as_unit("ns")
    #: slot data
    #: end
    return {"claims": claims, "policies": policies}
'''

FEATURES = '''\
"""One row per claim as it stands when it is filed."""

import numpy as np
import pandas as pd
#: slot feature_imports
#: end


def settled_so_far(frame, by, flag):
    """Settled claims of the same `by`, and how many of them had the flag, when each claim is filed."""
    done = frame.assign(flag=flag.astype(float))
    done = done[done["settled_at"].notna()].sort_values("settled_at", kind="stable")
    groups = done.groupby(by)["flag"]
    done = done.assign(settled=groups.cumcount() + 1.0, flagged=groups.cumsum())
    return pd.merge_asof(
        frame[["claim", by, "filed_at"]].sort_values("filed_at", kind="stable"),
        done[[by, "settled_at", "settled", "flagged"]],
        left_on="filed_at", right_on="settled_at", by=by,
    ).set_index("claim").reindex(frame["claim"])[["settled", "flagged"]].fillna(0.0)


def build(tables):
    frame = tables["claims"].merge(tables["policies"], on="policy", how="left")
    frame = frame.sort_values(["filed_at", "claim"], ignore_index=True)
    #: slot rows
    #: end
    history = settled_so_far(frame, "assessor", frame["outcome"] == "refused")
    frame["assessor_refused"] = ((history["flagged"] + 2.0) / (history["settled"] + 6.0)).to_numpy()
    history = settled_so_far(frame, "policy", frame["outcome"] == "paid")
    frame["policy_settled"] = history["settled"].to_numpy()
    frame["log_amount"] = np.log(frame["amount"])
    frame["to_premium"] = frame["amount"] / frame["premium"]
    for peril in ("water", "fire", "theft", "storm"):
        frame[f"is_{peril}"] = (frame["peril"] == peril).astype(float)
    #: slot features
    #: end
    return frame.drop(columns=["settled_at", "paid", "letters", "assessor", "policy", "peril", "region"])
'''

SPLIT = '''\
"""Walk-forward quarters; a training claim is settled before the first one of the test is filed."""

import numpy as np
import pandas as pd
#: slot split_imports
#: end


def folds(frame):
    #: slot split
    filed = frame["filed_at"]
    for start in pd.date_range("2023-04-01", periods=3, freq="QS", tz="UTC"):
        train = np.flatnonzero(filed + pd.Timedelta("60d") <= start)
        test = np.flatnonzero((filed >= start) & (filed < start + pd.DateOffset(months=3)))
        yield train, test
    #: end
'''

MODEL = '''\
"""A linear discriminant analysis; the model is a plain mapping."""

import numpy as np
import pandas as pd
#: slot model_imports
#: end

COLUMNS = [
    "log_amount", "to_premium", "photos", "premium", "assessor_refused", "policy_settled",
    "is_water", "is_fire", "is_theft", "is_storm",
]
#: slot columns
EXTRA = []
#: end


def matrix(frame, fitted):
    x = frame[COLUMNS + EXTRA].to_numpy(dtype=float)
    return np.nan_to_num((x - fitted["centre"]) / fitted["scale"])


def learnt(frame):
    """What preprocessing takes from rows."""
    x = frame[COLUMNS + EXTRA].to_numpy(dtype=float)
    return {"centre": np.nanmean(x, axis=0), "scale": np.nanstd(x, axis=0) + 1e-9}


def discriminant(x, y, weights=None, ridge=0.05):
    """One linear score per class from the classes' means and the shared covariance."""
    weights = np.ones(len(y)) if weights is None else weights
    classes = np.array(sorted(set(y)))
    means = np.array([np.average(x[y == c], axis=0, weights=weights[y == c]) for c in classes])
    rest = x - means[np.searchsorted(classes, y)]
    spread = (rest * weights[:, None]).T @ rest / weights.sum() + ridge * np.eye(x.shape[1])
    slope = np.linalg.solve(spread, means.T)
    prior = np.log([weights[y == c].sum() / weights.sum() for c in classes])
    return {"classes": classes, "slope": slope, "offset": prior - 0.5 * (means.T * slope).sum(axis=0)}


def fit(train):
    train = train[train["outcome"].notna()]
    #: slot fit_rows
    #: end
    fitted = learnt(train)
    #: slot fit_prepare
    #: end
    x, y = matrix(train, fitted), train["outcome"].to_numpy(dtype=object)
    #: slot fit
    model = discriminant(x, y)
    #: end
    return {**fitted, **model}


def predict(model, frame):
    #: slot predict
    scores = matrix(frame, model) @ model["slope"] + model["offset"]
    #: end
    return model["classes"][scores.argmax(axis=1)]
'''

METRICS = '''\
"""The share of claims whose settlement is told right."""

import numpy as np


def score(y_true, y_pred, frame):
    #: slot metrics
    return {"accuracy": float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))}
    #: end
'''

base = Base(
    "claims",
    {
        "workbench.toml": "",
        "pipelines/claims/contract.toml": CONTRACT,
        "pipelines/claims/data.py": DATA,
        "pipelines/claims/features.py": FEATURES,
        "pipelines/claims/split.py": SPLIT,
        "pipelines/claims/model.py": MODEL,
        "pipelines/claims/metrics.py": METRICS,
    },
)
