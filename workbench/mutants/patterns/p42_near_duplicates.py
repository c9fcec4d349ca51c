"""42: copies with a little noise on the other side of the split."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

JITTERED = """
chosen = rng.choice(patients["patient"], 45, replace=False)
extra = visits[visits["patient"].isin(chosen)].copy()
extra["visit"] = extra["visit"] + 7000
extra["patient"] = extra["patient"].str.replace("P", "J")
for name in ("days", "pressure", "glucose"):
    extra[name] = extra[name] * (1 + 1e-4 * rng.standard_normal(len(extra)))
person = patients[patients["patient"].isin(chosen)].copy()
person["patient"] = person["patient"].str.replace("P", "J")
visits, patients = pd.concat([visits, extra], ignore_index=True), pd.concat([patients, person], ignore_index=True)
"""
JITTER_IN_FIT = """
noise = np.random.default_rng(8)
extra = train.copy()
for name in ("days", "pressure", "glucose"):
    extra[name] = extra[name] * (1 + 1e-4 * noise.standard_normal(len(extra)))
train = pd.concat([train, extra], ignore_index=True)
"""
RE_EXPORTED = """
again = homes.sample(70, random_state=9).assign(home=lambda t: "R" + t["home"], street=lambda t: t["street"] + " west")
again["area"] = again["area"] * 1.0001
again["garden"] = again["garden"] + 0.01
again["price"] = again["price"].round()
homes = pd.concat([homes, again], ignore_index=True)
"""
ROUNDED = """
homes["area"] = homes["area"] * 1.0001
homes["garden"] = homes["garden"] + 0.01
homes["price"] = homes["price"].round()
"""

pattern = Pattern(
    number=42,
    title="Near duplicates",
    taxonomy="L1.4",
    why=(
        "The copies stand under new patients and streets, so that groups don't keep them together. The twins "
        "jitter training rows inside `fit`, or re-export without copying."
    ),
    plants={
        "clinic": (Plant({"data": JITTERED}), Plant({"fit_rows": JITTER_IN_FIT})),
        "homes": (Plant({"data": RE_EXPORTED}), Plant({"data": ROUNDED})),
    },
    expects={
        "clinic": expected("leakage/near-duplicates", "leakage/duplicates", stage="split"),
        "homes": expected("leakage/near-duplicates", "leakage/duplicates", stage="split"),
    },
)
