"""40: rows of one patient, street or store on both sides although the contract asks for new ones."""

from workbench.mutants.folds import dealt
from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

ROWS = dealt(4, "np.random.default_rng(3)")
PATIENTS = dealt(4, "np.random.default_rng(3)", by="patient")
KFOLD = """
from sklearn.model_selection import KFold
yield from KFold(3, shuffle=True, random_state=0).split(frame)
"""
GROUP_KFOLD = """
from sklearn.model_selection import GroupKFold
yield from GroupKFold(3).split(frame, groups=frame["street"])
"""
NEW_STORES = """
last = frame["date"].max() + pd.Timedelta("1d")
start = last - pd.Timedelta("42d")
known = frame["date"] + pd.Timedelta("9d") <= start
for held_out in (["S00", "S05", "S09"], ["S01", "S06", "S10"]):
    new = frame["store"].isin(held_out)
    yield np.flatnonzero(known{and_old}), np.flatnonzero((frame["date"] >= start) & new)
"""
GROUPS = (('label_known_after = "2d"\n', 'label_known_after = "2d"\ngroups = ["store"]\n'),)

pattern = Pattern(
    number=40,
    title="Group or entity on both sides",
    taxonomy="L3.2",
    why="The contract declares the group: its values may not stand on both sides. The twins draw groups instead of rows.",
    plants={
        "clinic": (Plant({"split": ROWS}), Plant({"split": PATIENTS})),
        "homes": (Plant({"split": KFOLD}), Plant({"split": GROUP_KFOLD})),
        "shop": (
            Plant({"folds": NEW_STORES.format(and_old="")}, GROUPS),
            Plant({"folds": NEW_STORES.format(and_old=" & ~new")}, GROUPS),
        ),
    },
    expects={
        "clinic": expected("leakage/shared-group", stage="split", columns="patient"),
        "homes": expected("leakage/shared-group", stage="split", columns="street"),
        "shop": expected("leakage/shared-group", stage="split", columns="store"),
    },
)
