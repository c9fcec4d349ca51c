"""Two fits on the same rows give two models.

**What it does.** Fits the fold with the fewest training rows again in a fresh process, and compares the predictions.

**Why it is bad.** A release can't be rebuilt, a score can be improved by trying again, and a leak smaller than the noise can't
be seen. It is a warning: the fit rules still look, within the noise.

**Leaking**

    RandomForestRegressor()

**Repaired**

    RandomForestRegressor(random_state=0)

**How it can be wrong.** Some libraries sum in another order with several threads; differences of rounding size are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.findings import Finding, Measurement, Severity
from workbench.gates.facts import Audit
from workbench.gates.leakage.refits import cheapest_fold, noise
from workbench.gates.rule import Rule


def check(audit: Audit) -> Iterable[Finding]:
    """Yields a warning where the predictions differ beyond rounding."""
    index = cheapest_fold(audit)
    floor = noise(audit, index)
    if floor.is_stable:
        return
    yield Finding(
        rule=rule.id,
        severity=Severity.WARNING,
        stage="fit",
        evidence=[
            Measurement(
                name="root mean square difference of two fits' predictions",
                value=floor.typical,
                expected=f"0, at a spread of the predictions of {floor.spread:.6g}",
            )
        ],
        message=f"Fitting twice on the same rows gives different predictions in fold {index}, by "
        f"{_percent(floor.typical / floor.spread)} of their spread: no release can be rebuilt.",
        remedy="Give the model and every sampling a fixed seed.",
        location=audit.location("fit"),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if np.isfinite(share) else "more than all"


rule = Rule("leakage/unstable-fit", "fit", "Two fits on the same rows give two models.", check)
