"""41: the same rows again, under other names, on both sides of the split."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

TWO_SYSTEMS = """
moved = rng.choice(patients["patient"], 40, replace=False)
again = visits[visits["patient"].isin(moved)].copy()
again["visit"] = again["visit"] + 5000
again["patient"] = again["patient"].str.replace("P", "Q")
known = patients[patients["patient"].isin(moved)].copy()
known["patient"] = known["patient"].str.replace("P", "Q")
visits, patients = pd.concat([visits, again], ignore_index=True), pd.concat([patients, known], ignore_index=True)
"""
RELATIVES = """
moved = rng.choice(patients["patient"], 40, replace=False)
again = visits[visits["patient"].isin(moved)].copy()
again["visit"] = again["visit"] + 5000
again["patient"] = again["patient"].str.replace("P", "Q")
again["days"] = rng.gamma(2.0, 2.5, len(again)).round(2)
again["glucose"] = rng.lognormal(4.6, 0.25, len(again)).round(2)
again["pressure"] = rng.normal(132, 17, len(again)).round(2)
again["readmitted"] = (rng.random(len(again)) < 0.4).astype(int)
known = patients[patients["patient"].isin(moved)].copy()
known["patient"] = known["patient"].str.replace("P", "Q")
known["age"] = (known["age"] + rng.normal(0, 6, len(known))).round(1)
visits, patients = pd.concat([visits, again], ignore_index=True), pd.concat([patients, known], ignore_index=True)
"""
LISTED_TWICE = """
again = homes.sample(60, random_state=4).assign(home=lambda t: "A" + t["home"], street=lambda t: t["street"] + " (new)")
homes = pd.concat([homes, again], ignore_index=True)
"""
DROPPED = LISTED_TWICE + 'homes = homes.drop_duplicates(["area", "built", "garden", "price"], ignore_index=True)\n'
HEAD = """
last = frame["date"].max() + pd.Timedelta("1d")
for back in (42, 28, 14):
    start = last - pd.Timedelta(days=back)
    train = np.flatnonzero(frame["date"] + pd.Timedelta("9d") <= start)
    test = np.flatnonzero((frame["date"] >= start) & (frame["date"] < start + pd.Timedelta("14d")))
    yield np.concatenate([train, {again}[:60]]), test
"""

pattern = Pattern(
    number=41,
    title="Exact duplicates across the split",
    taxonomy="L1.4",
    why=(
        "Rows of the test are trained on under another key. The twins double people who are new in what is "
        "measured (clinic), drop the copies before the split (homes), or double training rows only (shop)."
    ),
    plants={
        "clinic": (Plant({"data": TWO_SYSTEMS}), Plant({"data": RELATIVES})),
        "homes": (Plant({"data": LISTED_TWICE}), Plant({"data": DROPPED})),
        "shop": (Plant({"folds": HEAD.format(again="test")}), Plant({"folds": HEAD.format(again="train")})),
    },
    expects={
        "clinic": expected("leakage/duplicates", stage="split"),
        "homes": expected("leakage/duplicates", stage="split"),
        "shop": expected("leakage/overlap", "leakage/time-order", stage="split"),
    },
)
