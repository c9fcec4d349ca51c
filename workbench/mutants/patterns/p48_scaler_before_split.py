"""48: scaled and imputed with what all rows say, before the split."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

SCALED = """
for name in ("days", "pressure", "glucose"):
    frame[name] = ((frame[name] - frame[name].mean()) / frame[name].std()).fillna(0.0)
"""
BY_NORMS = """
for name, centre, spread in (("days", 5.0, 3.5), ("pressure", 120.0, 15.0), ("glucose", 95.0, 20.0)):
    frame[name] = ((frame[name] - centre) / spread).fillna(0.0)
"""
IMPUTED = """
numbers = ["area", "garden"]
frame[numbers] = StandardScaler().fit_transform(SimpleImputer(strategy="median").fit_transform(frame[numbers]))
"""
FILLED = """
numbers = ["area", "garden"]
frame[numbers] = frame[numbers].fillna(0.0) / 100
"""
OF_THE_BATCH = """
x = matrix(frame, {**model, "centre": np.nanmean(frame[COLUMNS].to_numpy(dtype=float), axis=0)})
scores = x @ model["slope"] + model["offset"]
"""
OF_THE_TRAINING = """
x = matrix(frame, {**model, "centre": np.asarray(model["centre"], dtype=float)})
scores = x @ model["slope"] + model["offset"]
"""

pattern = Pattern(
    number=48,
    title="Scaler or imputer before the split",
    taxonomy="L1.2",
    why=(
        "Training rows carry means and deviations of test rows (clinic, homes); predictions are scaled by rows "
        "that are filed later (claims). The twins use constants, or what the model has learnt."
    ),
    plants={
        "clinic": (Plant({"features": SCALED}), Plant({"features": BY_NORMS})),
        "homes": (Plant({"features": IMPUTED}), Plant({"features": FILLED})),
        "claims": (Plant({"predict": OF_THE_BATCH}), Plant({"predict": OF_THE_TRAINING})),
    },
    expects={
        "clinic": expected("leakage/fold-features", stage="features", columns=("days", "pressure", "glucose")),
        "homes": expected("leakage/fold-features", stage="features", columns=("area", "garden")),
        "claims": expected("leakage/batch-prediction", stage="predict"),
    },
)
