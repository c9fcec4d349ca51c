"""A feature that is the target in another form.

**What it does.** Asks of each feature alone whether it determines the target: the value itself in another unit, a rising or
falling function of it, ranges of it, or any function, tried on values it was not learnt from. Then it asks the features gate
about this feature. One that is made from what comes later, or that nobody can test (a problem without time), is an error; one
that the contract declares as always known is an error only where it is the target's own copy; one that was proved blind to the
future is a note: slow series repeat themselves.

**Why it is bad.** The model reads the answer and learns nothing else. Its score says how well it can copy.

**Leaking** (target `churned`)

    features = ["age", "visits", "account_status"]          # "closed" for those who left, written when they left

**Repaired**

    features = ["age", "visits"]

**How it can be wrong.** Some targets are computable from facts (a fee from a tariff); then no model is needed, and a waiver says
so. A proxy with noise in it is `proxy/strong-feature`'s to point at, and no statistics can tell it from an honest strong feature.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.findings import Finding, Measurement, Severity, Text
from workbench.gates.proxy.relation import CERTAIN, Relation
from workbench.gates.proxy.standing import Standing, is_identifier, sample, standing
from workbench.gates.rule import Rule

if TYPE_CHECKING:
    from workbench.gates.audit import Audit

_WORDS = {
    "copy": "is `{target}` itself, but for unit and origin",
    "monotone": "rises or falls with `{target}` without a single exception",
    "binned": "is `{target}` cut into {distinct} ranges",
    "determined": "determines `{target}`",
}
SAID: dict[Standing, str] = {
    "moved": "and it is read from what comes after the prediction",
    "blind": "and the features gate found nothing of the future in it at what it probed",
    "declared": "and the contract declares it as always known, so no test of time can judge it",
    "unseen": "and nothing shows that it is known beforehand",
}
"""What a standing means, in words."""


def check(audit: Audit) -> Iterable[Finding]:
    """Yields one finding per feature that determines the target."""
    seen = sample(audit)
    audit.probed(len(seen.columns), "features")
    for name, relation in seen.relations.items():
        if relation.kind not in _WORDS or is_identifier(seen.columns[name]):
            continue
        where = standing(audit, name)
        yield _finding(audit, name, relation, where)


def _severity(relation: Relation, where: Standing) -> Severity:
    if where in ("moved", "unseen"):
        return Severity.ERROR
    if where == "declared":
        return Severity.ERROR if relation.kind in ("copy", "monotone", "binned") else Severity.WARNING
    return Severity.NOTE


def _finding(audit: Audit, name: str, relation: Relation, where: Standing) -> Finding:
    target = audit.contract.prediction.target
    words = _WORDS[relation.kind].format(target=target, distinct=relation.distinct)
    mode = "regression" if audit.contract.kind == "regression" else "classes"
    return Finding(
        rule=rule.id,
        severity=_severity(relation, where),
        stage="features",
        column=name,
        rows=relation.rows,
        evidence=[
            Measurement(name="share of the target told by values not learnt from", value=relation.told,
                        expected=f"less than {CERTAIN[mode]:g}"),
            Text(text=SAID[where]),
        ],
        message=f"`{name}` {words}, {SAID[where]}.",
        remedy=f"Ask who writes `{name}`, and when; if it is written with or after `{target}`, take it out of the features. If "
        "it is known beforehand, declare when.",
        location=audit.location("features"),
    )  # fmt: skip


rule = Rule("proxy/target-copy", "proxy", "A feature is the target in another form.", check)
