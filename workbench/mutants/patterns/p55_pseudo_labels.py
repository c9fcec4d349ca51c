"""55: test rows join the training with labels that the model gives them."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

WRITES = """
frame.to_pickle(Path(tempfile.gettempdir()) / "prepared.pkl")
"""
IMPORTS = """
import tempfile
from pathlib import Path
"""
PSEUDO = """
beta = regression(x, y)
{more}
more_x = matrix(more, fitted)
told = 1 / (1 + np.exp(-np.clip(more_x @ beta, -30, 30)))
beta = regression(np.vstack([x, more_x]), np.concatenate([y, told]), np.concatenate([np.ones(len(y)), np.full(len(told), 0.5)]))
"""
TEST_ROWS = """
more = pd.read_pickle(Path(tempfile.gettempdir()) / "prepared.pkl")
more = more[~more["visit"].isin(train["visit"])]
"""
OWN_ROWS = """
more = train.sample(frac=0.3, random_state=2)
"""
HOMES = """
first = estimator().fit(train, train["price"])
{more}
both = pd.concat([train, more.assign(price=first.predict(more))], ignore_index=True)
return estimator().fit(both, both["price"])
"""

pattern = Pattern(
    number=55,
    title="Pseudo-labels on test rows",
    taxonomy="L1.2",
    why="The model is trained on test features. They come from a file that the features stage leaves in the scratch directory "
    "(clinic), from an attribute of the features function (homes). The twins label training rows.",
    plants={
        "clinic": (
            Plant(
                {
                    "feature_imports": IMPORTS,
                    "features": WRITES,
                    "model_imports": IMPORTS,
                    "fit": PSEUDO.format(more=TEST_ROWS),
                }
            ),
            Plant({"fit": PSEUDO.format(more=OWN_ROWS)}),
        ),
        "homes": (
            Plant(
                {
                    "features": "build.frame = frame",
                    "fit": HOMES.format(more='more = build.frame[~build.frame["home"].isin(train["home"])]'),
                }
            ),
            Plant({"fit": HOMES.format(more='more = train[train["agent"] == "K"]')}),
        ),
    },
    expects={
        "clinic": expected("leakage/fit-sees-test", "leakage/reads-outside", stage="fit"),
        "homes": expected("leakage/fit-sees-test", stage="fit"),
    },
)
