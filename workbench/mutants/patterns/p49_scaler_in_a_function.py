"""49: the same, two calls away from the stage."""

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

MODULE = '''\
"""Preparation of columns."""


class Standard:
    """Brings columns to one scale."""

    def __init__(self, names):
        self.names = list(names)
        self.centre = {{}}
        self.spread = {{}}

    def learn(self, table):
        for name in self.names:
            self.centre[name] = {centre}
            self.spread[name] = {spread}
        return self

    def apply(self, table):
        scaled = {{name: (table[name] - self.centre[name]) / self.spread[name] for name in self.names}}
        return table.assign(**scaled)


def prepared(table, names=("age", "days", "glucose")):
    return Standard(names).learn(table).apply(table)
'''
PREPARED = "frame = prepared(frame)"
IMPORT = "from pipelines.clinic.preparation import prepared"
BY_ROW = """

def _centred(table, names):
    return table.assign(**{name: table[name] - {centre} for name in names})


def _prepared(table):
    return _centred(table, ["area", "built"])
"""

pattern = Pattern(
    number=49,
    title="Scaler before the split inside a function",
    taxonomy="L1.2",
    why=(
        "Where the code stands doesn't matter: training rows carry the mean of all rows. The twins scale by what is written down."
    ),
    plants={
        "clinic": (
            Plant(
                {"feature_imports": IMPORT, "features": PREPARED},
                files={
                    "pipelines/clinic/preparation.py": MODULE.format(
                        centre="float(table[name].mean())", spread="float(table[name].std()) or 1.0"
                    )
                },
            ),
            Plant(
                {"feature_imports": IMPORT, "features": PREPARED},
                files={
                    "pipelines/clinic/preparation.py": MODULE.format(
                        centre='{"age": 50.0, "days": 4.0, "glucose": 95.0}[name]', spread="10.0"
                    )
                },
            ),
        ),
        "homes": (
            Plant({"features": "frame = _prepared(frame)", "more": BY_ROW.replace("{centre}", "table[name].median()")}),
            Plant({"features": "frame = _prepared(frame)", "more": BY_ROW.replace("{centre}", "100.0")}),
        ),
    },
    expects={
        "clinic": expected("leakage/fold-features", stage="features", columns=("age", "days", "glucose")),
        "homes": expected("leakage/fold-features", stage="features", columns=("area", "built")),
    },
)
