"""A feature that tells nearly all of the target by itself.

**What it does.** Measures how much of the target each feature tells alone, on values it was not learnt from, and warns from 95
% of the ranks' variance (or 90 % of the errors that guessing makes) on. Small samples are held against permuted targets, the
best of all features at a time, so that many features don't make one of them look strong. In a problem with time, features that
the features gate proved blind to the future are left alone. Where nothing shows that a feature is known beforehand, 99.5 % and
more are an error.

**Why it is bad.** It needn't be. But a feature so strong deserves the question when it is written: target proxies with a little
noise (an invoice, a follow-up, a correction) look exactly like this, and no statistics can tell the two apart.

**Suspicious** (target `days_in_hospital`)

    features = ["age", "diagnosis", "invoice_total"]

**Credible**

    features = ["age", "diagnosis", "days_in_hospital_last_time"]

**How it can be wrong.** An honest strong feature is pointed at as well; answer the question once, in a waiver.
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


NEARLY_ALL = 0.995
"""Told so much by one feature, and nothing shows that it is known beforehand: an error."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per feature."""
    seen = sample(audit)
    audit.probed(len(seen.columns), "features")
    for name, relation in seen.relations.items():
        if relation.kind != "strong" or is_identifier(seen.columns[name]) or standing(audit, name) in ("blind", "declared"):
            continue
        if relation.told <= luck(audit):
            continue
        where = standing(audit, name)
        yield Finding(
            rule=rule.id,
            severity=Severity.ERROR if where == "unseen" and relation.told >= NEARLY_ALL else Severity.WARNING,
            stage="features",
            column=name,
            rows=relation.rows,
            evidence=[
                Measurement(
                    name="share of the target told by values not learnt from",
                    value=relation.told,
                    expected=f"less than {STRONG[seen.target.mode]:g}",
                ),
                Text(text=SAID[where]),
            ],
            message=f"`{name}` alone tells {100 * relation.told:.1f} % of `{audit.contract.prediction.target}`, {SAID[where]}.",
            remedy=f"Ask who writes `{name}`, and when. If it is known beforehand, keep it and say so (a time in the contract, "
            "or a waiver); if not, take it out.",
            location=audit.location("features"),
        )


rule = Rule("proxy/strong-feature", "proxy", "One feature tells nearly all of the target.", check)
