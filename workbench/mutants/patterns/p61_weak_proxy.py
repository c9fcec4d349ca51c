"""61: a column that knows the outcome through a lot of noise."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

pattern = Pattern(
    number=61,
    title="Weak proxy",
    taxonomy="L2",
    why="Returns of the day come after it, letters are written until the settlement, and the mood is made from the outcome: no "
    "strength of the correlation decides. The twins have as much noise and no outcome in them.",
    plants={
        "shop": (
            Plant({"extra": 'frame = frame.merge(sales[["store", "date", "returns"]], on=["store", "date"], how="left")'}),
            Plant(
                {
                    "extra": 'frame = frame.merge(sales[["store", "date", "returns"]], on=["store", "date"], how="left")\n'
                    'frame["returns"] = frame.groupby("store")["returns"].shift(9)'
                }
            ),
        ),
        "clinic": (
            Plant(
                {
                    "features": 'frame["mood"] = frame["readmitted"] + 3 * np.sin(7.0 * frame["visit"])',
                    "columns": 'EXTRA = ["mood"]',
                }
            ),
            Plant(
                {"features": 'frame["mood"] = frame["elderly"] + 3 * np.sin(7.0 * frame["visit"])', "columns": 'EXTRA = ["mood"]'}
            ),
        ),
        "claims": (
            Plant({"features": 'frame["mail"] = frame["letters"].fillna(0)', "columns": 'EXTRA = ["mail"]'}),
            Plant({"features": 'frame["mail"] = frame["photos"].fillna(0) % 3', "columns": 'EXTRA = ["mail"]'}),
        ),
    },
    expects={
        "shop": expected(
            "leakage/future-feature", "availability/late-column", stage="features", columns="returns", sources="sales.returns"
        ),
        "clinic": expected("leakage/fold-features", stage="features", columns="mood"),
        "claims": expected(
            "leakage/future-feature", "availability/late-column", stage="features", columns="mail", sources="claims.letters"
        ),
    },
)
