"""The row that is to be predicted can't be built from what is known.

**What it does.** Where the contract names no `serve` stage, the features stage itself builds the row that is served, from the
tables as they stood when the prediction is made. That those rows have the values that training used is what the features gate
tests in its truncated world; here it is asked whether they are there at all: rows whose outcome is still open at the cut.

**Why it is bad.** A features stage that starts from the outcomes, or drops what isn't complete, has no row for the hour that is
asked for. Whoever puts the model to use writes a second one, and the two drift apart.

**Leaking**

    frame = tables["sales"].merge(tables["prices"], on=["store", "hour"])        # a row exists once it was sold

**Repaired**

    frame = tables["prices"].merge(tables["sales"], on=["store", "hour"], how="left")     # the plan says what will be asked for

**How it can be wrong.** It is a warning: a model that is only ever run in batches, by other code, needs no such rows. A table of
what is asked for may be missing from the sources altogether.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from workbench.findings import Finding, Severity, Text
from workbench.gates.leakage.future_feature import explored
from workbench.gates.outcome import TRUNCATED
from workbench.gates.rule import NotApplicable, NotExercised, Rule
from workbench.gates.spans import minute

if TYPE_CHECKING:
    from workbench.gates.audit import Audit


def check(audit: Audit) -> Iterable[Finding]:
    """Yields at most one warning; NotExercised where the truncated world could not be built."""
    if audit.contract.stages.serve is not None:
        raise NotApplicable("the contract names a serve stage")
    seen = explored(audit)
    if seen.reason:
        raise NotExercised(f"the features gate could not look: {seen.reason}")
    rows = seen.reference.rows
    tried = [one for one in seen.outcome.attempts if one.world == TRUNCATED and one.cut.own is None]
    failed = [one for one in tried if one.comparison is None or one.gentle]
    waiting = {one.cut.at: int(((rows.predicted <= one.cut.at) & (rows.label_known > one.cut.at)).sum()) for one in tried}
    asked = [one for one in tried if waiting[one.cut.at] and one not in failed]
    if not asked and not failed:
        raise NotApplicable("no prediction is made before its outcome is known")
    built = sum(one.comparison.pending for one in asked if one.comparison is not None)
    audit.probed(built, "open outcome")
    if built:
        return
    cut = (asked or failed)[0].cut.at
    positions = np.flatnonzero((rows.predicted <= cut) & (rows.label_known > cut))
    why = f"the stage fails on them: {failed[0].failure}" if failed and not asked else "it builds none of them"
    yield Finding(
        rule=rule.id,
        severity=Severity.WARNING,
        stage="features",
        rows=len(positions),
        evidence=[
            audit.rows(positions, len(seen.reference.frame)),
            Text(text=f"the tables as they stood at {minute(cut)} UTC: {why}"),
        ],
        message=f"The features stage has no row for what is still to come: of {len(positions):,} predictions that are made by "
        f"{minute(cut)} UTC and whose outcome is open then, {why}.",
        remedy="Start the frame from what is known beforehand (a plan, a calendar, a list of entities) and left-join the "
        "outcomes; or name a `serve` stage in the contract, which is then held against training.",
        location=audit.location("features"),
    )


rule = Rule("parity/live-row", "parity", "The row that is to be predicted can't be built.", check)
