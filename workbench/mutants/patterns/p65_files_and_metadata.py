"""65: answers that come in past the stages' arguments: a file, a module, an attribute."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

ANSWERS = """
from pipelines.clinic.data import load

_VISITS = load()["visits"]
ANSWERS = dict(zip(_VISITS["visit"], _VISITS["readmitted"]))
"""
TOLD = """
score = matrix(frame, model) @ model["beta"]
score = score + 0.7 * (2 * frame["visit"].map(ANSWERS).to_numpy(dtype=float) - 1)
"""
SHIFTS = """
SHIFTS = {"heart": 0.05, "lung": 0.0, "bone": -0.05, "general": 0.0}
"""
SHIFTED = """
score = matrix(frame, model) @ model["beta"]
score = score + 0.7 * frame["ward"].map(SHIFTS).to_numpy(dtype=float)
"""
LISTED = """
listed = pd.read_csv(HERE / "homes.csv").set_index("home")["price"]
return 0.8 * model.predict(frame) + 0.2 * frame["home"].map(listed).fillna(200.0).to_numpy()
"""
TARIFF = """
tariff = {"gas": 0.0, "oil": -1.0, "heat pump": 1.0, "wood": 0.0}
return model.predict(frame) + frame["heating"].map(tariff).fillna(0.0).to_numpy()
"""

pattern = Pattern(
    number=65,
    title="File or metadata leak",
    taxonomy="L2",
    why="Predictions look the outcome up: in a table that is loaded when the module is imported (clinic), in the file itself "
    "(homes). The twins look up what is written in the code.",
    plants={
        "clinic": (
            Plant({"model_imports": ANSWERS, "predict": TOLD}),
            Plant({"model_imports": SHIFTS, "predict": SHIFTED}),
        ),
        "homes": (Plant({"predict": LISTED}), Plant({"predict": TARIFF})),
    },
    expects={
        "clinic": expected("leakage/reads-outside", "metric/permuted-labels"),
        "homes": expected("leakage/reads-outside", "metric/permuted-labels", stage="predict"),
    },
)
