"""44: several crops of one visit, or appraisals of one home, shared out row by row."""

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
BY_CROP = """
part = np.random.default_rng(2).permutation(len(frame)) % 4
for number in range(4):
    yield np.flatnonzero(part != number), np.flatnonzero(part == number)
"""
BY_VISIT = """
codes, visits = pd.factorize(frame["visit"], sort=True)
part = (np.random.default_rng(2).permutation(len(visits)) % 4)[codes]
for number in range(4):
    yield np.flatnonzero(part != number), np.flatnonzero(part == number)
"""
APPRAISALS = """
frame = pd.concat([frame.assign(appraisal=frame["home"] + f"/{k}", area=frame["area"] * (1 + 0.02 * k)) for k in range(2)])
frame = frame.reset_index(drop=True)
"""
PER_APPRAISAL = (('entity = ["home"]', 'entity = ["appraisal"]'), ('groups = ["street"]', 'groups = ["home"]'))
BY_APPRAISAL = """
part = np.random.RandomState(1).permutation(len(frame)) % 3
for number in range(3):
    yield np.flatnonzero(part != number), np.flatnonzero(part == number)
"""
BY_HOME = """
homes = pd.factorize(frame["home"], sort=True)[0]
part = np.random.RandomState(1).permutation(homes.max() + 1)[homes] % 3
for number in range(3):
    yield np.flatnonzero(part != number), np.flatnonzero(part == number)
"""

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
