"""Pattern 23: a covariate of the target's time that is known in advance, the clean twin of pattern 22."""

from __future__ import annotations

from workbench.mutants.model import expected
from workbench.mutants.pattern import Pattern, Plant

EXTRA = 'frame["price_step"] = frame.groupby("store")["price"].shift(-7) - frame["price"]'
PART = 'part["tariff_next"] = np.append(tariff["tariff"].to_numpy(dtype=float)[1:], np.nan)'

pattern = Pattern(
    number=23,
    title="Covariate of the target's time, known in advance",
    taxonomy="L3.1",
    why=(
        "the clean twin of pattern 22: a plan for days to come is honest where the contract says that it is known; "
        "where prices are set on the day, the same code leaks"
    ),
    plants={
        "shop": (
            Plant({"extra": EXTRA}, contract=(('price = { known = "always" }', 'price = { known_after = "0h" }'),)),
            Plant({"extra": EXTRA}),
        ),
        "power": (
            Plant({"part": PART}, contract=(('tariff = { known = "always" }', 'tariff = { known_after = "0h" }'),)),
            Plant({"part": PART}),
        ),
    },
    expects={
        "shop": expected("leakage/future-feature", stage="features", columns=("price", "price_step"), sources="plan.price"),
        "power": expected("leakage/future-feature", stage="features", columns=("tariff", "tariff_next"), sources="tariff.tariff"),
    },
)
