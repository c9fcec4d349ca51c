"""44: several crops of one visit, or appraisals of one home, shared out row by row."""

from workbench.mutants.folds import dealt
from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

CROPS = """
parts = []
for number in range(3):
    part = frame.copy()
    part["crop"] = part["visit"] * 10 + number
    part["days"] = part["days"] * (0.9 + 0.1 * number) + 0.01 * (part["visit"] % 17)
    parts.append(part)
frame = pd.concat(parts, ignore_index=True)
"""
PER_CROP = (
    ('entity = ["visit"]', 'entity = ["crop"]'),
    ('groups = ["patient"]', 'groups = ["visit"]'),
)
BY_CROP = dealt(4, "np.random.default_rng(2)")
BY_VISIT = dealt(4, "np.random.default_rng(2)", by="visit")
APPRAISALS = """
frame = pd.concat([frame.assign(appraisal=frame["home"] + f"/{k}", area=frame["area"] * (1 + 0.02 * k)) for k in range(2)])
frame = frame.reset_index(drop=True)
"""
PER_APPRAISAL = (('entity = ["home"]', 'entity = ["appraisal"]'), ('groups = ["street"]', 'groups = ["home"]'))
BY_APPRAISAL = dealt(3, "np.random.RandomState(1)")
BY_HOME = dealt(3, "np.random.RandomState(1)", by="home")

pattern = Pattern(
    number=44,
    title="Augmented crops of one source in both parts",
    taxonomy="L1.4, L3.2",
    why=(
        "The contract groups rows by what they were cut from. The twins cut the same crops and keep those of one source together."
    ),
    plants={
        "clinic": (
            Plant({"features": CROPS, "split": BY_CROP}, PER_CROP),
            Plant({"features": CROPS, "split": BY_VISIT}, PER_CROP),
        ),
        "homes": (
            Plant({"features": APPRAISALS, "split": BY_APPRAISAL}, PER_APPRAISAL),
            Plant({"features": APPRAISALS, "split": BY_HOME}, PER_APPRAISAL),
        ),
    },
    expects={
        "clinic": expected("leakage/shared-group", stage="split", columns="visit"),
        "homes": expected("leakage/shared-group", stage="split", columns="home"),
    },
)
