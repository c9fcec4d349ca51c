"""An identifier, or the order of the rows, that tells the target.

**What it does.** Looks at features that number the rows (nearly unique whole numbers, close together or in the order of the rows;
texts that end in such a number) and asks whether neighbouring numbers have like targets. In a problem with time, one that the
features gate proved blind is left alone: numbers grow with time, and so do targets.

**Why it is bad.** A number given after the outcome, or a file sorted by it, hands over the answer. New rows get other numbers,
and the model knows nothing about them.

**Leaking**

    cases = pd.concat([sick, healthy]); cases["case_id"] = range(len(cases))

**Repaired**

    features = [...]                       # without case_id; numbers name rows and say nothing

**How it can be wrong.** Numbers that are handed out in blocks (a district, a factory) may carry honest knowledge; then put the
district in, not the number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.findings import Finding, Measurement, Severity, Text
from workbench.gates.proxy.relation import STRONG
from workbench.gates.proxy.standing import is_identifier, luck, sample, standing
from workbench.gates.proxy.target_copy import SAID
from workbench.gates.rule import Rule

if TYPE_CHECKING:
    from workbench.gates.audit import Audit

TELLING = 0.25
"""Share of the target from which a number that only names a row says too much."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per identifier that tells the target."""
    seen = sample(audit)
    audit.probed(len(seen.columns), "features")
    for name, relation in seen.relations.items():
        if (relation.told < TELLING and relation.kind == "weak") or not is_identifier(seen.columns[name]):
            continue
        where = standing(audit, name)
        if (where in ("blind", "declared") and relation.kind not in ("copy", "monotone")) or relation.told <= luck(audit):
            continue
        certain = relation.kind != "weak" or relation.told >= STRONG[seen.target.mode]
        severity = Severity.ERROR if certain and where != "blind" else Severity.WARNING
        target = audit.contract.prediction.target
        yield Finding(
            rule=rule.id,
            severity=severity,
            stage="features",
            column=name,
            rows=relation.rows,
            evidence=[
                Measurement(name="share of the target told by neighbouring numbers", value=relation.told, expected="none"),
                Text(text=SAID[where]),
            ],
            message=f"`{name}` numbers the rows and tells {100 * relation.told:.0f} % of `{target}`, {SAID[where]}.",
            remedy=f"Take `{name}` out of the features, and find out how the rows came into this order: a file sorted by the "
            "outcome, or numbers given after it.",
            location=audit.location("features"),
        )


rule = Rule("proxy/row-order", "proxy", "An identifier or the order of rows tells the target.", check)
